//! Findings as SARIF 2.1.0, the form in which code scanning services take them.

use serde_json::{Value, json};
use shared::control::{Finding, Severity};
use std::collections::BTreeSet;

/// The document for `findings`, and for files that could not be read.
pub(super) fn document<'a>(
    findings: impl Iterator<Item = &'a Finding>,
    unreadable: impl Iterator<Item = (&'a str, &'a str)>,
) -> Value {
    let mut rules = BTreeSet::new();
    let mut results = Vec::new();
    for finding in findings {
        let rule = rule(finding);
        rules.insert(rule.clone());
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let item = finding.item.map(|id| format!("{id} \"{}\": ", finding.name.as_deref().unwrap_or("?")));
        let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        results.push(json!({
            "ruleId": rule,
            "level": level,
            "message": { "text": format!("{}{}{hint}", item.unwrap_or_default(), finding.problem) },
            "locations": [place(&finding.file, Some((finding.line, finding.column)))],
        }));
    }
    for (file, why) in unreadable {
        rules.insert("unreadable".to_owned());
        let locations = json!([place(file, None)]);
        results.push(json!({ "ruleId": "unreadable", "level": "error", "message": { "text": why }, "locations": locations }));
    }
    let rules: Vec<Value> = rules.into_iter().map(|id| json!({ "id": id })).collect();
    let driver = json!({ "name": "iasctl", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

/// Findings of one kind belong together: those about one key.
fn rule(finding: &Finding) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    match &finding.key {
        Some(key) => format!("key-{}", key.chars().map(word).collect::<String>()),
        None if finding.item.is_some() => "item".to_owned(),
        None => "file".to_owned(),
    }
}

fn place(file: &str, at: Option<(usize, usize)>) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(file) } });
    if let (Some((line, column)), Some(object)) = (at, physical.as_object_mut()) {
        object.insert("region".into(), json!({ "startLine": line.max(1), "startColumn": column.max(1) }));
    }
    json!({ "physicalLocation": physical })
}

/// A path as a reference of RFC 3986: what could be mistaken for something else is escaped.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_its_place_its_level_and_its_rule() {
        let finding = Finding {
            severity: Severity::Warning,
            file: "onboarding #1/bootstrap.json".into(),
            line: 3,
            column: 7,
            item: None,
            name: None,
            key: Some("Fail_Policy".into()),
            problem: "is misspelt".into(),
            hint: None,
        };
        let document = document(std::iter::once(&finding), std::iter::once(("gone.json", "no such file")));
        let run = &document["runs"][0];
        assert_eq!(
            run["tool"]["driver"]["rules"],
            json!([{ "id": "key-fail-policy" }, { "id": "unreadable" }])
        );
        assert_eq!(run["results"][0]["level"], "warning");
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "onboarding%20%231/bootstrap.json");
        assert_eq!(place["region"], json!({ "startLine": 3, "startColumn": 7 }));
    }
}
