//! Who a package says it is signed by. Nothing is verified here: verification is P39, not built yet.

use super::base64;
use super::xar::{RawSignature, Xar};
use std::io::{Read, Seek};

/// A signature found in a package, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `RSA` or `CMS`.
    pub style: String,
    /// Whether there are any bytes where the signature should be.
    pub present: bool,
    /// The certificates beside it, leaf first.
    pub certificates: Vec<Certificate>,
}

/// What a certificate says about its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate itself.
    pub der: Vec<u8>,
    /// Common name.
    pub common_name: Option<String>,
    /// Organisation.
    pub organization: Option<String>,
    /// Organisational unit, where Apple writes the Team ID.
    pub organizational_unit: Option<String>,
    /// End of validity, as `YYYY-MM-DD`.
    pub not_after: Option<String>,
}

impl Signature {
    /// Reads one of [`Xar::signatures`].
    pub fn read<R: Read + Seek>(archive: &mut Xar<R>, raw: &RawSignature) -> Self {
        let bytes = archive.heap_bytes(raw.offset, raw.size).unwrap_or_default();
        let certificates =
            raw.certificates.iter().filter_map(|text| base64::decode(text)).map(Certificate::parse);
        let certificates = certificates.collect();
        Self { style: raw.style.clone(), present: bytes.iter().any(|byte| *byte != 0), certificates }
    }

    /// The Team ID of the certificate that claims to have signed.
    #[must_use]
    pub fn team_id(&self) -> Option<&str> {
        let unit = self.certificates.first()?.organizational_unit.as_deref()?;
        let is_team = unit.len() == 10 && unit.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        is_team.then_some(unit)
    }
}

/// Tags of the DER elements we meet.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;

impl Certificate {
    fn parse(der: Vec<u8>) -> Self {
        let mut certificate = Self::walk(&der).unwrap_or_default();
        certificate.der = der;
        certificate
    }

    /// `Certificate { TBSCertificate { [0] version, serial, algorithm, issuer, validity, subject, … }, … }`.
    fn walk(der: &[u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut body = Der(Der(outer.expect(SEQUENCE)?).expect(SEQUENCE)?);
        if body.peek() == Some(EXPLICIT_VERSION) {
            body.next()?;
        }
        body.next()?; // serial number
        body.expect(SEQUENCE)?; // algorithm
        body.expect(SEQUENCE)?; // issuer
        let mut validity = Der(body.expect(SEQUENCE)?);
        validity.next()?;
        let not_after = validity.next().and_then(|(tag, time)| date(tag, time));
        let mut certificate = Self { not_after, ..Self::default() };
        let mut subject = Der(body.expect(SEQUENCE)?);
        while let Some((SET, attributes)) = subject.next() {
            certificate.take(Der(attributes));
        }
        Some(certificate)
    }

    fn take(&mut self, mut attributes: Der<'_>) {
        while let Some((SEQUENCE, attribute)) = attributes.next() {
            let mut attribute = Der(attribute);
            let name = attribute.expect(OBJECT_IDENTIFIER).unwrap_or_default();
            let Some((tag, value)) = attribute.next() else { continue };
            let slot = match name {
                [0x55, 4, 3] => &mut self.common_name,
                [0x55, 4, 10] => &mut self.organization,
                [0x55, 4, 11] => &mut self.organizational_unit,
                _ => continue,
            };
            slot.get_or_insert_with(|| text(tag, value));
        }
    }
}

/// A run of DER elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units =
            value.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
        return char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    String::from_utf8_lossy(value).into_owned()
}

/// `YYMMDD…` or `YYYYMMDD…` as `YYYY-MM-DD`.
fn date(tag: u8, time: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(time).ok().filter(|text| text.is_ascii())?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let year = text.get(..2)?;
            (format!("{}{year}", if year < "50" { "20" } else { "19" }), text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.to_owned(), text.get(4..)?),
        _ => return None,
    };
    Some(format!("{year}-{}-{}", rest.get(..2)?, rest.get(2..4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let header = if length < 0x80 {
            vec![tag, length as u8]
        } else {
            vec![tag, 0x82, (length >> 8) as u8, length as u8]
        };
        [header, content.to_vec()].concat()
    }

    fn attribute(name: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        let pair = [element(OBJECT_IDENTIFIER, &[0x55, 4, name]), element(tag, value)].concat();
        element(SET, &element(SEQUENCE, &pair))
    }

    fn certificate() -> Vec<u8> {
        let unit: Vec<u8> = "ABCDE12345".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let subject = [attribute(3, 0x0c, "Jan Novák".as_bytes()), attribute(11, BMP_STRING, &unit)].concat();
        let validity =
            [element(UTC_TIME, b"200101000000Z"), element(GENERALIZED_TIME, b"20510203000000Z")].concat();
        let body = [
            element(EXPLICIT_VERSION, &element(2, &[2])),
            element(2, &[0; 200]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &validity),
            element(SEQUENCE, &subject),
        ];
        element(SEQUENCE, &element(SEQUENCE, &body.concat()))
    }

    #[test]
    fn p39_the_owner_is_read_from_the_leaf() {
        let signature = Signature {
            style: "RSA".into(),
            present: true,
            certificates: vec![Certificate::parse(certificate())],
        };
        assert_eq!(signature.team_id(), Some("ABCDE12345"));
        assert_eq!(signature.certificates[0].common_name.as_deref(), Some("Jan Novák"));
        assert_eq!(signature.certificates[0].not_after.as_deref(), Some("2051-02-03"));
    }

    #[test]
    fn a_cut_or_altered_certificate_never_panics() {
        let whole = certificate();
        for cut in 0..whole.len() {
            Certificate::parse(whole[..cut].to_vec());
            let mut altered = whole.clone();
            altered[cut] ^= 0xff;
            Certificate::parse(altered);
        }
    }
}
