//! BootstrapMate: control files of nearly our kind, with keys of their own, and for Windows, too.

use super::{
    carried::{Carried, text},
    document::Document,
    format::Format,
};
use crate::control_text::Keys;
use serde_json::{Map, Value, json};
use shared::{
    control::table,
    digest::Digest,
    item::{ItemKind, Phase, TeamId},
};

/// Keys of items that only its files have.
const OWN: [&str; 12] = [
    "allowUnsigned",
    "arguments",
    "baseline",
    "condition",
    "displayname",
    "elevated",
    "expectedTeamID",
    "followRedirects",
    "optional",
    "order",
    "skipIf",
    "target",
];
/// With one of these an item is something else than without it.
const DECISIVE: [(&str, &str); 3] = [
    ("arguments", "arguments cannot be given: write them into a script"),
    ("condition", "conditions are not known here; skip_if leaves an item out on one architecture"),
    ("target", "packages are installed for the whole Mac"),
];
const OTHERS: [(&str, &str); 8] = [
    ("expectedTeamID", "no Team ID of ten letters and digits of a package's signer"),
    ("allowUnsigned", "who must have signed a package is said by team_ids; without it any will do"),
    ("baseline", "there is no baseline run; `iasctl repair` repeats what is named"),
    ("elevated", "packages and rootscripts are always run as root"),
    ("order", "items run in the order in which they stand"),
    ("hash", "no SHA-256 of 64 hexadecimal digits; with HashCheckPolicy Strict the download is refused"),
    ("optional", "say so with fail_policy"),
    ("retry", "say so with retries"),
];
const WINDOWS: [&str; 7] = ["msi", "msix", "exe", "nupkg", "powershell", "ps1", "cmd"];

/// Whether these are the keys of a control file.
pub(super) fn has_phases(keys: &Map<String, Value>) -> bool {
    phases(keys).next().is_some()
}

/// Whether an item has a key that only BootstrapMate knows.
pub(super) fn has_own_keys(keys: &Map<String, Value>) -> bool {
    let items = phases(keys).flat_map(|(_, _, items)| items).filter_map(Value::as_object);
    items.into_iter().any(|item| OWN.iter().any(|key| item.contains_key(*key)))
}

fn phases(keys: &Map<String, Value>) -> impl Iterator<Item = (Phase, &str, &Vec<Value>)> {
    Phase::ALL.into_iter().filter_map(move |phase| {
        let (key, items) = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(phase.key()))?;
        Some((phase, key.as_str(), items.as_array()?))
    })
}

/// Takes over what the file says.
pub(super) fn carry(document: &Document, carried: &mut Carried<'_>) {
    let Some(settings) = Format::BootstrapMate.settings(document) else { return };
    let file = &document.file;
    let mut taken = Vec::new();
    for (phase, phase_key, items) in phases(settings) {
        taken.push(phase_key);
        for (index, item) in items.iter().enumerate() {
            let key = format!("{phase_key}[{index}]");
            match item.as_object() {
                Some(item) => carry_item(carried, (file, &key), phase, item),
                None => carried.lose_item(file, key, "no object"),
            }
        }
        if phase == Phase::Preflight && items.len() > 1 {
            let why = "the order: BootstrapMate stops at the first script that ends with 0; here all run at once, and all must end with 0";
            carried.lose_key(file, phase_key, why);
        }
    }
    let why = "a setting, no part of a control file; see docs/settings.md";
    for key in settings.keys().filter(|key| !taken.contains(&key.as_str())) {
        carried.lose_key(file, key.as_str(), why);
    }
}

fn carry_item(carried: &mut Carried<'_>, (file, key): (&str, &str), phase: Phase, item: &Map<String, Value>) {
    let (kind, name) = match accepted(item, phase) {
        Ok(accepted) => accepted,
        Err((what, why)) => return carried.lose_item(file, format!("{key}.{what}"), why),
    };
    let mut keys = Keys::new();
    let mut taken = vec!["type", "name", "displayname", "arguments", "condition", "target"];
    for known in table::KEYS.map(|key| key.name) {
        if let Some(value) = item.get(known).filter(|_| !taken.contains(&known)) {
            taken.push(known);
            keys.insert(known, value.clone());
        }
    }
    keys.insert("name", name.into());
    keys.insert("type", kind.key().into());
    if keys.get("hash").and_then(Value::as_str).is_none_or(|text| text.parse::<Digest>().is_err()) {
        keys.remove("hash");
        taken.retain(|key| *key != "hash");
        if !item.contains_key("hash") {
            carried.note(file, key, "no hash, so that HashCheckPolicy Strict refuses the download");
        }
    }
    // Below its folder, wherever that is.
    if let Some(place) = text(item, "file").filter(|place| !place.starts_with('/')) {
        keys.insert("file", format!("{}/{place}", carried.terms.install_path.as_str()).into());
    }
    for number in ["retries", "retrywait"] {
        if let Some(value) =
            item.get(number).and_then(Value::as_str).and_then(|text| text.parse::<u32>().ok())
        {
            keys.insert(number, value.into());
        }
    }
    for (theirs, ours) in [("skipIf", "skip_if"), ("followRedirects", "follow_redirects")] {
        if let Some(value) = item.get(theirs).filter(|value| !value.is_null()) {
            taken.push(theirs);
            keys.insert(ours, value.clone());
        }
    }
    if let Some(team) =
        text(item, "expectedTeamID").filter(|team| kind == ItemKind::Package && TeamId::fits(team))
    {
        taken.push("expectedTeamID");
        keys.insert("team_ids", json!([team]));
    }
    // What is said anyway loses nothing.
    for (default, value) in [("allowUnsigned", false), ("baseline", true)] {
        if item.get(default) == Some(&Value::Bool(value)) {
            taken.push(default);
        }
    }
    if phase != Phase::Preflight {
        // It goes on, whatever fails.
        keys.entry("fail_policy").or_insert_with(|| "failable".into());
    }
    carried.add((file, key), phase, keys);
    carried.lose_rest((file, key), item, &taken, &[], &OTHERS);
}

/// Kind and name of an item that can be carried over; else the key that forbids it, and why.
fn accepted(item: &Map<String, Value>, phase: Phase) -> Result<(ItemKind, String), (&'static str, String)> {
    let written = text(item, "type").ok_or(("type", "missing".to_owned()))?;
    let place = text(item, "file").ok_or(("file", "missing".to_owned()))?;
    let of_windows = |word: &str| WINDOWS.contains(&word.to_ascii_lowercase().as_str());
    let ending = place.rsplit('.').next().unwrap_or_default();
    if of_windows(written) || of_windows(ending) {
        return Err(("type", format!("{written}: for Windows")));
    }
    let kind = match written.to_ascii_lowercase().as_str() {
        "pkg" => Some(ItemKind::Package),
        word => ItemKind::ALL.into_iter().find(|kind| kind.key() == word),
    };
    let kind = kind.ok_or_else(|| ("type", format!("{written}: a type that is not known here")))?;
    if !kind.allowed_in(phase) {
        return Err(("type", format!("{kind} is not allowed in {phase}")));
    }
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        _ => true,
    };
    let decisive = DECISIVE.into_iter().find(|(key, _)| item.get(*key).is_some_and(says));
    if let Some((key, why)) = decisive {
        return Err((key, why.to_owned()));
    }
    let name = text(item, "name").or_else(|| text(item, "displayname"));
    let name = name.or_else(|| place.rsplit('/').next()).unwrap_or(place);
    Ok((kind, name.to_owned()))
}
