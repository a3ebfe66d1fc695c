//! `iasctl keygen`, `sign` and `check --key`, run as an admin runs them, beside the real minisign where it is installed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use shared::minisign::SecretKey;
use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

const CONTROL: &str = r#"{"userland": []}"#;

/// A folder with a control file.
struct Admin(tempfile::TempDir);

impl Admin {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bootstrap.json"), CONTROL).unwrap();
        Self(folder)
    }

    /// Exit code, standard output, standard error.
    fn runs(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iasctl"));
        let output = command.current_dir(&self.0).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Whether minisign does it; `None`, told in a line, where it is not installed.
    fn minisign(&self, arguments: &[&str]) -> Option<bool> {
        match Command::new("minisign").current_dir(&self.0).args(arguments).output() {
            Ok(output) => Some(output.status.success()),
            Err(error) => {
                println!("skipped: minisign cannot be started ({error})");
                None
            }
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

#[test]
fn a_key_is_private_and_never_overwritten() {
    let admin = Admin::new();
    let (code, out, _) = admin.runs(&["keygen", "company"]);
    let public = admin.read("company.pub").lines().nth(1).unwrap().to_owned();
    assert!(code == 0 && out.ends_with(&format!("ControlFileKeys:\n{public}\n")), "{out}");
    let mode = fs::metadata(admin.0.path().join("company.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = admin.read("company.key");
    assert!(!out.contains(secret.lines().nth(1).unwrap()), "the secret key is never shown");

    let (code, _, err) = admin.runs(&["keygen", "company"]);
    assert!(code == 1 && err.contains("never overwritten"), "{err}");
    assert_eq!(admin.read("company.key"), secret);
    fs::remove_file(admin.0.path().join("company.key")).unwrap();
    assert_eq!(admin.runs(&["keygen", "company"]).0, 1, "the public key is still there");
    assert!(!admin.0.path().join("company.key").exists(), "half a pair");
    assert_ne!(admin.runs(&["keygen", "other", "--json"]).1, "");
    assert_ne!(admin.read("other.key"), secret, "no key is like another");
}

#[test]
fn what_is_signed_is_checked_with_its_public_key() {
    let admin = Admin::new();
    admin.runs(&["keygen"]);
    let (code, out, err) =
        admin.runs(&["sign", "bootstrap.json", "--serial", "7", "--expires", "2999-01-01"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("serial:7 expires:2999-01-02T00:00:00Z file:bootstrap.json"), "{out}");
    let check = ["check", "--key", "ias.pub", "bootstrap.json"];
    let (code, out, _) = admin.runs(&check);
    assert!(code == 0 && out.ends_with(": serial:7 expires:2999-01-02T00:00:00Z\n"), "{out}");
    let line = admin.read("ias.pub").lines().nth(1).unwrap().to_owned();
    let (_, json, _) = admin.runs(&["check", "--json", "--key", &line, "bootstrap.json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["files"][0]["signed"]["terms"], "serial:7 expires:2999-01-02T00:00:00Z");

    fs::write(admin.0.path().join("bootstrap.json"), r#"{"userland": [ ]}"#).unwrap();
    let (code, out, _) = admin.runs(&check);
    assert!(
        code == 1 && out.contains("error: bootstrap.json.sig:1:1: ") && out.contains("cannot be used"),
        "{out}"
    );
    fs::remove_file(admin.0.path().join("bootstrap.json.sig")).unwrap();
    let (code, out, _) = admin.runs(&check);
    assert!(code == 1 && out.contains("hint: make it with iasctl sign"), "{out}");
    assert_eq!(admin.runs(&["check", "bootstrap.json"]).0, 0, "nobody asked for a signature");
}

#[test]
fn without_a_serial_of_ones_own_each_signature_has_a_higher_one() {
    let admin = Admin::new();
    admin.runs(&["keygen"]);
    let serial = || -> u64 {
        let (_, json, _) = admin.runs(&["sign", "bootstrap.json", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let comment = json["trusted_comment"].as_str().unwrap().to_owned();
        comment.split([':', ' ']).nth(1).unwrap().parse().unwrap()
    };
    let first = serial();
    assert!(first > 1_790_000_000 && serial() >= first, "seconds since 1970");
}

#[test]
fn keys_and_times_that_cannot_be_used_are_explained() {
    let admin = Admin::new();
    admin.runs(&["keygen"]);
    let key = SecretKey::from_seed([1; 8], [1; 32]).unwrap().to_file();
    let protected = key.replace("RWQAAEIy", "RWRTY0Iy");
    fs::write(admin.0.path().join("protected.key"), protected).unwrap();
    for (arguments, word) in [
        (&["sign", "bootstrap.json", "--key", "protected.key"][..], "minisign -C -W"),
        (&["sign", "bootstrap.json", "--key", "ias.pub"], "this is the public key"),
        (&["sign", "bootstrap.json", "--key", "missing.key"], "missing.key: No such file"),
        (&["sign", "missing.json"], "missing.json"),
        (&["sign", "bootstrap.json", "--expires", "2020-01-01"], "over already"),
        (&["sign", "bootstrap.json", "--expires", "soon"], "expected a day"),
        (&["check", "bootstrap.json", "--key", "ias.key"], "this is a secret key"),
        (&["check", "bootstrap.json", "--key", "nothing"], "not a public key"),
    ] {
        let (code, _, err) = admin.runs(arguments);
        assert!(code != 0 && err.contains(word), "{arguments:?}: {err}");
    }
    assert!(!admin.0.path().join("bootstrap.json.sig").exists());
}

#[test]
fn minisign_and_iasctl_use_each_others_keys_and_signatures() {
    let admin = Admin::new();
    admin.runs(&["keygen"]);
    admin.runs(&["sign", "bootstrap.json", "--serial", "7"]);
    let verify = ["-Vm", "bootstrap.json", "-p", "ias.pub", "-x", "bootstrap.json.sig"];
    let Some(verifies) = admin.minisign(&verify) else { return };
    assert!(verifies, "minisign does not verify what iasctl signed");

    assert_eq!(admin.minisign(&["-G", "-W", "-p", "mini.pub", "-s", "mini.key"]), Some(true));
    let sign = ["-SWm", "bootstrap.json", "-s", "mini.key", "-x", "bootstrap.json.sig", "-t", "serial:8"];
    assert_eq!(admin.minisign(&sign), Some(true));
    let (code, out, _) = admin.runs(&["check", "bootstrap.json", "--key", "mini.pub"]);
    assert!(code == 0 && out.ends_with(": serial:8\n"), "{out}");
    assert_eq!(admin.runs(&["sign", "bootstrap.json", "--key", "mini.key"]).0, 0);
    let (code, _, _) = admin.runs(&["check", "bootstrap.json", "--key", "ias.pub", "--key", "mini.pub"]);
    assert_eq!(code, 0);

    let plain = ["-SWm", "bootstrap.json", "-s", "mini.key", "-x", "bootstrap.json.sig"];
    assert_eq!(admin.minisign(&plain), Some(true));
    let (code, out, _) = admin.runs(&["check", "--strict", "bootstrap.json", "--key", "mini.pub"]);
    assert!(code == 2 && out.contains("there is no serial"), "{out}");
}
