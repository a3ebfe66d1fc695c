//! Whether a package or an application was signed by one of those its item accepts (`team_ids`).

use crate::{
    code_signature::CodeSignature,
    flat_package::signature::{Purpose, Verdict},
    item::{SignerId, any_of},
};

/// The longest part of a message that comes out of the package, in characters.
const LONGEST_FOUND: usize = 400;

/// Why a package or an application is not installed: what was found, and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found}; team_ids accepts {wanted}")]
pub struct WrongSigner {
    /// What was found, such as `it is not signed`: one line.
    pub found: String,
    /// What is wanted, such as `ABCDE12345 or Apple`.
    pub wanted: String,
}

/// Judges what verifying a whole package found by what its item wants.
///
/// A team counts where its certificate leads to a trusted root and every byte of the package is what was signed.
/// [`SignerId::Apple`] is what Apple signs as its own software, not whatever it vouches for. Where nobody is `wanted`,
/// everything is accepted.
///
/// # Errors
/// [`WrongSigner`], for the admin.
pub fn accept(verdict: &Verdict, wanted: &[SignerId]) -> Result<(), WrongSigner> {
    if wanted.is_empty() || signer(verdict).is_some_and(|signer| wanted.contains(&signer)) {
        return Ok(());
    }
    Err(WrongSigner::new(&found(verdict), wanted))
}

/// The same of an application: `signature` is what was found genuine, or why nothing was.
///
/// # Errors
/// [`WrongSigner`], for the admin.
pub fn accept_application(
    signature: Result<&CodeSignature, &str>,
    wanted: &[SignerId],
) -> Result<(), WrongSigner> {
    let signature = signature.map_err(|flaw| WrongSigner::new(flaw, wanted))?;
    let signer = signature.signer();
    if signer.as_ref().is_some_and(|signer| wanted.contains(signer)) {
        return Ok(());
    }
    let found = match signature.signed_by() {
        Some(name) => signed_by(signer.as_ref(), &name),
        None => "it is signed ad hoc, by nobody".to_owned(),
    };
    Err(WrongSigner::new(&found, wanted))
}

impl WrongSigner {
    fn new(found: &str, wanted: &[SignerId]) -> Self {
        // Names in it are whatever a stranger wrote into a certificate.
        let found = found.chars().filter(|c| !c.is_control()).take(LONGEST_FOUND).collect();
        Self { found, wanted: any_of(wanted) }
    }
}

/// Who proved to have signed.
fn signer(verdict: &Verdict) -> Option<SignerId> {
    match verdict.outcome.as_ref().ok()? {
        Purpose::AppleSoftware => Some(SignerId::Apple),
        Purpose::DeveloperId | Purpose::AppStore | Purpose::OwnRoot => {
            verdict.team_id()?.parse().ok().map(SignerId::Team)
        }
    }
}

fn found(verdict: &Verdict) -> String {
    if let Err(flaw) = &verdict.outcome {
        return flaw.to_string();
    }
    let name = verdict.signer().map(|certificate| certificate.subject.to_string()).unwrap_or_default();
    signed_by(signer(verdict).as_ref(), &name)
}

fn signed_by(signer: Option<&SignerId>, name: &str) -> String {
    match signer {
        Some(SignerId::Apple) => "it is signed by Apple, as software of its own".to_owned(),
        Some(SignerId::Team(team)) => format!("it is signed by {name}, team {}", team.as_str()),
        None => format!("it is signed by {name}, whose certificate names no team"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat_package::signature::{Certificate, ChainFault, Flaw};
    use rcgen::{CertificateParams, DnType, KeyPair};

    const TEAM: &str = "ABCDE12345";
    const OTHER: &str = "FGHIJ67890";

    fn ids(words: &[&str]) -> Vec<SignerId> {
        let id = |word: &&str| match *word {
            SignerId::APPLE => SignerId::Apple,
            team => SignerId::Team(team.parse().unwrap()),
        };
        words.iter().map(id).collect()
    }

    /// What verifying found; `unit` is the organisational unit in the certificate of the signer, called `name`.
    fn verdict(outcome: Result<Purpose, Flaw>, name: &str, unit: Option<&str>) -> Verdict {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        unit.into_iter()
            .for_each(|unit| params.distinguished_name.push(DnType::OrganizationalUnitName, unit));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let chain = vec![Certificate::parse(certificate.der()).unwrap()];
        Verdict { outcome, styles: vec!["RSA".into()], chain, signed_at: None }
    }

    #[test]
    fn a_team_counts_below_any_trusted_root_and_apple_only_for_its_own_software() {
        use Purpose::{AppStore, AppleSoftware, DeveloperId, OwnRoot};
        // purpose, organisational unit, who of team, other team and Apple may be wanted
        let table = [
            (DeveloperId, Some(TEAM), [true, false, false]),
            (DeveloperId, Some(SignerId::APPLE), [false, false, false]),
            (DeveloperId, Some("abcde12345"), [false, false, false]),
            (DeveloperId, None, [false, false, false]),
            (AppStore, Some(TEAM), [true, false, false]),
            (AppStore, None, [false, false, false]),
            (OwnRoot, Some(OTHER), [false, true, false]),
            (OwnRoot, Some(SignerId::APPLE), [false, false, false]),
            (AppleSoftware, None, [false, false, true]),
            (AppleSoftware, Some(TEAM), [false, false, true]),
        ];
        for (purpose, unit, expected) in table {
            // The name claims everything, and decides nothing.
            let verdict = verdict(Ok(purpose), "Apple (FGHIJ67890) (ABCDE12345)", unit);
            let accepted = |wanted: &[&str]| accept(&verdict, &ids(wanted)).is_ok();
            let one_by_one = [TEAM, OTHER, SignerId::APPLE].map(|word| accepted(&[word]));
            assert_eq!(one_by_one, expected, "{purpose:?} {unit:?}");
            let any = accepted(&[TEAM, OTHER, SignerId::APPLE]);
            assert_eq!(any, expected.contains(&true), "{purpose:?} {unit:?}: one of several is enough");
            assert!(accepted(&[]), "{purpose:?} {unit:?}: without team_ids nothing is asked");
        }
    }

    #[test]
    fn whatever_is_wrong_with_a_signature_it_is_nobodys() {
        let name = || "Acme".to_owned();
        let flaws = [
            Flaw::Unsigned,
            Flaw::Unreadable("the file ends".into()),
            Flaw::Value { style: "RSA", signer: name() },
            Flaw::Chain { certificate: name(), fault: ChainFault::IssuerMissing("Root".into()) },
            Flaw::Root { name: name(), fingerprint: crate::digest::Digest::of(b"") },
            Flaw::Expired { certificate: name(), not_after: time::OffsetDateTime::UNIX_EPOCH },
            Flaw::Purpose { certificate: name(), meant_for: "it is meant for programs".into() },
            Flaw::Entry("Payload does not match its archived checksum".into()),
        ];
        for flaw in flaws {
            let verdict = verdict(Err(flaw.clone()), "Acme", Some(TEAM));
            let refused = accept(&verdict, &ids(&[TEAM, SignerId::APPLE])).unwrap_err();
            assert_eq!(refused.to_string(), format!("{flaw}; team_ids accepts {TEAM} or Apple"));
            assert_eq!(accept(&verdict, &[]), Ok(()), "{flaw}");
        }
    }

    #[test]
    fn a_refusal_tells_what_was_found_and_what_is_wanted_on_one_short_line() {
        let told = |purpose, name: &str, unit| {
            accept(&verdict(Ok(purpose), name, unit), &ids(&[OTHER])).unwrap_err().to_string()
        };
        assert_eq!(
            told(Purpose::DeveloperId, "Developer ID Installer: Acme (FGHIJ67890)", Some(TEAM)),
            "it is signed by Developer ID Installer: Acme (FGHIJ67890), team ABCDE12345; team_ids accepts FGHIJ67890"
        );
        assert_eq!(
            told(Purpose::OwnRoot, "Acme", None),
            "it is signed by Acme, whose certificate names no team; team_ids accepts FGHIJ67890"
        );
        assert_eq!(
            told(Purpose::AppleSoftware, "Software Update", None),
            "it is signed by Apple, as software of its own; team_ids accepts FGHIJ67890"
        );
        let rude = told(Purpose::OwnRoot, &format!("Acme\n\u{1b}[2J{}", "x".repeat(5000)), Some(TEAM));
        assert!(rude.chars().count() < 500 && !rude.contains(char::is_control), "{rude}");
        assert!(rude.ends_with("; team_ids accepts FGHIJ67890"));
    }
}
