//! Who signed a program, verified from its bytes up to a trusted root, as `codesign --verify` does (P62).
//!
//! ```text
//! pages of code ─────────────────────┐
//! requirements, entitlements ────────┼─ digests ──► code directory ── digest ──► CMS ──► certificate ──► Apple Root CA
//! Info.plist, seal of the resources ─┘
//! ```
//!
//! What lies outside of the program, its `Info.plist` and the seal of its resources, is shown to
//! [`CodeSignature::covers`] by whoever has it. Not judged: revocation and notarization, for which one must ask Apple;
//! what a program may do (entitlements); and what it demands of those it loads (requirements).

mod directory;
mod parts;
mod program;

pub use program::verify;

use crate::{
    flat_package::signature::{Certificate, NotGenuine},
    item::SignerId,
};
use std::io;

/// What a code directory has digests of, besides pages: its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The `Info.plist` of the bundle.
    Info = 1,
    /// `_CodeSignature/CodeResources`: the digests of everything else in the bundle.
    Seal = 3,
}

/// The signature of the code for one architecture, found genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSignature {
    /// The name under which it was signed, usually a bundle identifier.
    pub identifier: String,
    /// By whom: from the signer to the root; empty for an ad-hoc signature, which is by nobody.
    pub chain: Vec<Certificate>,
    /// Whether the chain ends at Apple's root, not at one that was added.
    pub leads_to_apple: bool,
    /// The digest of its code directory, by which others refer to it: the first 20 bytes.
    pub code_directory_hash: Vec<u8>,
    /// How its digests are made.
    digests: u8,
    /// Digests of parts, by number.
    parts: Vec<(u32, Vec<u8>)>,
}

/// Why a program counts as signed by nobody.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// The file could not be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no program for Macs")]
    NoProgram,
    /// There is no signature.
    #[error("it is not signed")]
    Unsigned,
    /// The signature is malformed.
    #[error("its code signature is malformed: {0} cannot be understood")]
    Malformed(&'static str),
    /// Code was changed.
    #[error("its code was altered after it was signed")]
    Code,
    /// Something that belongs to it was changed.
    #[error("{0} was altered after it was signed")]
    Part(&'static str),
    /// The signature over the code directory is not genuine, or by nobody who is trusted.
    #[error(transparent)]
    NotGenuine(#[from] NotGenuine),
}

impl CodeSignature {
    /// Whether `content`, if there is any, is what was signed as `part`.
    #[must_use]
    pub fn covers(&self, part: Part, content: Option<&[u8]>) -> bool {
        match (directory::named(&self.parts, part as u32), content) {
            (None, None) => true,
            (Some(digest), Some(content)) => directory::is_digest(self.digests, digest, content),
            _ => false,
        }
    }

    /// Who proved to have signed: for a team the rule of `anchor apple generic and certificate leaf[subject.OU]`, for
    /// Apple itself that of `anchor apple`. A root that was added vouches for teams, too, as for packages.
    #[must_use]
    pub fn signer(&self) -> Option<SignerId> {
        let authority = self.chain.get(self.chain.len().checked_sub(2)?);
        let is_apples_own = self.leads_to_apple
            && self.chain.len() > 2
            && authority.is_some_and(|authority| {
                authority.subject.common_name.as_deref() == Some(APPLES_OWN)
                    && authority.subject.organization.as_deref() == Some("Apple Inc.")
            });
        if is_apples_own {
            return Some(SignerId::Apple);
        }
        self.chain.first()?.team_id()?.parse().ok().map(SignerId::Team)
    }

    /// The name in the certificate of the signer.
    #[must_use]
    pub fn signed_by(&self) -> Option<String> {
        self.chain.first().map(|certificate| certificate.subject.to_string())
    }
}

/// The authority that signs for Apple only.
const APPLES_OWN: &str = "Apple Code Signing Certification Authority";
