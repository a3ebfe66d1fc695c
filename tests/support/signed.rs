//! A package signed as an admin signs one, by `iasctl pack`, with a key made for tests.

use crate::{
    macho::{ARM64, X86_64, program as macho},
    programs::program,
};
use std::{fs, process::Command};

/// The identifier of the package, and its version.
pub const ID: (&str, &str) = ("com.acme.ias", "0.1.0");
/// A file it installs.
pub const FILE: &str = "/Library/acme/iasd";
/// The team in its signer's certificate.
pub const TEAM: &str = "ACME012345";
/// The root that certificate leads to; no Mac knows it.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../iasctl/src/pack/signing/fixtures/root.pem");

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../iasctl/src/pack/signing/fixtures/modern.p12");
const MACOS_11: u32 = 0x000b_0000;
const SETTINGS: &str = "<plist><dict><key>JSONURL</key><string>https://mdm.example.com/bootstrap.json</string>\
    <key>InstallPath</key><string>/Library/acme</string></dict></plist>";

/// The package, signed.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn package() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, content: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the admin's");
        fs::write(path, content).expect("a file of the admin's");
    };
    for (processor, cpu) in [("aarch64", ARM64), ("x86_64", X86_64)] {
        for name in ["iasd", "iasagent"] {
            write(&format!("programs/{processor}/{name}"), &macho(cpu, MACOS_11, name.as_bytes()));
        }
    }
    write("settings.plist", SETTINGS.as_bytes());
    write("password", b"secret\n");
    let arguments = ["pack", "--settings", "settings.plist", "--programs", "programs", "--output", "out"];
    let mut pack = Command::new(program("iasctl"));
    pack.current_dir(&folder).args(arguments).args(["--identifier", "com.acme"]);
    let packed = pack.args(["--sign", KEY, "--sign-password", "password"]).output();
    let packed = packed.expect("iasctl can be started");
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    fs::read(folder.path().join("out/ias-0.1.0.pkg")).expect("the package is there")
}
