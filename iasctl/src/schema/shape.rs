//! What a value must be, in the words of JSON schema: as it should be written first, then what is understood all the same.

use serde_json::{Value, json};
use shared::{
    control::table::Shape,
    item::{Blocking, FailPolicy, ItemKind},
};

/// The words for true and false.
const BOOLEANS: [&str; 9] = ["true", "yes", "y", "1", "false", "no", "n", "0", ""];
/// What is one segment of a path, and not `..`.
const SEGMENT: &str = r"^([^./\\]|[^./\\][^/\\]|[^/\\][^./\\]|[^/\\][^/\\][^/\\]+)$";
const ADDRESS: &str = r"^\s*([hH][tT][tT][pP][sS]?|[fF][iI][lL][eE])://.";

/// The schema of a value of this shape.
pub(super) fn of(shape: Shape) -> Value {
    match shape {
        Shape::Anything => json!({}),
        Shape::Reserved => json!({ "type": "null" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Boolean => either(
            json!({ "type": "boolean" }),
            &[(words(&BOOLEANS), "write true or false, without quotes"), zero_or_one()],
        ),
        Shape::WholeNumber => number(0),
        Shape::Seconds => number(1),
        Shape::Kind => one_of(&ItemKind::ALL.map(ItemKind::key)),
        Shape::Blocking => one_of(&Blocking::ALL.map(Blocking::key)),
        Shape::FailPolicy => fail_policy(),
        Shape::SkipIf => skip_if(),
        Shape::Redirects => either(
            json!({ "enum": [true, false, "https", "all", "none"] }),
            &[
                (words(&["https", "all", "none"]), "write it in lower case"),
                (words(&BOOLEANS), "write true or false, without quotes"),
                zero_or_one(),
            ],
        ),
        Shape::File => json!({
            "type": "string",
            "pattern": "[^/]$",
            "not": { "pattern": r"(^|/)\.\.(/|$)" },
            "maxLength": 1023,
        }),
        Shape::App => json!({ "type": "string", "pattern": r".\.[aA][pP][pP]$" }),
        Shape::Address => either(address(), &[(text(r"^\s*$"), "remove it")]),
        Shape::Addresses => either(
            json!({ "type": "array", "items": of(Shape::Address), "maxItems": 16 }),
            &[(of(Shape::Address), "write an array, or use url")],
        ),
        Shape::Digest => either(
            text("^[0-9a-fA-F]{64}$"),
            &[(text("^([sS][hH][aA]256[-:][0-9a-fA-F]{64})?$"), "write the 64 hexadecimal digits only")],
        ),
        Shape::Headers => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$" },
            "additionalProperties": { "type": "string" },
        }),
        Shape::PackageId => text("^([^-]|$)"),
        Shape::Version => either(
            json!({ "type": "string" }),
            &[(json!({ "type": "number" }), "write the version in quotes")],
        ),
        Shape::TeamIds => team_ids(),
        Shape::Title => json!({ "type": "string", "pattern": r"\S", "maxLength": 255 }),
        Shape::Catalogs => json!({ "anyOf": [
            text(SEGMENT),
            { "type": "array", "items": text(SEGMENT), "minItems": 1, "maxItems": 16 },
        ] }),
    }
}

/// One of these words; in other letters they are understood, too.
pub(super) fn one_of(known: &[&str]) -> Value {
    either(json!({ "enum": known }), &[(text(&in_any_case(known)), "write it in lower case")])
}

/// A pattern for these words in any letters: JavaScript's, which editors use, has no flag for that inside.
pub(super) fn in_any_case(known: &[&str]) -> String {
    format!("^({})$", known.iter().map(|word| letters(word, "")).collect::<Vec<_>>().join("|"))
}

fn letters(word: &str, between: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase()),
        false => c.to_string(),
    };
    word.chars().map(letter).collect::<Vec<_>>().join(between)
}

/// The schema, with the mark by which editors show that something else should be written.
pub(super) fn outdated(mut schema: Value, why: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("deprecated".to_owned(), true.into());
        // What VS Code shows.
        schema.insert("deprecationMessage".to_owned(), why.into());
    }
    schema
}

/// As it should be written, or as it is understood all the same.
fn either(canonical: Value, others: &[(Value, &str)]) -> Value {
    let others = others.iter().map(|(schema, why)| outdated(schema.clone(), why));
    json!({ "anyOf": std::iter::once(canonical).chain(others).collect::<Vec<_>>() })
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// The words in any letters, with spaces around.
fn words(known: &[&str]) -> Value {
    let known = known.iter().map(|word| letters(word, "")).collect::<Vec<_>>().join("|");
    text(&format!(r"^\s*({known})\s*$"))
}

fn zero_or_one() -> (Value, &'static str) {
    (json!({ "enum": [0, 1] }), "write true or false")
}

fn number(least: u32) -> Value {
    let digits = if least == 0 { "[0-9]+" } else { "0*[1-9][0-9]*" };
    either(
        json!({ "type": "integer", "minimum": least, "maximum": u32::MAX }),
        &[(text(&format!(r"^\s*{digits}(\.0+)?\s*$")), "write a number, without quotes")],
    )
}

/// With or without `_` and `-` (R91).
fn fail_policy() -> Value {
    let known = FailPolicy::ALL.map(FailPolicy::key);
    let loose = known.map(|word| letters(&word.replace('_', ""), "[-_]*")).join("|");
    either(
        json!({ "enum": known }),
        &[(text(&format!("^[-_]*({loose})[-_]*$")), "write it in lower case, with _ between the words")],
    )
}

fn skip_if() -> Value {
    let known = json!({ "enum": ["arm64", "apple_silicon", "x86_64", "intel"] });
    let text = json!({ "type": "string" });
    json!({ "anyOf": [
        known,
        { "type": "array", "items": known },
        outdated(json!({ "enum": [false] }), "remove it: it skips nothing"),
        outdated(text.clone(), "unknown words are ignored"),
        outdated(json!({ "type": "array", "items": text }), "unknown words are ignored"),
    ] })
}

fn address() -> Value {
    json!({ "type": "string", "pattern": ADDRESS })
}

fn team_ids() -> Value {
    let any = format!("^([A-Za-z0-9]{{10}}|{})$", letters("apple", ""));
    let list =
        |pattern: &str| json!({ "type": "array", "items": text(pattern), "minItems": 1, "maxItems": 16 });
    either(
        list("^([A-Z0-9]{10}|Apple)$"),
        &[(list(&any), "write it in upper case, and Apple"), (text(&any), "write an array")],
    )
}
