//! Which file of the repository an item is, and by which digest it is known (T16, T17, T29–T31).

use super::{
    pkginfo::Pkginfo,
    step::{Download, Place},
};
use crate::digest::Digest;
use url::Url;

/// The file of an item that has one.
pub(super) fn download(item: &Pkginfo, hosts: &[String]) -> Result<Download, String> {
    let place = place(item, hosts)?;
    Ok(Download { place, digest: digest(item)?, kib: item.kib("installer_item_size")? })
}

/// The name of the file, for its extension.
pub(super) fn file_name(place: &Place) -> &str {
    let path = match place {
        Place::Below(path) => path,
        Place::At(url) => url.split(['?', '#']).next().unwrap_or_default(),
    };
    path.rsplit('/').next().unwrap_or_default()
}

fn digest(item: &Pkginfo) -> Result<Digest, String> {
    let text = item.text("installer_item_hash")?.ok_or("it has no installer_item_hash")?;
    text.parse().map_err(|why| format!("its installer_item_hash is {why}"))
}

fn place(item: &Pkginfo, hosts: &[String]) -> Result<Place, String> {
    if let Some(whole) = item.text("PackageCompleteURL")? {
        return at("PackageCompleteURL", Url::parse(whole), hosts);
    }
    let location = item.text("installer_item_location")?.ok_or("it has no installer_item_location")?;
    if let Some(why) = unsafe_location(location) {
        return Err(format!("its installer_item_location {why}: {}", location.escape_debug()));
    }
    match item.text("PackageURL")? {
        None => Ok(Place::Below(location.to_owned())),
        Some(base) => at("PackageURL", Url::parse(base).and_then(|base| base.join(location)), hosts),
    }
}

/// What is wrong with a place below `pkgs/` (T17).
pub(super) fn unsafe_location(location: &str) -> Option<&'static str> {
    if location.is_empty() {
        Some("is empty")
    } else if location.starts_with('/') {
        Some("begins with a slash")
    } else if location.contains('\\') {
        Some("contains a backslash")
    } else if location.chars().any(char::is_control) {
        Some("contains a control character")
    } else if location.split('/').any(|segment| segment == "." || segment == "..") {
        Some("climbs with . or ..")
    } else {
        None
    }
}

/// A URL that may lead to another host: only those that are allowed (T16).
fn at(key: &str, url: Result<Url, url::ParseError>, hosts: &[String]) -> Result<Place, String> {
    let url = url.map_err(|why| format!("its {key} is no URL: {why}"))?;
    if url.scheme() != "https" {
        return Err(format!("its {key} leads to {}:, not to https:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("its {key} has a user or a password in it"));
    }
    let host = url.host_str().unwrap_or_default();
    if !hosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(host)) {
        return Err(format!("its {key} leads to {host}, which is none of TitleHosts"));
    }
    Ok(Place::At(url.into()))
}
