//! Setup Manager: actions that are run as root while the Mac enrols. Most of them ask Jamf.

use super::{
    carried::{Carried, objects, shell_quoted, text},
    document::Document,
    format::Format,
};
use serde_json::{Map, Value};
use shared::item::Phase;

const PHASE: Phase = Phase::SetupAssistant;
/// Only for the eye.
const SHOWN: [&str; 18] = [
    "accentColor",
    "background",
    "banner",
    "computerID",
    "finalCountdown",
    "finishedMessage",
    "help",
    "hideActionLabels",
    "hideDebugLabel",
    "icon",
    "jssID",
    "label",
    "message",
    "overrideSerialNumber",
    "tileColor",
    "title",
    "totalDownloadBytes",
    "networkQualityCheck",
];
const OTHERS: [(&str, &str); 14] = [
    ("DEBUG", "a rehearsal is `iasctl simulate`; the setting DryRun changes nothing on a Mac"),
    ("simulateMDM", "a rehearsal is `iasctl simulate`"),
    ("runAt", "the control file is carried out as soon as the package is installed"),
    ("userEntry", "nobody is asked for anything; a userscript can ask"),
    ("userID", "nobody is asked for anything"),
    ("enrollmentUserID", "nobody is asked for anything"),
    ("finalAction", "a setting, no part of a control file: Reboot"),
    ("finishedScript", "write it as the last item"),
    ("finishedTrigger", "a Jamf policy; a script as the last item can call it"),
    ("computerNameTemplate", "nothing names the Mac; a script can"),
    ("actionOutputLogging", "the output of a script that fails is always in the log"),
    ("requiresRoot", "everything in setupassistant is run as root"),
    ("timeout", "only packages and scripts have one"),
    ("wait", "the action says something else already"),
];
/// What an action is, and why it is not here.
const ACTIONS: [(&str, &str); 4] = [
    (
        "policy",
        "a Jamf policy: what it does stands in Jamf, not here; add what it installs as packages or titles",
    ),
    (
        "installomator",
        "an Installomator label says nowhere which bytes are meant; use a title of a repository, or a package with its address",
    ),
    ("recon", "an inventory update of Jamf; a script as the last item can call it"),
    ("waitForUserEntry", "nobody is asked for anything; a userscript can ask"),
];
/// How long it waits for a file.
const USUAL_TIMEOUT: u64 = 600;

/// Takes over what the file says.
pub(super) fn carry(document: &Document, carried: &mut Carried<'_>) {
    let Some(settings) = Format::SetupManager.settings(document) else { return };
    for (key, action) in objects(settings, "enrollmentActions") {
        carry_action(carried, (&document.file, &key), action);
    }
    carried.lose_rest((&document.file, ""), settings, &["enrollmentActions"], &SHOWN, &OTHERS);
}

fn carry_action(carried: &mut Carried<'_>, (file, key): (&str, &str), action: &Map<String, Value>) {
    if let Some((what, why)) = ACTIONS.iter().find(|(what, _)| action.contains_key(*what)) {
        let named = text(action, what).map(|name| format!("{name}: ")).unwrap_or_default();
        carried.lose_item(file, format!("{key}.{what}"), format!("{named}{why}"));
        return carried.lose_rest((file, key), action, &[what, "arguments", "label"], &SHOWN, &OTHERS);
    }
    let Some((what, body, taken)) = command(action) else {
        return carried.lose_item(file, key, "an action that is not known here");
    };
    let label = label(action).unwrap_or_else(|| what.to_owned());
    match carried.script(PHASE, &label, &body) {
        Err(why) => carried.lose_item(file, format!("{key}.{what}"), why),
        Ok(mut keys) => {
            keys.insert("name", label.into());
            // Setup Manager goes on, whatever fails.
            keys.insert("fail_policy", "failable".into());
            carried.add((file, key), PHASE, keys);
        }
    }
    carried.lose_rest((file, key), action, taken, &SHOWN, &OTHERS);
}

/// What a script would do in its place, and the keys that say so.
fn command(action: &Map<String, Value>) -> Option<(&'static str, String, &'static [&'static str])> {
    if let Some(program) = text(action, "shell") {
        let words = action.get("arguments").and_then(Value::as_array).into_iter().flatten();
        let words = std::iter::once(program).chain(words.filter_map(Value::as_str));
        let words: Vec<String> = words.map(shell_quoted).collect();
        return Some((
            "shell",
            format!("exec {}\n", words.join(" ")),
            &["shell", "arguments", "label", "requiresRoot"],
        ));
    }
    if let Some(path) = text(action, "watchPath") {
        let loop_word = if text(action, "wait") == Some("whileExists") { "while" } else { "until" };
        let seconds = action.get("timeout").and_then(Value::as_u64).unwrap_or(USUAL_TIMEOUT);
        let body = format!(
            "n=0\n{loop_word} [ -e {} ]; do\n  [ \"$n\" -ge {seconds} ] && exit 1\n  sleep 1\n  n=$((n + 1))\ndone\n",
            shell_quoted(path)
        );
        return Some(("watchPath", body, &["watchPath", "wait", "timeout", "label"]));
    }
    let seconds = action.get("wait").and_then(Value::as_u64)?;
    Some(("wait", format!("sleep {seconds}\n"), &["wait", "label"]))
}

/// A label may stand there in several languages.
fn label(action: &Map<String, Value>) -> Option<String> {
    match action.get("label")? {
        Value::String(text) => Some(text.clone()),
        Value::Object(languages) => {
            let text = languages.get("en").or_else(|| languages.values().next());
            text.and_then(Value::as_str).map(str::to_owned)
        }
        _ => None,
    }
}
