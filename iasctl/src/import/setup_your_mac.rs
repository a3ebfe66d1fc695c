//! Setup Your Mac: steps that call policies of Jamf, so that nothing of them can be carried over but their list.

use super::{
    carried::{Carried, objects, text},
    document::Document,
    format::Format,
};

/// Only for the eye.
const SHOWN: [&str; 4] = ["icon", "progresstext", "subtitle", "listitem"];

/// Tells of every policy.
pub(super) fn carry(document: &Document, carried: &mut Carried<'_>) {
    let Some(settings) = Format::SetupYourMac.settings(document) else { return };
    let file = &document.file;
    for (key, step) in objects(settings, "steps") {
        let name = text(step, "listitem").unwrap_or("?");
        for (place, trigger) in objects(step, "trigger_list") {
            let policy = text(trigger, "trigger").unwrap_or("?");
            let found = text(trigger, "validation").or_else(|| text(trigger, "path"));
            let found = found.filter(|path| path.starts_with('/')).map(|path| format!(" (it brings {path})"));
            let why = format!(
                "{name}: the Jamf policy {policy}{}: what it does stands in Jamf, not here; add what it installs as packages or titles",
                found.unwrap_or_default()
            );
            carried.lose_item(file, format!("{key}.{place}.trigger"), why);
        }
        carried.lose_rest((file, &key), step, &["listitem", "trigger_list"], &SHOWN, &[]);
    }
    carried.lose_rest((file, ""), settings, &["steps"], &SHOWN, &[]);
}
