//! The digests of all icons, by which clients know them (T91, T92).

use super::repository::Repository;
use plist::{Dictionary, Value};
use shared::digest::Digest;
use std::fs;

/// Where the digests stand.
pub(super) const FILE: &str = "icons/_icon_hashes.plist";

/// The digest of every one of `icons` by its path in that folder; what cannot be read goes to `errors`.
pub(super) fn digests(repository: &Repository, icons: Vec<String>, errors: &mut Vec<String>) -> Dictionary {
    let mut digests = Dictionary::new();
    for icon in icons {
        if icon == "_icon_hashes.plist" {
            continue;
        }
        match fs::read(repository.path(&format!("icons/{icon}"))) {
            Ok(bytes) => {
                digests.insert(icon, Value::String(Digest::of(&bytes).to_string()));
            }
            Err(error) => errors.push(format!("Error reading icons/{icon}: {error}")),
        }
    }
    digests
}

/// The icon of a pkginfo, by its path in `icons` (T92).
pub(super) fn name(content: &Dictionary) -> Option<String> {
    const IMAGES: [&str; 11] =
        ["bmp", "gif", "icns", "jpg", "jpeg", "png", "psd", "tga", "tif", "tiff", "yuv"];
    let text = |key: &str| content.get(key).and_then(Value::as_string).filter(|text| !text.is_empty());
    let name = text("icon_name").or_else(|| text("name"))?;
    let is_image = |(_, extension): (&str, &str)| IMAGES.contains(&extension.to_lowercase().as_str());
    Some(if name.rsplit_once('.').is_some_and(is_image) { name.to_owned() } else { format!("{name}.png") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t92_an_icon_is_named_after_its_key_or_its_title() {
        let named = |entries: &[(&str, &str)]| {
            let entries = entries.iter().map(|(key, text)| ((*key).to_owned(), Value::from(*text)));
            name(&entries.collect())
        };
        assert_eq!(named(&[("name", "Firefox")]).as_deref(), Some("Firefox.png"));
        assert_eq!(named(&[("name", "Firefox 1.0")]).as_deref(), Some("Firefox 1.0.png"));
        assert_eq!(named(&[("name", "F"), ("icon_name", "fox.ICNS")]).as_deref(), Some("fox.ICNS"));
        assert_eq!(named(&[("name", "F"), ("icon_name", "")]).as_deref(), Some("F.png"));
        assert_eq!(named(&[]), None);
    }
}
