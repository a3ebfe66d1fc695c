//! Vectors made by minisign 0.11, the tool itself where it is installed, and every change of a byte.

use super::*;
use proptest::prelude::*;
use std::{fs, path::Path, process::Command};

const CONTENT: &[u8] = b"{}\n";
const PUBLIC: &str = "RWQ2joOrEAlvfT8oU7zb01NM2mFSKmDduhsTQlfr8UY0qOCeBC999FyI";
const SECRET: &str = "untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAANo6DqxAJb32pCDnNyEzo/usbcPk6oCfkeQkuLxUn/GBQIDDsO3My3T8oU7zb01NM2mFSKmDduhsTQlfr8UY0qOCeBC999FyIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
const PREHASHED_FILE: &str = "untrusted comment: signature from minisign secret key
RUQ2joOrEAlvfb+dnBpaZPOTElk33P3s6jHd/w3QJyHNY/C9rv6HQqI2ASgwOQIi8Z2LmCdSkmgPyqCfROuMGY+HvgyT94rVsgY=
trusted comment: serial:7 expires:2027-01-01
aCO7UQRhh0WEYCYQaXYk+iqY2zNoP6ekzACKF9atoAdsFuidRSlDqrtsyBxrHqzA+MJjhUJwj1Nqzr4TFtJkDw==
";
const LEGACY_FILE: &str = "untrusted comment: signature from minisign secret key
RWQ2joOrEAlvfVpkS9gE3rVayJAAcEp6ayX/wQUwHquvCyIZ2koptURXDmzIQ3o8JPe3X7hvhoO+A7P3OrvyHsM0wZyzJXb03w0=
trusted comment: timestamp:1795631972\tfile:x.json
/zTyEkp0/8dW9LDe3WBOTnuLoXC8+MU5ggAL/nk6ILZtZBTYmsCfk+D2O/EVGryxxz9BtapfaBpt+sXFabstDw==
";

fn public() -> PublicKey {
    PUBLIC.parse().unwrap()
}

fn verified(file: &str, content: &[u8]) -> Result<String, Forged> {
    Signature::parse(file.as_bytes()).unwrap().verify(&public(), content).map(str::to_owned)
}

#[test]
fn signatures_made_by_minisign_verify_in_both_formats() {
    assert_eq!(verified(PREHASHED_FILE, CONTENT).unwrap(), "serial:7 expires:2027-01-01");
    assert_eq!(verified(LEGACY_FILE, CONTENT).unwrap(), "timestamp:1795631972\tfile:x.json");
    assert_eq!(
        verified(&PREHASHED_FILE.replace('\n', "\r\n"), CONTENT).unwrap(),
        "serial:7 expires:2027-01-01"
    );
    assert_eq!(Signature::parse(PREHASHED_FILE.as_bytes()).unwrap().key().to_string(), "7D6F0910AB838E36");
}

#[test]
fn another_content_comment_or_key_does_not_verify() {
    for file in [PREHASHED_FILE, LEGACY_FILE] {
        assert_eq!(verified(file, b"{} \n"), Err(Forged::Content));
    }
    let other = PREHASHED_FILE.replace("serial:7", "serial:8");
    assert_eq!(verified(&other, CONTENT), Err(Forged::Comment));
    let same_id = SecretKey::from_seed(public().id().0, [9; 32]).unwrap().public();
    let same_key = PublicKey::new(KeyId([9; 8]), SECRET.parse::<SecretKey>().unwrap().public_bytes());
    for key in [same_id, same_key] {
        let signature = Signature::parse(PREHASHED_FILE.as_bytes()).unwrap();
        assert_eq!(signature.verify(&key, CONTENT), Err(Forged::Content));
    }
}

#[test]
fn the_prehashed_signature_cannot_pass_as_one_of_the_hash() {
    // RUQ… and RWQ… differ in the algorithm only, which is not signed itself.
    let renamed = PREHASHED_FILE.replace("RUQ2", "RWQ2");
    assert_eq!(verified(&renamed, CONTENT), Err(Forged::Content));
}

#[test]
fn a_signature_has_four_lines_and_nothing_else() {
    let cases = [
        (String::new(), "first line"),
        ("\u{0}".repeat(LONGEST + 1), "longer"),
        (PREHASHED_FILE.replace("untrusted comment:", "comment:"), "first line"),
        (PREHASHED_FILE.replace("RUQ2", "RVQ2"), "algorithm"),
        (PREHASHED_FILE.replace("RUQ2", "RUQ"), "second line"),
        (PREHASHED_FILE.replace("sgY=", "sgZ="), "second line"),
        (PREHASHED_FILE.replace("trusted comment: serial", "trusted: serial"), "third line"),
        (PREHASHED_FILE.replace("serial:7", "serial:7\u{1b}[2J"), "control characters"),
        (PREHASHED_FILE.replace("JkDw==", "JkDw"), "fourth line"),
        (format!("{PREHASHED_FILE}more"), "something follows"),
        ("<!doctype html><title>404</title>".to_owned(), "first line"),
    ];
    for (file, word) in cases {
        let error = Signature::parse(file.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
    assert!(Signature::parse(b"\xff\xfe").is_err());
}

#[test]
fn keys_are_read_with_their_comment_and_without_and_told_apart() {
    assert_eq!(
        format!("untrusted comment: minisign public key 7D6F0910AB838E36\n{PUBLIC}\n"),
        public().to_file()
    );
    assert_eq!(public().to_file().parse(), Ok(public()));
    assert_eq!(public().to_string(), PUBLIC);
    let secret: SecretKey = SECRET.parse().unwrap();
    assert_eq!(secret.public(), public());
    assert_eq!(format!("{secret:?}"), "SecretKey(7D6F0910AB838E36, <redacted>)");
    assert_eq!(SECRET.parse::<PublicKey>(), Err(BadPublicKey::Secret));
    assert_eq!(PUBLIC.parse::<SecretKey>().unwrap_err(), BadSecretKey::Public);
    for text in
        ["", "untrusted comment: x", "RWQ2", &PUBLIC.replace("RWQ", "RUQ"), &format!("{PUBLIC}\n{PUBLIC}")]
    {
        assert_eq!(text.parse::<PublicKey>(), Err(BadPublicKey::Form), "{text}");
    }
    assert_eq!("RWQ2".parse::<SecretKey>().unwrap_err(), BadSecretKey::Form);
}

#[test]
fn a_protected_or_damaged_secret_key_is_refused() {
    let line = SECRET.lines().nth(1).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = crate::base64::decode(line).unwrap();
        change(&mut bytes);
        crate::base64::encode(&bytes).parse::<SecretKey>().unwrap_err()
    };
    assert_eq!(with(&|bytes| bytes[2..4].copy_from_slice(b"Sc")), BadSecretKey::Protected);
    assert_eq!(with(&|bytes| bytes[2] = 1), BadSecretKey::Form);
    assert_eq!(with(&|bytes| bytes[70] ^= 1), BadSecretKey::Damaged, "the seed");
    assert_eq!(with(&|bytes| bytes[100] ^= 1), BadSecretKey::Damaged, "the public half");
    assert_eq!(with(&|bytes| bytes[150] ^= 1), BadSecretKey::Damaged, "the checksum");
    let own: SecretKey = SECRET.parse::<SecretKey>().unwrap().to_file().parse().unwrap();
    assert_eq!(own.public(), public());
}

#[test]
fn what_we_sign_verifies_and_a_comment_cannot_hold_a_line() {
    let secret: SecretKey = SECRET.parse().unwrap();
    assert_eq!(verified(&secret.sign(CONTENT, "serial:1").unwrap(), CONTENT).unwrap(), "serial:1");
    for comment in ["a\nb", "a\rb", "\0", &"x".repeat(9000)] {
        assert_eq!(secret.sign(CONTENT, comment), Err(Unsignable));
    }
}

/// Runs minisign in `folder`; `None`, told in a line, where it is not installed.
fn minisign(folder: &Path, arguments: &[&str]) -> Option<bool> {
    match Command::new("minisign").current_dir(folder).args(arguments).output() {
        Ok(output) => Some(output.status.success()),
        Err(error) => {
            println!("skipped: minisign cannot be started ({error})");
            None
        }
    }
}

#[test]
fn minisign_verifies_what_we_sign_and_signs_with_our_keys() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let secret = SecretKey::from_seed([1, 2, 3, 4, 5, 6, 7, 8], [42; 32]).unwrap();
    fs::write(at("file"), CONTENT).unwrap();
    fs::write(at("key"), secret.to_file()).unwrap();
    fs::write(at("key.pub"), secret.public().to_file()).unwrap();
    fs::write(at("ours"), secret.sign(CONTENT, "serial:3 expires:2027-01-01").unwrap()).unwrap();
    fs::write(at("altered"), secret.sign(b"other", "serial:3").unwrap()).unwrap();

    let verify = |signature| minisign(folder.path(), &["-Vm", "file", "-p", "key.pub", "-x", signature]);
    let Some(verifies) = verify("ours") else { return };
    assert!(verifies, "minisign does not verify our signature");
    assert_eq!(verify("altered"), Some(false));
    for (option, name) in [("-W", "prehashed"), ("-lW", "legacy")] {
        let sign = ["-S", option, "-s", "key", "-m", "file", "-x", name, "-t", "a comment"];
        assert_eq!(minisign(folder.path(), &sign), Some(true), "minisign cannot use our key");
        let signature = Signature::parse(&fs::read(at(name)).unwrap()).unwrap();
        assert_eq!(signature.verify(&secret.public(), CONTENT), Ok("a comment"), "{name}");
    }
}

proptest! {
    #[test]
    fn no_changed_byte_of_a_signature_verifies(at in 0..PREHASHED_FILE.len(), to: u8) {
        let mut file = PREHASHED_FILE.as_bytes().to_vec();
        let first_line = PREHASHED_FILE.find('\n').unwrap();
        prop_assume!(at > first_line && file[at] != to);
        file[at] = to;
        if let Ok(signature) = Signature::parse(&file) {
            // Only an end of line may be written in another way.
            let same = signature == Signature::parse(PREHASHED_FILE.as_bytes()).unwrap();
            prop_assert!(same || signature.verify(&public(), CONTENT).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Signature::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = (text.parse::<PublicKey>(), text.parse::<SecretKey>());
    }

    #[test]
    fn signed_is_verified_and_nothing_else_is(
        seed: [u8; 32], id: [u8; 8], content: Vec<u8>, other: Vec<u8>, comment in "[ -~\t]{0,60}",
    ) {
        let key = SecretKey::from_seed(id, seed).unwrap();
        let signature = Signature::parse(key.sign(&content, &comment).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(signature.verify(&key.public(), &content), Ok(comment.as_str()));
        prop_assert_eq!(signature.verify(&key.public(), &other).is_ok(), content == other);
        prop_assert_eq!(key.to_file().parse::<SecretKey>().unwrap().public(), key.public());
    }
}
