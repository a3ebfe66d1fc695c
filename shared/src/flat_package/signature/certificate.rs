//! An X.509 certificate, read as far as judging a chain needs it (P39). Nothing is verified here.

use super::der::{self, BIT_STRING, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET, context};
use super::extensions::Extensions;
use super::key::{Hash, PublicKey, Scheme};
use super::moment;
use crate::{digest::Digest, item::TeamId};
use std::fmt;
use time::OffsetDateTime;

/// A certificate as found; who trusts it is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate itself.
    pub der: Vec<u8>,
    /// Whom it is about.
    pub subject: Name,
    /// Who issued it.
    pub issuer: Name,
    /// Beginning of its validity.
    pub not_before: OffsetDateTime,
    /// End of its validity.
    pub not_after: OffsetDateTime,
    pub(super) serial: Vec<u8>,
    /// What its issuer signed.
    pub(super) signed: Vec<u8>,
    /// The content of the algorithm's identifier.
    pub(super) algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// `None`: a kind of key that is not accepted here.
    pub(super) key: Option<PublicKey>,
    pub(super) extensions: Extensions,
}

/// The parts of a distinguished name that people read, and the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// Common name.
    pub common_name: Option<String>,
    /// Organisation.
    pub organization: Option<String>,
    /// Organisational unit, where Apple writes the Team ID.
    pub organizational_unit: Option<String>,
    pub(super) der: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate in DER; `None` when it is malformed. Bytes after it are ignored.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let whole = Reader::new(bytes).expect(SEQUENCE)?;
        let mut outer = whole.inside();
        let body = outer.expect(SEQUENCE)?;
        let algorithm = outer.expect(SEQUENCE)?.content;
        let signature = outer.expect(BIT_STRING)?.bits()?.to_vec();
        let mut fields = body.inside();
        fields.optional(context(0));
        let serial = fields.expect(INTEGER)?.content.to_vec();
        if fields.expect(SEQUENCE)?.content != algorithm {
            return None; // What is signed must say how it is signed.
        }
        let issuer = Name::parse(fields.expect(SEQUENCE)?);
        let mut validity = fields.expect(SEQUENCE)?.inside();
        let (not_before, not_after) = (moment::parse(validity.next()?)?, moment::parse(validity.next()?)?);
        let subject = Name::parse(fields.expect(SEQUENCE)?);
        let key = PublicKey::parse(fields.expect(SEQUENCE)?.inside());
        fields.optional(0x81); // identifiers nobody uses
        fields.optional(0x82);
        let extensions = match fields.optional(context(3)) {
            Some(extensions) => Extensions::parse(extensions.inside())?,
            None => Extensions::default(),
        };
        let (der, signed, algorithm) = (whole.whole.to_vec(), body.whole.to_vec(), algorithm.to_vec());
        Some(Self {
            der,
            subject,
            issuer,
            not_before,
            not_after,
            serial,
            signed,
            algorithm,
            signature,
            key,
            extensions,
        })
    }

    /// SHA-256 of the certificate, as Keychain Access shows it.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// The Team ID in its subject's organisational unit; never the one in the common name, which anybody may
    /// choose.
    #[must_use]
    pub fn team_id(&self) -> Option<&str> {
        let unit = self.subject.organizational_unit.as_deref()?;
        TeamId::fits(unit).then_some(unit)
    }

    /// Its key in PKCS #1, if it is an RSA key.
    #[must_use]
    pub fn rsa_public_key(&self) -> Option<&[u8]> {
        self.key.as_ref()?.rsa()
    }

    /// How long its RSA key is, in bits; `None` for other keys, and for those that are not accepted here.
    #[must_use]
    pub fn rsa_bits(&self) -> Option<usize> {
        let mut fields = Reader::new(self.rsa_public_key()?).expect(SEQUENCE)?.inside();
        let modulus = fields.expect(INTEGER)?.content;
        let zeros: usize = modulus.iter().take_while(|byte| **byte == 0).count() * 8 + first_zeros(modulus);
        Some(modulus.len() * 8 - zeros)
    }

    /// Whether its issuer signed it with SHA-1.
    #[must_use]
    pub fn is_signed_with_sha1(&self) -> bool {
        self.scheme().is_some_and(|scheme| scheme.hash() == Hash::Sha1)
    }

    /// Whether it names a host as clients of today look for it: in its Subject Alternative Name.
    #[must_use]
    pub fn names_hosts(&self) -> bool {
        self.extensions.names_hosts
    }

    /// Whether it says that it is for TLS servers.
    #[must_use]
    pub fn is_for_servers(&self) -> bool {
        const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
        self.extensions.has_purpose(SERVER_AUTHENTICATION)
    }

    /// Whether `issuer` is named as its issuer and has signed it.
    #[must_use]
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        let scheme = self.scheme();
        self.issuer.der == issuer.subject.der
            && scheme
                .zip(issuer.key.as_ref())
                .is_some_and(|(scheme, key)| key.verifies(scheme, &self.signed, &self.signature))
    }

    /// How its issuer signed it.
    pub(super) fn scheme(&self) -> Option<Scheme> {
        Scheme::of(Reader::new(&self.algorithm), None)
    }

    /// Its number, unique for its issuer, as the content of a DER integer.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Whether its subject is its issuer.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject.der == self.issuer.der
    }
}

/// The zero bits before the first one, in the first byte that has one.
fn first_zeros(number: &[u8]) -> usize {
    number.iter().find(|byte| **byte != 0).map_or(0, |byte| byte.leading_zeros() as usize)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [&self.common_name, &self.organizational_unit, &self.organization];
        f.write_str(names.into_iter().flatten().next().map_or("an unnamed certificate", String::as_str))
    }
}

impl Name {
    /// The name in DER, by which certificates refer to each other.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    fn parse(name: der::Element<'_>) -> Self {
        let mut found = Self { der: name.whole.to_vec(), ..Self::default() };
        let mut sets = name.inside();
        while let Some(set) = sets.optional(SET) {
            found.take(set.inside());
        }
        found
    }

    fn take(&mut self, mut attributes: Reader<'_>) {
        while let Some(attribute) = attributes.optional(SEQUENCE) {
            let mut attribute = attribute.inside();
            let (Some(name), Some(value)) = (attribute.expect(OBJECT_IDENTIFIER), attribute.next()) else {
                continue;
            };
            let slot = match name.content {
                [0x55, 4, 3] => &mut self.common_name,
                [0x55, 4, 10] => &mut self.organization,
                [0x55, 4, 11] => &mut self.organizational_unit,
                _ => continue,
            };
            slot.get_or_insert_with(|| text(value));
        }
    }
}

fn text(value: der::Element<'_>) -> String {
    if value.tag == der::BMP_STRING {
        let units = value
            .content
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
        return char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    String::from_utf8_lossy(value.content).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat_package::signature::trust::APPLE_ROOT_CA;
    use der::{BMP_STRING, encode};

    fn attribute(name: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        let pair = [encode(OBJECT_IDENTIFIER, &[0x55, 4, name]), encode(tag, value)].concat();
        encode(SET, &encode(SEQUENCE, &pair))
    }

    fn certificate() -> Vec<u8> {
        let unit: Vec<u8> = "ABCDE12345".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let subject = [
            attribute(3, 0x0c, "Jan Novák (FAKE567890)".as_bytes()),
            attribute(11, BMP_STRING, &unit),
            attribute(11, 0x0c, b"SECOND6789"),
        ];
        let validity =
            [encode(der::UTC_TIME, b"200101000000Z"), encode(der::GENERALIZED_TIME, b"20510203040506Z")];
        let algorithm = encode(OBJECT_IDENTIFIER, &[0x2a, 3]);
        let body = [
            encode(context(0), &encode(INTEGER, &[2])),
            encode(INTEGER, &[0; 200]),
            encode(SEQUENCE, &algorithm),
            encode(SEQUENCE, &[]),
            encode(SEQUENCE, &validity.concat()),
            encode(SEQUENCE, &subject.concat()),
            encode(SEQUENCE, &[]),
        ];
        let outer =
            [encode(SEQUENCE, &body.concat()), encode(SEQUENCE, &algorithm), encode(BIT_STRING, &[0, 1])];
        encode(SEQUENCE, &outer.concat())
    }

    #[test]
    fn p39_the_team_id_is_the_first_organisational_unit_never_a_part_of_the_common_name() {
        let certificate = Certificate::parse(&certificate()).unwrap();
        assert_eq!(certificate.team_id(), Some("ABCDE12345"));
        assert_eq!(certificate.subject.to_string(), "Jan Novák (FAKE567890)");
        assert_eq!(certificate.issuer.to_string(), "an unnamed certificate");
        assert_eq!(certificate.not_after, time::macros::datetime!(2051-02-03 04:05:06 UTC));
    }

    #[test]
    fn p39_the_pinned_certificate_is_the_one_apple_publishes() {
        let root = Certificate::parse(APPLE_ROOT_CA).unwrap();
        assert_eq!(
            root.fingerprint().to_string(),
            "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024"
        );
        assert_eq!(root.subject.to_string(), "Apple Root CA");
        assert!(root.is_self_issued() && root.der.len() == APPLE_ROOT_CA.len());
    }

    #[test]
    fn a_cut_or_altered_certificate_never_panics() {
        for whole in [certificate(), APPLE_ROOT_CA.to_vec()] {
            for place in 0..whole.len() {
                assert_eq!(Certificate::parse(&whole[..place]), None);
                let mut altered = whole.clone();
                altered[place] ^= 0xff;
                let _ = Certificate::parse(&altered);
            }
        }
    }
}
