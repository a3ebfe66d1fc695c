//! `iasctl pack --sign`, and `iasctl inspect` on what it signed.

use crate::pack::{Admin, SETTINGS};
use serde_json::Value as Json;
use std::{fs, process::Command};
use support::program as built;

/// A key and certificates made for tests; `iasctl` signs with them in its own tests, too.
fn fixture(name: &str) -> String {
    format!("{}/../iasctl/src/pack/signing/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn p39_p42_a_signed_package_verifies_up_to_the_companys_root_and_twice_the_same() {
    let admin = Admin::new(SETTINGS);
    fs::write(admin.at("password"), "secret\n").unwrap();
    let sign = ["--sign", &fixture("modern.p12"), "--sign-password", "password"];
    let report = admin.report(&sign);
    assert_eq!(report["package"]["signed_by"], "Acme Installer (FAKE567890)");
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("not for Macs that do not know you: the chain ends at Acme Root"),
        "{warnings}"
    );
    let first = admin.made("ias-0.1.0.pkg");
    admin.report(&sign);
    assert!(admin.made("ias-0.1.0.pkg") == first, "the same bytes");
    let mut inspect = Command::new(built("iasctl"));
    inspect
        .args(["inspect", "--json", "--trust-root", &fixture("root.pem")])
        .arg(admin.at("out/ias-0.1.0.pkg"));
    let output = inspect.output().unwrap();
    let inspected: Json = serde_json::from_slice(&output.stdout).unwrap();
    let signature = &inspected[0]["package"]["signature"];
    assert_eq!((output.status.code(), &signature["verified"]), (Some(0), &true.into()));
    assert_eq!((&signature["purpose"], &signature["team_id"]), (&"own_root".into(), &"ACME012345".into()));
    assert_eq!(signature["signed_at"]["proof"], "claim");
}

#[test]
fn p46_the_programs_are_signed_by_an_identity_of_their_own_and_twice_the_same() {
    let admin = Admin::new(SETTINGS);
    let sign = ["--sign-programs", &fixture("identity.pem")];
    let report = admin.report(&sign);
    assert_eq!(report["package"]["programs_signed_by"], "Acme Installer (FAKE567890)");
    assert_eq!(report["package"]["signed_by"], Json::Null, "the package itself is another matter");
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("they name no team") && !warnings.contains("signed ad hoc"), "{warnings}");
    let first = admin.made("ias-0.1.0.pkg");
    admin.report(&sign);
    assert!(admin.made("ias-0.1.0.pkg") == first, "the same bytes");
    admin.report(&[]);
    assert!(admin.made("ias-0.1.0.pkg") != first);
}

#[test]
fn p42_a_key_that_cannot_be_used_makes_nothing() {
    let admin = Admin::new(SETTINGS);
    let said = admin.refusal(&["--sign", &fixture("modern.p12")]);
    assert!(said.contains("modern.p12: ") && said.contains("is the password right?"), "{said}");
    let said = admin.refusal(&["--sign", "missing.pem"]);
    assert!(said.contains("missing.pem: "), "{said}");
    let said = admin.refusal(&["--sign-programs", &fixture("web.pem")]);
    assert!(said.contains("cannot sign programs: it is meant for web servers"), "{said}");
    let said = admin.refusal(&["--sign-chain", &fixture("root.pem")]);
    assert!(said.contains("of no use without --sign"), "{said}");
}
