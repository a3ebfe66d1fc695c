//! Plists as they are found: odd, broken, hostile.

use super::{Severity, Source, document::*};
use plist::Value;
use proptest::prelude::*;

fn source() -> Source {
    Source::File("a.plist".to_owned())
}

fn value(text: &str) -> Value {
    read(text.as_bytes(), &source()).unwrap().value
}

fn refused(bytes: &[u8]) -> String {
    read(bytes, &source()).unwrap_err().to_string()
}

#[test]
fn xml_binary_and_utf16_are_read() {
    let expected = value("<plist><dict><key>é</key><integer>1</integer></dict></plist>");
    let mut binary = Vec::new();
    expected.to_writer_binary(&mut binary).unwrap();
    assert_eq!(read(&binary, &source()).unwrap().value, expected);
    let text = "\u{feff}<plist><dict><key>é</key><integer>1</integer></dict></plist>";
    assert_eq!(value(text), expected);
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&little, &source()).unwrap().value, expected);
    assert_eq!(read(&big, &source()).unwrap().value, expected);
}

#[test]
fn dashes_in_a_comment_are_read_over_but_not_in_silence() {
    let text = "<plist><array>\n  <!-- <string>--reboot</string> -->\n<string>a</string></array></plist>";
    let document = read(text.as_bytes(), &source()).unwrap();
    assert_eq!(document.value.as_array().map(Vec::len), Some(1));
    assert_eq!(document.findings[0].severity, Severity::Warning);
    assert!(document.findings[0].to_string().starts_with("warning: a.plist:2:16: a comment contains `--`"));
}

#[test]
fn text_in_cdata_is_text() {
    let read = value("<plist><array><string>a<![CDATA[ <b> & ]]>c</string></array></plist>");
    assert_eq!(read.as_array().unwrap()[0].as_string(), Some("a <b> & c"));
}

#[test]
fn a_signed_profile_is_read_without_its_envelope() {
    let mut bytes = vec![0x30, 0x82, 0x10, 0x00, 0x06, 0x09];
    bytes.extend(b"<?xml version=\"1.0\"?><plist><string>a</string></plist>");
    bytes.extend([0xa0, 0x82, 0xff]);
    let document = read(&bytes, &source()).unwrap();
    assert_eq!(document.value.as_string(), Some("a"));
    assert_eq!(document.findings[0].severity, Severity::Info);
    assert!(is_signed(&bytes) && !is_signed(b"{}"));
}

#[test]
fn a_mistake_in_xml_is_named_with_its_place() {
    let cases = [
        ("<plist>\n<dict>\n<key>a</key><string>b</strin></dict></plist>", "error: a.plist:3:"),
        ("<plist><dict><key>a</key></dict></plist>", "error: a.plist: a dictionary has a key without value"),
        (
            "<plist><dict><key>a</key><strings>b</strings></dict></plist>",
            "this element is not known in a plist",
        ),
        ("<plist><dict><key>a</key><integer>x</integer></dict></plist>", "this is no integer"),
        (
            "<plist><dict><key>a</key><string>b&nbsp;c</string></dict></plist>",
            "error: a.plist:1:35: &nbsp; is not known",
        ),
        ("<plist><dict><key>a</key><true/><key>a</key><true/></dict></plist>", "the key a is there twice"),
        ("<plist><dict><key>a</key>", "ends"),
        ("", "the file is empty"),
        ("{\"preflight\": []}", "this is JSON"),
        ("hello", "this is no plist"),
    ];
    for (text, why) in cases {
        assert!(refused(text.as_bytes()).contains(why), "{text}: {}", refused(text.as_bytes()));
    }
    assert!(
        refused(b"<plist><string>\n\xff</string></plist>").contains("a.plist:2:1: the text is not UTF-8")
    );
    assert!(refused(&vec![b'<'; MAX_BYTES + 1]).contains("the limit is"));
    assert!(refused(b"bplist00garbage").contains("the binary plist is damaged"));
}

#[test]
fn deep_nesting_is_refused_before_it_hurts() {
    let text = format!("<plist>{}", "<array>".repeat(100_000));
    assert!(refused(text.as_bytes()).contains("nested too deeply"));
}

/// `levels` arrays, each holding the next one twice.
fn doubling(levels: u8) -> Vec<u8> {
    let mut bytes = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for level in 0..levels {
        offsets.push(bytes.len() as u8);
        bytes.extend([0xa2, level + 1, level + 1]);
    }
    offsets.push(bytes.len() as u8);
    bytes.push(0x09);
    let table = bytes.len() as u64;
    bytes.extend(&offsets);
    bytes.extend([0, 0, 0, 0, 0, 0, 1, 1]);
    for number in [offsets.len() as u64, 0, table] {
        bytes.extend(number.to_be_bytes());
    }
    bytes
}

#[test]
fn a_binary_plist_that_unfolds_without_end_is_refused() {
    assert!(read(&doubling(4), &source()).is_ok());
    assert!(refused(&doubling(40)).contains("unfolds to more than it may"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..3) {
        let start: &[u8] = [&b""[..], b"bplist00", b"<plist><dict>"][kind as usize];
        bytes.splice(0..0, start.iter().copied());
        let _ = read(&bytes, &source());
    }

    #[test]
    fn any_damage_to_a_binary_plist_is_survived(at in 8usize..60, byte in any::<u8>()) {
        let mut bytes = doubling(6);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(&bytes, &source());
    }
}
