//! XML as found in packages: read without trust, in bounded depth and size, forgiving what does not matter.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::io::BufRead;

/// Deeper nesting than this is no package's.
const DEEPEST: usize = 100;

/// More elements than this are no package's table of contents.
const MOST_ELEMENTS: usize = 8_000_000;

/// More elements than this are no package's description.
const MOST_HELD: usize = 50_000;

/// The document cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("malformed XML at byte {position}: {reason}")]
pub struct XmlError {
    /// Bytes from the beginning of the (decompressed) document.
    pub position: u64,
    /// What is wrong.
    pub reason: String,
}

/// One piece of a document, in document order; comments and instructions are left out.
#[derive(Debug)]
pub(super) enum Node {
    /// An element begins. Namespace prefixes are dropped.
    Open(Tag),
    /// Text between tags, entities resolved.
    Text(String),
    /// The innermost open element ends.
    Close,
}

/// An element's name and attributes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// Local name.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The value of the attribute called `name`.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Gives the nodes of a document one by one.
pub(super) struct Nodes<B> {
    reader: Reader<B>,
    buffer: Vec<u8>,
    depth: usize,
    elements: usize,
    most: usize,
}

impl<B: BufRead> Nodes<B> {
    /// Reads `document`, UTF-8.
    pub(super) fn new(document: B) -> Self {
        let mut reader = Reader::from_reader(document);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { reader, buffer: Vec::new(), depth: 0, elements: 0, most: MOST_ELEMENTS }
    }

    /// The next node; `None` at the end of a complete document.
    pub(super) fn next(&mut self) -> Result<Option<Node>, XmlError> {
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer);
            let node = match event {
                Ok(Event::Start(start)) => Node::Open(tag(&start)),
                Ok(Event::End(_)) => Node::Close,
                Ok(Event::Text(text)) => Node::Text(text.xml10_content().into_owned()),
                Ok(Event::CData(text)) => Node::Text(text.xml10_content().into_owned()),
                Ok(Event::GeneralRef(reference)) => Node::Text(resolved(&reference)),
                Ok(Event::Eof) => return self.end(),
                Ok(_) => continue,
                Err(error) => return Err(self.refuse(error.to_string())),
            };
            return self.count(node).map(Some);
        }
    }

    fn count(&mut self, node: Node) -> Result<Node, XmlError> {
        match node {
            Node::Open(_) => {
                self.depth += 1;
                self.elements += 1;
            }
            Node::Close => self.depth = self.depth.saturating_sub(1),
            Node::Text(_) => {}
        }
        if self.depth > DEEPEST {
            return Err(self.refuse(format!("elements nested more than {DEEPEST} deep")));
        }
        if self.elements > self.most {
            return Err(self.refuse(format!("more than {} elements", self.most)));
        }
        Ok(node)
    }

    fn end(&self) -> Result<Option<Node>, XmlError> {
        if self.depth > 0 {
            return Err(self.refuse("the document ends inside an element".into()));
        }
        Ok(None)
    }

    /// An error at the current place.
    pub(super) fn refuse(&self, reason: String) -> XmlError {
        XmlError { position: self.reader.buffer_position(), reason }
    }
}

fn tag(start: &BytesStart<'_>) -> Tag {
    let mut tag = Tag { name: start.local_name().as_ref().to_owned(), attributes: Vec::new() };
    for attribute in start.attributes().with_checks(false).flatten() {
        let value = quick_xml::escape::unescape(&attribute.value)
            .map_or_else(|_| attribute.value.to_string(), |value| value.into_owned());
        tag.attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
    }
    tag
}

fn resolved(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    quick_xml::escape::resolve_predefined_entity(reference)
        .map_or_else(|| format!("&{};", &**reference), str::to_owned)
}

/// A whole small document: an element with everything in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Element {
    /// Name and attributes.
    pub(super) tag: Tag,
    /// The elements directly inside.
    pub(super) children: Vec<Element>,
    /// The text directly inside, trimmed.
    pub(super) text: String,
}

impl Element {
    /// The root of `document`, which may be UTF-8 or (with a byte order mark) UTF-16.
    pub(super) fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let text = decoded(document);
        let mut nodes = Nodes::new(text.as_bytes());
        nodes.most = MOST_HELD;
        let mut open = vec![Self::default()];
        while let Some(node) = nodes.next()? {
            match node {
                Node::Open(tag) => open.push(Self { tag, ..Self::default() }),
                Node::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Node::Close => close(&mut open),
            }
        }
        let root = open.pop().and_then(|document| document.children.into_iter().next());
        root.ok_or_else(|| nodes.refuse("no element in it".into()))
    }

    /// The value of the attribute called `name`.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.tag.attribute(name)
    }

    /// The elements called `name` directly inside.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.tag.name == name)
    }

    /// The first element called `name` directly inside.
    pub(super) fn first(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.tag.name == name)
    }
}

fn close(open: &mut Vec<Element>) {
    let Some(mut done) = open.pop() else { return };
    done.text = done.text.trim().to_owned();
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => open.push(done),
    }
}

fn decoded(document: &[u8]) -> String {
    let utf16 = |order: fn([u8; 2]) -> u16| {
        let units = document.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
        char::decode_utf16(units.skip(1)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match document {
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        _ => String::from_utf8_lossy(document).into_owned(),
    }
}

/// A boolean as package tools spell it; anything else means nothing.
pub(super) fn boolean(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_elements_with_resolved_text() {
        let root = Element::parse(
            b"<?xml version='1.0'?><!-- c --><a x='1 &amp; 2' y=yes><b/>A&#x41;&lt;<![CDATA[<]]>&odd; <c>t</c></a>",
        )
        .unwrap();
        assert_eq!(root.attribute("x"), Some("1 & 2"));
        assert_eq!(root.text, "AA<<&odd;");
        assert_eq!(root.first("c").unwrap().text, "t");
        assert_eq!(root.all("b").count(), 1);
    }

    #[test]
    fn utf_16_and_broken_utf_8_are_read_too() {
        let utf16: Vec<u8> = "\u{feff}<a b='č'/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(Element::parse(&utf16).unwrap().attribute("b"), Some("č"));
        assert_eq!(Element::parse(b"<a b='\xff'/>").unwrap().attribute("b"), Some("\u{fffd}"));
    }

    #[test]
    fn an_unfinished_empty_or_absurdly_deep_document_is_refused_with_its_place() {
        assert!(Element::parse(b"").is_err());
        assert!(Element::parse(b"<a><b></b>").unwrap_err().to_string().contains("ends inside"));
        assert!(Element::parse(b"<a></b>").is_err());
        let deep = Element::parse("<a>".repeat(5000).as_bytes()).unwrap_err();
        assert!(deep.position < 1000 && deep.reason.contains("nested"), "{deep}");
    }

    #[test]
    fn booleans_are_understood_in_every_spelling_and_nothing_is_guessed() {
        for (word, meaning) in [
            ("yes", Some(true)),
            ("TRUE", Some(true)),
            ("1", Some(true)),
            ("no", Some(false)),
            ("0", Some(false)),
            ("2", None),
        ] {
            assert_eq!(boolean(word), meaning, "{word}");
        }
    }
}
