//! Chains made by an authority of our own that stands in for Apple's: what each extension is good for.

use super::certificate::Certificate;
use super::der::{OBJECT_IDENTIFIER, SEQUENCE, encode};
use super::purpose::purpose;
use super::trust::TrustRoots;
use super::{ChainFault, Flaw, Purpose, chain};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use time::macros::datetime;

/// Below `1.2.840.113635.100`.
const DEVELOPER_ID: [u64; 2] = [4, 13];
const DEVELOPER_ID_LEAF: [u64; 3] = [6, 1, 14];
const DEVELOPER_ID_ISSUER: [u64; 3] = [6, 2, 6];

fn apple(numbers: &[u64]) -> Vec<u64> {
    [&[1, 2, 840, 113635, 100], numbers].concat()
}

/// A marker of Apple's: an extension without content.
fn marker(numbers: &[u64], critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&apple(numbers), vec![5, 0]);
    extension.set_criticality(critical);
    extension
}

/// An extended key usage of Apple's.
fn usage(numbers: &[u64], critical: bool) -> CustomExtension {
    let mut name = vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64];
    name.extend(numbers.iter().map(|number| u8::try_from(*number).unwrap()));
    let content = encode(SEQUENCE, &encode(OBJECT_IDENTIFIER, &name));
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 37], content);
    extension.set_criticality(critical);
    extension
}

fn named(name: &str, extensions: Vec<CustomExtension>) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.custom_extensions = extensions;
    params
}

fn authority(name: &str, extensions: Vec<CustomExtension>) -> CertificateParams {
    let mut params = named(name, extensions);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf(extensions: Vec<CustomExtension>) -> CertificateParams {
    let mut params = named("Signer", extensions);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// From the signer to the root; `below` are the parameters of those below the root, from the top.
fn issue(below: Vec<CertificateParams>) -> (Vec<Certificate>, TrustRoots) {
    let key = KeyPair::generate().unwrap();
    let mut params = authority("Root", Vec::new());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap();
    let mut chain = vec![root.clone()];
    let mut issuer = Issuer::new(params, key);
    for params in below {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        chain.insert(0, Certificate::parse(certificate.der()).unwrap());
        issuer = Issuer::new(params, key);
    }
    (chain, TrustRoots::with_apple(root))
}

fn judge(issuer: Vec<CustomExtension>, signer: Vec<CustomExtension>) -> Result<Purpose, Flaw> {
    let (chain, roots) = issue(vec![authority("Authority", issuer), leaf(signer)]);
    purpose(&chain, &roots)
}

#[test]
fn p39_a_developer_id_wants_purpose_and_both_marks() {
    let issuer = || vec![marker(&DEVELOPER_ID_ISSUER, false)];
    let whole = vec![usage(&DEVELOPER_ID, true), marker(&DEVELOPER_ID_LEAF, true)];
    assert_eq!(judge(issuer(), whole.clone()), Ok(Purpose::DeveloperId));
    let refused = [
        (Vec::new(), whole),
        (issuer(), vec![usage(&DEVELOPER_ID, true)]),
        (issuer(), vec![marker(&DEVELOPER_ID_LEAF, true)]),
        (issuer(), vec![usage(&DEVELOPER_ID, false), marker(&DEVELOPER_ID_LEAF, true)]),
        // A Developer ID for programs: another purpose, another mark.
        (issuer(), vec![usage(&[4, 12], true), marker(&[6, 1, 13], true)]),
    ];
    for (index, (issuer, signer)) in refused.into_iter().enumerate() {
        assert!(matches!(judge(issuer, signer), Err(Flaw::Purpose { .. })), "case {index}");
    }
}

#[test]
fn p39_apples_own_signatures_count_and_those_for_submission_are_named() {
    let store = vec![usage(&[4, 10], true), marker(&[6, 1, 10], true)];
    assert_eq!(judge(vec![marker(&[6, 2, 1], false)], store), Ok(Purpose::AppStore));
    let update = || vec![usage(&[4, 1], true)];
    assert_eq!(judge(update(), update()), Ok(Purpose::AppleSoftware));
    assert!(judge(Vec::new(), update()).is_err());
    let submission = vec![usage(&[4, 9], true), marker(&[6, 1, 8], true)];
    let flaw = judge(vec![marker(&[6, 2, 1], false)], submission).unwrap_err();
    assert_eq!(
        flaw.to_string(),
        "Signer is no certificate for packages: it is meant for sending packages to the Mac App Store"
    );
}

#[test]
fn p39_a_chain_to_apple_has_three_certificates_and_its_signer_may_sign() {
    let signer = || leaf(vec![usage(&DEVELOPER_ID, true), marker(&DEVELOPER_ID_LEAF, true)]);
    let mark = || vec![marker(&DEVELOPER_ID_ISSUER, false)];
    for below in [vec![signer()], vec![authority("Above", mark()), authority("Authority", mark()), signer()]]
    {
        let (chain, roots) = issue(below);
        assert!(purpose(&chain, &roots).unwrap_err().to_string().contains("have 3 certificates"));
    }
    let mut mute = signer();
    mute.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let (chain, roots) = issue(vec![authority("Authority", mark()), mute]);
    assert!(purpose(&chain, &roots).unwrap_err().to_string().contains("its key may not sign"));
}

#[test]
fn p39_only_authorities_issue_and_only_as_far_down_as_they_may() {
    let fault = |below: Vec<CertificateParams>| {
        let (chain, roots) = issue(below);
        let pool = chain.clone();
        assert_eq!(chain::build(&chain[0], &pool, &roots).as_ref(), Ok(&chain), "names and signatures fit");
        match chain::check_constraints(&chain) {
            Err(Flaw::Chain { certificate, fault }) => Some((certificate, fault)),
            other => other.map(|()| None).unwrap(),
        }
    };
    assert_eq!(fault(vec![authority("Authority", Vec::new()), leaf(Vec::new())]), None);
    let no_authority = fault(vec![leaf(Vec::new()), leaf(Vec::new())]);
    assert_eq!(no_authority, Some(("Signer".into(), ChainFault::NoAuthority("Signer".into()))));
    let too_deep =
        fault(vec![authority("Above", Vec::new()), authority("Authority", Vec::new()), leaf(Vec::new())]);
    assert_eq!(too_deep, Some(("Authority".into(), ChainFault::PathLength("Above".into()))));
    let mut odd = CustomExtension::from_oid_content(&[2, 5, 29, 36], vec![0x30, 0]);
    odd.set_criticality(true);
    let not_understood = fault(vec![authority("Authority", Vec::new()), leaf(vec![odd])]);
    assert_eq!(not_understood, Some(("Signer".into(), ChainFault::NotUnderstood("2.5.29.36".into()))));
}

#[test]
fn p39_a_chain_without_its_middle_or_with_a_namesake_is_told_apart() {
    let make = || issue(vec![authority("Authority", Vec::new()), leaf(Vec::new())]);
    let ((chain, roots), (strangers, _)) = (make(), make());
    let fault = |pool: &[Certificate]| match chain::build(&chain[0], pool, &roots) {
        Err(Flaw::Chain { certificate, fault }) => (certificate, fault),
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[]), ("Signer".into(), ChainFault::IssuerMissing("Authority".into())));
    assert_eq!(fault(&strangers), ("Signer".into(), ChainFault::NotIssued("Authority".into())));
    let both = [strangers, chain.clone()].concat();
    assert_eq!(chain::build(&chain[0], &both, &roots), Ok(chain.clone()), "the right one is found");
    let Err(Flaw::Root { name, .. }) = chain::build(&chain[0], &chain, &TrustRoots::apple()) else {
        panic!()
    };
    assert_eq!(name, "Root");
    assert!(chain::check_validity(&chain, datetime!(2026-01-01 00:00 UTC)).is_ok());
    let ages_ago = chain::check_validity(&chain, datetime!(1950-01-01 00:00 UTC));
    assert!(matches!(ages_ago, Err(Flaw::NotValid { .. })));
}
