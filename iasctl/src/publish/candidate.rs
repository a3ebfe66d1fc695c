//! A version that is about to be published: its pkginfo, its place, and how it gets there (T89, T90, T93, T94).

use super::{
    conditions, gate,
    lint::{self, Severity, Sizes},
    place,
    publisher::Title,
    repository::{Pkginfo, Repository},
};
use plist::{Dictionary, Value};
use shared::title::order;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where new versions go first.
pub(super) const FIRST_CATALOG: &str = "testing";

/// Whether there is anything to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Yes.
    New,
    /// The same file is there already (T94).
    Unchanged,
}

/// The version.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) news: News,
    /// Its pkginfo in the repository.
    pub(super) pkginfo_file: String,
    pkginfo: Dictionary,
    sha256: String,
    file: PathBuf,
    folder: String,
    location: String,
}

impl Candidate {
    /// The version that `pkginfo` describes and `file` installs.
    ///
    /// # Errors
    /// They do not fit each other.
    pub(super) fn new(
        name: &str,
        title: &Title,
        mut pkginfo: Dictionary,
        file: &Path,
        sha256: &str,
    ) -> Result<Self, String> {
        let text = |key: &str| pkginfo.get(key).and_then(Value::as_string).filter(|text| !text.is_empty());
        let (Some(called), Some(version)) = (text("name"), text("version")) else {
            return Err("its pkginfo has no name or no version".to_owned());
        };
        if called != name {
            return Err(format!("its pkginfo is of {called}; titles/{name}.json must be called like it"));
        }
        if let Some(expected) = text("installer_item_hash").filter(|hash| !hash.eq_ignore_ascii_case(sha256))
        {
            return Err(format!("its digest is {sha256}, but its pkginfo says {expected}"));
        }
        if !title.folder.is_empty() {
            place::check(&title.folder).map_err(|why| format!("folder: {:?} {why}", title.folder))?;
        }
        let (name, version) = (called.to_owned(), version.to_owned());
        let bytes = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
        pkginfo.insert("installer_item_hash".to_owned(), sha256.to_owned().into());
        pkginfo.insert("installer_item_size".to_owned(), (bytes / 1024).into());
        // Only `publish promote` leads further (T93).
        pkginfo.insert("catalogs".to_owned(), Value::Array(vec![FIRST_CATALOG.into()]));
        Ok(Self {
            name,
            version,
            news: News::New,
            pkginfo_file: String::new(),
            pkginfo,
            sha256: sha256.to_owned(),
            file: file.to_owned(),
            folder: title.folder.clone(),
            location: String::new(),
        })
    }

    /// Finds its place among what is published, and holds it against every rule.
    ///
    /// # Errors
    /// It must not be published.
    pub(super) fn place(&mut self, repository: &Repository) -> Result<(), String> {
        let mut pkgsinfo = repository.pkgsinfo()?;
        let text = |pkginfo: &Pkginfo, key: &str| {
            Some(pkginfo.content.as_ref().ok()?.get(key)?.as_string()?.to_owned())
        };
        let own = |pkginfo: &&Pkginfo| text(pkginfo, "name").as_deref() == Some(self.name.as_str());
        if let Some(same) = pkgsinfo.iter().filter(own).find(|pkginfo| {
            text(pkginfo, "installer_item_hash").is_some_and(|hash| hash.eq_ignore_ascii_case(&self.sha256))
                && text(pkginfo, "version").as_deref() == Some(self.version.as_str())
        }) {
            (self.news, self.pkginfo_file) = (News::Unchanged, same.file.clone());
            // What was published counts, not what would be published today.
            self.pkginfo = same.content.clone().unwrap_or_default();
            self.is_whole(repository)?;
            return self.linted(&pkgsinfo, lint::sizes(repository)?, repository);
        }
        let covers = |pkginfo: &&Pkginfo| {
            pkginfo.content.as_ref().is_ok_and(|content| conditions::cover(content, &self.pkginfo))
        };
        let versions: Vec<String> = pkgsinfo
            .iter()
            .filter(own)
            .filter(covers)
            .filter_map(|pkginfo| text(pkginfo, "version"))
            .collect();
        let newest = versions.into_iter().max_by(|a, b| order::compare(a, b));
        if let Some(newest) = newest.filter(|newest| order::compare(&self.version, newest).is_le()) {
            return Err(format!("version: {} is not newer than the published {newest}", self.version));
        }
        self.name_files(repository)?;
        let candidate = Pkginfo { file: self.pkginfo_file.clone(), content: Ok(self.pkginfo.clone()) };
        pkgsinfo.push(candidate);
        let mut sizes = lint::sizes(repository)?;
        let bytes = fs::metadata(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
        sizes.insert(self.location.clone(), bytes.len());
        self.linted(&pkgsinfo, sizes, repository)
    }

    /// Whether the published file is still what it was.
    fn is_whole(&self, repository: &Repository) -> Result<(), String> {
        let location = self.pkginfo.get("installer_item_location").and_then(Value::as_string);
        let Some(location) = location.filter(|location| place::check(location).is_ok()) else {
            // It is elsewhere, or a location of which lint speaks.
            return Ok(());
        };
        let place = format!("pkgs/{location}");
        match gate::digest(&repository.path(&place)) {
            Ok(digest) if digest.to_string() == self.sha256 => Ok(()),
            Ok(digest) => {
                Err(format!("{place} is {digest}, its pkginfo says {}: it was changed", self.sha256))
            }
            Err(error) => Err(format!("{place}: {error}")),
        }
    }

    /// What lint has against its pkginfo, which is one of `pkgsinfo`.
    fn linted(&self, pkgsinfo: &[Pkginfo], sizes: Sizes, repository: &Repository) -> Result<(), String> {
        let icons: BTreeSet<String> = repository.list("icons")?.into_iter().collect();
        let errors: Vec<String> = lint::lint(pkgsinfo, &sizes, &icons)
            .into_iter()
            .filter(|found| found.severity == Severity::Error && found.file == self.pkginfo_file)
            .map(|found| format!("{}: {}", found.key, found.message))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// Names that nobody has yet: what is published never changes (T90).
    fn name_files(&mut self, repository: &Repository) -> Result<(), String> {
        let extension = self.file.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
        let stem = format!("{}-{}", self.name, self.version).replace('/', "_");
        let folder = if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) };
        let free = |kind: &str, extension: &str| {
            let numbered = |number: u32| {
                let number = if number == 0 { String::new() } else { format!("__{number}") };
                format!("{folder}{stem}{number}{extension}")
            };
            (0..1000).map(numbered).find(|name| {
                let path = repository.path(&format!("{kind}/{name}"));
                // What a run that was cut off has left is as good as new.
                !path.exists() || (kind == "pkgs" && self.is_in(&path))
            })
        };
        let taken = || format!("{stem}: a thousand files have this name already");
        let location = free("pkgs", &extension).ok_or_else(taken)?;
        let pkginfo = free("pkgsinfo", ".plist").ok_or_else(taken)?;
        (self.location, self.pkginfo_file) = (location, format!("pkgsinfo/{pkginfo}"));
        place::check(&self.location).map_err(|why| format!("{:?} {why}", self.location))?;
        self.pkginfo.insert("installer_item_location".to_owned(), self.location.clone().into());
        Ok(())
    }

    /// Whether this very file is there.
    fn is_in(&self, path: &Path) -> bool {
        gate::digest(path).is_ok_and(|digest| digest.to_string() == self.sha256)
    }

    /// Step 8: the file, by a temporary name and without replacing anything.
    ///
    /// # Errors
    /// It cannot be copied, or is not what it was.
    pub(super) fn copy_file(&self, repository: &Repository) -> Result<String, String> {
        let place = format!("pkgs/{}", self.location);
        let target = repository.path(&place);
        let failed = |error: std::io::Error| format!("{place}: {error}");
        if self.is_in(&target) {
            return Ok(format!("{place}, which was there already"));
        }
        let folder = target.parent().ok_or("pkgs is no folder")?;
        fs::create_dir_all(folder).map_err(failed)?;
        let mut beside = tempfile::NamedTempFile::with_prefix_in(".publish-", folder).map_err(failed)?;
        let mut source = fs::File::open(&self.file).map_err(failed)?;
        std::io::copy(&mut source, &mut beside).map_err(failed)?;
        beside.as_file().sync_all().map_err(failed)?;
        if gate::digest(beside.path()).map_err(failed)?.to_string() != self.sha256 {
            return Err(format!("{place}: the copy is not the file that was checked"));
        }
        readable(beside.as_file()).map_err(failed)?;
        beside.persist_noclobber(&target).map_err(|error| failed(error.error))?;
        Ok(place)
    }

    /// Step 9: its pkginfo.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write_pkginfo(&self, repository: &Repository) -> Result<String, String> {
        let value = Value::Dictionary(self.pkginfo.clone());
        repository
            .put_list(&self.pkginfo_file, &value)
            .map_err(|error| format!("{}: {error}", self.pkginfo_file))?;
        Ok(self.pkginfo_file.clone())
    }

    /// Step 10: its icon, where a client looks for it.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub(super) fn copy_icon(&self, repository: &Repository, icon: &Path) -> Result<String, String> {
        let name = super::icons::name(&self.pkginfo).ok_or("its pkginfo has no name")?;
        place::check(&name).map_err(|why| format!("icon {name:?} {why}"))?;
        let bytes = fs::read(icon).map_err(|error| format!("{}: {error}", icon.display()))?;
        let place = format!("icons/{name}");
        repository.put(&place, &bytes).map_err(|error| format!("{place}: {error}"))?;
        Ok(place)
    }
}

/// Web servers are often other users.
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
