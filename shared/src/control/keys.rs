//! What to say about keys that are not in the table (R3, R8).

use super::{
    table::{DOCUMENT, ITEM},
    word::{Problem, quoted},
};
use crate::hint;

/// What to tell of a key that is none of [`DOCUMENT`]. The phases of old versions do not run, and that is said (R3).
pub(super) fn stranger_in_document(key: &str) -> Problem {
    let today = match key.to_ascii_lowercase().as_str() {
        "prestage" => "setupassistant",
        "stage1" | "stage2" => "userland",
        _ => return stranger(key, &DOCUMENT),
    };
    Problem::warning("a phase of InstallApplications before 1.0: its items do not run")
        .hint(format!("move its items to {}", quoted(today)))
}

/// What to tell of a key that is none of [`ITEM`].
pub(super) fn stranger_in_item(key: &str) -> Problem {
    let problem = stranger(key, &ITEM);
    match key.to_ascii_lowercase().as_str() {
        "displayname" | "display_name" => problem.hint("the display name is called \"name\""),
        "condition" => problem.hint("use \"skip_if\" to leave an item out on one architecture"),
        "arguments" => problem.hint("a script takes no arguments here: write them into the script"),
        "sha256" | "checksum" | "sha256sum" => problem.hint("the digest is called \"hash\""),
        "path" | "destination" => problem.hint("the path on the Mac is called \"file\""),
        _ => problem,
    }
}

fn stranger(key: &str, known: &[&'static str]) -> Problem {
    let problem = Problem::warning("unknown key, ignored");
    match hint::nearest(key, known.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean {}?", quoted(near))),
        None => problem,
    }
}
