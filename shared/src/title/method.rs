//! How an item gets onto the Mac, or why we do not do that (T34–T36).

use super::{
    Terms, copy_items, download,
    pkginfo::{Pkginfo, unexpected},
    step::{Download, Method, PackageOptions},
};
use plist::Value;
use std::collections::BTreeMap;

/// Kinds of installers that Munki once knew.
const NO_LONGER: [&str; 4] = ["startosinstall", "profile", "appdmg", "apple_update_metadata"];

/// What is fetched for an item, and how it is installed.
pub(super) fn method(item: &Pkginfo, terms: &Terms) -> Result<(Option<Download>, Method), String> {
    let is_copy = match item.text("installer_type")? {
        Some("nopkg") => return Ok((None, Method::ScriptsOnly)),
        None | Some("pkg_install") => false,
        Some("copy_from_dmg") => true,
        Some("stage_os_installer") => {
            return Err("installer_type stage_os_installer upgrades macOS, which is not done here".to_owned());
        }
        Some(old) if NO_LONGER.contains(&old) || old.starts_with("Adobe") => {
            return Err(format!("installer_type {} is no longer supported", old.escape_debug()));
        }
        Some(other) => return Err(format!("installer_type {} is unknown", other.escape_debug())),
    };
    let download = download::download(item, &terms.hosts)?;
    let method = if is_copy {
        Method::CopyFromImage(copy_items::copy_items(item)?)
    } else {
        package(item, &download, terms.allow_untrusted)?
    };
    Ok((Some(download), method))
}

/// A package, alone or in an image, as the name of the file says.
fn package(item: &Pkginfo, download: &Download, allow_untrusted: bool) -> Result<Method, String> {
    let name = download::file_name(&download.place).to_lowercase();
    let ends = |with: &[&str]| with.iter().any(|with| name.ends_with(with));
    let options = options(item, allow_untrusted)?;
    if ends(&[".pkg", ".mpkg"]) {
        Ok(Method::Package(options))
    } else if ends(&[".dmg", ".iso"]) {
        Ok(Method::PackageInImage { path: package_path(item)?, options })
    } else {
        Err(format!("{} is neither a package nor a disk image", name.escape_debug()))
    }
}

/// The package meant; a path that ends otherwise says nothing, as with Munki (T35).
fn package_path(item: &Pkginfo) -> Result<Option<String>, String> {
    let Some(path) = item.text("package_path")? else { return Ok(None) };
    let lower = path.to_lowercase();
    if !lower.ends_with(".pkg") && !lower.ends_with(".mpkg") {
        return Ok(None);
    }
    copy_items::inside_image(path).map(Some).map_err(|why| format!("its package_path {why}"))
}

fn options(item: &Pkginfo, allow_untrusted: bool) -> Result<PackageOptions, String> {
    Ok(PackageOptions {
        choices: choices(item)?,
        environment: environment(item)?,
        allow_untrusted: allow_untrusted && item.flag("allow_untrusted")?,
    })
}

fn choices(item: &Pkginfo) -> Result<Option<String>, String> {
    let choices = match item.keys().get("installer_choices_xml") {
        None => return Ok(None),
        Some(choices @ Value::Array(_)) => choices,
        Some(other) => return Err(unexpected("installer_choices_xml", other, "an array")),
    };
    let mut bytes = Vec::new();
    choices.to_writer_xml(&mut bytes).map_err(|why| format!("installer_choices_xml: {why}"))?;
    String::from_utf8(bytes).map(Some).map_err(|why| format!("installer_choices_xml: {why}"))
}

fn environment(item: &Pkginfo) -> Result<BTreeMap<String, String>, String> {
    let keys = match item.keys().get("installer_environment") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Dictionary(keys)) => keys,
        Some(other) => return Err(unexpected("installer_environment", other, "a dictionary")),
    };
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) if is_variable(name) && !text.contains('\0') => Ok((name.clone(), text.clone())),
        _ => Err(format!("installer_environment: {} is no variable with a text", name.escape_debug())),
    };
    keys.iter().map(pair).collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
