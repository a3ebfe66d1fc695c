//! Control files from the wild: every one is read, or refused with something an admin can act on.

use super::*;
use crate::{control, corpus};

#[test]
fn every_control_file_from_the_wild_is_read_or_refused_with_an_error() {
    for path in corpus::files("ia-json") {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let reading = control::read(&bytes, &name, &context());
        for finding in &reading.findings {
            println!("{finding}\n    {}", finding.hint.as_deref().unwrap_or("-"));
        }
        let errors = reading.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let bad = match &reading.control {
            None => 1,
            Some(control) => control.entries().filter(|entry| !matches!(entry, Entry::Item(_))).count(),
        };
        assert!(errors >= bad, "{name}: {bad} entries cannot be used, {errors} errors");
        let is_json = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
        assert_eq!(reading.control.is_some(), is_json, "{name}");
    }
}
