//! Property lists as macOS' own Foundation reads and writes them, so that what we write equals Munki's output byte for byte (T91).

use plist::{Dictionary, Value};
use shared::base64;
use std::{borrow::Cow, io::Cursor, time::SystemTime};
use time::OffsetDateTime;

/// No catalog unfolds to more.
const MOST: usize = 1 << 28;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n";

/// Reads XML, binary and old-style ASCII property lists.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Value, plist::Error> {
    let plain = without_cdata(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned);
    bounded(&plain)?;
    Value::from_reader(Cursor::new(plain))
}

/// Nothing that a few bytes unfold to may fill the memory or the stack. What is read within bounds has lost its dates, so
/// that it is only looked at.
fn bounded(bytes: &[u8]) -> Result<(), plist::Error> {
    if bytes.starts_with(b"bplist") {
        shared::property_list::from_binary::<MOST>(bytes)?;
    } else if bytes.trim_ascii_start().starts_with(b"<") {
        shared::property_list::from_xml::<MOST>(&String::from_utf8_lossy(bytes))?;
    }
    Ok(())
}

/// The same document with CDATA sections as escaped text, which the parser does not know; `None` when it has none.
fn without_cdata(bytes: &[u8]) -> Option<Vec<u8>> {
    const START: &[u8] = b"<![CDATA[";
    if !bytes.trim_ascii_start().starts_with(b"<") || find(bytes, START).is_none() {
        return None;
    }
    let (mut plain, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    loop {
        let (section, comment) = (find(rest, START), find(rest, b"<!--"));
        let Some(at) = section.into_iter().chain(comment).min() else { break };
        let (before, inside) = rest.split_at(at);
        plain.extend_from_slice(before);
        let is_section = Some(at) == section;
        let (open, close): (usize, &[u8]) = if is_section { (START.len(), b"]]>") } else { (4, b"-->") };
        let inside = inside.get(open..).unwrap_or_default();
        // What is never closed is left as it is: the parser refuses it.
        let Some(end) = find(inside, close) else {
            rest = rest.get(at..).unwrap_or_default();
            break;
        };
        if is_section {
            let text = String::from_utf8_lossy(inside.get(..end).unwrap_or_default());
            let mut escaped = String::new();
            escape(&text, &mut escaped);
            plain.extend_from_slice(escaped.as_bytes());
        }
        rest = inside.get(end + close.len()..).unwrap_or_default();
    }
    plain.extend_from_slice(rest);
    Some(plain)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Writes XML as Foundation does: tabs, keys in order, base64 in lines that are the shorter the deeper they stand.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    append(value, 0, &mut text);
    text.push_str("</plist>\n");
    text.into_bytes()
}

fn append(value: &Value, depth: usize, text: &mut String) {
    indent(depth, text);
    match value {
        Value::Array(items) if items.is_empty() => text.push_str("<array/>\n"),
        Value::Array(items) => {
            text.push_str("<array>\n");
            items.iter().for_each(|item| append(item, depth + 1, text));
            indent(depth, text);
            text.push_str("</array>\n");
        }
        Value::Dictionary(entries) if entries.is_empty() => text.push_str("<dict/>\n"),
        Value::Dictionary(entries) => append_entries(entries, depth, text),
        Value::Boolean(true) => text.push_str("<true/>\n"),
        Value::Boolean(false) => text.push_str("<false/>\n"),
        Value::Data(bytes) => append_data(bytes, depth, text),
        Value::Date(date) => element("date", &date_text((*date).into()), text),
        Value::Integer(number) => element("integer", &number.to_string(), text),
        Value::Real(number) => element("real", &real_text(*number), text),
        Value::String(content) => element("string", content, text),
        Value::Uid(uid) => {
            let number = Value::Integer(uid.get().into());
            append_entries(&Dictionary::from_iter([("CF$UID".to_owned(), number)]), depth, text);
        }
        // The type may grow; what it grows by cannot come from a file that was read.
        _ => text.push('\n'),
    }
}

fn append_entries(entries: &Dictionary, depth: usize, text: &mut String) {
    text.push_str("<dict>\n");
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    for (key, value) in sorted {
        indent(depth + 1, text);
        element("key", key, text);
        append(value, depth + 1, text);
    }
    indent(depth, text);
    text.push_str("</dict>\n");
}

fn append_data(bytes: &[u8], depth: usize, text: &mut String) {
    // Deeper than eight tabs nothing gets shorter any more.
    let width = 76 - 8 * depth.min(8);
    text.push_str("<data>\n");
    for line in bytes.chunks(width / 4 * 3) {
        indent(depth.min(8), text);
        text.push_str(&base64::encode(line));
        text.push('\n');
    }
    indent(depth, text);
    text.push_str("</data>\n");
}

fn element(name: &str, content: &str, text: &mut String) {
    text.push_str(&format!("<{name}>"));
    escape(content, text);
    text.push_str(&format!("</{name}>\n"));
}

fn escape(content: &str, text: &mut String) {
    for letter in content.chars() {
        match letter {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            other => text.push(other),
        }
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n('\t', depth));
}

/// Whole seconds in UTC.
fn date_text(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let (date, time) = (moment.date(), moment.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// As C's `%.17g`, with names for what is no number.
fn real_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+infinity" } else { "-infinity" }.to_owned();
    }
    if number == 0.0 {
        return "0.0".to_owned();
    }
    let scientific = format!("{number:.16e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..17).contains(&exponent) {
        let decimals = usize::try_from(16 - exponent).unwrap_or_default();
        return trimmed(&format!("{number:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.unsigned_abs())
}

/// Without the zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: impl Into<Value>) -> String {
        let text = String::from_utf8(write(&value.into())).unwrap();
        text.strip_prefix(HEAD).unwrap().strip_suffix("</plist>\n").unwrap().to_owned()
    }

    #[test]
    fn t91_numbers_are_printed_as_foundation_prints_them() {
        for (number, text) in [
            (0.1, "0.10000000000000001"),
            (1.0, "1"),
            (0.0, "0.0"),
            (-2.5, "-2.5"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (0.0001, "0.0001"),
            (0.000_01, "1.0000000000000001e-05"),
            (f64::INFINITY, "+infinity"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(written(number), format!("<real>{text}</real>\n"));
        }
        assert_eq!(written(u64::MAX), "<integer>18446744073709551615</integer>\n");
        assert_eq!(written(-7_i64), "<integer>-7</integer>\n");
    }

    #[test]
    fn t91_data_stands_in_lines_that_get_shorter_with_depth() {
        assert_eq!(written(Value::Data(Vec::new())), "<data>\n</data>\n");
        let at = |depth: usize| {
            let data = Value::Data(vec![0; 60]);
            let nested = (0..depth).fold(data, |inner, _| Value::Array(vec![inner]));
            let text = written(nested);
            let line = text.lines().find(|line| line.trim_start().starts_with("AAAA")).unwrap().to_owned();
            (line.len() - line.trim_start().len(), line.trim_start().len())
        };
        assert_eq!([at(0), at(1), at(2), at(8), at(10)], [(0, 76), (1, 68), (2, 60), (8, 12), (8, 12)]);
    }

    #[test]
    fn t91_keys_are_sorted_by_code_and_only_three_letters_escaped() {
        let entries =
            ["b", "a", "_c", "B", "ä"].map(|key| (key.to_owned(), Value::String("<\"'&>".to_owned())));
        let text = written(Value::Dictionary(Dictionary::from_iter(entries)));
        let keys: Vec<&str> = text.lines().filter(|line| line.contains("<key>")).collect();
        assert_eq!(keys.concat(), "\t<key>B</key>\t<key>_c</key>\t<key>a</key>\t<key>b</key>\t<key>ä</key>");
        assert!(text.contains("<string>&lt;\"'&amp;&gt;</string>"));
    }

    #[test]
    fn t91_a_script_in_a_cdata_section_is_kept() {
        let document = "<plist version=\"1.0\"><!-- <![CDATA[no]]> --><dict><key>s</key><string>a<![CDATA[#!/bin/sh\n[ 1 < 2 ] && echo]]> &amp; b</string></dict></plist>";
        let read = read(document.as_bytes()).unwrap();
        let script = read.as_dictionary().unwrap().get("s").unwrap().as_string().unwrap();
        assert_eq!(script, "a#!/bin/sh\n[ 1 < 2 ] && echo & b");
        assert!(super::read(b"<plist><string><![CDATA[never closed</string></plist>").is_err());
    }

    #[test]
    fn what_unfolds_without_end_or_is_nested_without_end_is_refused() {
        // Object n is a list that names object n + 1 sixteen times.
        let (mut document, mut offsets) = (b"bplist00".to_vec(), Vec::new());
        for object in 0..12_u8 {
            offsets.push(u8::try_from(document.len()).unwrap());
            document.extend([0xAF, 0x10, 16]);
            document.extend([object + 1; 16]);
        }
        offsets.push(u8::try_from(document.len()).unwrap());
        document.extend(*b"\x51a");
        let table = u8::try_from(document.len()).unwrap();
        document.extend(&offsets);
        document.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        document.extend([0, 0, 0, 0, 0, 0, 0, 13]);
        document.extend([0; 8]);
        document.extend([0, 0, 0, 0, 0, 0, 0, table]);
        let why = read(&document).unwrap_err().to_string();
        assert!(why.contains("unfolds to more than it may"), "{why}");
        let deep = "<array>".repeat(100_000);
        assert!(read(format!("<plist>{deep}").as_bytes()).is_err());
    }

    #[test]
    fn t91_line_ends_and_dates_stay_as_they_are() {
        let document = "<plist version=\"1.0\"><array><string>a\r\nb\rc</string><date>2025-07-17T18:11:16Z</date><string/></array></plist>";
        let text = written(read(document.as_bytes()).unwrap());
        assert!(text.contains("<string>a\r\nb\rc</string>"), "{text:?}");
        assert!(text.contains("<date>2025-07-17T18:11:16Z</date>"));
        assert!(text.contains("<string></string>"));
    }

    #[test]
    fn t91_real_catalogs_are_written_as_they_were_found() {
        let found = super::super::corpus::files("munki-catalog");
        for file in &found {
            let bytes = std::fs::read(file).unwrap();
            let again = write(&read(&bytes).unwrap());
            // Python 2, with which one of them was written in 2013, had this form of its own.
            let found = String::from_utf8_lossy(&bytes).replace("<array>\n\t\t</array>", "<array/>");
            let again = String::from_utf8_lossy(&again);
            let other = again.lines().zip(found.lines()).find(|(again, found)| again != found);
            assert_eq!((other, again.len()), (None, found.len()), "{}", file.display());
        }
    }
}
