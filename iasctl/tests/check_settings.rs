//! `iasctl check` of settings, run as an admin runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Exit status and output of a check of `iasd.plist` with this body.
fn check(body: &str, options: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("<?xml version=\"1.0\"?>\n<plist version=\"1.0\">\n<dict>\n{body}\n</dict>\n</plist>\n");
    std::fs::write(folder.path().join("iasd.plist"), text).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_iasctl"));
    let output = check.current_dir(&folder).arg("check").args(options).arg("iasd.plist").output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

const GOOD: &str = "<key>JSONURL</key>\n<string>https://a.example/b.json?sig=s3cret</string>
<key>HTTPAuthUser</key>\n<string>ada</string>\n<key>HTTPAuthPassword</key>\n<string>s3cret</string>";

#[test]
fn r36_good_settings_are_shown_without_their_secrets() {
    let (code, out) = check(GOOD, &[]);
    let defaults = shared::settings::keys::KEYS.len() - 3;
    let expected = format!(
        "  JSONURL           https://a.example/b.json?<redacted>\n  HTTPAuthUser      ada\n  \
         HTTPAuthPassword  <redacted>\n  {defaults} more settings have their defaults; --json prints all\n\
         iasd.plist: settings, 0 errors, 0 warnings\n"
    );
    assert_eq!((code, out), (0, expected));
    let (_, json) = check(GOOD, &["--json"]);
    assert!(!json.contains("s3cret") && json.contains("\"key\": \"WithPreflight\""), "{json}");
}

#[test]
fn r39_a_mistyped_key_is_a_warning_under_its_line() {
    let mistyped = format!("{GOOD}\n  <key>Rebot</key><true/>");
    let (code, out) = check(&mistyped, &[]);
    let warning = "warning: iasd.plist:10:3: Rebot: unknown key, ignored\n   10 |   <key>Rebot</key><true/>\n      |   ^\n\
                   hint: did you mean Reboot?\n";
    assert_eq!((code, out.starts_with(warning)), (0, true), "{out}");
    assert_eq!(check(&mistyped, &["--strict"]).0, 2);
}

#[test]
fn r38_a_wrong_value_is_an_error_and_so_is_a_broken_plist() {
    let (code, out) = check("<key>MaximumRedownloads</key>\n<integer>101</integer>", &[]);
    assert!(
        code == 1
            && out
                .contains("iasd.plist:4:1: MaximumRedownloads: expected an integer from 0 to 100: found 101"),
        "{out}"
    );
    let (code, out) = check("<key>Reboot</key>\n<true>", &[]);
    assert!(code == 1 && out.starts_with("error: iasd.plist:6:"), "{out}");
}

#[test]
fn a_line_with_a_secret_is_not_quoted() {
    for key in ["HTTPHeaders", "HeaderAuthorization", "HTTPAuthPassword"] {
        let (code, out) = check(&format!("<key>{key}</key><array><string>s3cret</string></array>"), &[]);
        assert!(code == 1 && !out.contains("s3cret"), "{out}");
    }
}

/// A profile whose payload for us has this body.
fn profile(body: &str) -> String {
    format!(
        "<key>PayloadType</key><string>Configuration</string><key>PayloadContent</key><array><dict>\
         <key>PayloadType</key><string>cz.macadmin.iasd</string>\n{body}\n</dict></array>"
    )
}

#[test]
fn t67_secrets_in_a_profile_are_a_warning_that_shows_none_of_them() {
    let title_key = |algorithm: &str| {
        format!(
            "<key>TitleKeys</key><array><dict><key>kid</key><string>k1</string><key>alg</key>\
             <string>{algorithm}</string><key>key</key>\
             <string>c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTAwMDA</string></dict></array>"
        )
    };
    let service = "<key>TitleEnvQueryURL</key>\n<string>https://a.example/query</string>";
    let (code, out) = check(&profile(&format!("{GOOD}\n{service}\n{}", title_key("HS256"))), &[]);
    assert_eq!(code, 0, "{out}");
    let warned = |key: &str, out: &str| {
        out.contains(&format!("{key}: in a profile every user of the Mac can read it"))
    };
    assert!(warned("TitleKeys", &out) && warned("HTTPAuthPassword", &out), "{out}");
    assert!(out.contains("TitleKeyFile") && !out.contains("s3cret") && !out.contains("c2Vjcm"), "{out}");
    let (_, out) = check(&profile(&title_key("EdDSA")), &[]);
    assert!(!warned("TitleKeys", &out), "{out}");
}
