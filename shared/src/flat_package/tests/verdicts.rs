//! What verifying says about signed packages from the wild, and about copies of them that somebody tampered with.

use super::fixture::{hash, header, zlib};
use crate::corpus;
use crate::flat_package::checksum::Style;
use crate::flat_package::signature::APPLE_ROOT_CA;
use crate::flat_package::signature::{Flaw, Purpose, TimeProof, TrustRoots, Verdict};
use crate::{base64, flat_package::FlatPackage};
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::Command;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-01 00:00 UTC);

const SIGNER: &str = "Developer ID Installer: Mac Admins Open Source (T4SK8ZXCXG)";

fn verdict(package: &[u8]) -> Verdict {
    FlatPackage::open(Cursor::new(package)).unwrap().verify(&TrustRoots::apple(), NOW)
}

/// A package of the corpus whose name contains `part`.
fn package(part: &str) -> Option<Vec<u8>> {
    let path = corpus::files("pkg").into_iter().find(|path| path.to_string_lossy().contains(part))?;
    Some(std::fs::read(path).unwrap())
}

/// A package signed by [`SIGNER`].
fn genuine() -> Option<Vec<u8>> {
    package("goxar__2ca02807")
}

/// The copy somebody makes who can write xar archives: with another table of contents, and the right checksum of it.
fn with_contents(package: &[u8], edit: impl FnOnce(String) -> String) -> Vec<u8> {
    let number = |at: usize| u64::from_be_bytes(package[at..at + 8].try_into().unwrap()) as usize;
    let (table, heap) = package[28..].split_at(number(8));
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(table).read_to_string(&mut text).unwrap();
    let edited = edit(text);
    let packed = zlib(edited.as_bytes());
    let header = header(28, 1, packed.len() as u64, edited.len() as u64, 1);
    [header, packed.clone(), hash(Style::Sha1, &packed), heap[20..].to_vec()].concat()
}

/// Where the heap begins.
fn heap(package: &[u8]) -> usize {
    28 + u64::from_be_bytes(package[8..16].try_into().unwrap()) as usize
}

fn without(text: &str, begin: &str, end: &str) -> String {
    let from = text.find(begin).unwrap();
    let until = text.find(end).unwrap() + end.len();
    [&text[..from], &text[until..]].concat()
}

#[test]
fn p39_genuine_packages_are_by_the_team_in_the_leafs_organisational_unit() {
    for (part, team, signed_at) in [
        ("goxar__2ca02807", "T4SK8ZXCXG", datetime!(2024-01-03 15:48:26 UTC)),
        ("Baseline__69b6d387", "7Q6XP5698G", datetime!(2023-01-23 5:05:35 UTC)),
        // Its certificate expired in 2022; the timestamp shows that it was signed before.
        ("SetWallpaper", "MXNCQ3W382", datetime!(2017-07-26 22:48:41 UTC)),
    ] {
        let Some(bytes) = package(part) else { return };
        let verdict = verdict(&bytes);
        assert_eq!(verdict.outcome, Ok(Purpose::DeveloperId), "{part}");
        assert_eq!(verdict.team_id(), Some(team));
        let names: Vec<String> = verdict.chain.iter().map(|link| link.subject.to_string()).collect();
        assert!(names[0].starts_with("Developer ID Installer: "), "{names:?}");
        assert_eq!(names[1..], ["Developer ID Certification Authority", "Apple Root CA"]);
        let when = verdict.signed_at.unwrap();
        assert_eq!(when.at, signed_at);
        assert!(matches!(when.proof, TimeProof::Timestamp { .. }), "{when:?}");
    }
}

/// What openssl says to `arguments` in `folder`; `None`, with a line that says so, where it is not installed.
fn openssl(folder: &Path, arguments: &str) -> Option<bool> {
    let started = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output();
    match started {
        Ok(output) => Some(output.status.success()),
        Err(_) => {
            println!("skipped: openssl is not installed");
            None
        }
    }
}

/// Whether openssl accepts RSA value, CMS signature and chain (at the signing time) of a package, as far as it has them.
fn judged_by_openssl(package: &[u8]) -> Option<[Option<bool>; 3]> {
    let mut archive = FlatPackage::open(Cursor::new(package)).unwrap().archive;
    let contents = archive.contents().unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(path.join(name), bytes).unwrap();
    let signatures = archive.signatures().to_vec();
    write("table", &contents.compressed);
    write("digest", &contents.digest);
    write("root.der", APPLE_ROOT_CA);
    openssl(path, "x509 -inform der -in root.der -out root.pem")?;
    for (index, text) in signatures[0].certificates.iter().enumerate() {
        write("one.der", &base64::decode(text).unwrap());
        openssl(path, &format!("x509 -inform der -in one.der -out {index}.pem"))?;
    }
    openssl(path, "x509 -in 0.pem -noout -pubkey -out key.pem")?;
    let mut bytes = |style: &str| {
        let place = signatures.iter().find(|signature| signature.style == style)?;
        Some(archive.heap_bytes(place.offset, place.size).unwrap())
    };
    let rsa = bytes("RSA").and_then(|value| {
        write("rsa", &value);
        openssl(path, "dgst -sha1 -verify key.pem -signature rsa table")
    });
    let cms = bytes("CMS").and_then(|value| {
        write("cms", &value);
        openssl(path, "cms -verify -noverify -inform der -in cms -binary -content digest")
    });
    let at = verdict(package).signed_at.map_or(NOW, |time| time.at).unix_timestamp();
    let chain = format!("verify -ignore_critical -attime {at} -CAfile root.pem -untrusted 1.pem 0.pem");
    Some([rsa, cms, openssl(path, &chain)])
}

#[test]
fn p39_every_signature_of_the_corpus_is_judged_as_openssl_judges_it() {
    for path in corpus::files("pkg") {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(mut package) = FlatPackage::open(Cursor::new(&bytes)) else { continue };
        let outcome = package.verify(&TrustRoots::apple(), NOW).outcome;
        if outcome == Err(Flaw::Unsigned) {
            continue;
        }
        let Some(judged) = judged_by_openssl(&bytes) else { return };
        let expected = match &outcome {
            Ok(_) => [Some(true); 3],
            Err(Flaw::Value { style: "RSA", .. }) => [Some(false), Some(true), Some(true)],
            Err(Flaw::Root { .. }) => [Some(true), None, Some(false)],
            Err(flaw) => panic!("{}: {flaw}", path.display()),
        };
        // A damaged RSA value ends the examination before the time is known, so the chain is judged now.
        assert_eq!(judged, expected, "{}: {outcome:?}", path.display());
    }
}

#[test]
fn p39_a_damaged_value_and_a_strangers_root_are_told_apart() {
    let Some(bytes) = package("bad_signature") else { return };
    assert_eq!(verdict(&bytes).outcome, Err(Flaw::Value { style: "RSA", signer: SIGNER.into() }));
    let Some(bytes) = package("goxar__98c9b4ae") else { return };
    let verdict = verdict(&bytes);
    let Err(Flaw::Root { name, .. }) = &verdict.outcome else { panic!("{:?}", verdict.outcome) };
    assert_eq!(name, "StartCom Certification Authority");
    assert_eq!((verdict.team_id(), &verdict.signed_at), (None, &None));
}

#[test]
fn p39_another_table_of_contents_under_the_old_signature_is_found() {
    let Some(bytes) = genuine() else { return };
    let same = with_contents(&bytes, |text| text);
    let edited = with_contents(&bytes, |text| text.replace("<gid>0</gid>", "<gid>9</gid>"));
    for tampered in [same, edited] {
        assert_eq!(
            verdict(&tampered).outcome,
            Err(Flaw::Value { style: "RSA", signer: SIGNER.into() }),
            "also when only the compression differs"
        );
    }
}

#[test]
fn p39_a_signature_that_was_taken_out_is_no_signature() {
    let Some(bytes) = genuine() else { return };
    let bare = with_contents(&bytes, |text| {
        without(&without(&text, "<signature", "</signature>"), "<x-signature", "</x-signature>")
    });
    let verdict = verdict(&bare);
    assert_eq!((verdict.outcome, verdict.chain.len()), (Err(Flaw::Unsigned), 0));
}

#[test]
fn p39_without_the_rsa_value_the_cms_signature_still_finds_the_change() {
    let Some(bytes) = genuine() else { return };
    let only_cms = with_contents(&bytes, |text| without(&text, "<signature", "</signature>"));
    assert_eq!(verdict(&only_cms).outcome, Err(Flaw::Content(SIGNER.into())));
}

#[test]
fn p39_the_signature_of_another_package_is_found() {
    let (Some(bytes), Some(other)) = (genuine(), package("Baseline__69b6d387")) else { return };
    let mut rsa = bytes.clone();
    let (ours, theirs) = (heap(&bytes) + 20, heap(&other) + 20);
    rsa[ours..ours + 256].copy_from_slice(&other[theirs..theirs + 256]);
    assert_eq!(verdict(&rsa).outcome, Err(Flaw::Value { style: "RSA", signer: SIGNER.into() }));
    let mut cms = bytes;
    cms[ours + 256..ours + 256 + 9216].copy_from_slice(&other[theirs + 256..theirs + 256 + 9216]);
    let outcome = verdict(&cms).outcome;
    assert!(outcome.as_ref().is_err_and(|flaw| flaw.to_string().contains("the first is not its signer's")));
}

#[test]
fn p39_an_altered_byte_of_the_signatures_is_found_or_changes_nothing() {
    let Some(bytes) = genuine() else { return };
    let (rsa, mut unharmed) = (heap(&bytes) + 20, 0);
    for place in (rsa..rsa + 256).step_by(5) {
        let mut altered = bytes.clone();
        altered[place] ^= 1;
        assert_eq!(verdict(&altered).outcome, Err(Flaw::Value { style: "RSA", signer: SIGNER.into() }));
    }
    // Every byte would take a minute.
    for place in (rsa + 256..rsa + 256 + 8664).step_by(53) {
        let mut altered = bytes.clone();
        altered[place] ^= 0x55;
        let verdict = verdict(&altered);
        unharmed += usize::from(verdict.outcome.is_ok());
        assert!(verdict.outcome.is_err() || verdict.team_id() == Some("T4SK8ZXCXG"));
    }
    // What does not matter are copies of certificates that stand in the table of contents, too, and Apple's root.
    assert!(unharmed < 110, "{unharmed} of 164 altered bytes in the CMS signature went unnoticed");
}

#[test]
fn p39_an_altered_bit_of_the_table_of_contents_is_found_before_anything_is_believed() {
    let Some(bytes) = genuine() else { return };
    for place in (0..heap(&bytes) + 20).step_by(13) {
        let mut altered = bytes.clone();
        altered[place] ^= 1;
        let opened = FlatPackage::open(Cursor::new(altered));
        assert!(opened.is_err() || place < 28, "byte {place}");
    }
}

#[test]
fn p39_a_certificate_that_has_expired_wants_a_timestamp() {
    let Some(bytes) = package("goxar__98c9b4ae") else { return };
    // StartCom's root, taken for trusted; the signature of 2011 carries no time.
    let chain = verdict(&bytes).chain;
    let mut roots = TrustRoots::apple();
    roots.add(&chain[2].der).unwrap();
    let judge = |now| FlatPackage::open(Cursor::new(&bytes)).unwrap().verify(&roots, now).outcome;
    let when = datetime!(2011-03-27 13:14:35 UTC);
    assert!(matches!(judge(when), Err(Flaw::Chain { .. })), "SHA-1: {:?}", judge(when));
}
