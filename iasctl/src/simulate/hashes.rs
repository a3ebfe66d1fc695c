//! Writes the digests of what is served into a control file, and changes nothing else in it.

use super::stage::addresses;
use serde_json::Value;
use shared::{digest::Digest, item::Phase};
use std::collections::BTreeMap;
use url::Url;

/// `control` with the `hash` of every item whose content `digest` knows brought up to date.
///
/// # Errors
/// When the text is no JSON, or items with different content have the same `hash`, so that one cannot be told
/// from the other.
pub(crate) fn update(control: &str, digest: impl Fn(&Url) -> Option<Digest>) -> Result<String, String> {
    let document: Value = serde_json::from_str(control).map_err(|error| error.to_string())?;
    let items = Phase::ALL.iter().filter_map(|phase| document.get(phase.key())?.as_array()).flatten();
    let mut changes = BTreeMap::new();
    for item in items {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let Some(old) = text("hash") else { continue };
        let served = addresses(item).iter().find_map(&digest);
        let Some(new) = served.map(|digest| digest.to_string()) else { continue };
        if changes.insert(old, new.clone()).is_some_and(|other| other != new) {
            return Err(format!("several items have the hash \"{old}\"; give each a text of its own first"));
        }
    }
    // A digest stands between quotation marks, and holds none itself.
    let updated = control.split('"').map(|text| changes.get(text).map_or(text, String::as_str));
    Ok(updated.collect::<Vec<_>>().join("\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_change_and_a_swap_is_no_problem() {
        let control = r#"{ "preflight": [{"url": "https://a/1", "hash": "x"}, {"url": "https://a/2", "hash":"y"},
            {"url": "https://elsewhere/3", "hash": "z"}, {"hash": "w", "name": "hash"}] }"#;
        let digest = |url: &Url| (url.host_str() == Some("a")).then(|| Digest::of(url.path().as_bytes()));
        let (one, two) = (Digest::of(b"/1").to_string(), Digest::of(b"/2").to_string());
        let expected =
            control.replace("\"x\"", &format!("\"{one}\"")).replace("\"y\"", &format!("\"{two}\""));
        let updated = update(control, digest).unwrap();
        assert_eq!(updated, expected);
        assert_eq!(update(&updated, digest).unwrap(), updated);
        let same = control.replace("\"y\"", "\"x\"");
        assert!(update(&same, digest).unwrap_err().contains("several items"));
    }
}
