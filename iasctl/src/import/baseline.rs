//! Baseline: packages and scripts that are run as root once a user is there.

use super::{
    carried::{Carried, Content, objects, text},
    document::Document,
    format::Format,
};
use serde_json::{Map, Value, json};
use shared::item::{Phase, TeamId};

/// It begins once somebody has logged in.
const PHASE: Phase = Phase::Userland;
/// What is a script or a package, in the order Baseline has it.
const LISTS: [(&str, &str); 4] = [
    ("InitialScripts", "ScriptPath"),
    ("Packages", "PackagePath"),
    ("Scripts", "ScriptPath"),
    ("FinalScripts", "ScriptPath"),
];
/// Only for the eye.
const SHOWN: [&str; 12] = [
    "BlurScreen",
    "Button1Enabled",
    "DialogFailureOptions",
    "DialogListOptions",
    "DialogSuccessOptions",
    "Icon",
    "InstallomatorSwiftDialogIntegration",
    "JamfVerbose",
    "ProgressBar",
    "ProgressBarDisplayNames",
    "ReinstallDialog",
    "Subtitle",
];
const OTHERS: [(&str, &str); 10] = [
    ("Restart", "a setting, no part of a control file: Reboot"),
    ("LogOut", "there is no way to log the user out at the end; a userscript can"),
    ("SilentMode", "in setupassistant items run whether or not anybody is at the screen; move them there"),
    ("CleanupAfterUse", "the installation always removes itself, unless KeepInstalled is set"),
    ("ExitCondition", "write it as a script in preflight that ends with 0 when there is nothing to do"),
    ("BailOutFile", "a script with fail_policy failure_is_not_an_option can end the run"),
    ("WaitForTimeout", "nothing waits for files"),
    ("IgnoreDefaultInstallomatorOptions", "Installomator is not used"),
    ("DelayWaitFor", "nothing waits for files"),
    ("CustomSwiftDialogURL", "swiftDialog is not used"),
];
const NO_INSTALLOMATOR: &str = "an Installomator label says nowhere which bytes are meant; use a title of a repository, or a package with its address";

/// Takes over what the file says.
pub(super) fn carry(document: &Document, carried: &mut Carried<'_>) {
    let Some(settings) = Format::Baseline.settings(document) else { return };
    let file = &document.file;
    let initial = |carried: &mut Carried<'_>, (list, place): (&str, &str)| {
        for (key, item) in objects(settings, list) {
            carry_item(carried, (file, &key), item, place);
        }
    };
    // What Installomator installs comes between the first scripts and the packages.
    let [first, rest @ ..] = LISTS;
    initial(carried, first);
    for (key, item) in objects(settings, "Installomator") {
        let label = text(item, "Label").unwrap_or("?");
        carried.lose_item(file, format!("{key}.Label"), format!("{label}: {NO_INSTALLOMATOR}"));
        carried.lose_rest((file, &key), item, &["DisplayName", "Label", "Arguments"], &SHOWN, &[]);
    }
    rest.into_iter().for_each(|list| initial(carried, list));
    for (key, item) in objects(settings, "WaitFor") {
        let path = text(item, "Path").unwrap_or("?");
        carried.lose_item(
            file,
            format!("{key}.Path"),
            format!("{path}: nothing waits for a file; a script can"),
        );
        carried.lose_rest((file, &key), item, &["DisplayName", "Path"], &SHOWN, &[]);
    }
    if !settings.contains_key("Restart") {
        carried.note(
            file,
            "Restart",
            "Baseline restarts the Mac unless this is false; here that is the setting Reboot",
        );
    }
    let taken = ["InitialScripts", "Packages", "Scripts", "FinalScripts", "Installomator", "WaitFor"];
    carried.lose_rest((file, ""), settings, &taken, &SHOWN, &OTHERS);
}

fn carry_item(
    carried: &mut Carried<'_>,
    (file, key): (&str, &str),
    item: &Map<String, Value>,
    place_key: &str,
) {
    let is_package = place_key == "PackagePath";
    let path_key = format!("{key}.{place_key}");
    let Some(place) = text(item, place_key) else {
        return carried.lose_item(file, path_key, "missing or empty");
    };
    let arguments = text(item, "Arguments");
    if let Some(arguments) = arguments.filter(|_| !is_package) {
        let why = format!(
            "run with the arguments {arguments:?}, and scripts take none here: write them into the script"
        );
        return carried.lose_item(file, format!("{key}.Arguments"), why);
    }
    let team = text(item, "TeamID").filter(|team| is_package && TeamId::fits(team));
    let content = Content { place, md5: text(item, "MD5"), is_package };
    match carried.fetch((file, &path_key), PHASE, &content) {
        Err(why) => return carried.lose_item(file, path_key, why),
        Ok(mut keys) => {
            keys.insert("name", text(item, "DisplayName").unwrap_or(place).into());
            keys.insert("type", if is_package { "package" } else { "rootscript" }.into());
            // Baseline goes on, whatever fails.
            keys.insert("fail_policy", "failable".into());
            if let Some(team) = team {
                keys.insert("team_ids", json!([team]));
            }
            carried.add((file, key), PHASE, keys);
        }
    }
    let table = [
        ("Arguments", "arguments of `installer` cannot be given"),
        ("TeamID", "no Team ID of ten letters and digits of a package's signer"),
    ];
    let taken = ["DisplayName", "MD5", place_key, if team.is_some() { "TeamID" } else { "" }];
    carried.lose_rest((file, key), item, &taken, &SHOWN, &table);
}
