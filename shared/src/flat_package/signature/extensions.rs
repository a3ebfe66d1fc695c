//! The extensions of a certificate that decide what it may be used for (P39).

use super::der::{BIT_STRING, BOOLEAN, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

/// Extensions that are understood, and whether all the others may be ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// Basic constraints: whether it may issue certificates.
    pub(super) is_authority: bool,
    /// How many issuing certificates may stand between it and the last one.
    pub(super) path_length: Option<u64>,
    /// The first byte of the key usage.
    key_usage: Option<u8>,
    /// Object identifiers of the extended key usage; `None`: not restricted.
    pub(super) purposes: Option<Vec<Vec<u8>>>,
    /// Whether the extended key usage is critical.
    pub(super) purposes_are_critical: bool,
    pub(super) subject_key_id: Option<Vec<u8>>,
    /// Whether a DNS name or an address is among its alternative names.
    pub(super) names_hosts: bool,
    /// Apple's markers: object identifiers of extensions that say a thing by being there.
    pub(super) markers: Vec<Vec<u8>>,
    /// A critical extension that is not understood, as dotted numbers.
    pub(super) not_understood: Option<String>,
}

/// Kinds of alternative names.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// Bits of the key usage.
const DIGITAL_SIGNATURE: u8 = 0x80;
const CERTIFICATE_SIGNING: u8 = 0x04;

/// `1.2.840.113635.100.6`, under which Apple names its extensions.
const APPLE_EXTENSIONS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x06];

/// More extensions than this are no certificate's.
const MOST_EXTENSIONS: usize = 64;

impl Extensions {
    /// `None` when one of those that matter is malformed, or one appears twice.
    pub(super) fn parse(mut wrapper: Reader<'_>) -> Option<Self> {
        let mut list = wrapper.expect(SEQUENCE)?.inside();
        let (mut found, mut seen) = (Self::default(), Vec::new());
        while !list.is_empty() {
            let mut extension = list.expect(SEQUENCE)?.inside();
            let name = extension.expect(OBJECT_IDENTIFIER)?.content;
            let critical = extension.optional(BOOLEAN).is_some_and(|flag| flag.content != [0]);
            let value = extension.expect(OCTET_STRING)?.content;
            if seen.contains(&name) || seen.len() >= MOST_EXTENSIONS {
                return None;
            }
            seen.push(name);
            found.take(name, critical, Reader::new(value))?;
        }
        Some(found)
    }

    fn take(&mut self, name: &[u8], critical: bool, mut value: Reader<'_>) -> Option<()> {
        match name {
            [0x55, 0x1d, 19] => {
                let mut constraints = value.expect(SEQUENCE)?.inside();
                self.is_authority = constraints.optional(BOOLEAN).is_some_and(|flag| flag.content != [0]);
                self.path_length = match constraints.optional(INTEGER) {
                    Some(length) => Some(small(length)?),
                    None => None,
                };
            }
            [0x55, 0x1d, 15] => {
                let bits = value.expect(BIT_STRING)?.content;
                self.key_usage = Some(bits.get(1).copied().unwrap_or_default());
            }
            [0x55, 0x1d, 37] => {
                let mut list = value.expect(SEQUENCE)?.inside();
                let mut purposes = Vec::new();
                while !list.is_empty() {
                    purposes.push(list.expect(OBJECT_IDENTIFIER)?.content.to_vec());
                }
                (self.purposes, self.purposes_are_critical) = (Some(purposes), critical);
            }
            [0x55, 0x1d, 14] => self.subject_key_id = Some(value.expect(OCTET_STRING)?.content.to_vec()),
            [0x55, 0x1d, 17] => {
                let mut names = value.optional(SEQUENCE).map(|list| list.inside());
                while let Some(name) = names.as_mut().and_then(Reader::next) {
                    self.names_hosts |= [DNS_NAME, IP_ADDRESS].contains(&name.tag);
                }
                // Whoever has no other name is nobody here.
                if critical {
                    self.not_understood = Some(dotted(name));
                }
            }
            // Policies: what they say restricts no path here, since none is asked for.
            [0x55, 0x1d, 32] => {}
            _ if name.starts_with(APPLE_EXTENSIONS) => self.markers.push(name.to_vec()),
            _ if critical => self.not_understood = Some(dotted(name)),
            _ => {}
        }
        Some(())
    }

    /// Whether the key may sign what is no certificate.
    pub(super) fn may_sign(&self) -> bool {
        self.key_usage.is_none_or(|bits| bits & DIGITAL_SIGNATURE != 0)
    }

    /// Whether the key may sign certificates.
    pub(super) fn may_issue(&self) -> bool {
        self.is_authority && self.key_usage.is_none_or(|bits| bits & CERTIFICATE_SIGNING != 0)
    }

    pub(super) fn has_purpose(&self, purpose: &[u8]) -> bool {
        self.purposes.as_ref().is_some_and(|purposes| purposes.iter().any(|found| found == purpose))
    }

    pub(super) fn has_marker(&self, marker: &[u8]) -> bool {
        self.markers.iter().any(|found| found == marker)
    }
}

fn small(number: Element<'_>) -> Option<u64> {
    let digits = number.content;
    (digits.len() <= 4).then(|| digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit)))
}

/// An object identifier as people write it.
pub(super) fn dotted(name: &[u8]) -> String {
    let mut numbers: Vec<String> = Vec::new();
    let mut number: u128 = 0;
    for byte in name {
        number = number << 7 | u128::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = number.min(80) / 40;
                numbers.push(first.to_string());
                number -= first * 40;
            }
            numbers.push(number.to_string());
            number = 0;
        }
    }
    numbers.join(".")
}

#[cfg(test)]
mod tests {
    use super::super::der::encode;
    use super::*;

    fn extension(name: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
        let flag = if critical { encode(BOOLEAN, &[0xff]) } else { Vec::new() };
        encode(SEQUENCE, &[encode(OBJECT_IDENTIFIER, name), flag, encode(OCTET_STRING, value)].concat())
    }

    fn parse(list: &[Vec<u8>]) -> Option<Extensions> {
        Extensions::parse(Reader::new(&encode(SEQUENCE, &list.concat())))
    }

    #[test]
    fn a_critical_extension_that_is_not_understood_is_remembered() {
        let marker = [APPLE_EXTENSIONS, &[1, 14]].concat();
        let name_constraints = [0x55, 0x1d, 30];
        let found =
            parse(&[extension(&marker, true, &[5, 0]), extension(&name_constraints, true, &[])]).unwrap();
        assert!(found.has_marker(&marker));
        assert_eq!(found.not_understood.as_deref(), Some("2.5.29.30"));
        assert_eq!(parse(&[extension(&name_constraints, false, &[])]).unwrap().not_understood, None);
    }

    #[test]
    fn constraints_and_usages_decide_who_may_issue() {
        let constraints = |inner: &[u8]| extension(&[0x55, 0x1d, 19], true, &encode(SEQUENCE, inner));
        let usage = |bits: u8| extension(&[0x55, 0x1d, 15], true, &encode(BIT_STRING, &[1, bits]));
        let authority = [BOOLEAN, 1, 0xff, INTEGER, 1, 3];
        let found = parse(&[constraints(&authority)]).unwrap();
        assert!(found.may_issue() && found.may_sign() && found.path_length == Some(3));
        let found = parse(&[constraints(&authority), usage(DIGITAL_SIGNATURE)]).unwrap();
        assert!(!found.may_issue() && found.may_sign());
        let found = parse(&[constraints(&[]), usage(CERTIFICATE_SIGNING)]).unwrap();
        assert!(!found.may_issue() && !found.may_sign());
        assert_eq!(parse(&[usage(1), usage(2)]), None, "twice the same");
    }

    #[test]
    fn object_identifiers_are_written_as_people_know_them() {
        assert_eq!(dotted(&[&APPLE_EXTENSIONS[..7], &[4, 13]].concat()), "1.2.840.113635.100.4.13");
        assert_eq!(dotted(&[]), "");
        assert_eq!(dotted(&[0xff; 30]), "");
    }
}
