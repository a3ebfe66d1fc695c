//! Who signed the file of a title, against whom its publisher expects (T79).

use super::publisher::Title;
use crate::{chain::chain, pem};
use shared::flat_package::{FlatPackage, signature::TrustRoots};
use std::{
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

/// Verifies the signature of `file`, and that it is whose the title says; tells whose it is.
///
/// # Errors
/// It is not, or nobody can tell.
pub(super) fn verify(file: &Path, title: &Title, roots: &TrustRoots) -> Result<String, String> {
    if title.team_id.is_none() && title.expected_authority_names.is_none() {
        return Err(
            "the title says neither team_id nor expected_authority_names: any signature would do".to_owned()
        );
    }
    let is_package = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pkg"));
    if !is_package {
        return Err("only flat packages can be verified here: an application or a disk image needs codesign, on macOS; verify it there, then skip this step with that reason".to_owned());
    }
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let mut package = FlatPackage::open(BufReader::new(opened)).map_err(|error| chain(&error))?;
    let verdict = package.verify(roots, OffsetDateTime::now_utc());
    verdict.outcome.as_ref().map_err(|flaw| flaw.to_string())?;
    let team = verdict.team_id().unwrap_or("no team");
    if let Some(expected) = title.team_id.as_deref().filter(|expected| *expected != team) {
        return Err(format!("signed by {team}, not by {expected}"));
    }
    let names: Vec<String> =
        verdict.chain.iter().map(|one| one.subject.common_name.clone().unwrap_or_default()).collect();
    if let Some(expected) = title.expected_authority_names.as_ref().filter(|expected| **expected != names) {
        return Err(format!("signed with {}, not with {}", names.join(" / "), expected.join(" / ")));
    }
    Ok(format!("signed by {team}: {}", names.join(" / ")))
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
