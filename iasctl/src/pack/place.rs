//! What the files are called and where they will be served: `https` only, and open to everybody (P69, P70).

use std::path::{Path, PathBuf};
use url::Url;

/// Local paths of everything that is made, which differ in their ends only.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    folder: PathBuf,
    stem: String,
}

impl Paths {
    /// `FOLDER/ias-VERSION.…`
    pub(super) fn new(folder: &Path, version: &str) -> Self {
        Self { folder: folder.to_owned(), stem: format!("ias-{version}") }
    }

    /// The path that ends with `end`.
    pub(super) fn with(&self, end: &str) -> PathBuf {
        self.folder.join(self.name(end))
    }

    fn name(&self, end: &str) -> String {
        format!("{}.{end}", self.stem)
    }
}

/// Where package and manifest will be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The package.
    pub(super) package: Url,
    /// The manifest beside it.
    pub(super) manifest: Url,
}

impl Addresses {
    /// Both addresses from the one the admin gives: a folder, or the package itself if it ends with `.pkg`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn below(given: &str, paths: &Paths) -> Result<Self, String> {
        let mut base = Url::parse(given).map_err(|error| format!("{given} is no URL: {error}"))?;
        if base.scheme() != "https" {
            return Err(format!("{given}: an MDM takes packages from https only"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            let problem = "Macs cannot sign in where packages come from; serve them without authentication";
            return Err(format!("{}: {problem}", base.host_str().unwrap_or_default()));
        }
        if base.fragment().is_some() {
            return Err(format!("{given}: a fragment (#…) is not sent to a server"));
        }
        let is_package = base.path().to_ascii_lowercase().ends_with(".pkg");
        if base.query().is_some() && !is_package {
            return Err(format!("{given}: a folder has no query (?…); give the package's whole URL"));
        }
        if !is_package && !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let join = |name: &str| base.join(name).map_err(|error| format!("{given}: {error}"));
        let package = if is_package { base.clone() } else { join(&paths.name("pkg"))? };
        Ok(Self { package, manifest: join(&paths.name("plist"))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(given: &str) -> Result<(String, String), String> {
        let addresses = Addresses::below(given, &Paths::new(Path::new("out"), "1.2"))?;
        Ok((addresses.package.to_string(), addresses.manifest.to_string()))
    }

    #[test]
    fn p69_a_folder_or_the_package_itself_may_be_given() {
        let expected = |package: &str, manifest: &str| Ok((package.to_owned(), manifest.to_owned()));
        let beside =
            expected("https://cdn.example.com/mac/ias-1.2.pkg", "https://cdn.example.com/mac/ias-1.2.plist");
        assert_eq!(below("https://cdn.example.com/mac/"), beside);
        assert_eq!(below("https://cdn.example.com/mac"), beside);
        let own = expected("https://cdn.example.com/b.pkg?v=1", "https://cdn.example.com/ias-1.2.plist");
        assert_eq!(below("https://cdn.example.com/b.pkg?v=1"), own);
    }

    #[test]
    fn p70_what_a_mac_could_not_load_is_refused_and_no_password_repeated() {
        for bad in
            ["http://a.example/", "https://a.example/x?y=1", "https://a.example/#x", "ftp://a", "a.example"]
        {
            assert!(below(bad).is_err(), "{bad}");
        }
        let problem = below("https://ada:secret@a.example/").unwrap_err();
        assert!(problem.contains("without authentication") && !problem.contains("secret"), "{problem}");
    }
}
