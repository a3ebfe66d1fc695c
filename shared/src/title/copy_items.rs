//! What is copied from a disk image, and where to: nothing that leaves the image, nothing that replaces the Mac (T36).

use super::{
    pkginfo::{Pkginfo, text_of},
    step::CopyItem,
};
use crate::layout::MacPath;
use plist::Dictionary;

/// `items_to_copy`, checked. Without any, Munki would call a title installed that is not.
pub(super) fn copy_items(item: &Pkginfo) -> Result<Vec<CopyItem>, String> {
    let entries = item.entries("items_to_copy")?.unwrap_or_default();
    if entries.is_empty() {
        return Err("it has no items_to_copy".to_owned());
    }
    let checked = |(index, entry): (usize, &Dictionary)| {
        copy_item(entry).map_err(|why| format!("items_to_copy[{index}]: {why}"))
    };
    entries.into_iter().enumerate().map(checked).collect()
}

fn copy_item(entry: &Dictionary) -> Result<CopyItem, String> {
    let source = text_of(entry, "source_item")?.ok_or("there is no source_item")?;
    let source = inside_image(source).map_err(|why| format!("source_item {why}"))?;
    let destination = destination(entry, &source)?;
    let folder =
        destination.parent().ok_or_else(|| format!("{destination} would replace a part of macOS"))?;
    let owner = |key, usual: &str| -> Result<String, String> {
        let name = text_of(entry, key)?.unwrap_or(usual);
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let plain = name.chars().all(fine) && !name.starts_with('-');
        plain.then(|| name.to_owned()).ok_or_else(|| format!("{key} is {}", name.escape_debug()))
    };
    let mode = text_of(entry, "mode")?.unwrap_or("o-w,go+rX");
    let is_mode = |c: char| {
        matches!(
            c,
            '0'..='7' | 'u' | 'g' | 'o' | 'a' | 'r' | 'w' | 'x' | 'X' | 's' | 't' | '+' | '-' | '=' | ','
        )
    };
    if mode.starts_with('-') || !mode.chars().all(is_mode) {
        return Err(format!("mode is {}", mode.escape_debug()));
    }
    Ok(CopyItem {
        source,
        folder: folder.to_string(),
        name: destination.file_name().to_owned(),
        user: owner("user", "root")?,
        group: owner("group", "admin")?,
        mode: mode.to_owned(),
    })
}

/// The whole path of what is put in place.
fn destination(entry: &Dictionary, source: &str) -> Result<MacPath, String> {
    let (folder, name) = (text_of(entry, "destination_path")?, text_of(entry, "destination_item")?);
    let whole = match (folder, name) {
        (None, None) => return Err("there is neither destination_path nor destination_item".to_owned()),
        (None, Some(whole)) => whole.to_owned(),
        (Some(_), Some(name)) if name.contains('/') || matches!(name, "." | "..") => {
            return Err(format!("destination_item is {}, not a name", name.escape_debug()));
        }
        (Some(folder), name) => {
            let name = name.or_else(|| source.rsplit('/').next()).unwrap_or_default();
            format!("{folder}/{name}")
        }
    };
    if whole.chars().any(char::is_control) {
        return Err("the destination contains a control character".to_owned());
    }
    let path =
        MacPath::new(&whole).map_err(|why| format!("the destination {}: {why}", whole.escape_debug()))?;
    match protected(&path) {
        None => Ok(path),
        Some(why) => Err(format!("{path} {why}")),
    }
}

/// Why nothing may be put there. The Mac's file system does not tell letter case apart.
fn protected(path: &MacPath) -> Option<&'static str> {
    let lower = path.as_str().to_lowercase();
    let below = |folder: &str| lower.strip_prefix(folder).map(|rest| rest.matches('/').count());
    if path.depth() < 2 {
        Some("would replace a folder of macOS itself")
    } else if lower.starts_with("/system/") {
        Some("belongs to macOS")
    } else if below("/volumes") == Some(1) {
        Some("is a volume")
    } else {
        None
    }
}

/// A path below the root of an image, without a slash in front.
pub(super) fn inside_image(path: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{why}: {}", path.escape_debug()));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if path.chars().any(char::is_control) {
        wrong("contains a control character")
    } else if parts.iter().any(|part| matches!(*part, "." | "..")) {
        wrong("leaves the image")
    } else if parts.is_empty() {
        wrong("is the whole image")
    } else {
        Ok(parts.join("/"))
    }
}
