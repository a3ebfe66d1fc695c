//! Hostile input at every door: thousands of inputs made from good ones, the same in each run, and all that ever broke a
//! promise (`fuzz/found`). The doors are those of libFuzzer.
//!
//! `IAS_FUZZ_ROUNDS=1000000 cargo test -p tests --release --test fuzz journal` tries longer. What breaks a promise is
//! written beside the test's program: put it into `fuzz/found/<target>/` and mend what it broke.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "inputs that cannot be made are a failure of the test"
)]

mod mutate;
mod seeds;

use fuzz::TARGETS;
use mutate::Mutator;
use std::{
    env, fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

/// How many inputs are made for each target: few enough for each change, in a debug build.
const ROUNDS: u64 = 1500;

/// Tries all inputs of a target.
fn try_door(name: &str, seeds: Vec<Vec<u8>>) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name").1;
    let attempt = |input: &[u8]| {
        if catch_unwind(|| target(input)).is_err() {
            let kept = keep(name, input);
            panic!("{name}: {} broke a promise; see the first lines of tests/fuzz/main.rs", kept.display());
        }
    };
    assert!(!seeds.is_empty());
    found(name).iter().chain(&seeds).for_each(|input| attempt(input));
    let rounds = env::var("IAS_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut mutator = Mutator::new(seeds);
    (0..rounds).for_each(|_| attempt(&mutator.next_input()));
}

/// What broke a promise once.
fn found(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/found").join(name);
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let digest = shared::digest::Digest::of(input).to_string();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", &digest[..12]));
    fs::write(&path, input).unwrap();
    path
}

#[test]
fn every_door_is_tried() {
    let here = include_str!("main.rs");
    for (name, _) in TARGETS {
        assert!(here.contains(&format!("try_door(\"{name}\"")), "{name}");
    }
}

#[test]
fn a_catalog_may_be_anything() {
    try_door("catalog", seeds::catalog());
}

#[test]
fn an_archive_may_be_anything() {
    try_door("archive", seeds::archive());
}

#[test]
fn a_disk_image_may_be_anything() {
    try_door("disk_image", seeds::disk_image());
}

#[test]
fn a_control_file_may_be_anything() {
    try_door("control_file", seeds::control_file());
}

#[test]
fn a_description_in_a_package_may_be_anything() {
    try_door("description", seeds::description());
}

#[test]
fn a_package_may_be_anything() {
    try_door("flat_package", seeds::flat_package());
}

#[test]
fn what_comes_over_the_link_may_be_anything() {
    try_door("ipc_frame", seeds::ipc_frame());
}

#[test]
fn a_journal_may_be_anything() {
    try_door("journal", seeds::journal());
}

#[test]
fn a_payload_may_be_anything() {
    try_door("payload", seeds::payload());
}

#[test]
fn settings_may_be_anything() {
    try_door("settings_plist", seeds::settings_plist());
}

#[test]
fn the_signature_of_a_package_may_be_anything() {
    try_door("signature", seeds::signature());
}

#[test]
fn a_signed_program_may_be_anything() {
    try_door("signed_program", seeds::signed_program());
}

#[test]
fn the_signature_of_a_control_file_may_be_anything() {
    try_door("signed_control_file", seeds::signed_control_file());
}

#[test]
fn what_a_titles_service_answers_may_be_anything() {
    try_door("token", seeds::token());
}
