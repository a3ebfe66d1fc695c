//! What is signed here verifies here and with openssl; what is tampered with afterwards does not.
//!
//! The keys and certificates in `fixtures` were made with openssl for these tests: Acme Root (`root.pem`) issued Acme
//! Packages, which issued one key's certificates for programs (Acme Installer) and for a web server (`web.pem`).

use super::{CannotSign, Identity, IdentityError, Signer};
use proptest::prelude::*;
use shared::flat_package::FlatPackage;
use shared::flat_package::signature::{
    ChainFault, Flaw, Purpose, TimeProof, TrustRoots, Verdict, verify_whole,
};
use shared::flat_package::write::{
    Component, ComponentSpec, Compression, PackageSigner, Signatures, SignedContents, write_component,
};
use std::error::Error;
use std::io::Cursor;
use std::process::Command;
use std::sync::LazyLock;
use time::OffsetDateTime;
use time::macros::datetime;

const IDENTITY: &[u8] = include_bytes!("fixtures/identity.pem");
const ENCRYPTED: &[u8] = include_bytes!("fixtures/encrypted.pem");
const WEB: &[u8] = include_bytes!("fixtures/web.pem");
const ROOT: &[u8] = include_bytes!("fixtures/root.pem");

const NOW: OffsetDateTime = datetime!(2027-03-01 12:00 UTC);
const NAME: &str = "Acme Installer (FAKE567890)";

fn signer(identity: &[u8]) -> Signer {
    Signer::new(Identity::read(identity, Some("secret"), Vec::new()).unwrap(), None).unwrap()
}

fn signed(signer: &dyn PackageSigner) -> Vec<u8> {
    let spec = ComponentSpec {
        identifier: "com.acme.tool".into(),
        version: "1".into(),
        install_location: "/".into(),
        min_os: None,
        compression: Compression::Gzip,
        time: 0,
    };
    let component = Component { spec: &spec, payload: None, scripts: None };
    let mut package = Vec::new();
    write_component(&component, Some(signer), Cursor::new(Vec::new()), &mut package).unwrap();
    package
}

fn root() -> Vec<u8> {
    crate::pem::certificates(ROOT).unwrap().remove(0)
}

/// Judged by somebody who trusts Acme.
fn verdict(package: &[u8], now: OffsetDateTime) -> Verdict {
    let mut roots = TrustRoots::apple();
    roots.add(&root()).unwrap();
    FlatPackage::open(Cursor::new(package)).unwrap().verify(&roots, now)
}

#[test]
fn p39_a_package_as_a_whole_is_what_was_signed_or_it_is_not_by_anybody() {
    let mut roots = TrustRoots::apple();
    roots.add(&root()).unwrap();
    let judge = |package: &[u8], roots: &TrustRoots| verify_whole(Cursor::new(package), roots, NOW);
    let package = signed(&signer(IDENTITY));
    assert_eq!(judge(&package, &roots), verdict(&package, NOW));

    let entry = FlatPackage::open(Cursor::new(&package)).unwrap().archive.entries()[0].clone();
    assert_eq!(entry.path, "PackageInfo");
    let mut altered = package.clone();
    // Its bytes are the last of the archive.
    *altered.last_mut().unwrap() ^= 1;
    let whole = judge(&altered, &roots);
    let Err(Flaw::Entry(why)) = &whole.outcome else { panic!("{whole:?}") };
    assert!(why.starts_with("PackageInfo ") && whole.team_id().is_none(), "{why}");
    assert!(whole.outcome.as_ref().is_err_and(Flaw::is_damage));

    let unknown = judge(&altered, &TrustRoots::apple()).outcome;
    assert!(matches!(unknown, Err(Flaw::Chain { .. })), "whoever is not trusted is not read: {unknown:?}");
    for broken in [&package[..100], b"#!/bin/sh\n", b""] {
        let verdict = judge(broken, &roots);
        assert!(matches!(verdict.outcome, Err(Flaw::Unreadable(_))), "{:?}", verdict.outcome);
    }
}

fn names(identity: &Identity) -> Vec<String> {
    identity.chain.iter().map(|certificate| certificate.subject.to_string()).collect()
}

#[test]
fn p42_keys_are_read_from_pem_and_pkcs_12_old_and_new_and_the_chain_is_put_in_order() {
    let read = |file: &[u8], password| Identity::read(file, password, Vec::new()).unwrap();
    let first = read(IDENTITY, None);
    assert_eq!(names(&first), [NAME, "Acme Packages"]);
    let whole = [NAME, "Acme Packages", "Acme Root"];
    let traditional = read(include_bytes!("fixtures/traditional.pem"), None);
    assert_eq!((traditional.key == first.key, names(&traditional)), (true, names(&first)));
    for file in [ENCRYPTED, include_bytes!("fixtures/modern.p12"), include_bytes!("fixtures/legacy.p12")] {
        let identity = read(file, Some("secret"));
        assert_eq!((identity.key == first.key, names(&identity)), (true, whole.map(String::from).to_vec()));
    }
    let triple_des = read(include_bytes!("fixtures/triple_des.p12"), Some("secret"));
    assert_eq!((triple_des.key == first.key, names(&triple_des)), (true, names(&first)));
    let completed = Identity::read(IDENTITY, None, vec![root()]).unwrap();
    assert_eq!(names(&completed), whole);
}

#[test]
fn p42_what_is_no_identity_is_refused_with_the_way_out() {
    let refusal = |file: &[u8], password| match Identity::read(file, password, Vec::new()) {
        Ok(_) => panic!("was read"),
        Err(error) => error,
    };
    assert!(matches!(refusal(b"hello", None), IdentityError::Unknown));
    assert!(matches!(refusal(b"", None), IdentityError::Unknown));
    assert!(matches!(refusal(ROOT, None), IdentityError::Keys(0)));
    assert!(matches!(refusal(&[IDENTITY, IDENTITY].concat(), None), IdentityError::Keys(2)));
    assert!(matches!(refusal(ENCRYPTED, None), IdentityError::Encrypted));
    assert!(matches!(refusal(ENCRYPTED, Some("wrong")), IdentityError::Key(_)));
    assert!(matches!(refusal(include_bytes!("fixtures/ecdsa.pem"), None), IdentityError::Key(_)));
    let wrong = refusal(include_bytes!("fixtures/modern.p12"), Some("wrong"));
    assert!(wrong.to_string().contains("is the password right?"), "{wrong}");
    let key_alone = IDENTITY.split(|byte| *byte == b'#').next().unwrap();
    let end = key_alone.windows(17).position(|text| text == b"BEGIN CERTIFICATE").unwrap() - 5;
    assert!(matches!(refusal(&key_alone[..end], None), IdentityError::NoCertificate(0)));
}

#[test]
fn p39_p42_what_is_signed_here_verifies_up_to_the_companys_root() {
    for identity in [IDENTITY, ENCRYPTED] {
        let verdict = verdict(&signed(&signer(identity)), NOW);
        assert_eq!(verdict.outcome, Ok(Purpose::OwnRoot));
        assert_eq!(verdict.team_id(), Some("ACME012345"), "from the unit, not from the name");
        assert_eq!((verdict.chain.len(), verdict.styles), (3, vec!["RSA".to_owned(), "CMS".to_owned()]));
        let time = verdict.signed_at.unwrap();
        assert_eq!((time.at, time.proof), (verdict.chain[0].not_before, TimeProof::Claim));
    }
}

#[test]
fn p39_whoever_does_not_know_the_root_is_told_where_the_chain_ends() {
    let judge = |identity| {
        let package = signed(&signer(identity));
        FlatPackage::open(Cursor::new(package)).unwrap().verify(&TrustRoots::apple(), NOW)
    };
    let fault = ChainFault::IssuerMissing("Acme Root".into());
    let verdict = judge(IDENTITY);
    assert_eq!(verdict.outcome, Err(Flaw::Chain { certificate: "Acme Packages".into(), fault }));
    assert_eq!((verdict.team_id(), verdict.chain.len()), (None, 2));
    let Err(Flaw::Root { name, .. }) = judge(ENCRYPTED).outcome else { panic!("trusted") };
    assert_eq!(name, "Acme Root");
}

#[test]
fn p39_an_expired_certificate_wants_a_timestamp_and_one_for_web_servers_never_will_do() {
    let package = signed(&signer(IDENTITY));
    let outcome = verdict(&package, datetime!(2038-01-01 00:00 UTC)).outcome;
    assert!(matches!(&outcome, Err(Flaw::Expired { certificate, .. }) if certificate == NAME), "{outcome:?}");
    assert!(
        outcome.unwrap_err().to_string().contains("no trusted timestamp shows that it was signed before")
    );
    let early = verdict(&package, datetime!(2020-01-01 00:00 UTC)).outcome;
    assert!(matches!(early, Err(Flaw::NotValid { .. })), "{early:?}");
    let web = verdict(&signed(&signer(WEB)), NOW).outcome.unwrap_err();
    assert_eq!(
        web.to_string(),
        "www.acme.example is no certificate for packages: it is meant for web servers"
    );
}

#[test]
fn p42_the_same_key_time_and_package_give_the_same_bytes() {
    let identity = || Identity::read(IDENTITY, None, Vec::new()).unwrap();
    let at = |time| signed(&Signer::new(identity(), time).unwrap());
    assert_eq!(at(None), at(None));
    let later = datetime!(2027-01-02 03:04:05 UTC);
    assert_eq!(verdict(&at(Some(later)), NOW).signed_at.unwrap().at, later);
    assert_eq!(at(Some(OffsetDateTime::UNIX_EPOCH)), at(None), "never before the certificate's validity");
    let expired = Signer::new(identity(), Some(datetime!(2040-01-01 00:00 UTC))).err().unwrap();
    assert!(matches!(&expired, CannotSign::Expired { name, .. } if name == NAME), "{expired}");
}

/// A signer that puts other certificates into the package than its own.
struct Liar<'a> {
    signer: &'a Signer,
    certificates: Vec<Vec<u8>>,
}

impl PackageSigner for Liar<'_> {
    fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    fn rsa_bytes(&self) -> usize {
        self.signer.rsa_bytes()
    }

    fn cms_bytes(&self) -> usize {
        self.signer.cms_bytes()
    }

    fn sign(&self, contents: &SignedContents<'_>) -> Result<Signatures, Box<dyn Error + Send + Sync>> {
        self.signer.sign(contents)
    }
}

#[test]
fn p39_exchanged_damaged_and_missing_certificates_are_named() {
    let signer = signer(IDENTITY);
    let [leaf, issuer] = signer.certificates() else { panic!() };
    let outcome = |certificates: Vec<Vec<u8>>| {
        let flaw = verdict(&signed(&Liar { signer: &signer, certificates }), NOW).outcome.unwrap_err();
        (flaw.is_damage(), flaw.to_string())
    };
    let (damage, text) = outcome(vec![leaf.clone()]);
    assert!(!damage && text.contains("neither in the package nor trusted"), "{text}");
    let mut altered = issuer.clone();
    *altered.last_mut().unwrap() ^= 1;
    let (damage, text) = outcome(vec![leaf.clone(), altered]);
    assert!(
        damage
            && text == "the chain breaks at Acme Packages: Acme Root did not issue it, although it says so"
    );
    let mut altered = leaf.clone();
    *altered.last_mut().unwrap() ^= 1;
    let (damage, text) = outcome(vec![altered, issuer.clone()]);
    assert!(damage && text.contains("the first is not its signer's"), "{text}");
    // The same key in a certificate for something else: both values are right, but not by the same certificate.
    let web = Identity::read(WEB, None, Vec::new()).unwrap().chain[0].der.clone();
    let (damage, text) = outcome(vec![web, issuer.clone()]);
    assert!(damage && text.contains("the first is not its signer's"), "{text}");
    let (damage, text) = outcome(vec![issuer.clone(), leaf.clone()]);
    assert!(damage && text.contains("not made with the key of Acme Packages"), "{text}");
    let (damage, text) = outcome(vec![leaf.clone(), b"no certificate".to_vec()]);
    assert!(damage && text.contains("certificate 2 of 2 cannot be understood"), "{text}");
    let (damage, text) = outcome(Vec::new());
    assert!(damage && text.contains("comes without the certificate of its signer"), "{text}");
}

#[test]
fn p39_every_altered_byte_behind_the_checksum_is_found() {
    let signer = signer(IDENTITY);
    let package = signed(&signer);
    let heap = 28 + u64::from_be_bytes(package[8..16].try_into().unwrap()) as usize;
    let signatures = heap + 20..heap + 20 + signer.rsa_bytes() + signer.cms_bytes();
    let mut survivors = 0;
    for place in signatures.clone().step_by(11) {
        let mut altered = package.clone();
        altered[place] ^= 0x41;
        let verdict = verdict(&altered, NOW);
        survivors += usize::from(verdict.outcome.is_ok());
        assert!(verdict.outcome.is_err() || place > heap + 276, "byte {place} of the RSA value");
    }
    // Only copies of certificates that nobody looks at may change.
    assert!(survivors * 11 < signatures.len() / 2, "{survivors} altered bytes went unnoticed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn p39_whatever_happens_to_the_cms_signature_nobody_else_is_believed(
        changes in proptest::collection::vec((0.0..1.0, any::<u8>()), 1..8),
        cut in 0.0..2.0,
    ) {
        static PACKAGE: LazyLock<Vec<u8>> = LazyLock::new(|| signed(&signer(IDENTITY)));
        let mut package = PACKAGE.clone();
        let begin = 28 + u64::from_be_bytes(package[8..16].try_into().unwrap()) as usize + 276;
        let length = signer_length();
        let place = |part: f64| begin + (part * length as f64) as usize;
        for (part, byte) in changes {
            package[place(part)] = byte;
        }
        if cut < 1.0 {
            package[place(cut)..begin + length].fill(0);
        }
        let verdict = verdict(&package, NOW);
        prop_assert!(verdict.outcome.is_err() || verdict.team_id() == Some("ACME012345"));
    }
}

/// Bytes of the CMS signature of [`IDENTITY`].
fn signer_length() -> usize {
    static LENGTH: LazyLock<usize> = LazyLock::new(|| signer(IDENTITY).cms_bytes());
    *LENGTH
}

/// Runs openssl on files in a fresh folder; `None`, with a line that says so, where it is not installed.
fn openssl(folder: &std::path::Path, arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(output) = Command::new("openssl").current_dir(folder).args(arguments).output() else {
        println!("skipped: openssl is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn p39_p42_openssl_accepts_both_values_and_refuses_others() {
    let signer = signer(IDENTITY);
    let package = signed(&signer);
    let mut archive = FlatPackage::open(Cursor::new(&package)).unwrap().archive;
    let contents = archive.contents().unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("table", &contents.compressed);
    write("digest", &contents.digest);
    write("other", b"another digest, 20 B");
    write("rsa", &archive.heap_bytes(20, 256).unwrap());
    write("cms", &archive.heap_bytes(276, signer.cms_bytes() as u64).unwrap());
    write("leaf.der", &signer.certificates()[0]);
    write("root.pem", ROOT);
    let run = |arguments: &str| openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    let Some((made, key)) = run("x509 -inform der -in leaf.der -noout -pubkey") else { return };
    assert!(made, "{key}");
    write("key.pem", key.as_bytes());
    let (good, text) = run("dgst -sha1 -verify key.pem -signature rsa table").unwrap();
    assert!(good, "{text}");
    let cms = "cms -verify -inform der -in cms -binary -purpose any -CAfile root.pem -content";
    let (good, text) = run(&format!("{cms} digest")).unwrap();
    assert!(good, "{text}");
    let (good, text) = run(&format!("{cms} other")).unwrap();
    assert!(!good, "{text}");
}
