//! What the command line changes in the scenario.

use super::Arguments;
use serde_json::{Map, Value, json};

/// Puts what was asked for into the scenario.
pub(super) fn adjust(scenario: &mut Map<String, Value>, arguments: &Arguments) {
    let mut put = |path: &[&str], value: Value| put(scenario, path, value);
    if let Some(conduct) = arguments.agent {
        put(&["agent", "mode"], json!(conduct.word()));
    }
    if let Some(arch) = &arguments.arch {
        put(&["arch"], json!(arch));
    }
    if let Some(version) = &arguments.os {
        put(&["os_version"], json!(version));
    }
    if let Some(seconds) = arguments.login_after {
        put(&["user", "login_after"], json!(seconds));
    }
    if !arguments.outage.is_empty() {
        put(&["network", "outages"], json!(arguments.outage));
    }
    match arguments.user.as_deref() {
        Some("never") => put(&["user"], Value::Null),
        Some(name) => put(&["user", "name"], json!(name)),
        None => {}
    }
    if arguments.no_sandbox {
        put(&["sandbox"], json!(false));
    }
}

fn put(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => {
            map.insert((*key).to_owned(), value);
        }
        [key, rest @ ..] => {
            let inner = map.entry(*key).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}
