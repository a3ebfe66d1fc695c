//! A JSON document as found in the wild: every value with its place, numbers as they were written, duplicate keys kept.
//!
//! `serde_json` tells values apart; each [`Value`] is a slice of the source, so its place is where that slice begins.
//! [`Document::parse`] checks the whole document once (R4); afterwards values are opened level by level, as needed.

use super::{
    place::{Place, Places},
    syntax::{self, Broken},
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// More bytes are not read (R4).
pub(super) const LARGEST_FILE: usize = 16 * 1024 * 1024;
/// Objects and arrays inside one another (R4).
const DEEPEST_NESTING: u32 = 64;
/// Keys in one object; nobody needs more, and each of them may earn a message.
const MOST_KEYS: usize = 1000;

/// A well-formed document within the limits of R4.
pub(super) struct Document<'a> {
    text: &'a str,
    places: Places<'a>,
}

impl<'a> Document<'a> {
    /// Checks encoding, size, syntax and nesting.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, (Place, Broken)> {
        if bytes.len() > LARGEST_FILE {
            let size = format!("the file is larger than {} MiB", LARGEST_FILE >> 20);
            return Err((Place::START, Broken::new(size)));
        }
        let text = syntax::decode(bytes)?;
        let places = Places::of(text);
        if let Err(error) = serde_json::from_str::<Shape>(text) {
            // The parser places a complaint about nesting somewhere behind the bracket.
            let bracket = first_too_deep(text).filter(|_| error.is_data());
            let offset = bracket.unwrap_or_else(|| places.offset(error.line(), error.column()));
            return Err((places.at(offset), syntax::explain(&error, text, offset)));
        }
        Ok(Self { text, places })
    }

    /// The outermost value.
    pub(super) fn root(&self) -> Value<'a> {
        Value { text: self.text.trim_matches(|c| matches!(c, ' ' | '\t' | '\n' | '\r')) }
    }

    /// Where `value` begins, in bytes from the start of the text.
    pub(super) fn offset(&self, value: Value<'a>) -> usize {
        (value.text.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// The line and column of an offset.
    pub(super) fn place(&self, offset: usize) -> Place {
        self.places.at(offset)
    }
}

/// One value: its slice of the source.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    text: &'a str,
}

/// One `"key": value` of an object.
pub(super) struct Member<'a> {
    /// The key, unescaped.
    pub(super) key: String,
    /// The key as a value, for its place.
    pub(super) key_value: Value<'a>,
    /// What it holds.
    pub(super) value: Value<'a>,
}

/// A value, opened by one level.
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As written: `1.10` stays `1.10`.
    Number(&'a str),
    Text(String),
    Array(Vec<Value<'a>>),
    Object(Vec<Member<'a>>),
}

impl Json<'_> {
    /// What an admin calls it.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl<'a> Value<'a> {
    /// Opens the value by one level. The document is well formed, so parts of it cannot fail to parse.
    pub(super) fn open(self) -> Json<'a> {
        let text = self.text;
        match text.as_bytes().first() {
            Some(b'{') => Json::Object(serde_json::from_str::<Members<'_>>(text).unwrap_or_default().0),
            Some(b'[') => Json::Array(serde_json::from_str::<Elements<'_>>(text).unwrap_or_default().0),
            Some(b'"') => Json::Text(serde_json::from_str(text).unwrap_or_default()),
            Some(b't' | b'f') => Json::Bool(text == "true"),
            Some(b'-' | b'0'..=b'9') => Json::Number(text),
            _ => Json::Null,
        }
    }

    fn of(raw: &'a RawValue) -> Self {
        Self { text: raw.get() }
    }
}

/// The bracket that is nested too deeply.
fn first_too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        depth > i64::from(DEEPEST_NESTING)
    })
}

/// Accepts any value whose strings can be decoded and which is not nested too deeply, and keeps nothing of it.
struct Shape;

/// [`Shape`] of something inside this many objects and arrays.
#[derive(Clone, Copy)]
struct Inside(u32);

impl Inside {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.0 == DEEPEST_NESTING {
            return Err(E::custom(format_args!(
                "objects and arrays are nested more than {DEEPEST_NESTING} deep"
            )));
        }
        Ok(Self(self.0 + 1))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Inside(0).deserialize(from).map(|()| Self)
    }
}

impl<'de> DeserializeSeed<'de> for Inside {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        while seq.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let mut keys = 0;
        while map.next_key_seed(inside)?.is_some() {
            keys += 1;
            if keys > MOST_KEYS {
                return Err(A::Error::custom(format_args!("an object has more than {MOST_KEYS} keys")));
            }
            map.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Elements<'a>(Vec<Value<'a>>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = <Vec<&RawValue>>::deserialize(from)?;
        Ok(Self(raw.into_iter().map(Value::of).collect()))
    }
}

#[derive(Default)]
struct Members<'a>(Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let name = serde_json::from_str(key.get()).map_err(A::Error::custom)?;
            members.push(Member { key: name, key_value: Value::of(key), value: Value::of(value) });
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (usize, usize, String) {
        let (place, broken) = Document::parse(text.as_bytes()).err().unwrap();
        (place.line, place.column, broken.problem)
    }

    #[test]
    fn every_value_knows_where_it_stands_whatever_stands_before_it() {
        let source = "{\n  \"é\": [1.10, \"ž\", {\"a\": null}],\n\t\"b\" : true }";
        let document = Document::parse(source.as_bytes()).unwrap();
        let Json::Object(members) = document.root().open() else { panic!("an object") };
        let place = |value| document.place(document.offset(value));
        assert_eq!(place(members[0].key_value), Place { line: 2, column: 3 });
        let Json::Array(elements) = members[0].value.open() else { panic!("an array") };
        assert!(matches!(elements[0].open(), Json::Number("1.10")));
        assert_eq!(place(elements[1]), Place { line: 2, column: 15 });
        assert_eq!(place(elements[2]), Place { line: 2, column: 20 });
        assert_eq!(place(members[1].value), Place { line: 3, column: 8 });
    }

    #[test]
    fn r5_duplicate_keys_are_kept_in_order() {
        let document = Document::parse(br#"{"a": 1, "\u0061": 2}"#).unwrap();
        let Json::Object(members) = document.root().open() else { panic!("an object") };
        assert_eq!(members.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["a", "a"]);
    }

    #[test]
    fn r4_nesting_is_limited_and_the_bracket_that_is_too_deep_is_shown() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Document::parse(nested(64).as_bytes()).is_ok());
        let (line, column, problem) = refusal(&format!("[\"\\\"[[\",\n [], {} ]", nested(64)));
        assert_eq!((line, column), (2, 69), "{problem}");
        assert!(problem.contains("more than 64"), "{problem}");
        assert!(refusal(&nested(100_000)).2.contains("more than 64"));
    }

    #[test]
    fn an_object_with_too_many_keys_is_refused() {
        let object = |keys: usize| format!("[{{{}\n\"b\": 1}}]", "\"a\": 1, ".repeat(keys - 1));
        assert!(Document::parse(object(1000).as_bytes()).is_ok());
        let (line, _, problem) = refusal(&object(1001));
        assert_eq!((line, problem.as_str()), (2, "an object has more than 1000 keys"));
    }

    #[test]
    fn r4_a_file_over_16_mib_is_refused() {
        let bytes = vec![b' '; LARGEST_FILE + 1];
        assert!(Document::parse(&bytes).err().unwrap().1.problem.contains("16 MiB"));
    }

    #[test]
    fn half_a_surrogate_pair_is_a_syntax_error_with_its_place() {
        let (line, column, problem) = refusal("{\n\"a\": \"\\ud800\"}");
        assert_eq!(line, 2);
        assert!((5..=14).contains(&column), "{column}: {problem}");
    }
}
