//! Base64, as the table of contents of a package, minisign's files and tokens use it.

/// Characters on one line of what [`encode_lines`] makes; the same as in packages made by Apple's tools.
const LINE: usize = 72;
/// As many bytes as fill a line.
const LINE_BYTES: usize = LINE / 4 * 3;

/// `bytes` as lines of base64.
pub(crate) fn encode_lines(bytes: &[u8]) -> String {
    bytes.chunks(LINE_BYTES).map(encode).collect::<Vec<_>>().join("\n")
}

/// `bytes` as one line of base64.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, place| word << 8 | u32::from(*group.get(place).unwrap_or(&0)));
        for place in 0..4 {
            let digit = DIGITS.get((word >> (18 - 6 * place) & 63) as usize).filter(|_| place <= group.len());
            text.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

/// The bytes behind `text`; blanks are skipped, padding ends it. `None` on any other character.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for character in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// The bytes behind `text`, if it is the one way to write exactly `N` of them.
pub(crate) fn decode_exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: [u8; N] = decode(text)?.try_into().ok()?;
    (encode(&bytes) == text).then_some(bytes)
}

/// `bytes` as one line of base64url without padding (RFC 4648, 5), as tokens are written.
#[must_use]
pub fn encode_url(bytes: &[u8]) -> String {
    let digit = |digit| match digit {
        '+' => '-',
        '/' => '_',
        digit => digit,
    };
    encode(bytes).trim_end_matches('=').chars().map(digit).collect()
}

/// The bytes behind `text`, if it is the one way to write them in base64url: no padding, no blanks, unused bits zero (T56).
#[must_use]
pub fn decode_url(text: &str) -> Option<Vec<u8>> {
    let digit = |digit| match digit {
        '-' => Some('+'),
        '_' => Some('/'),
        'A'..='Z' | 'a'..='z' | '0'..='9' => Some(digit),
        _ => None,
    };
    let bytes = decode(&text.chars().map(digit).collect::<Option<String>>()?)?;
    (encode_url(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors_decode() {
        for (text, plain) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\nYmFy", "foobar")]
        {
            assert_eq!(decode(text).unwrap(), plain.as_bytes(), "{text}");
            assert_eq!(encode_lines(plain.as_bytes()), text.replace('\n', ""));
        }
        assert_eq!(decode("Zm9v!"), None);
    }

    #[test]
    fn exactly_so_many_bytes_have_one_spelling() {
        assert_eq!(decode_exactly("Zg=="), Some(*b"f"));
        for other in ["Zg", "Zh==", "Z g==", "Zg==Zg==", "Zg===", "Zm8="] {
            assert_eq!(decode_exactly::<1>(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_again_and_has_short_lines() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = encode_lines(&bytes);
        assert!(text.lines().all(|line| line.len() <= LINE) && text.lines().count() == 5, "{text}");
        assert_eq!(decode(&text).unwrap(), bytes);
    }

    #[test]
    fn t56_base64url_has_one_spelling_for_any_bytes() {
        assert_eq!(encode_url(&[0xfb, 0xff, 0xfe, 0xff]), "-__-_w");
        assert_eq!(decode_url("-__-_w"), Some(vec![0xfb, 0xff, 0xfe, 0xff]));
        assert_eq!(decode_url(""), Some(Vec::new()));
        for other in ["-__-_x", "-__-_w==", "+//-_w", "-__-_", "-__ -_w", "-__-_w\n", "A", "\u{e9}AAA"] {
            assert_eq!(decode_url(other), None, "{other:?}");
        }
        for length in 0..40 {
            let bytes: Vec<u8> = (0..length).map(|at: u8| at.wrapping_mul(37).wrapping_add(length)).collect();
            assert_eq!(decode_url(&encode_url(&bytes)), Some(bytes));
        }
    }
}
