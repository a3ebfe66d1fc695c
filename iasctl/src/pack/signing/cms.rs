//! The CMS `SignedData` over the digest of a table of contents (P39) or of a program's code directory, its content detached.

use super::der::{
    CONTEXT_0, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, UTC_TIME,
    algorithm, element, hash_name, set_of,
};
use shared::flat_package::{checksum::Style, signature::Certificate};
use time::{OffsetDateTime, macros::format_description};

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const SHA_256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];

/// The attributes that are signed.
pub(super) struct Attributes {
    /// As a set, which is how they are signed.
    set: Vec<u8>,
}

impl Attributes {
    /// `digest` is that of the content; `more` are names and values of further attributes.
    pub(super) fn new(style: Style, digest: &[u8], time: OffsetDateTime, more: &[(&[u8], Vec<u8>)]) -> Self {
        debug_assert_eq!(style.bytes(), digest.len());
        let attribute = |name: &[u8], value: &[u8]| {
            element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[name]), &element(SET, &[value])])
        };
        let mut attributes = vec![
            attribute(CONTENT_TYPE, &element(OBJECT_IDENTIFIER, &[DATA])),
            attribute(MESSAGE_DIGEST, &element(OCTET_STRING, &[digest])),
            attribute(SIGNING_TIME, &moment(time)),
        ];
        attributes.extend(more.iter().map(|(name, value)| attribute(name, value)));
        Self { set: set_of(attributes, SET) }
    }

    /// The bytes that are signed.
    pub(super) fn signed(&self) -> &[u8] {
        &self.set
    }
}

/// The whole signature: of `leaf`, with all `certificates`, by `value` over the attributes.
pub(super) fn signed_data(
    style: Style,
    certificates: &[Vec<u8>],
    leaf: Option<&Certificate>,
    attributes: &Attributes,
    value: &[u8],
) -> Vec<u8> {
    let version = element(INTEGER, &[&[1]]);
    let digest_algorithm = algorithm(hash_name(style).unwrap_or_default());
    let name = leaf.map(|leaf| element(SEQUENCE, &[leaf.issuer.der(), &element(INTEGER, &[leaf.serial()])]));
    let mut stored = attributes.set.clone();
    if let Some(tag) = stored.first_mut() {
        *tag = CONTEXT_0;
    }
    // As Apple's tools name it, in packages and in programs.
    let scheme = if style == Style::Sha256 { SHA_256_WITH_RSA } else { RSA_ENCRYPTION };
    let signer = element(
        SEQUENCE,
        &[
            &version,
            &name.unwrap_or_default(),
            &digest_algorithm,
            &stored,
            &algorithm(scheme),
            &element(OCTET_STRING, &[value]),
        ],
    );
    let body = element(
        SEQUENCE,
        &[
            &version,
            &element(SET, &[&digest_algorithm]),
            &element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[DATA])]),
            &set_of(certificates.to_vec(), CONTEXT_0),
            &element(SET, &[&signer]),
        ],
    );
    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[SIGNED_DATA]), &element(CONTEXT_0, &[&body])])
}

/// `UTCTime` until 2049, then `GeneralizedTime` (RFC 5652, 11.3).
fn moment(time: OffsetDateTime) -> Vec<u8> {
    let (tag, text) = if time.year() < 2050 {
        (
            UTC_TIME,
            time.format(format_description!("[year repr:last_two][month][day][hour][minute][second]Z")),
        )
    } else {
        (GENERALIZED_TIME, time.format(format_description!("[year][month][day][hour][minute][second]Z")))
    };
    element(tag, &[text.unwrap_or_default().as_bytes()])
}
