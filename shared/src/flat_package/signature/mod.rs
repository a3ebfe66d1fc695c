//! Who signed a package, verified from its bytes up to Apple's root (P39).
//!
//! A signature covers the compressed table of contents, which carries the checksum of each entry. Two of them lie side
//! by side: a plain RSA value, and a CMS `SignedData` that also tells when it was made. Whoever relies on one must have
//! found both genuine, by the same signer:
//!
//! ```text
//! entries ── checksums ──► table of contents ──┬── RSA value ───────► certificate ──► authority ──► Apple Root CA
//!                                              └── digest ── CMS ──►   (the same)
//!                                                             └── timestamp ──► authority ──► Apple Root CA
//! ```
//!
//! What is not judged: revocation and notarization, for which one must ask Apple.

mod certificate;
mod chain;
mod cms;
mod der;
mod detached;
mod examine;
mod extensions;
mod flaw;
mod key;
mod moment;
mod purpose;
mod timestamp;
mod trust;

pub use certificate::{Certificate, Name};
pub use detached::{Detached, NotGenuine, code_digest, verify_detached};
pub use examine::{verify, verify_whole};
pub use flaw::{ChainFault, Flaw};
pub use purpose::{Purpose, for_programs};
pub use trust::{APPLE_ROOT_CA, BadRoot, TrustRoots};

use time::OffsetDateTime;

/// What verifying a package's signature found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// For what purpose its signer may be relied on, or why not.
    pub outcome: Result<Purpose, Flaw>,
    /// `RSA`, `CMS` or both; whatever the package says it carries.
    pub styles: Vec<String>,
    /// From the signer to the root. When the outcome is a flaw, these are the certificates as the package carries them.
    pub chain: Vec<Certificate>,
    /// When it was signed.
    pub signed_at: Option<SigningTime>,
}

/// When a package was signed, and how we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningTime {
    /// The moment.
    pub at: OffsetDateTime,
    /// Who says so.
    pub proof: TimeProof,
}

/// Who tells when a package was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeProof {
    /// An authority that leads to a trusted root: certificates are judged at this moment.
    Timestamp {
        /// Its name.
        by: String,
    },
    /// An authority nobody knows: certificates are judged now.
    UnknownAuthority {
        /// Its name.
        by: String,
    },
    /// The signer: certificates are judged at this moment, and now.
    Claim,
}

impl Verdict {
    /// The Team ID of whoever proved to have signed; `None` unless the outcome is a purpose. Below Apple's root, Apple
    /// vouches for it; below a root that was added ([`Purpose::OwnRoot`]), it is what that authority wrote.
    #[must_use]
    pub fn team_id(&self) -> Option<&str> {
        self.outcome.as_ref().ok()?;
        self.chain.first()?.team_id()
    }

    /// The certificate that signed, or claims to.
    #[must_use]
    pub fn signer(&self) -> Option<&Certificate> {
        self.chain.first()
    }
}

#[cfg(test)]
mod tests;
