//! The texts that a property list has at its top, read within bounds: it may be anybody's file.

use super::Texts;
use plist::Value;
use shared::property_list;

/// The largest property list that is read, and the most it may unfold to.
pub(super) const MAX_BYTES: usize = 8 << 20;
const MAX_UNFOLDED: usize = 4 * MAX_BYTES;

/// The texts, by key; `None` when these bytes are no property list with a dictionary at its top, or one beyond bounds.
pub(super) fn texts(bytes: &[u8]) -> Option<Texts> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let top = property_list::read::<MAX_UNFOLDED>(bytes).ok()?.into_dictionary()?;
    let text = |(key, value)| match value {
        Value::String(text) => Some((key, text)),
        _ => None,
    };
    Some(top.into_iter().filter_map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plist::Dictionary;

    #[test]
    fn t39_the_texts_at_the_top_are_kept_from_either_form() {
        let mut inner = Dictionary::new();
        inner.insert("CFBundleShortVersionString".into(), "9".into());
        let mut top = Dictionary::new();
        top.insert("CFBundleShortVersionString".into(), "2.4 ü & <b>".into());
        top.insert("Nested".into(), Value::Dictionary(inner));
        top.insert("List".into(), Value::Array(vec!["a".into(), 1.into(), 1.5.into(), true.into()]));
        top.insert("Data".into(), Value::Data(vec![1, 2, 3]));
        let top = Value::Dictionary(top);
        let (mut xml, mut binary) = (Vec::new(), Vec::new());
        top.to_writer_xml(&mut xml).unwrap();
        top.to_writer_binary(&mut binary).unwrap();
        for bytes in [xml, binary] {
            let found: Vec<_> = texts(&bytes).unwrap().into_iter().collect();
            assert_eq!(found, [("CFBundleShortVersionString".to_owned(), "2.4 ü & <b>".to_owned())]);
        }
    }

    #[test]
    fn what_is_no_dictionary_or_beyond_bounds_says_nothing() {
        assert_eq!(texts(b"<plist version=\"1.0\"><array><string>x</string></array></plist>"), None);
        let deep = "<plist version=\"1.0\">".to_owned() + &"<array>".repeat(1000) + &"</array>".repeat(1000);
        assert_eq!(texts(deep.as_bytes()), None);
        assert_eq!(texts(&vec![b' '; MAX_BYTES + 1]), None);
    }
}
