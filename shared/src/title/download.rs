//! Which file of the repository an item is, and by which digest it is known (T16, T17, T29–T31).

use super::{
    address::{check_location, place_at, web_address},
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
        let url = web_address(whole).map_err(|why| format!("its PackageCompleteURL: {why}"))?;
        return elsewhere("PackageCompleteURL", url, hosts);
    }
    let location = item.text("installer_item_location")?.ok_or("it has no installer_item_location")?;
    let Some(base) = item.text("PackageURL")? else {
        let checked = check_location(location).map(|()| Place::Below(location.to_owned()));
        return checked.map_err(|why| format!("its installer_item_location: {why}"));
    };
    match place_at(base, location).map_err(|why| format!("its PackageURL: {why}"))? {
        Place::At(url) => {
            let url = Url::parse(&url).map_err(|why| format!("its PackageURL: {why}"))?;
            elsewhere("PackageURL", url, hosts)
        }
        below @ Place::Below(_) => Ok(below),
    }
}

/// A file with a URL of its own: only on hosts that are allowed (T16). Without any, the repository's own is, which is not
/// known here: the address is judged again when the file is asked for.
fn elsewhere(key: &str, url: Url, hosts: &[String]) -> Result<Place, String> {
    let host = url.host_str().unwrap_or_default();
    if !hosts.is_empty() && !hosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(host))
    {
        return Err(format!("its {key} leads to {host}, which is none of TitleHosts"));
    }
    Ok(Place::At(url.into()))
}
