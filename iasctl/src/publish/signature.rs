//! Who signed the file of a title, against whom its publisher expects (T79).

use super::publisher::Title;
use crate::{chain::chain, inspect::expand, pem};
use cap_std::{ambient_authority, fs::Dir};
use shared::{
    archive::Archive,
    disk_image::DiskImage,
    flat_package::{
        FlatPackage,
        signature::{Certificate, TrustRoots},
    },
    sys::signed_app,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};
use time::OffsetDateTime;

/// Apple's root, and the certificates in `files`.
///
/// # Errors
/// A file cannot be read or holds no certificate.
pub(super) fn roots(files: &[PathBuf]) -> Result<TrustRoots, String> {
    let mut roots = TrustRoots::apple();
    for certificate in certificates(files)? {
        roots.add(&certificate).map_err(|error| format!("trust_roots: {error}"))?;
    }
    Ok(roots)
}

/// The certificates in `files`, in DER.
///
/// # Errors
/// As [`roots`].
pub(super) fn certificates(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for path in files {
        let refuse = |reason: &dyn std::fmt::Display| format!("trust_roots: {}: {reason}", path.display());
        let bytes = fs::read(path).map_err(|error| refuse(&error))?;
        found.extend(pem::certificates(&bytes).map_err(|error| refuse(&error))?);
    }
    Ok(found)
}

/// Who signed something, as far as a title may expect it.
struct Signer {
    team: Option<String>,
    /// The names of the certificates, the signer's first.
    names: Vec<String>,
}

impl Signer {
    fn of(chain: &[Certificate]) -> Self {
        let name = |one: &Certificate| one.subject.common_name.clone().unwrap_or_default();
        Self {
            team: chain.first().and_then(Certificate::team_id).map(str::to_owned),
            names: chain.iter().map(name).collect(),
        }
    }

    /// Tells whose it is, if it is whose `title` says.
    fn expected(&self, title: &Title) -> Result<String, String> {
        let team = self.team.as_deref().unwrap_or("no team");
        if let Some(expected) = title.team_id.as_deref().filter(|expected| *expected != team) {
            return Err(format!("signed by {team}, not by {expected}"));
        }
        let is_other = |expected: &&Vec<String>| **expected != self.names;
        if let Some(expected) = title.expected_authority_names.as_ref().filter(is_other) {
            return Err(format!("signed with {}, not with {}", self.names.join(" / "), expected.join(" / ")));
        }
        Ok(format!("signed by {team}: {}", self.names.join(" / ")))
    }
}

/// Verifies the signature of `file`, and that it is whose the title says; tells whose it is. Of a disk image or an archive
/// every application and package counts.
///
/// # Errors
/// It is not, or nobody can tell.
pub(super) fn verify(file: &Path, title: &Title, roots: &TrustRoots) -> Result<String, String> {
    if title.team_id.is_none() && title.expected_authority_names.is_none() {
        return Err(
            "the title says neither team_id nor expected_authority_names: any signature would do".to_owned()
        );
    }
    if has(file, &["pkg"]) {
        return package(File::open(file).map_err(|error| error.to_string())?, roots)?.expected(title);
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    unpack(file, folder.path())?;
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).map_err(|error| error.to_string())?;
    let found = found(&dir)?;
    let told = found.iter().map(|path| {
        let signed = if has(path, &["app"]) {
            let signature = signed_app::verify(&dir, path, roots).map_err(|unsound| unsound.to_string())?;
            Signer::of(&signature.chain).expected(title)
        } else {
            let opened = dir.open(path).map_err(|error| error.to_string());
            opened.and_then(|file| package(file.into_std(), roots)?.expected(title))
        };
        let name = |text: String| format!("{}: {text}", path.display());
        signed.map(name).map_err(|error| format!("{}: {error}", path.display()))
    });
    let told: Vec<String> = told.collect::<Result<_, String>>()?;
    if told.is_empty() {
        return Err("there is no application and no package in it".to_owned());
    }
    Ok(told.join("; "))
}

fn has(path: &Path, extensions: &[&str]) -> bool {
    let is_one = |extension: &OsStr| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known));
    path.extension().is_some_and(is_one)
}

fn package(file: File, roots: &TrustRoots) -> Result<Signer, String> {
    let mut package = FlatPackage::open(BufReader::new(file)).map_err(|error| chain(&error))?;
    let verdict = package.verify(roots, OffsetDateTime::now_utc());
    verdict.outcome.as_ref().map_err(|flaw| flaw.to_string())?;
    Ok(Signer::of(&verdict.chain))
}

/// Lays out what is in a disk image or an archive.
fn unpack(file: &Path, folder: &Path) -> Result<(), String> {
    let opened = File::open(file).map(BufReader::new).map_err(|error| error.to_string())?;
    if has(file, &["dmg", "iso"]) {
        let mut image = DiskImage::open(opened).map_err(|error| chain(&error))?;
        return expand::expand_image(&mut image, folder).map(drop);
    }
    let archive = Archive::open(opened).map_err(|error| {
        format!(
            "this is no flat package, no disk image and no archive that can be read here: {}",
            chain(&error)
        )
    })?;
    expand::expand_archive(archive, folder).map(drop)
}

/// The applications and packages in a folder, however deep; what is in an application is its own signature's affair.
fn found(dir: &Dir) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
        for entry in dir.read_dir(here).map_err(|error| error.to_string())? {
            let entry = entry.map_err(|error| error.to_string())?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(|error| error.to_string())?);
            let path = folder.join(&name);
            if is_attributes(&name) {
                continue;
            }
            if has(&path, &["app", "pkg"]) {
                found.push(path);
            } else if kind.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Where archives put the extended attributes of what is meant.
fn is_attributes(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"._") || name == "__MACOSX"
}

/// Why nothing may be published in this environment: somebody has switched AutoPkg's verification off (T79).
pub(super) fn switched_off(set_by_recipes: &[plist::Dictionary]) -> Option<String> {
    const SWITCH: &str = "DISABLE_CODE_SIGNATURE_VERIFICATION";
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if let Some(name) = [SWITCH.to_owned(), format!("AUTOPKG_{SWITCH}")].into_iter().find(|name| set(name)) {
        return Some(format!("the environment sets {name}: AutoPkg would verify no signature"));
    }
    let is_on = |value: &plist::Value| value.as_string() != Some("") && value.as_boolean() != Some(false);
    let by_recipes = set_by_recipes.iter().filter_map(|set| set.get(SWITCH)).any(is_on);
    by_recipes.then(|| {
        format!("the override or a recipe above it sets {SWITCH}: AutoPkg would verify no signature")
    })
}
