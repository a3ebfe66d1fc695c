//! Why nobody may rely on a package's signature, in the words an admin reads.

use crate::digest::Digest;
use crate::flat_package::checksum::Style;
use time::OffsetDateTime;
use time::macros::format_description;

/// What is wrong with a signature; always the first thing found, in the order in which they are listed here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is none.
    #[error("it is not signed")]
    Unsigned,
    /// The file could not be read again.
    #[error("its signature cannot be read: {0}")]
    Unreadable(String),
    /// A signature covers the table of contents by its checksum.
    #[error("its table of contents carries no checksum that a signature could cover")]
    NoDigest,
    /// MD5.
    #[error("its table of contents has an {0} checksum, which anybody can forge")]
    WeakDigest(Style),
    /// The checksum of each entry is what ties it to the table of contents.
    #[error("entry {0} carries no checksum, so the signature does not cover it")]
    Uncovered(String),
    /// Another style than RSA and CMS, or several of one.
    #[error("it carries signatures of styles nobody uses together: {0}")]
    Styles(String),
    /// A part of the signature is malformed.
    #[error("its {style} signature is malformed: {part} cannot be understood")]
    Malformed {
        /// `RSA` or `CMS`.
        style: &'static str,
        /// Which part.
        part: String,
    },
    /// The signer's certificate is missing.
    #[error("its {0} signature comes without the certificate of its signer")]
    NoSigner(&'static str),
    /// The signature was not made with the key in the signer's certificate, or not over this table of contents.
    #[error(
        "its {style} signature was not made with the key of {signer}, or the package was altered afterwards"
    )]
    Value {
        /// `RSA` or `CMS`.
        style: &'static str,
        /// Who is said to have signed.
        signer: String,
    },
    /// The CMS signature is genuine, but for another package.
    #[error("its CMS signature by {0} belongs to another table of contents")]
    Content(String),
    /// RSA and CMS signature are by different people.
    #[error("its RSA signature is by {rsa}, but its CMS signature by {cms}")]
    Signers {
        /// The one.
        rsa: String,
        /// The other.
        cms: String,
    },
    /// The timestamp in it is not one.
    #[error("its timestamp is not genuine: {0}")]
    Timestamp(String),
    /// The chain of certificates leads nowhere.
    #[error("the chain breaks at {certificate}: {fault}")]
    Chain {
        /// Name of the certificate where it breaks.
        certificate: String,
        /// What is wrong there.
        fault: ChainFault,
    },
    /// The chain is whole, but ends at a stranger.
    #[error(
        "the chain ends at {name} (SHA-256 {fingerprint}), which is neither Apple's root nor one you trust"
    )]
    Root {
        /// Name of the last certificate.
        name: String,
        /// Its fingerprint.
        fingerprint: Digest,
    },
    /// A certificate has expired, and no timestamp shows that the package is older.
    #[error("{certificate} expired on {}, and no trusted timestamp shows that it was signed before", day(*.not_after))]
    Expired {
        /// Name of the certificate.
        certificate: String,
        /// When it expired.
        not_after: OffsetDateTime,
    },
    /// A certificate was not valid when the package was signed, or is not valid yet.
    #[error(
        "{certificate} is valid from {} until {}, but it was used on {}",
        day(*.not_before), day(*.not_after), day(*.at)
    )]
    NotValid {
        /// Name of the certificate.
        certificate: String,
        /// Beginning of its validity.
        not_before: OffsetDateTime,
        /// End of its validity.
        not_after: OffsetDateTime,
        /// The moment it was needed for.
        at: OffsetDateTime,
    },
    /// The signer's certificate is for other things than packages.
    #[error("{certificate} is no certificate for packages: {meant_for}")]
    Purpose {
        /// Its name.
        certificate: String,
        /// What it is for.
        meant_for: String,
    },
    /// The signature is genuine, but what it covers by its checksum is not what its author signed.
    #[error("what it holds is not what was signed: {0}")]
    Entry(String),
}

impl Flaw {
    /// Whether the package was damaged or tampered with, or carries a signature nobody could have made; the others
    /// are whole signatures by somebody who is not trusted, or not any more.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Unreadable(_)
            | Self::Styles(_)
            | Self::Malformed { .. }
            | Self::NoSigner(_)
            | Self::Value { .. }
            | Self::Content(_)
            | Self::Signers { .. }
            | Self::Timestamp(_)
            | Self::Entry(_) => true,
            Self::Chain { fault, .. } => matches!(fault, ChainFault::NotIssued(_)),
            Self::Unsigned
            | Self::NoDigest
            | Self::WeakDigest(_)
            | Self::Uncovered(_)
            | Self::Root { .. }
            | Self::Expired { .. }
            | Self::NotValid { .. }
            | Self::Purpose { .. } => false,
        }
    }
}

/// What is wrong at one certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// Its issuer is unknown.
    #[error("its issuer, {0}, is neither in the package nor trusted")]
    IssuerMissing(String),
    /// Its issuer is there, but did not sign it.
    #[error("{0} did not issue it, although it says so")]
    NotIssued(String),
    /// Its issuer is no authority.
    #[error("{0} may not issue certificates")]
    NoAuthority(String),
    /// Its issuer may not stand that far from the signer.
    #[error("more certificates stand below {0} than it allows")]
    PathLength(String),
    /// It is signed with SHA-1.
    #[error("it is signed with SHA-1, which can be forged")]
    Sha1,
    /// It demands something we cannot judge.
    #[error("it demands extension {0}, which this program does not know")]
    NotUnderstood(String),
    /// Too many certificates.
    #[error("the chain is longer than any real one")]
    TooLong,
}

/// `YYYY-MM-DD`.
fn day(moment: OffsetDateTime) -> String {
    moment.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}
