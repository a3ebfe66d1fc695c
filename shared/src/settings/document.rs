//! Bytes of a plist, XML or binary, read within bounds into a value, with positions for messages.

use super::{
    finding::{Place, SettingsFinding, Severity, Source},
    xml,
};
use crate::property_list::{from_binary, from_xml, plainly};
use plist::Value;
use std::collections::BTreeMap;

/// The largest plist that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
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
        let value = from_binary::<MAX_UNFOLDED>(bytes);
        let value = value.map_err(|why| error(format!("the binary plist is damaged: {}", plainly(&why))))?;
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
    let parsed = from_xml::<MAX_UNFOLDED>(&scanned.text);
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
    Ok(Document { value, places: scanned.keys, findings })
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

/// The byte offset in the parser's words.
fn offset(why: &plist::Error) -> Option<usize> {
    let words = why.to_string();
    words.rsplit_once("(offset ")?.1.strip_suffix(')')?.parse().ok()
}
