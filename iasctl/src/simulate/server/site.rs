//! Which file answers for which URL.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};
use url::Url;

/// Folders under the names of hosts, each below a path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site {
    mounts: Vec<Mount>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    host: String,
    /// Begins and ends with `/`.
    prefix: String,
    folder: PathBuf,
}

impl Site {
    /// Serves `folder` at `prefix` on `host`, after the folders that already do.
    pub(crate) fn add(&mut self, host: &str, prefix: &str, folder: &Path) {
        let prefix = format!("/{}/", prefix.trim_matches('/')).replace("//", "/");
        let mount = Mount { host: host.to_ascii_lowercase(), prefix, folder: folder.to_owned() };
        if !self.mounts.contains(&mount) {
            self.mounts.push(mount);
        }
    }

    /// Serves `folder` such that `url` leads to a file in it, when there is one that fits: `/mac/pkgs/a.pkg` is
    /// looked for as `mac/pkgs/a.pkg`, `pkgs/a.pkg` and `a.pkg`.
    pub(crate) fn add_for(&mut self, url: &Url, folder: &Path) -> bool {
        let (Some(host), Some(path)) = (url.host_str(), super::percent_decoded(url.path())) else {
            return false;
        };
        let slashes = path.match_indices('/').map(|(at, _)| at);
        let fits = slashes.into_iter().find(|at| below(folder, path.get(*at..).unwrap_or("")).is_some());
        let Some(at) = fits else { return false };
        self.add(host, path.get(..at).unwrap_or(""), folder);
        true
    }

    /// The hosts, sorted.
    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        self.mounts.iter().map(|mount| mount.host.clone()).collect()
    }

    /// The file for `path`, percent-decoded, on `host`.
    pub(crate) fn file(&self, host: &str, path: &str) -> Option<PathBuf> {
        let here = self.mounts.iter().filter(|mount| mount.host == host);
        here.filter_map(|mount| below(&mount.folder, path.strip_prefix(&mount.prefix)?)).next()
    }
}

/// The regular file at `path` below `folder`, which it never leaves.
pub(crate) fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let stays = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let file = folder.join(relative);
    (stays && file.is_file()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_url_leads_to_a_file_and_never_out_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("site");
        fs::create_dir_all(inner.join("pkgs")).unwrap();
        fs::write(folder.path().join("secret"), "").unwrap();
        fs::write(inner.join("a.json"), "").unwrap();
        fs::write(inner.join("pkgs/a b.pkg"), "").unwrap();
        let mut site = Site::default();
        assert!(site.add_for(&"https://Example.com/mac/pkgs/a%20b.pkg".parse().unwrap(), &inner));
        assert!(!site.add_for(&"https://other.com/missing".parse().unwrap(), &inner));
        assert_eq!(site.file("example.com", "/mac/pkgs/a b.pkg"), Some(inner.join("pkgs/a b.pkg")));
        assert_eq!(site.file("example.com", "/mac/a.json"), Some(inner.join("a.json")));
        for bad in ["/mac/../secret", "/mac//../secret", "/mac/", "/mac/missing", "/a.json", ""] {
            assert_eq!(site.file("example.com", bad), None, "{bad}");
        }
        assert_eq!(site.file("other.com", "/a.json"), None);
        assert_eq!(site.hosts().len(), 1);
    }
}
