//! The texts that a property list has at its top, read within bounds: it may be anybody's file.

use super::Texts;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use std::{cell::Cell, fmt, io::Cursor};

/// The largest property list that is read.
pub(super) const MAX_BYTES: usize = 8 << 20;
/// How deep values may be nested.
const MAX_DEPTH: usize = 64;
/// How many values there may be: a binary list can refer to the same object again and again.
const MAX_VALUES: usize = 500_000;

/// The texts, by key; `None` when these bytes are no property list with a dictionary at its top, or one beyond bounds.
pub(super) fn texts(bytes: &[u8]) -> Option<Texts> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    plist::from_reader::<_, Top>(Cursor::new(bytes)).ok().map(|top| top.0)
}

struct Top(Texts);

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let left = Cell::new(MAX_VALUES);
        match (Within { depth: MAX_DEPTH, left: &left }).deserialize(from)? {
            Seen::Dictionary(texts) => Ok(Self(texts)),
            Seen::Text(_) | Seen::Other => Err(D::Error::custom("no dictionary")),
        }
    }
}

/// What is kept of a value.
enum Seen {
    Text(String),
    Dictionary(Texts),
    Other,
}

/// How much room is left for a value.
#[derive(Clone, Copy)]
struct Within<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Within<'_> {
    fn other<E: Error>(self) -> Result<Seen, E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        self.left.set(left);
        Ok(Seen::Other)
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        self.other::<E>()?;
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Seen, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a property list")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Seen, E> {
        self.other()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Seen, E> {
        self.other()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Seen, E> {
        self.other()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Seen, E> {
        self.other()
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Seen, E> {
        self.other()
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Seen, E> {
        self.other::<E>().map(|_| Seen::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Seen, E> {
        self.other::<E>().map(|_| Seen::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Seen, A::Error> {
        let deeper = self.deeper()?;
        while entries.next_element_seed(deeper)?.is_some() {}
        Ok(Seen::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Seen, A::Error> {
        let (is_top, deeper) = (self.depth == MAX_DEPTH, self.deeper()?);
        let mut texts = Texts::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(deeper)?;
            if let Seen::Text(text) = value
                && is_top
            {
                texts.insert(key, text);
            }
        }
        Ok(if is_top { Seen::Dictionary(texts) } else { Seen::Other })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plist::{Date, Dictionary, Uid, Value};
    use proptest::prelude::*;

    fn both(value: &Value) -> [Vec<u8>; 2] {
        let (mut xml, mut binary) = (Vec::new(), Vec::new());
        value.to_writer_xml(&mut xml).unwrap();
        value.to_writer_binary(&mut binary).unwrap();
        [xml, binary]
    }

    #[test]
    fn t39_the_texts_at_the_top_are_kept_from_either_form() {
        let mut inner = Dictionary::new();
        inner.insert("CFBundleShortVersionString".into(), "9".into());
        let mut top = Dictionary::new();
        top.insert("CFBundleShortVersionString".into(), "2.4 ü & <b>".into());
        top.insert("Nested".into(), Value::Dictionary(inner));
        top.insert("List".into(), Value::Array(vec!["a".into(), 1.into(), 1.5.into(), true.into()]));
        top.insert("Data".into(), Value::Data(vec![1, 2, 3]));
        top.insert("Date".into(), Date::from(std::time::UNIX_EPOCH).into());
        for bytes in both(&Value::Dictionary(top)) {
            let found = texts(&bytes).unwrap();
            assert_eq!(found["CFBundleShortVersionString"], "2.4 ü & <b>");
            assert!(
                !found.contains_key("Nested") && !found.contains_key("List") && !found.contains_key("Data")
            );
        }
        let mut archive = Vec::new();
        let uid = Value::Dictionary([("$top".to_owned(), Value::Uid(Uid::new(1)))].into_iter().collect());
        uid.to_writer_binary(&mut archive).unwrap();
        // What such files hold is no title's business; reading one must just end.
        let _ = texts(&archive);
        for bytes in both(&Value::Array(vec!["x".into()])) {
            assert_eq!(texts(&bytes), None);
        }
    }

    #[test]
    fn what_is_nested_or_unfolds_beyond_bounds_is_no_property_list() {
        let deep = format!(
            "<plist version=\"1.0\">{}{}</plist>",
            "<array>".repeat(100_000),
            "</array>".repeat(100_000)
        );
        assert_eq!(texts(deep.as_bytes()), None);
        let many = format!(
            "<plist version=\"1.0\"><dict><key>a</key><array>{}</array></dict></plist>",
            "<true/>".repeat(MAX_VALUES)
        );
        assert_eq!(texts(many.as_bytes()), None);
        assert_eq!(texts(&vec![b' '; MAX_BYTES + 1]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), head in prop::bool::ANY) {
            let bytes = if head { [b"bplist00".as_slice(), &bytes].concat() } else { bytes };
            let _ = texts(&bytes);
        }
    }
}
