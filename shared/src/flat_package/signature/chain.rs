//! From a signer's certificate to a trusted root, and whether each on the way may stand there (P39).

use super::certificate::Certificate;
use super::flaw::{ChainFault, Flaw};
use super::key::Hash;
use super::trust::TrustRoots;
use time::OffsetDateTime;

/// Chains longer than this are nobody's: Apple's have three certificates.
const LONGEST: usize = 8;

/// The chain from `leaf` to a root, which stands last, by names and signatures alone. `pool` are the certificates
/// that came with the signature.
pub(super) fn build(
    leaf: &Certificate,
    pool: &[Certificate],
    roots: &TrustRoots,
) -> Result<Vec<Certificate>, Flaw> {
    let mut chain = vec![leaf.clone()];
    while let Some(last) = chain.last() {
        if roots.contains(last) {
            return Ok(chain);
        }
        let fault = |fault| Flaw::Chain { certificate: last.subject.to_string(), fault };
        if last.is_issued_by(last) {
            return Err(Flaw::Root { name: last.subject.to_string(), fingerprint: last.fingerprint() });
        }
        if chain.len() >= LONGEST {
            return Err(fault(ChainFault::TooLong));
        }
        let mut namesakes =
            roots.all().chain(pool).filter(|issuer| issuer.subject.der == last.issuer.der).peekable();
        let issuer = last.issuer.to_string();
        if namesakes.peek().is_none() {
            return Err(fault(ChainFault::IssuerMissing(issuer)));
        }
        let Some(found) = namesakes.find(|issuer| last.is_issued_by(issuer)).cloned() else {
            return Err(fault(ChainFault::NotIssued(issuer)));
        };
        chain.push(found);
    }
    Ok(chain)
}

/// Whether each certificate may do what it does in `chain`.
pub(super) fn check_constraints(chain: &[Certificate]) -> Result<(), Flaw> {
    for (below, pair) in chain.windows(2).enumerate() {
        let [certificate, issuer] = pair else { continue };
        let fault = |fault| Err(Flaw::Chain { certificate: certificate.subject.to_string(), fault });
        let name = issuer.subject.to_string();
        if certificate.scheme().is_none_or(|scheme| scheme.hash() == Hash::Sha1) {
            return fault(ChainFault::Sha1);
        }
        if !issuer.extensions.may_issue() {
            return fault(ChainFault::NoAuthority(name));
        }
        if issuer.extensions.path_length.is_some_and(|most| below as u64 > most) {
            return fault(ChainFault::PathLength(name));
        }
    }
    for certificate in chain {
        if let Some(extension) = &certificate.extensions.not_understood {
            let fault = ChainFault::NotUnderstood(extension.clone());
            return Err(Flaw::Chain { certificate: certificate.subject.to_string(), fault });
        }
    }
    Ok(())
}

/// Whether each certificate was valid at the moment `at`.
pub(super) fn check_validity(chain: &[Certificate], at: OffsetDateTime) -> Result<(), Flaw> {
    match chain.iter().find(|certificate| at < certificate.not_before || certificate.not_after < at) {
        Some(certificate) => Err(Flaw::NotValid {
            certificate: certificate.subject.to_string(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            at,
        }),
        None => Ok(()),
    }
}
