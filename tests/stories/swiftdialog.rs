//! What a window of swiftDialog is told while a Mac is set up.

use serde_json::{Value, json};
use support::World;

const COMMANDS: &str = "/private/var/tmp/dialog.log";
const WINDOW: &str = "/Library/Application Support/ias/dialog.json";

fn world() -> World {
    World::new()
        .script("setupassistant", "Base: fast, small\u{1f680}", "exit 0", json!({}))
        .package("setupassistant", "Acme", "com.example.acme", "exit 0", json!({}))
        .script("userland", "Printer", "exit 3", json!({ "fail_policy": "failable" }))
        .setting("SwiftDialogEnable", true)
}

#[test]
fn the_list_follows_the_run_and_a_window_opened_late_shows_the_same() {
    let outcome = world().setting("Language", "fr").run(&[]);
    outcome.exits(0);
    let commands = outcome.read(COMMANDS).unwrap();
    let window: Value = serde_json::from_str(&outcome.read(WINDOW).unwrap()).unwrap();
    let rows = window["listitem"].as_array().unwrap();
    let shown: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["status"].as_str().unwrap(), row["statustext"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, [("success", "Terminé"), ("success", "Terminé"), ("fail", "Échec")]);
    assert_eq!(
        window["progresstext"],
        "Un élément n’a pas pu être configuré. Contactez votre service d’assistance."
    );

    // In the order of the run, each row by its number; nothing in a name is taken for more than a name.
    let installing = commands.find("listitem: index: 1, status: wait, statustext: Installation\n").unwrap();
    let done = commands.find("listitem: index: 1, status: success, statustext: Terminé\n").unwrap();
    assert!(installing < done, "{commands}");
    assert!(
        commands.contains(
            "listitem: add, title: Base\u{2236} fast\u{201a} small\u{1f680}, icon: SF=gearshape, status: "
        ),
        "{commands}"
    );
    assert!(commands.contains("progresstext: 1 sur 3 terminés\n"), "{commands}");
    // Somebody logged in: whoever opens a window then is told the whole list once more.
    assert_eq!(commands.matches("list: clear\n").count(), 2, "{commands}");
}

#[test]
fn before_somebody_logs_in_the_mac_chooses_the_language_and_then_the_user() {
    let write = |folder: &str, code: &str| {
        format!(
            "mkdir -p '{folder}' && printf '%s' '<plist><dict><key>AppleLanguages</key><array><string>{code}</string></array></dict></plist>' \
             > '{folder}/.GlobalPreferences.plist'"
        )
    };
    let mac = write("/Library/Preferences", "de-DE");
    let user = write("/Users/wile/Library/Preferences", "ja-JP");
    let outcome = World::new()
        .script("setupassistant", "Choose", &format!("{mac}; {user}"), json!({}))
        .script("userland", "After", "exit 0", json!({}))
        .setting("SwiftDialogEnable", true)
        .run(&["--user", "wile"]);
    outcome.exits(0);
    let window: Value = serde_json::from_str(&outcome.read(WINDOW).unwrap()).unwrap();
    assert_eq!(window["title"], "Macを設定しています");
    assert_eq!(window["listitem"][0]["icon"], "SF=gearshape");
}

#[test]
fn a_link_in_the_place_of_the_command_file_is_not_followed_and_the_run_goes_on() {
    let plant = "printf untouched > /private/victim; rm /private/var/tmp/dialog.log; ln -s /private/victim /private/var/tmp/dialog.log";
    let outcome = World::new()
        .script("setupassistant", "Plant", plant, json!({}))
        .script("setupassistant", "After", "exit 0", json!({}))
        .setting("SwiftDialogEnable", true)
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.read("/private/victim").unwrap(), "untouched");
    let told = outcome.read_beside("iasd.log").unwrap();
    assert!(told.contains("swiftDialog is not told: "), "{told}");
    assert!(outcome.exists(WINDOW));
}

#[test]
fn without_being_asked_for_and_in_a_dry_run_there_is_no_list() {
    let outcome = World::new().script("setupassistant", "A", "exit 0", json!({})).run(&[]);
    assert!(!outcome.exists(COMMANDS) && !outcome.exists(WINDOW));
    let outcome = world().run(&["--dry-run"]);
    assert!(!outcome.exists(COMMANDS) && !outcome.exists(WINDOW));
}
