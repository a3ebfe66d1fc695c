//! Bytes of a plist, XML or binary, read within bounds into a value, with positions for messages.

use super::{
    finding::{Place, SettingsFinding, Severity, Source},
    xml,
};
use plist::{Dictionary, Value};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use std::{cell::Cell, collections::BTreeMap, fmt, io::Cursor};

/// The largest plist that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep values may be nested.
const MAX_DEPTH: usize = 64;
/// How much a plist may unfold to: a binary one can refer to the same object again and again.
const MAX_UNFOLDED: usize = 4 * MAX_BYTES;

/// A plist that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its value.
    pub value: Value,
    /// Where its keys stand; empty for a binary plist.
    pub places: BTreeMap<String, Place>,
    /// What should be changed in it.
    pub findings: Vec<SettingsFinding>,
}

/// Reads a plist.
///
/// # Errors
/// When the bytes are no plist, or one beyond the bounds; with the place where the parser stopped, if it knows it.
pub fn read(bytes: &[u8], source: &Source) -> Result<Document, Box<SettingsFinding>> {
    let error = |problem: String| Box::new(SettingsFinding::new(Severity::Error, source.clone(), problem));
    if bytes.len() > MAX_BYTES {
        return Err(error(format!("the file has {} bytes, the limit is {MAX_BYTES}", bytes.len())));
    }
    if bytes.starts_with(b"bplist") {
        let value = plist::from_reader::<_, Bounded>(Cursor::new(bytes));
        let value = value.map_err(|why| error(format!("the binary plist is damaged: {}", plainly(&why))))?.0;
        return Ok(Document { value, places: BTreeMap::new(), findings: Vec::new() });
    }
    if let Some(content) = signed_content(bytes) {
        let mut document = read(content, source)?;
        let note = "signed; the signature was not checked, and positions count from the signed text";
        document.findings.push(SettingsFinding::new(Severity::Info, source.clone(), note));
        return Ok(document);
    }
    let text = decoded(bytes).map_err(|(problem, place)| Box::new(error(problem).at(place)))?;
    let text = text.trim_start_matches('\u{feff}');
    if let Some((problem, hint)) = not_xml(text) {
        return Err(Box::new(error(problem.to_owned()).hint(hint)));
    }
    read_xml(text, source)
}

/// Whether this is a CMS envelope, as of a signed profile, with an XML plist inside.
#[must_use]
pub fn is_signed(bytes: &[u8]) -> bool {
    signed_content(bytes).is_some()
}

/// The XML inside a CMS envelope that holds it in one piece.
fn signed_content(bytes: &[u8]) -> Option<&[u8]> {
    let find = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text);
    let (0x30, Some(end)) = (*bytes.first()?, find(b"</plist>")) else { return None };
    let begin = find(b"<?xml").or_else(|| find(b"<plist"))?;
    bytes.get(begin..end + b"</plist>".len())
}

/// Why a text that does not begin like XML is no plist, and what it seems to be.
fn not_xml(text: &str) -> Option<(&'static str, &'static str)> {
    let start = text.trim_start();
    match start.chars().next() {
        Some('<') => None,
        None => Some(("the file is empty", "write settings into it, or remove it")),
        Some('{') if start.contains(':') => {
            Some(("this is JSON, not a plist", "a control file goes into JSONURL; settings are a plist"))
        }
        _ => Some((
            "this is no plist",
            "convert it with `plutil -convert xml1`; sign a profile only after checking it",
        )),
    }
}

fn read_xml(text: &str, source: &Source) -> Result<Document, Box<SettingsFinding>> {
    let scanned = xml::scan(text);
    let at = |place, problem: &str, severity| {
        SettingsFinding::new(severity, source.clone(), problem).at(Some(place))
    };
    if let Some((place, name)) = scanned.stranger {
        let problem = format!("&{name}; is not known in a plist");
        return Err(Box::new(
            at(place, &problem, Severity::Error).hint("write the character itself, & as &amp;"),
        ));
    }
    let parsed = plist::from_reader_xml::<_, Bounded>(Cursor::new(scanned.text.as_bytes()));
    let value = parsed.map_err(|why| {
        let place = offset(&why).map(|offset| xml::place(&scanned.text, offset));
        Box::new(SettingsFinding::new(Severity::Error, source.clone(), plainly(&why)).at(place))
    })?;
    let mut findings = Vec::new();
    if let Some(place) = scanned.dashes {
        let problem =
            "a comment contains `--`, which XML forbids: macOS reads the file, other tools refuse it";
        let finding = at(place, problem, Severity::Warning);
        findings.push(
            finding.hint("xmllint and Python's plistlib stop here; take the dashes out of the comment"),
        );
    }
    Ok(Document { value: value.0, places: scanned.keys, findings })
}

/// UTF-8, or UTF-16 with a byte order mark.
fn decoded(bytes: &[u8]) -> Result<String, (String, Option<Place>)> {
    let unit = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => {
            return std::str::from_utf8(bytes).map(ToOwned::to_owned).map_err(|why| {
                let good = bytes.get(..why.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok());
                let place = good.map(|good| xml::place(good, good.len()));
                ("the text is not UTF-8".to_owned(), place)
            });
        }
    };
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?)));
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .map_err(|_| ("the text is not UTF-16, though it begins like it".to_owned(), None))
}

/// The parser's words as people would say them.
fn plainly(why: &plist::Error) -> String {
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

/// The byte offset in the parser's words.
fn offset(why: &plist::Error) -> Option<usize> {
    let words = why.to_string();
    words.rsplit_once("(offset ")?.1.strip_suffix(')')?.parse().ok()
}

/// A value read within [`MAX_DEPTH`] and [`MAX_UNFOLDED`]; dates become text.
struct Bounded(Value);

impl<'de> Deserialize<'de> for Bounded {
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
        self.left.set(left.ok_or_else(|| E::custom("the plist unfolds to more than settings need"))?);
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
