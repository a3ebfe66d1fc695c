//! A CMS signature over content that lies elsewhere, as programs carry it (P62).

use super::certificate::Certificate;
use super::cms::{self, CmsFlaw, SignedData};
use super::flaw::Flaw;
use super::key::Hash;
use super::trust::TrustRoots;
use super::{chain, purpose};

/// Who signed, proven up to a trusted root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detached {
    /// From the signer to the root.
    pub chain: Vec<Certificate>,
    /// Whether that root is Apple's.
    pub leads_to_apple: bool,
    /// The property list in which Apple's signer names every code directory that it signed together.
    pub code_directories: Option<Vec<u8>>,
}

/// Why nobody may rely on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// A part of it is malformed.
    #[error("its CMS signature is malformed: {0} cannot be understood")]
    Malformed(&'static str),
    /// The signer's certificate is missing.
    #[error("its CMS signature comes without the certificate of its signer")]
    NoSigner,
    /// It was made with another key, or over something else.
    #[error("its signature was not made with the key of {0}, or it was altered afterwards")]
    Forged(String),
    /// Its certificates lead to nobody who is trusted.
    #[error("{0}")]
    Chain(Flaw),
    /// The signer's certificate is for other things.
    #[error("{certificate} is no certificate for programs: {meant_for}")]
    Purpose {
        /// Its name.
        certificate: String,
        /// What it is for.
        meant_for: String,
    },
}

/// Verifies that `signature` was made over `content` by somebody who may sign programs, and who leads to one of `roots`.
///
/// When its certificates expired is not asked: neither does `codesign`, unless it is told to.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_detached(signature: &[u8], content: &[u8], roots: &TrustRoots) -> Result<Detached, NotGenuine> {
    let flaw = |flaw, signer: &str| match flaw {
        CmsFlaw::Malformed(part) => NotGenuine::Malformed(part),
        CmsFlaw::NoSigner => NotGenuine::NoSigner,
        CmsFlaw::Value | CmsFlaw::Content => NotGenuine::Forged(signer.to_owned()),
    };
    let signed = SignedData::parse(signature).map_err(|error| flaw(error, ""))?;
    let signer = signed.signer(&[]).ok_or(NotGenuine::NoSigner)?;
    let name = signer.subject.to_string();
    if signed.content.as_ref().is_some_and(|held| held != content) {
        return Err(NotGenuine::Forged(name));
    }
    signed.verify(signer, cms::DATA, content).map_err(|error| flaw(error, &name))?;
    let chain = chain::build(signer, &signed.certificates, roots).map_err(NotGenuine::Chain)?;
    chain::check_constraints(&chain).map_err(NotGenuine::Chain)?;
    purpose::for_programs(signer)
        .map_err(|meant_for| NotGenuine::Purpose { certificate: name, meant_for })?;
    let leads_to_apple = chain.last().is_some_and(|root| roots.is_apple(root));
    Ok(Detached { code_directories: signed.code_directories(), chain, leads_to_apple })
}

/// A digest as code directories have it; `None` when their number for it means nothing.
#[must_use]
pub fn code_digest(kind: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    let (hash, length) = match kind {
        1 => (Hash::Sha1, 20),
        2 => (Hash::Sha256, 32),
        3 => (Hash::Sha256, 20),
        4 => (Hash::Sha384, 48),
        _ => return None,
    };
    let mut digest = hash.digest(bytes);
    digest.truncate(length);
    Some(digest)
}
