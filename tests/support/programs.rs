//! The programs under test: built when they are not current, found beside the test.

use std::{env, path::PathBuf, process::Command, sync::OnceLock};

/// The path of one of our programs: `iasd`, `iasagent` or `iasctl`.
///
/// # Panics
/// When the programs cannot be built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    // A folder of programs built elsewhere, such as those of a release, can be put to the same test.
    let given = || env::var_os("IAS_PROGRAMS").map(PathBuf::from);
    FOLDER.get_or_init(|| given().unwrap_or_else(built)).join(name)
}

/// Builds all programs, as this test was built, because `cargo test` builds those of a package for its own tests only.
fn built() -> PathBuf {
    let own = env::current_exe().expect("a test knows its own path");
    // Tests are in `deps` below it, a bench in the profile's folder itself.
    let folder = own.parent().expect("a program is in a folder");
    let profile =
        if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--workspace", "--bins", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    // What cargo tells this test about its package would make it build others anew.
    let own_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own_package)).for_each(|(name, _)| {
        cargo.env_remove(name);
    });
    cargo.arg("--target-dir").arg(profile.parent().expect("a profile is in the target folder"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "the programs do not build");
    profile
}
