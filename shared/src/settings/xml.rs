//! What the plist parser does not tell of an XML plist: where keys stand, and the oddities it would pass over in silence.

use super::finding::Place;
use std::{borrow::Cow, collections::BTreeMap};

/// What a look over the text found.
#[derive(Debug)]
pub(super) struct Scanned<'a> {
    /// The text with CDATA sections written as ordinary text, since the parser drops them.
    pub(super) text: Cow<'a, str>,
    /// The first `--` inside a comment, which XML forbids.
    pub(super) dashes: Option<Place>,
    /// The first entity no plist has; the parser would drop it.
    pub(super) stranger: Option<(Place, String)>,
    /// Where each key stands; keys that stand in several places are left out.
    pub(super) keys: BTreeMap<String, Place>,
}

/// Looks over an XML plist.
pub(super) fn scan(text: &str) -> Scanned<'_> {
    let mut found =
        Scanned { text: Cow::Borrowed(text), dashes: None, stranger: None, keys: BTreeMap::new() };
    let mut seen: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    let mut rewritten = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(step) = text.get(at..).and_then(|rest| rest.find(['<', '&'])) {
        at += step;
        let rest = text.get(at..).unwrap_or_default();
        if let Some(body) = enclosed(rest, "<!--", "-->") {
            if let Some(dashes) = body.find("--").or_else(|| body.ends_with('-').then(|| body.len() - 1)) {
                found.dashes.get_or_insert_with(|| place(text, at + 4 + dashes));
            }
            at += body.len() + 7;
        } else if let Some(body) = enclosed(rest, "<![CDATA[", "]]>") {
            rewritten.push_str(text.get(copied..at).unwrap_or_default());
            rewritten.push_str(&body.replace('&', "&amp;").replace('<', "&lt;"));
            at += body.len() + 12;
            copied = at;
        } else if let Some(body) = enclosed(rest, "<key>", "</key>") {
            seen.entry(body).and_modify(|place| *place = None).or_insert(Some(at));
            at += 5;
        } else if let Some(name) = enclosed(rest, "&", ";").filter(|name| is_stranger(name)) {
            found.stranger.get_or_insert_with(|| (place(text, at), name.to_owned()));
            at += 1;
        } else {
            at += 1;
        }
    }
    if copied > 0 {
        rewritten.push_str(text.get(copied..).unwrap_or_default());
        found.text = Cow::Owned(rewritten);
    }
    let mut placed = Placer { text, at: 0, line: 1 };
    let mut single: Vec<(usize, &str)> =
        seen.into_iter().filter_map(|(key, at)| at.map(|at| (at, key))).collect();
    single.sort_unstable();
    found.keys = single.into_iter().map(|(at, key)| (key.to_owned(), placed.place(at))).collect();
    found
}

/// The text between `open`, with which `rest` begins, and the next `close`.
fn enclosed<'a>(rest: &'a str, open: &str, close: &str) -> Option<&'a str> {
    rest.strip_prefix(open)?.split_once(close).map(|(body, _)| body)
}

/// Whether `name` looks like an entity, but is none of XML's five and no character number.
fn is_stranger(name: &str) -> bool {
    let plain = !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphanumeric());
    plain && !["amp", "lt", "gt", "quot", "apos"].contains(&name)
}

/// Line and column of a byte offset.
pub(super) fn place(text: &str, at: usize) -> Place {
    Placer { text, at: 0, line: 1 }.place(at)
}

/// Turns growing offsets into places without counting lines again from the start.
struct Placer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Placer<'_> {
    fn place(&mut self, at: usize) -> Place {
        let bytes = self.text.as_bytes();
        let at = at.min(bytes.len());
        let passed = bytes.get(self.at..at).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = at;
        let before = bytes.get(..at).unwrap_or_default();
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let is_character_start = |byte: &&u8| **byte & 0b1100_0000 != 0b1000_0000;
        let column = before.get(begin..).unwrap_or_default().iter().filter(is_character_start).count();
        (self.line, column + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_found_outside_comments_and_only_when_they_stand_alone() {
        let scanned =
            scan("<dict>\n  <!-- <key>Debug</key> -->\n  <key>Reboot</key><key>a</key><key>a</key>");
        assert_eq!(scanned.keys, BTreeMap::from([("Reboot".to_owned(), (3, 3))]));
    }

    #[test]
    fn dashes_in_comments_strange_entities_and_cdata_are_seen() {
        let scanned = scan("é<!-- a --b -->\n<string>&nbsp;&amp;&#65;<![CDATA[a<b&c]]></string>");
        assert_eq!(scanned.dashes, Some((1, 9)));
        assert_eq!(scanned.stranger, Some(((2, 9), "nbsp".to_owned())));
        assert!(scanned.text.ends_with("&#65;a&lt;b&amp;c</string>"), "{}", scanned.text);
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_over(text in "(<!--|-->|<!\\[CDATA\\[|\\]\\]>|<key>|</key>|&|;|-|é|\n|a){0,40}") {
            let scanned = scan(&text);
            prop_assert!(scanned.keys.len() <= text.len());
        }
    }
}
