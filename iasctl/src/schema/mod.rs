//! `iasctl schema`: what a control file may hold, as a JSON schema for editors, made from the table its reader uses (R8).

mod shape;

use crate::stdout;
use serde_json::{Map, Value, json};
use shape::{in_any_case, outdated};
use shared::{
    control::{NOT_OF_TITLES, table::KEYS},
    item::{ItemKind, Phase},
};
use std::process::ExitCode;

/// Prints it.
pub(crate) fn run() -> ExitCode {
    stdout::print(&format!("{:#}\n", schema())).err().unwrap_or(ExitCode::SUCCESS)
}

/// The schema, in the draft of 2020-12.
///
/// It refuses what makes an item malformed, ignored or the file unusable. What is understood with a warning is marked as
/// outdated, which editors show, too.
fn schema() -> Value {
    let phase = |phase: Phase| {
        let kinds: Vec<&str> =
            ItemKind::ALL.into_iter().filter(|kind| kind.allowed_in(phase)).map(ItemKind::key).collect();
        let allowed = json!({ "properties": { "type": shape::one_of(&kinds) } });
        json!({
            "description": format!("{}. May hold: {}", meaning(phase), kinds.join(", ")),
            "type": ["array", "null"],
            "items": { "allOf": [{ "$ref": "#/$defs/item" }, allowed] },
        })
    };
    let phases: Map<String, Value> =
        Phase::ALL.into_iter().map(|which| (which.key().to_owned(), phase(which))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Control file",
        "description": "What is done to a new Mac: packages, scripts, files, applications and titles, in the order in which they run",
        "type": "object",
        "properties": phases,
        "additionalProperties": outdated(json!({}), "no phase: ignored"),
        "$defs": { "item": item() },
    })
}

fn meaning(phase: Phase) -> &'static str {
    match phase {
        Phase::Preflight => {
            "Runs first, all at once; when every script ends with 0, there is nothing to do on this Mac"
        }
        Phase::SetupAssistant => "Runs as root, whether or not anybody is at the screen",
        Phase::Userland => "Runs once a user has logged in",
    }
}

fn item() -> Value {
    let properties = KEYS.iter().map(|key| {
        let mut schema = shape::of(key.shape);
        // `null` is as good as absent, where absent is good.
        if !["type", "name", "file", "app", "title"].contains(&key.name) {
            schema = json!({ "anyOf": [schema, { "type": "null" }] });
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), described(key.kinds, key.doc).into());
        }
        (key.name.to_owned(), schema)
    });
    let is = |kind: ItemKind| {
        json!({
            "properties": { "type": { "pattern": in_any_case(&[kind.key()]) } },
            "required": ["type"],
        })
    };
    let foreign = NOT_OF_TITLES.iter().map(|(key, hint)| {
        let description = format!("a title cannot have it; {hint}");
        ((*key).to_owned(), json!({ "type": "null", "description": description }))
    });
    json!({
        "type": "object",
        "required": ["type"],
        "properties": properties.collect::<Map<_, _>>(),
        "additionalProperties": outdated(json!({}), "unknown key, ignored"),
        "allOf": [
            {
                "if": is(ItemKind::Title),
                "then": {
                    "required": ["title"],
                    "properties": foreign.collect::<Map<_, _>>(),
                    "dependentRequired": { "hash": ["version"] },
                },
                "else": { "required": ["name", "file"] },
            },
            { "if": is(ItemKind::App), "then": { "required": ["app"] } },
        ],
    })
}

/// The meaning, with the kinds it is for unless it is for nearly all.
fn described(kinds: &[ItemKind], doc: &str) -> String {
    if kinds.len() + 1 >= ItemKind::ALL.len() || kinds.is_empty() {
        return doc.to_owned();
    }
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.key()).collect();
    format!("{doc} (for {})", kinds.join(", "))
}
