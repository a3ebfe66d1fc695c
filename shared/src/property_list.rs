//! A property list, XML or binary, read within bounds: hostile bytes end in an error, never in a full memory or stack.

use plist::{Dictionary, Value};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, cell::Cell, fmt, io::Cursor};

/// How deep values may be nested.
const MAX_DEPTH: usize = 64;

/// Reads a property list of either kind that unfolds to no more than `MAX_UNFOLDED` bytes; dates become text.
///
/// # Errors
/// What is wrong with it, as people would say it.
pub fn read<const MAX_UNFOLDED: usize>(bytes: &[u8]) -> Result<Value, String> {
    if bytes.starts_with(b"bplist") {
        return from_binary::<MAX_UNFOLDED>(bytes)
            .map_err(|why| format!("the binary property list is damaged: {}", plainly(&why)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "this is no property list".to_owned())?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.chars().next() {
        Some('<') => from_xml::<MAX_UNFOLDED>(&spelt_out(text)?).map_err(|why| plainly(&why)),
        Some(_) => Err("this is no property list".to_owned()),
        None => Err("it is empty".to_owned()),
    }
}

/// Reads a binary property list.
///
/// # Errors
/// The parser's.
pub fn from_binary<const MAX_UNFOLDED: usize>(bytes: &[u8]) -> Result<Value, plist::Error> {
    // A binary one can refer to the same object again and again.
    plist::from_reader::<_, Bounded<MAX_UNFOLDED>>(Cursor::new(bytes)).map(|value| value.0)
}

/// Reads an XML property list. The parser drops CDATA sections and entities it does not know: see to them before.
///
/// # Errors
/// The parser's.
pub fn from_xml<const MAX_UNFOLDED: usize>(text: &str) -> Result<Value, plist::Error> {
    plist::from_reader_xml::<_, Bounded<MAX_UNFOLDED>>(Cursor::new(text.as_bytes())).map(|value| value.0)
}

/// The text with its CDATA sections as ordinary text; refused with an entity that no property list has.
fn spelt_out(text: &str) -> Result<Cow<'_, str>, String> {
    let is_stranger = |(at, _)| stranger(text.get(at..).unwrap_or_default()).is_some();
    if !text.contains("<![CDATA[") && !text.match_indices('&').any(is_stranger) {
        return Ok(Cow::Borrowed(text));
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, here) = rest.split_at(at);
        written.push_str(before);
        let after = if let Some(name) = stranger(here) {
            return Err(format!("&{name}; is not known in a property list"));
        } else if let Some((_, after)) = enclosed(here, "<!--", "-->") {
            after
        } else if let Some((content, after)) = enclosed(here, "<![CDATA[", "]]>") {
            written.push_str(&content.replace('&', "&amp;").replace('<', "&lt;"));
            after
        } else {
            let (one, after) = here.split_at(1);
            written.push_str(one);
            after
        };
        rest = after;
    }
    written.push_str(rest);
    Ok(Cow::Owned(written))
}

/// The name of the entity at the head of the text, unless XML has it.
fn stranger(text: &str) -> Option<&str> {
    let (name, _) = enclosed(text, "&", ";")?;
    let plain = !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphanumeric());
    (plain && !["amp", "lt", "gt", "quot", "apos"].contains(&name)).then_some(name)
}

/// What stands between `open`, at the head of the text, and `close`, and what follows.
fn enclosed<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close)
}

/// What kind of thing a value is, for people.
#[must_use]
pub fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "an array",
        Value::Dictionary(_) => "a dictionary",
        Value::Boolean(_) => "a boolean",
        Value::Data(_) => "data",
        Value::Date(_) => "a date",
        Value::Real(_) => "a real number",
        Value::Integer(_) => "an integer",
        Value::String(_) => "a string",
        _ => "a value of an unusual kind",
    }
}

/// The parser's words as people would say them.
#[must_use]
pub fn plainly(why: &plist::Error) -> String {
    let words = why.to_string();
    let known = [
        ("UnexpectedEof", "the file ends in the middle"),
        ("UnexpectedEndOfEventStream", "the file ends before its value does"),
        ("UnclosedXmlElement", "an element is not closed"),
        ("UnexpectedXmlCharactersExpectedElement", "there is text where an element is expected"),
        ("UnexpectedXmlOpeningTag", "there is an element inside a text; `<` is written &lt;"),
        ("UnknownXmlElement", "this element is not known in a plist"),
        ("InvalidXmlSyntax", "opening and closing tags do not match"),
        ("InvalidDataString", "the data is not Base64"),
        ("InvalidDateString", "this is no date"),
        ("InvalidIntegerString", "this is no integer"),
        ("InvalidRealString", "this is no real number"),
        ("UnexpectedEventType", "a dictionary has a key without value, or a value without key"),
    ];
    if let Some(ours) = words.strip_prefix("Serde(\"").and_then(|rest| rest.strip_suffix("\")")) {
        return ours.to_owned();
    }
    known
        .iter()
        .find(|(name, _)| words.starts_with(name))
        .map_or(words.clone(), |(_, plain)| (*plain).to_owned())
}

/// A value read within [`MAX_DEPTH`], and no larger than this once it is unfolded.
struct Bounded<const MAX_UNFOLDED: usize>(Value);

impl<'de, const MAX_UNFOLDED: usize> Deserialize<'de> for Bounded<MAX_UNFOLDED> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let left = Cell::new(MAX_UNFOLDED);
        Within { depth: MAX_DEPTH, left: &left }.deserialize(from).map(Self)
    }
}

/// How much room is left for a value.
#[derive(Clone, Copy)]
struct Within<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Within<'_> {
    fn spend<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(bytes.saturating_add(16));
        self.left.set(left.ok_or_else(|| E::custom("the plist unfolds to more than it may"))?);
        Ok(())
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("values are nested too deeply"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plist value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.spend(0).map(|()| Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.spend(0).map(|()| Value::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.spend(0).map(|()| Value::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.spend(0).map(|()| Value::Real(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.spend(value.len()).map(|()| Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.spend(value.len()).map(|()| Value::String(value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        self.spend(value.len()).map(|()| Value::Data(value.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<Value, E> {
        self.spend(value.len()).map(|()| Value::Data(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(0)?;
        let deeper = self.deeper()?;
        let mut array = Vec::new();
        while let Some(entry) = entries.next_element_seed(deeper)? {
            array.push(entry);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(0)?;
        let deeper = self.deeper()?;
        let mut dictionary = Dictionary::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.spend(key.len())?;
            let value = entries.next_value_seed(deeper)?;
            if dictionary.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the key {key} is there twice in one dictionary")));
            }
        }
        Ok(Value::Dictionary(dictionary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Result<Value, String> {
        read::<10_000>(format!("<?xml version=\"1.0\"?><plist>{body}</plist>").as_bytes())
    }

    #[test]
    fn a_script_in_a_cdata_section_is_read_whole() {
        let script = "<string>#!/bin/sh\n<![CDATA[[ 1 < 2 ] && echo \"&amp;\"]]> &amp; wait</string>";
        assert_eq!(text(script), Ok("#!/bin/sh\n[ 1 < 2 ] && echo \"&amp;\" & wait".into()));
        assert_eq!(text("<!-- &strange; <![CDATA[ --><string>a</string>"), Ok("a".into()));
    }

    #[test]
    fn an_entity_no_property_list_has_is_refused_instead_of_dropped() {
        assert_eq!(text("<string>a&nbsp;b</string>"), Err("&nbsp; is not known in a property list".into()));
        assert_eq!(text("<string>a&#65;&gt;b</string>"), Ok("aA>b".into()));
    }

    #[test]
    fn nesting_and_size_are_limited() {
        let nested = |depth: usize| text(&format!("{}{}", "<array>".repeat(depth), "</array>".repeat(depth)));
        assert!(nested(64).is_ok());
        assert_eq!(nested(65), Err("values are nested too deeply".into()));
        assert!(nested(3000).is_err());
        let long = format!("<string>{}</string>", "x".repeat(20_000));
        assert_eq!(text(&long), Err("the plist unfolds to more than it may".into()));
    }

    #[test]
    fn what_is_no_property_list_is_named() {
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b"{\"a\": 1}", "this is no property list"),
            (b"\xff\xfe", "this is no property list"),
            (b"<html><body>Sign in</body></html>", "this element is not known in a plist"),
            (b"bplist00", "the binary property list is damaged"),
        ] {
            let why = read::<10_000>(bytes).unwrap_err();
            assert!(why.starts_with(expected), "{why}");
        }
    }
}
