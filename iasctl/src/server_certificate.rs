//! What macOS thinks of the certificates a server shows (T115–T121), judged from the chain itself: pure.

use crate::{
    lifetime::{self, Root},
    verdict::Verdict,
};
use shared::flat_package::signature::Certificate;
use time::{OffsetDateTime, macros::datetime};

/// The shortest RSA key macOS takes (T117).
const SHORTEST_KEY: usize = 2048;
/// Since then a certificate must say that it is for servers (T117).
const PURPOSE_SINCE: OffsetDateTime = datetime!(2019-07-01 0:00 UTC);

/// Judges a chain, the server's own certificate first, at the moment `now`; worst first. `added` are authorities somebody added
/// to the system.
///
/// Off a Mac it is a guess who issued it: one of those that were added, or somebody the system knows (T120).
pub(crate) fn judge(chain: &[Certificate], added: &[Certificate], now: OffsetDateTime) -> Vec<Verdict> {
    let (Some(own), Some(last)) = (chain.first(), chain.last()) else { return Vec::new() };
    let leads_to =
        |root: &&Certificate| last.issuer == root.subject || chain.iter().any(|one| one.der == root.der);
    let root = match added.iter().find(leads_to) {
        Some(root) if root.der == own.der => Root::Itself,
        Some(_) => Root::Added,
        None => Root::Shipped,
    };
    let mut verdicts = standards(chain, own, root);
    verdicts.push(lifetime::judge((own.not_before, own.not_after), root, now));
    verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.weight()));
    verdicts
}

/// What macOS wants of every server since 10.15 (T117).
fn standards(chain: &[Certificate], own: &Certificate, root: Root) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    if !own.names_hosts() {
        verdicts.push(Verdict::Refused("its certificate has no DNS name in Subject Alternative Name".into()));
    }
    for certificate in chain {
        let whose =
            if certificate.der == own.der { "its certificate" } else { "a certificate above its own" };
        if let Some(bits) = certificate.rsa_bits().filter(|bits| *bits < SHORTEST_KEY) {
            let problem = format!("{whose} has an RSA key of {bits} bits; macOS wants {SHORTEST_KEY}");
            verdicts.push(Verdict::Refused(problem));
        }
        if certificate.is_signed_with_sha1() && !certificate.is_self_issued() {
            verdicts.push(Verdict::Refused(format!("{whose} has a SHA-1 signature, which macOS refuses")));
        }
    }
    // Apple's own check leaves out authorities that were added.
    if root == Root::Shipped && own.not_before >= PURPOSE_SINCE && !own.is_for_servers() {
        verdicts.push(Verdict::Refused(
            "its certificate does not say that it is for servers (serverAuth)".into(),
        ));
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with openssl for these tests: 1024 bits, signed with SHA-1, no alternative name.
    const POOR: &[u8] = include_bytes!("fixtures/poor_server.der");
    /// 2048 bits, SHA-256, for `files.acme.example`, and it says serverAuth.
    const GOOD: &[u8] = include_bytes!("fixtures/good_server.der");
    const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

    fn judged(der: &[u8]) -> Vec<Verdict> {
        judge(&[Certificate::parse(der).unwrap()], &[], NOW)
    }

    #[test]
    fn t117_what_macos_refuses_in_any_server_is_named() {
        let told = format!("{:?}", judged(POOR));
        for wrong in ["no DNS name", "RSA key of 1024 bits", "SHA-1 signature", "serverAuth"] {
            assert!(told.contains(wrong), "{wrong} in {told}");
        }
    }

    #[test]
    fn t117_a_server_as_it_should_be_has_a_lifetime_only() {
        let verdicts = judged(GOOD);
        assert!(matches!(&verdicts[..], [Verdict::Fits(_)]), "{verdicts:?}");
    }

    #[test]
    fn t120_a_server_that_is_its_own_root_must_be_trusted_itself() {
        let own = Certificate::parse(GOOD).unwrap();
        let verdicts = judge(std::slice::from_ref(&own), std::slice::from_ref(&own), NOW);
        assert!(matches!(&verdicts[..], [Verdict::Note(_)]), "{verdicts:?}");
        assert_eq!(judge(&[], &[own], NOW), []);
    }
}
