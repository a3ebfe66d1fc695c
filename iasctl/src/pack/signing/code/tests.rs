//! Programs signed with an identity: what openssl says of them, and what Apple's own signatures look like.

use super::*;
use crate::pack::macho::{
    Signed, Thin,
    fixture::{ARM64, X86_64, program},
    sign,
};
use std::{fs, process::Command};

const IDENTITY: &[u8] = include_bytes!("../fixtures/identity.pem");
const WEB: &[u8] = include_bytes!("../fixtures/web.pem");
const ROOT: &[u8] = include_bytes!("../fixtures/root.pem");
const NAME: &str = "com.example.daemon";
const TEAM: &str = "FAKE567890";

fn identity(file: &[u8]) -> Identity {
    Identity::read(file, None, Vec::new()).unwrap()
}

/// As if Apple vouched for Acme's team.
fn with_team() -> ProgramSigner {
    ProgramSigner { team: Some(TEAM.into()), ..ProgramSigner::new(identity(IDENTITY), None).unwrap() }
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Directory, requirements and CMS of a signed program.
fn parts(file: &[u8]) -> [&[u8]; 3] {
    let magic = [0xfa, 0xde, 0x0c, 0xc0];
    let at = file.windows(4).rposition(|window| window == magic).unwrap();
    let blob = &file[at..];
    assert_eq!(word(blob, 8), 3);
    [(0, 0), (1, 2), (2, 0x10000)].map(|(index, slot)| {
        assert_eq!(word(blob, 12 + 8 * index), slot);
        let part = &blob[word(blob, 16 + 8 * index)..];
        &part[..word(part, 4)]
    })
}

#[test]
fn p46_openssl_verifies_the_directory_and_finds_its_digest_where_apple_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for cpu in [ARM64, X86_64] {
        let signed = sign(&program(cpu, 0x000b_0000, &[0xc0; 9000]), NAME, Some(&with_team())).unwrap();
        assert_eq!(Thin::read(&signed).unwrap().signed, Signed::Identity);
        let [directory, _, cms] = parts(&signed);
        fs::write(path("directory"), directory).unwrap();
        fs::write(path("cms"), &cms[8..]).unwrap();
        fs::write(path("root.pem"), ROOT).unwrap();
        let openssl = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(["cms", "-inform", "DER", "-in"]).arg(path("cms")).args(arguments);
            command.current_dir(folder.path()).output()
        };
        let verify = [
            "-verify",
            "-binary",
            "-purpose",
            "any",
            "-content",
            "directory",
            "-CAfile",
            "root.pem",
            "-out",
            "out",
        ];
        // The identity of the tests begins to count in the future.
        let verify = [&verify[..], &["-attime", "1803000000"]].concat();
        let Ok(output) = openssl(&verify) else { return println!("skipped: openssl is not installed") };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut other = directory.to_vec();
        *other.last_mut().unwrap() ^= 1;
        fs::write(path("directory"), other).unwrap();
        assert!(!openssl(&verify).unwrap().status.success(), "another page was accepted");

        let text = openssl(&["-cmsout", "-print"]).unwrap().stdout;
        let text = String::from_utf8_lossy(&text).into_owned();
        let digest = Digest::of(directory);
        let whole: String = digest.0.iter().map(|byte| format!("{byte:02X}")).collect();
        for promised in
            ["1.2.840.113635.100.9.1", "1.2.840.113635.100.9.2", "sha256WithRSAEncryption", &whole]
        {
            assert!(text.contains(promised), "{promised} in {text}");
        }
        let short = format!("<data>\n\t\t{}\n\t\t</data>", shared::base64::encode(&digest.0[..20]));
        assert!(cms.windows(short.len()).any(|window| window == short.as_bytes()), "{short}");
    }
}

#[test]
fn p46_a_signed_program_runs_hardened_and_names_its_team() {
    let signed = sign(&program(ARM64, 0x000b_0000, b"code"), NAME, Some(&with_team())).unwrap();
    let [directory, requirements, _] = parts(&signed);
    // Version and flags as `codesign --options runtime` writes them.
    assert_eq!((word(directory, 8), word(directory, 12)), (0x2_0500, 0x1_0000));
    let text = |at: usize| directory[at..].split(|byte| *byte == 0).next().unwrap();
    assert_eq!((word(directory, 20), text(word(directory, 20))), (96, NAME.as_bytes()));
    assert_eq!(text(word(directory, 48)), TEAM.as_bytes());
    assert!(requirements.windows(TEAM.len()).any(|window| window == TEAM.as_bytes()));
    let digests = word(directory, 16);
    assert_eq!(directory[digests - 64..digests - 32], Digest::of(requirements).0);
    assert!(sign(&signed, NAME, Some(&with_team())).unwrap() == signed, "the same bytes each time");
    let ad_hoc = sign(&signed, NAME, None).unwrap();
    assert!(ad_hoc == sign(&program(ARM64, 0x000b_0000, b"code"), NAME, None).unwrap());
}

#[test]
fn p46_a_team_apple_does_not_vouch_for_is_not_named() {
    let signer = ProgramSigner::new(identity(IDENTITY), None).unwrap();
    assert_eq!(signer.team(), None);
    let signed = sign(&program(ARM64, 0x000b_0000, b"code"), NAME, Some(&signer)).unwrap();
    let [directory, requirements, _] = parts(&signed);
    assert_eq!((word(directory, 48), requirements.len()), (0, 12));
}

#[test]
fn p46_a_certificate_for_something_else_signs_no_program() {
    let Err(error) = ProgramSigner::new(identity(WEB), None).map(drop) else { panic!("a web server signs") };
    let told = error.to_string();
    assert!(
        told.contains("it is meant for web servers") && told.contains("Developer ID Application"),
        "{told}"
    );
}
