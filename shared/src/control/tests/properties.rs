//! What holds for every input.

use super::*;
use proptest::prelude::*;

fn assert_sound(bytes: &[u8]) {
    let reading = crate::control::read(bytes, "f", &context());
    assert_eq!(crate::control::read(bytes, "f", &context()), reading, "checking is deterministic");
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let widths: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    let mut before = (0, 0);
    for finding in &reading.findings {
        let width = widths.get(finding.line - 1).copied();
        assert!(width.is_some_and(|width| (1..=width + 1).contains(&finding.column)), "{finding}: outside");
        assert!(before <= (finding.line, finding.column), "{finding}: not in file order");
        before = (finding.line, finding.column);
        assert!(!finding.to_string().contains(['\n', '\r', '\u{1b}']), "{finding:?}");
    }
    let refused = reading.findings.iter().any(|finding| finding.severity == Severity::Error);
    let bad = reading.control.as_ref().is_none_or(|c| c.entries().any(|e| !matches!(e, Entry::Item(_))));
    assert!(refused || !bad, "what cannot be used has an error");
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let words = prop::sample::select(vec![
        "package",
        "rootscript",
        "userfile",
        "/a",
        "a/b",
        "https://h/x",
        "http://h",
        HASH,
        "true",
        "0",
        "arm64",
        "failable",
        "",
        "\u{7}",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3.0_f64..5.0).prop_map(|number| json!(number)),
        words.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        let keys: Vec<&'static str> = table::ITEM.iter().chain(&table::DOCUMENT).copied().collect();
        let key = prop_oneof![4 => prop::sample::select(keys).prop_map(str::to_owned), 1 => ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_and_told_in_place(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_sound(&bytes);
    }

    #[test]
    fn any_text_of_json_characters_is_read_without_panic(text in r#"[\[\]{}:,"a-f0-9\\\ně \-.eu]{0,80}"#) {
        assert_sound(text.as_bytes());
    }

    #[test]
    fn any_json_is_read_without_panic_and_told_in_place(userland in any_json(), other in any_json()) {
        let document = serde_json::json!({ "userland": [userland, other], "preflight": [other] });
        assert_sound(document.to_string().as_bytes());
        assert_sound(serde_json::to_string_pretty(&document).unwrap().as_bytes());
        assert_sound(other.to_string().as_bytes());
    }
}
