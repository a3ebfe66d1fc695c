//! The RFC 3161 token that proves when a signature was made (P39).

use super::certificate::Certificate;
use super::chain;
use super::cms::{CmsFlaw, SignedData};
use super::der::{GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use super::flaw::Flaw;
use super::key::Hash;
use super::moment;
use super::trust::TrustRoots;
use time::OffsetDateTime;

/// The content type `TSTInfo`.
const TIMESTAMP_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
/// The extended key usage of timestamp authorities.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// A genuine timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) at: OffsetDateTime,
    /// Name of the authority.
    pub(super) by: String,
    /// Whether the authority leads to a trusted root; if not, it is only somebody's word.
    pub(super) trusted: bool,
}

/// Verifies `token`, which must be about the signature `value`.
pub(super) fn verify(token: &[u8], value: &[u8], roots: &TrustRoots) -> Result<Timestamp, Flaw> {
    let refuse = |reason: &str| Flaw::Timestamp(reason.to_owned());
    let signed = SignedData::parse(token).map_err(flaw)?;
    let content = signed.content.as_deref().ok_or_else(|| refuse("it holds no content"))?;
    let signer = signed.signer(&[]).ok_or_else(|| flaw(CmsFlaw::NoSigner))?;
    signed.verify(signer, TIMESTAMP_INFO, content).map_err(flaw)?;
    let info = Info::parse(content).ok_or_else(|| refuse("its content cannot be understood"))?;
    if info.hash.digest(value) != info.imprint {
        return Err(refuse("it belongs to another signature"));
    }
    let extensions = &signer.extensions;
    let only_for_time = extensions.purposes.as_deref() == Some(&[TIME_STAMPING.to_vec()]);
    if !only_for_time || !extensions.purposes_are_critical || !extensions.may_sign() {
        return Err(refuse(&format!("{} is no timestamp authority", signer.subject)));
    }
    let trusted = leads_to_root(signer, &signed.certificates, roots, info.at);
    Ok(Timestamp { at: info.at, by: signer.subject.to_string(), trusted })
}

fn leads_to_root(signer: &Certificate, pool: &[Certificate], roots: &TrustRoots, at: OffsetDateTime) -> bool {
    chain::build(signer, pool, roots).is_ok_and(|chain| {
        chain::check_constraints(&chain).is_ok() && chain::check_validity(&chain, at).is_ok()
    })
}

fn flaw(flaw: CmsFlaw) -> Flaw {
    Flaw::Timestamp(match flaw {
        CmsFlaw::Malformed(part) => format!("{part} cannot be understood"),
        CmsFlaw::NoSigner => "it comes without the certificate of its authority".into(),
        CmsFlaw::Content => "it was signed over other content".into(),
        CmsFlaw::Value => "its authority did not sign it".into(),
    })
}

/// What the authority states.
struct Info {
    hash: Hash,
    imprint: Vec<u8>,
    at: OffsetDateTime,
}

impl Info {
    fn parse(content: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(content).expect(SEQUENCE)?.inside();
        fields.expect(INTEGER)?; // version
        fields.expect(OBJECT_IDENTIFIER)?; // policy
        let mut imprint = fields.expect(SEQUENCE)?.inside();
        let hash = Hash::of(imprint.expect(SEQUENCE)?.inside())?;
        let imprint = imprint.expect(OCTET_STRING)?.content.to_vec();
        fields.expect(INTEGER)?; // serial number
        let at = moment::parse(fields.expect(GENERALIZED_TIME)?)?;
        Some(Self { hash, imprint, at })
    }
}
