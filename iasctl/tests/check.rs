//! `iasctl check`, run as an admin runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

const CLEAN: &str = r#"{"userland": [{"name": "A", "type": "rootscript", "file": "/Library/ias/a.sh"}]}"#;
const WARNED: &str = r#"{"userland": [{"name": "A", "type": "rootscript", "file": "a.sh"}], "stage1": []}"#;
const REFUSED: &str = "{\"userland\": [\n  {\"name\": \"Munki core\", \"type\": \"package\", \"file\": \"/a.pkg\",\n\
                       \x20  \"fail_policy\": \"failble\"}\n]}\n";

/// A folder with one control file, and `iasctl check` in it.
struct Admin(tempfile::TempDir);

impl Admin {
    fn with(control_file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bootstrap.json"), control_file).unwrap();
        Self(folder)
    }

    fn checks(&self, arguments: &[&str]) -> Told {
        let mut check = Command::new(env!("CARGO_BIN_EXE_iasctl"));
        Told::of(check.current_dir(&self.0).arg("check").args(arguments).output().unwrap())
    }
}

#[derive(Debug)]
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

#[test]
fn r17_a_clean_file_is_one_line_and_success() {
    let told = Admin::with(CLEAN).checks(&["bootstrap.json"]);
    assert_eq!(
        (told.code, told.out.as_str()),
        (0, "bootstrap.json: 1 item, 0 errors, 0 warnings\n"),
        "{told:?}"
    );
    assert_eq!(told.err, "");
}

#[test]
fn r16_r17_an_error_shows_its_place_its_line_and_the_way_out() {
    let told = Admin::with(REFUSED).checks(&["bootstrap.json"]);
    let expected = "error: bootstrap.json:3:19: userland[0] \"Munki core\": fail_policy: unknown value \"failble\" \
                    (expected failable, failable_execution, failure_is_not_an_option); the item is malformed, and without \
                    a known policy that ends the run before anything is done\n    \
                    3 |    \"fail_policy\": \"failble\"}\n      \
                      |                   ^\nhint: did you mean \"failable\"?\n\
                    bootstrap.json: 1 item, 1 error, 0 warnings\n";
    assert_eq!((told.code, told.out.as_str()), (1, expected));
}

#[test]
fn r17_warnings_are_a_failure_only_when_strict() {
    let admin = Admin::with(WARNED);
    assert_eq!(admin.checks(&["bootstrap.json"]).code, 0);
    assert_eq!(admin.checks(&["--strict", "bootstrap.json"]).code, 2);
    assert_eq!(Admin::with(REFUSED).checks(&["--strict", "bootstrap.json"]).code, 1);
    assert_eq!(Admin::with(CLEAN).checks(&["--strict", "bootstrap.json"]).code, 0);
}

#[test]
fn a_file_that_cannot_be_read_fails_and_the_others_are_checked_all_the_same() {
    let told = Admin::with(CLEAN).checks(&["missing.json", ".", "bootstrap.json"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("error: missing.json: cannot be read: "), "{told:?}");
    assert!(told.err.contains("error: .: cannot be read: "), "{told:?}");
    assert_eq!(told.out, "bootstrap.json: 1 item, 0 errors, 0 warnings\n");
}

#[test]
fn r4_a_file_that_is_no_control_file_is_told_so() {
    let told = Admin::with("{\n  \"userland\": [],\n}\n").checks(&["bootstrap.json"]);
    assert_eq!(told.code, 1);
    assert!(told.out.starts_with("error: bootstrap.json:3:1: not JSON: "), "{told:?}");
    assert!(told.out.ends_with("bootstrap.json: cannot be used, 1 error, 0 warnings\n"), "{told:?}");
}

#[test]
fn json_is_one_document_with_every_finding() {
    let told = Admin::with(REFUSED).checks(&["--json", "bootstrap.json", "missing.json"]);
    let json = told.json();
    assert_eq!((told.code, &json["errors"], &json["warnings"]), (1, &2.into(), &0.into()));
    let file = &json["files"][0];
    assert_eq!((&file["usable"], &file["items"]), (&true.into(), &1.into()));
    let finding = &file["findings"][0];
    assert_eq!(finding["severity"], "error");
    assert_eq!((&finding["line"], &finding["column"]), (&3.into(), &19.into()));
    assert_eq!(finding["item"], serde_json::json!({"phase": "userland", "index": 0}));
    assert_eq!(finding["key"], "fail_policy");
    assert_eq!(finding["hint"], "did you mean \"failable\"?");
    assert!(json["files"][1]["unreadable"].as_str().unwrap().contains("missing.json"));
}

#[test]
fn a_dash_is_standard_input() {
    let mut check = Command::new(env!("CARGO_BIN_EXE_iasctl"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(CLEAN.as_bytes()).unwrap();
    let told = Told::of(check.wait_with_output().unwrap());
    assert_eq!((told.code, told.out.as_str()), (0, "stdin: 1 item, 0 errors, 0 warnings\n"), "{told:?}");
}

#[test]
fn r31_r85_the_settings_of_the_run_can_be_given() {
    let file = r#"{"userland": [{"name": "A", "type": "rootscript", "file": "a", "url": "https://h/a"}]}"#;
    let admin = Admin::with(file);
    let strict = admin.checks(&["bootstrap.json"]);
    assert!(strict.code == 1 && strict.out.contains("HashCheckPolicy is Strict"), "{strict:?}");
    let lenient =
        admin.checks(&["--hash-check-policy", "warn", "--install-path", "/Library/x", "bootstrap.json"]);
    assert_eq!(lenient.code, 0, "{lenient:?}");
    assert!(lenient.out.contains("taken as \"/Library/x/a\""), "{lenient:?}");
    let refused = admin.checks(&["--hash-check-policy", "loose", "bootstrap.json"]);
    assert!(refused.code != 0 && refused.err.contains("WarningRequireMatch"), "{refused:?}");
}

#[test]
fn r9_secrets_are_not_printed() {
    let file = "{\"userland\": [{\"name\": \"A\", \"type\": \"rootscript\", \"file\": \"/a\",\n\
                \"url\": \"http://u:s3cret@h/a\",\n\"password\": [\"s3cret\"]}]}";
    for arguments in [&["bootstrap.json"][..], &["--json", "bootstrap.json"]] {
        let told = Admin::with(file).checks(arguments);
        assert_eq!(told.code, 1);
        assert!(!told.out.contains("s3cret") && !told.err.contains("s3cret"), "{told:?}");
    }
}
