//! Walks DER, and the BER of indefinite length that Apple's signer writes, without copying (P39).

/// Tags of the elements we meet.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// An octet string in pieces, which only BER allows.
const OCTET_STRING_IN_PIECES: u8 = 0x24;

/// The bit of a tag that says its content are elements.
const CONSTRUCTED: u8 = 0x20;

/// Elements of indefinite length inside each other; Apple's signer makes four.
const DEEPEST: u32 = 32;

/// The tag `[number]` around other elements.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// What is in it.
    pub(super) content: &'a [u8],
    /// The element itself, header included.
    pub(super) whole: &'a [u8],
    /// Whether its header tells its length, as DER demands.
    pub(super) definite: bool,
}

impl<'a> Element<'a> {
    /// The elements in it.
    pub(super) fn inside(&self) -> Reader<'a> {
        Reader(self.content)
    }

    /// The bytes of an octet string, also of one in pieces.
    pub(super) fn octets(&self) -> Option<Vec<u8>> {
        match self.tag {
            OCTET_STRING => Some(self.content.to_vec()),
            OCTET_STRING_IN_PIECES => {
                let (mut pieces, mut bytes) = (self.inside(), Vec::new());
                while !pieces.is_empty() {
                    bytes.extend_from_slice(pieces.expect(OCTET_STRING)?.content);
                }
                Some(bytes)
            }
            _ => None,
        }
    }

    /// The bytes of a bit string that holds whole bytes.
    pub(super) fn bits(&self) -> Option<&'a [u8]> {
        match (self.tag, self.content.split_first()) {
            (BIT_STRING, Some((0, bytes))) => Some(bytes),
            _ => None,
        }
    }
}

/// A run of elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element; `None` at the end and where no element can be read.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (element, rest) = element(self.0, DEEPEST)?;
        self.0 = rest;
        Some(element)
    }

    /// The next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// The next element if it has this tag; otherwise nothing is taken.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.peek() == Some(tag) { self.next() } else { None }
    }
}

/// The first element of `input`, and what follows it.
fn element(input: &[u8], depth: u32) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1f == 0x1f {
        return None; // A tag in several bytes: nothing here has one.
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x80 if tag & CONSTRUCTED != 0 => return indefinite(input, tag, rest, depth),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = input.get(..input.len() - rest.len())?;
    Some((Element { tag, content, whole, definite: true }, rest))
}

/// An element that ends where two zeros stand in the place of an element.
fn indefinite<'a>(
    input: &'a [u8],
    tag: u8,
    content: &'a [u8],
    depth: u32,
) -> Option<(Element<'a>, &'a [u8])> {
    let depth = depth.checked_sub(1)?;
    let mut rest = content;
    loop {
        if let Some(after) = rest.strip_prefix(&[0, 0]) {
            let content = content.get(..content.len() - rest.len())?;
            let whole = input.get(..input.len() - after.len())?;
            return Some((Element { tag, content, whole, definite: false }, after));
        }
        (_, rest) = element(rest, depth)?;
    }
}

/// Encodes one element, for tests.
#[cfg(test)]
pub(super) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.push(length as u8),
        0x80..0x100 => bytes.extend([0x81, length as u8]),
        _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p39_elements_of_indefinite_length_end_at_their_own_zeros() {
        // A sequence that holds a sequence that holds 00 00 in an octet string, then an integer.
        let bytes = [0x30, 0x80, 0x30, 0x80, 0x04, 0x02, 0, 0, 0, 0, 0x02, 0x01, 7, 0, 0, 0xff];
        let mut reader = Reader::new(&bytes);
        let outer = reader.expect(SEQUENCE).unwrap();
        assert_eq!((outer.whole.len(), outer.definite, reader.peek()), (15, false, Some(0xff)));
        let mut inside = outer.inside();
        let inner = inside.expect(SEQUENCE).unwrap();
        assert_eq!(inner.inside().expect(OCTET_STRING).unwrap().content, [0, 0]);
        assert_eq!(inside.expect(INTEGER).unwrap().content, [7]);
        assert!(inside.is_empty());
    }

    #[test]
    fn an_octet_string_in_pieces_is_put_together() {
        let bytes = [0x24, 0x80, 0x04, 0x01, 1, 0x04, 0x02, 2, 3, 0, 0];
        assert_eq!(Reader::new(&bytes).next().unwrap().octets().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn what_never_ends_or_is_too_deep_is_no_element() {
        assert_eq!(Reader::new(&[0x30, 0x80, 0x02, 0x01, 7]).next(), None);
        assert_eq!(Reader::new(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).next(), None);
        assert_eq!(Reader::new(&[0x04, 0x80, 0, 0]).next(), None, "a plain element tells its length");
        let deep = [[0x30, 0x80].repeat(100_000), [0, 0].repeat(100_000)].concat();
        assert_eq!(Reader::new(&deep).next(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            let mut taken = 0;
            while let Some(element) = reader.next() {
                taken += element.whole.len();
                prop_assert!(element.content.len() + 2 <= element.whole.len());
            }
            prop_assert!(taken <= bytes.len());
        }
    }
}
