//! Which test tells whether an item is on a Mac: the first that applies, all others are ignored (T37–T40).
//!
//! Munki takes an item whose test is malformed for installed; here it is refused with the reason (T38).

use super::{
    pkginfo::{Pkginfo, flag_of, text_of, unexpected},
    step::{Installed, Presence, ReceiptWanted},
};
use crate::facts::Trace;
use plist::{Dictionary, Value};

/// Where the version stands unless an entry says otherwise.
pub(super) const USUAL_KEY: &str = "CFBundleShortVersionString";

/// The longest identifier of a package; each is the name of a file.
const LONGEST_PACKAGE_ID: usize = 255;

/// The test of an item.
pub(super) fn presence(item: &Pkginfo) -> Result<Presence, String> {
    if item.flag("OnDemand")? {
        return Ok(Presence::OnDemand);
    }
    if let Some(script) = item.text("installcheck_script")? {
        return Ok(Presence::InstallCheck(script.to_owned()));
    }
    if let Some(script) = item.text("version_script")? {
        return Ok(Presence::VersionScript(script.to_owned()));
    }
    if let Some(entries) = item.entries("installs")?.filter(|entries| !entries.is_empty()) {
        return all(&entries, "installs", |entry| installed(entry).map(Some)).map(Presence::Installs);
    }
    match item.entries("receipts")?.filter(|entries| !entries.is_empty()) {
        Some(entries) => all(&entries, "receipts", receipt).map(Presence::Receipts),
        None => Ok(Presence::Assumed),
    }
}

/// The receipts an item leaves, optional ones apart; none where they cannot be read.
#[must_use]
pub fn receipts(item: &Pkginfo) -> Vec<ReceiptWanted> {
    let entries = item.entries("receipts").ok().flatten().unwrap_or_default();
    all(&entries, "receipts", receipt).unwrap_or_default()
}

/// What each entry comes to; those that ask for nothing are left out.
fn all<T>(
    entries: &[&Dictionary],
    key: &str,
    read: impl Fn(&Dictionary) -> Result<Option<T>, String>,
) -> Result<Vec<T>, String> {
    let numbered = entries.iter().enumerate();
    let read = numbered.map(|(index, entry)| read(entry).map_err(|why| format!("{key}[{index}]: {why}")));
    read.filter_map(Result::transpose).collect()
}

fn installed(entry: &Dictionary) -> Result<Installed, String> {
    let kind = text_of(entry, "type")?.ok_or("there is no type")?;
    let path = text_of(entry, "path")?.map(str::to_owned);
    let at = || path.clone().ok_or("there is no path");
    let what = match kind {
        "application" if path.is_none() => named(entry)?,
        "application" => Trace::AppAt(at()?),
        "bundle" => Trace::BundleAt(at()?),
        "plist" => Trace::PlistAt(at()?),
        "file" => Trace::FileAt { path: at()?, md5: text_of(entry, "md5checksum")?.map(str::to_lowercase) },
        other => return Err(format!("type {} is unknown", other.escape_debug())),
    };
    let plain = |key: &Option<String>| {
        key.as_deref().is_none_or(|path| path.starts_with('/') && !path.contains('\0'))
    };
    if !plain(&path) {
        return Err(format!("path is {}", path.unwrap_or_default().escape_debug()));
    }
    if let Trace::FileAt { .. } = what {
        return Ok(Installed { what, version: None, key: None, minimum_update_version: None });
    }
    let key = text_of(entry, "version_comparison_key")?;
    let wanted = key.unwrap_or(USUAL_KEY);
    let version = text_of(entry, wanted)?.ok_or_else(|| format!("there is no {}", wanted.escape_debug()))?;
    Ok(Installed {
        what,
        version: Some(version.to_owned()),
        key: key.map(str::to_owned),
        minimum_update_version: text_of(entry, "minimum_update_version")?.map(str::to_owned),
    })
}

fn named(entry: &Dictionary) -> Result<Trace, String> {
    let (id, name) = (text_of(entry, "CFBundleIdentifier")?, text_of(entry, "CFBundleName")?);
    match (id, name) {
        (None, None) => Err("there is neither path nor CFBundleIdentifier nor CFBundleName".to_owned()),
        _ => Ok(Trace::AppNamed { id: id.map(str::to_owned), name: name.map(str::to_owned) }),
    }
}

/// An optional receipt asks for nothing.
fn receipt(entry: &Dictionary) -> Result<Option<ReceiptWanted>, String> {
    if flag_of(entry, "optional")? {
        return Ok(None);
    }
    let text = |key| text_of(entry, key)?.map(str::to_owned).ok_or_else(|| format!("there is no {key}"));
    let package_id = text("packageid")?;
    if !is_package_id(&package_id) {
        let shown: String = package_id.chars().take(LONGEST_PACKAGE_ID).collect();
        return Err(format!("{} is no packageid", shown.escape_debug()));
    }
    Ok(Some(ReceiptWanted { package_id, version: text("version")? }))
}

/// Whether `pkgutil` can be asked for it: it becomes an argument of a command.
fn is_package_id(text: &str) -> bool {
    text.len() <= LONGEST_PACKAGE_ID && !text.starts_with('-') && !text.chars().any(char::is_control)
}

/// The applications that must not be open: those listed, else those it installs (T45).
pub(super) fn blocking_applications(item: &Pkginfo) -> Result<Vec<String>, String> {
    match item.keys().get("blocking_applications") {
        Some(Value::Array(_)) => {
            Ok(item.texts("blocking_applications")?.into_iter().map(str::to_owned).collect())
        }
        Some(other) => Err(unexpected("blocking_applications", other, "an array of strings")),
        None => {
            let entries = item.entries("installs")?.unwrap_or_default();
            let apps = entries.into_iter().filter(|entry| is(entry, "type", "application"));
            let names = apps
                .filter_map(|entry| entry.get("path")?.as_string()?.trim_end_matches('/').rsplit('/').next());
            Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
        }
    }
}

fn is(entry: &Dictionary, key: &str, expected: &str) -> bool {
    entry.get(key).and_then(Value::as_string) == Some(expected)
}
