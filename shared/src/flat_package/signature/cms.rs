//! A CMS `SignedData` with one signer, as packages and timestamps carry it (P39).

use super::certificate::Certificate;
use super::der::{Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET, context};
use super::key::{Hash, Scheme};
use super::moment;
use time::OffsetDateTime;

/// More certificates than this are no chain's.
const MOST_CERTIFICATES: usize = 32;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];
/// Apple's list of all code directories that were signed together: a property list.
const CODE_DIRECTORIES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x09, 0x01];
const TIMESTAMP_TOKEN: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0e];

/// The content type `data`.
pub(super) const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

/// What is wrong with a CMS signature itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CmsFlaw {
    /// It cannot be read: which part.
    Malformed(&'static str),
    /// The certificate of its signer is not among those at hand.
    NoSigner,
    /// It was made over other content.
    Content,
    /// Its value was not made with the signer's key over its attributes.
    Value,
}

/// A `SignedData`.
#[derive(Debug)]
pub(super) struct SignedData<'a> {
    content_type: &'a [u8],
    /// The content, unless it is detached.
    pub(super) content: Option<Vec<u8>>,
    pub(super) certificates: Vec<Certificate>,
    signer: Signer<'a>,
}

/// How the signer's certificate is named.
#[derive(Debug, Clone, Copy)]
enum SignerId<'a> {
    Serial { issuer: &'a [u8], serial: &'a [u8] },
    KeyId(&'a [u8]),
}

/// The `SignerInfo`.
#[derive(Debug)]
struct Signer<'a> {
    id: SignerId<'a>,
    scheme: Scheme,
    hash: Hash,
    /// `None`: the value is over the content itself, as Apple's signer made it until about 2020.
    signed: Option<Attributes<'a>>,
    value: &'a [u8],
    token: Option<&'a [u8]>,
}

/// The signed attributes.
#[derive(Debug, Default)]
struct Attributes<'a> {
    /// As they were signed: tagged as a set.
    bytes: Vec<u8>,
    content_type: Option<&'a [u8]>,
    message_digest: Option<&'a [u8]>,
    signing_time: Option<OffsetDateTime>,
    code_directories: Option<Vec<u8>>,
}

impl<'a> SignedData<'a> {
    /// Reads the signature that `bytes` begin with; what follows is padding.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, CmsFlaw> {
        let broken = CmsFlaw::Malformed;
        let mut outer = Reader::new(bytes).expect(SEQUENCE).ok_or(broken("its beginning"))?.inside();
        let kind = outer.expect(OBJECT_IDENTIFIER).ok_or(broken("its type"))?;
        if kind.content != SIGNED_DATA {
            return Err(broken("its type, which is not SignedData"));
        }
        let wrapper = outer.expect(context(0)).ok_or(broken("its wrapper"))?;
        let mut fields = wrapper.inside().expect(SEQUENCE).ok_or(broken("its body"))?.inside();
        fields.expect(INTEGER).ok_or(broken("its version"))?;
        fields.expect(SET).ok_or(broken("its digest algorithms"))?;
        let (content_type, content) =
            fields.expect(SEQUENCE).and_then(encapsulated).ok_or(broken("its content"))?;
        let certificates = match fields.optional(context(0)) {
            Some(list) => certificates(list.inside()).ok_or(broken("its certificates"))?,
            None => Vec::new(),
        };
        fields.optional(context(1)); // revocation lists
        let mut signers = fields.expect(SET).ok_or(broken("its signers"))?.inside();
        let signer = signers.expect(SEQUENCE).ok_or(broken("its signer"))?;
        if !signers.is_empty() {
            return Err(broken("its signers, of which there may be only one"));
        }
        Ok(Self { content_type, content, certificates, signer: Signer::parse(signer)? })
    }

    /// The certificate that is named as the signer's, out of this signature's and `others`.
    pub(super) fn signer<'b>(&'b self, others: &'b [Certificate]) -> Option<&'b Certificate> {
        self.certificates.iter().chain(others).find(|certificate| match self.signer.id {
            SignerId::Serial { issuer, serial } => {
                certificate.issuer.der == issuer && certificate.serial == serial
            }
            SignerId::KeyId(id) => certificate.extensions.subject_key_id.as_deref() == Some(id),
        })
    }

    /// Verifies that the key of `signer` signed `content`, of the type `content_type`.
    pub(super) fn verify(
        &self,
        signer: &Certificate,
        content_type: &[u8],
        content: &[u8],
    ) -> Result<(), CmsFlaw> {
        let Signer { scheme, hash, signed, value, .. } = &self.signer;
        // Only plain data may be signed without attributes.
        let named = signed.as_ref().map_or(Some(DATA), |signed| signed.content_type);
        if self.content_type != content_type || named != Some(content_type) {
            return Err(CmsFlaw::Malformed("its content type"));
        }
        let key = signer.key.as_ref().ok_or(CmsFlaw::Value)?;
        let covered = signed.as_ref().map_or(content, |signed| signed.bytes.as_slice());
        if !key.verifies(*scheme, covered, value) {
            return Err(CmsFlaw::Value);
        }
        match signed {
            Some(signed) if signed.message_digest != Some(hash.digest(content).as_slice()) => {
                Err(CmsFlaw::Content)
            }
            _ => Ok(()),
        }
    }

    /// When the signer claims to have signed.
    pub(super) fn signing_time(&self) -> Option<OffsetDateTime> {
        self.signer.signed.as_ref()?.signing_time
    }

    /// The property list that names the code directories of a program.
    pub(super) fn code_directories(&self) -> Option<Vec<u8>> {
        self.signer.signed.as_ref()?.code_directories.clone()
    }

    /// The RFC 3161 token over [`SignedData::value`].
    pub(super) fn token(&self) -> Option<&'a [u8]> {
        self.signer.token
    }

    /// The signature's value.
    pub(super) fn value(&self) -> &'a [u8] {
        self.signer.value
    }
}

/// Type and content.
fn encapsulated(info: Element<'_>) -> Option<(&[u8], Option<Vec<u8>>)> {
    let mut info = info.inside();
    let content_type = info.expect(OBJECT_IDENTIFIER)?.content;
    let content = match info.optional(context(0)) {
        Some(wrapper) => Some(wrapper.inside().next()?.octets()?),
        None => None,
    };
    Some((content_type, content))
}

/// The X.509 certificates of a list; attribute certificates, which have other tags, are left out.
fn certificates(mut list: Reader<'_>) -> Option<Vec<Certificate>> {
    let mut found = Vec::new();
    while !list.is_empty() {
        let element = list.next()?;
        if element.tag == SEQUENCE {
            found.push(Certificate::parse(element.whole)?);
        }
        if found.len() > MOST_CERTIFICATES {
            return None;
        }
    }
    Some(found)
}

impl<'a> Signer<'a> {
    fn parse(info: Element<'a>) -> Result<Self, CmsFlaw> {
        let broken = CmsFlaw::Malformed;
        let mut fields = info.inside();
        fields.expect(INTEGER).ok_or(broken("its signer's version"))?;
        let id = fields.next().and_then(SignerId::parse).ok_or(broken("its signer's name"))?;
        let digest = fields.expect(SEQUENCE).ok_or(broken("its digest algorithm"))?;
        let hash = Hash::of(digest.inside())
            .ok_or(broken("its digest algorithm, which is none of SHA-1 and SHA-2"))?;
        let signed = fields.optional(context(0)).map(Attributes::parse);
        let signed =
            signed.map(|attributes| attributes.ok_or(broken("one of its signed attributes"))).transpose()?;
        let algorithm = fields.expect(SEQUENCE).ok_or(broken("its signature algorithm"))?;
        let scheme = Scheme::of(algorithm.inside(), Some(hash))
            .filter(|scheme| scheme.hash() == hash)
            .ok_or(broken("its signature algorithm, which is not RSA or ECDSA with its digest"))?;
        let value = fields.expect(OCTET_STRING).ok_or(broken("its value"))?.content;
        let token = match fields.optional(context(1)) {
            Some(attributes) => token(attributes.inside()).ok_or(broken("one of its unsigned attributes"))?,
            None => None,
        };
        Ok(Self { id, scheme, hash, signed, value, token })
    }
}

impl<'a> SignerId<'a> {
    fn parse(id: Element<'a>) -> Option<Self> {
        match id.tag {
            SEQUENCE => {
                let mut parts = id.inside();
                let issuer = parts.expect(SEQUENCE)?.whole;
                Some(Self::Serial { issuer, serial: parts.expect(INTEGER)?.content })
            }
            0x80 => Some(Self::KeyId(id.content)),
            _ => None,
        }
    }
}

impl<'a> Attributes<'a> {
    /// They are signed in DER, so they must be stored in DER.
    fn parse(stored: Element<'a>) -> Option<Self> {
        let mut bytes = stored.definite.then(|| stored.whole.to_vec())?;
        *bytes.first_mut()? = SET;
        let mut found = Self { bytes, ..Self::default() };
        let mut list = stored.inside();
        while !list.is_empty() {
            let (name, value) = attribute(&mut list)?;
            let again = match name {
                CONTENT_TYPE => found.content_type.replace(value.content).is_some(),
                MESSAGE_DIGEST => found.message_digest.replace(value.content).is_some(),
                SIGNING_TIME => found.signing_time.replace(moment::parse(value)?).is_some(),
                CODE_DIRECTORIES => found.code_directories.replace(value.octets()?).is_some(),
                _ => false,
            };
            if again {
                return None;
            }
        }
        Some(found)
    }
}

/// Name and first value of the next attribute.
fn attribute<'a>(list: &mut Reader<'a>) -> Option<(&'a [u8], Element<'a>)> {
    let mut attribute = list.expect(SEQUENCE)?.inside();
    let name = attribute.expect(OBJECT_IDENTIFIER)?.content;
    Some((name, attribute.expect(SET)?.inside().next()?))
}

/// The timestamp token among unsigned attributes; the outer `None`: they are malformed.
fn token(mut list: Reader<'_>) -> Option<Option<&[u8]>> {
    let mut found = None;
    while !list.is_empty() {
        let (name, value) = attribute(&mut list)?;
        if name == TIMESTAMP_TOKEN {
            found = Some(value.whole);
        }
    }
    Some(found)
}
