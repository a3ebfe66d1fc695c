//! The sample extension attribute, run in the shells there are (T97–T99).

use super::scripts::shells;
use std::{fs, path::Path, process::Command};

const FILE: &str = "/Library/Application Support/ias/status.txt";

/// What an MDM stores for a Mac on which the status file has this content, if there is one.
fn stored(content: Option<&str>) -> String {
    stored_by("last-run.sh", content)
}

/// The same, by one of the scripts.
fn stored_by(script: &str, content: Option<&str>) -> String {
    let mac = tempfile::Builder::new().prefix("Mac of Ada ").tempdir().unwrap();
    let file = mac.path().join("status.txt");
    if let Some(content) = content {
        fs::write(&file, content).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/extension-attribute").join(script);
    let script = fs::read_to_string(script).unwrap();
    assert_eq!(script.matches(FILE).count(), 1, "the one place that names the file");
    let script = script.replace(FILE, file.to_str().unwrap());
    let mut results = Vec::new();
    for shell in shells() {
        let output = Command::new(shell[0]).args(&shell[1..]).args(["-c", &script]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let inside = text.strip_prefix("<result>").and_then(|text| text.strip_suffix("</result>\n"));
        results.push(inside.ok_or_else(|| format!("{shell:?}: {text:?}")).unwrap().to_owned());
    }
    results.dedup();
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0)
}

#[test]
fn t97_t99_the_status_line_is_the_value() {
    let line =
        "2026-03-01T10:15:30Z failed 10 installed, 3 current, 2 failed: Slack digest mismatch, run 7f3a";
    assert_eq!(stored(Some(&format!("{line}\n"))), line);
    assert_eq!(stored(Some(&format!("{line}\nanother line\n"))), line);
}

#[test]
fn t98_a_mac_without_a_run_says_so() {
    assert_eq!(stored(None), "never run");
    assert_eq!(stored(Some("")), "never run");
}

#[test]
fn t99_no_name_ends_the_value_or_is_run() {
    let line = "failed 1: </result> & $(id) `id` \"'\\n %s";
    assert_eq!(stored(Some(line)), "failed 1: &lt;/result&gt; &amp; $(id) `id` \"'\\n %s");
}

#[test]
fn t97_state_failures_and_date_are_values_of_their_own() {
    let failed = "2026-03-01T10:15:30Z failed 10 installed, 3 current, 2 failed, 0 skipped: Slack digest mismatch, Zoom & <Co> exit status 3, run 7f3a";
    let aborted = "2026-03-01T10:15:30Z aborted Slack digest mismatch, run 7f3a";
    let good = "2026-03-01T10:15:30Z ok 12 installed, 3 current, 0 failed, 0 skipped, run 7f3a";
    let all = |line| ["state.sh", "failures.sh", "finished.sh"].map(|script| stored_by(script, line));
    let date = "2026-03-01 10:15:30";
    assert_eq!(
        all(Some(failed)),
        ["failed", "Slack digest mismatch, Zoom &amp; &lt;Co&gt; exit status 3", date]
    );
    assert_eq!(all(Some(aborted)), ["aborted", "Slack digest mismatch", date]);
    assert_eq!(all(Some(good)), ["ok", "none", date]);
    assert_eq!(all(None), ["never run", "never run", ""]);
    assert_eq!(stored_by("state.sh", Some("x $(id)</result> y")), "idresult");
}

/// The file is where iasd writes it.
#[test]
fn t99_the_file_is_that_of_the_records() {
    assert_eq!(FILE, format!("{}/status.txt", shared::layout::RECORDS_FOLDER));
}
