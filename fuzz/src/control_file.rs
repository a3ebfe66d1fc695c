//! Any bytes are read as a control file: without panic, and never refused without a reason in its place.

use shared::{
    control::{self, Context, Entry, Severity},
    item::HashCheckPolicy,
    layout::MacPath,
};

/// See the head of this file.
pub fn control_file(bytes: &[u8]) {
    let install_path = MacPath::new("/Library/installapplications").expect("a usable path");
    let context = Context { install_path, hash_check: HashCheckPolicy::Strict };
    let reading = control::read(bytes, "fuzz.json", &context);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    for finding in &reading.findings {
        assert!((1..=lines).contains(&finding.line) && finding.column >= 1, "{finding}");
    }
    let usable =
        reading.control.is_some_and(|control| control.entries().all(|e| matches!(e, Entry::Item(_))));
    assert!(usable || reading.findings.iter().any(|finding| finding.severity == Severity::Error));
}
