//! What the user sees and the administrator sets: dialogs, applications, profiles, updates, network, time.

use super::{Call, Reply, plist_file, system::ROSETTA};
use plist::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Only recorded.
pub(super) fn silent(_call: &Call<'_>) -> Reply {
    Reply::nothing()
}

/// `osascript`: a dialog is answered with OK.
pub(super) fn osascript(call: &Call<'_>) -> Reply {
    let mut script = call.arguments.join("\n");
    if call.arguments.is_empty() || call.has("-") {
        script.push_str(&String::from_utf8_lossy(&call.input()));
    }
    if script.contains("display dialog") {
        let text = if script.contains("default answer") { ", text returned:" } else { "" };
        return Reply::line(format_args!("button returned:OK{text}"));
    }
    if script.contains("display alert") { Reply::line("button returned:OK") } else { Reply::nothing() }
}

/// `open`.
pub(super) fn open(call: &Call<'_>) -> Reply {
    if let Some(name) = call.value_of("-a") {
        let known = apps(call)
            .iter()
            .any(|app| app.file_stem().is_some_and(|stem| stem == name.trim_end_matches(".app")));
        if !known && !name.starts_with('/') {
            return Reply::failed(1, format_args!("Unable to find application named '{name}'"));
        }
    }
    match call.arguments.last() {
        Some(file) if file.starts_with('/') && !call.path(file).exists() => {
            Reply::failed(1, format_args!("The file {file} does not exist."))
        }
        _ => Reply::nothing(),
    }
}

/// The installed applications.
fn apps(call: &Call<'_>) -> Vec<PathBuf> {
    let app = |path: &Path| path.extension().is_some_and(|extension| extension == "app");
    let list =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    ["/Applications", "/Applications/Utilities", "/System/Applications"]
        .into_iter()
        .flat_map(|folder| list(call.path(folder)))
        .filter(|path| app(path))
        .collect()
}

/// The text behind a key in an application's `Info.plist`.
fn info(app: &Path, key: &str) -> Option<String> {
    let info = plist_file::read(&app.join("Contents/Info.plist")).ok()?;
    info.as_dictionary()?.get(key).and_then(Value::as_string).map(str::to_owned)
}

fn as_the_mac_sees(call: &Call<'_>, path: &Path) -> String {
    format!("/{}", path.strip_prefix(call.root).unwrap_or(path).display())
}

/// `mdfind`: applications by identifier or name.
pub(super) fn mdfind(call: &Call<'_>) -> Reply {
    let query = call.arguments.join(" ");
    let wanted: Vec<&str> = query.split(['"', '\'']).skip(1).step_by(2).collect();
    let matches = |app: &PathBuf| {
        let stem = app.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let id = info(app, "CFBundleIdentifier").unwrap_or_default();
        wanted.iter().any(|word| *word == id || word.trim_matches('*').trim_end_matches(".app") == stem)
    };
    Reply::ok(
        apps(call)
            .iter()
            .filter(|app| matches(app))
            .map(|app| as_the_mac_sees(call, app) + "\n")
            .collect::<String>(),
    )
}

/// `mdls`: the version of an application.
pub(super) fn mdls(call: &Call<'_>) -> Reply {
    let Some(file) = call.arguments.iter().rev().find(|word| word.starts_with('/')) else {
        return Reply::nothing();
    };
    let path = call.path(file);
    if !path.exists() {
        return Reply::failed(1, format_args!("{file}: could not find {file}."));
    }
    let name = call.value_of("-name").unwrap_or("kMDItemVersion");
    let value = match name {
        "kMDItemVersion" => info(&path, "CFBundleShortVersionString"),
        "kMDItemCFBundleIdentifier" => info(&path, "CFBundleIdentifier"),
        _ => None,
    };
    match (value, call.has("-raw")) {
        (Some(value), true) => Reply::ok(value),
        (None, true) => Reply::ok("(null)"),
        (Some(value), false) => Reply::line(format_args!("{name} = \"{value}\"")),
        (None, false) => Reply::line(format_args!("{name} = (null)")),
    }
}

/// `profiles`.
pub(super) fn profiles(call: &Call<'_>) -> Reply {
    match call.words().first().map(|word| word.trim_start_matches('-')) {
        Some("status") => Reply::ok(
            "Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://mdm.example.com/mdm\n",
        ),
        Some("show") if call.has("enrollment") => Reply::ok(
            "Device Enrollment configuration:\n{\n    AllowPairing = 1;\n    AwaitDeviceConfigured = 0;\n    ConfigurationURL = \"https://mdm.example.com/enroll\";\n    IsMDMUnremovable = 1;\n    IsMandatory = 1;\n    IsSupervised = 1;\n    OrganizationName = Example;\n}\n",
        ),
        Some("list" | "L" | "C" | "P" | "show") => {
            Reply::line("There are no configuration profiles installed in the system domain")
        }
        Some("install" | "I") => Reply::failed(
            1,
            "profiles tool no longer supports installs.  Use System Settings Profiles to add configuration profiles.",
        ),
        _ => Reply::nothing(),
    }
}

/// `softwareupdate`.
pub(super) fn softwareupdate(call: &Call<'_>) -> Reply {
    if call.has("--install-rosetta") {
        if !call.has("--agree-to-license") {
            return Reply::failed(
                1,
                "I have read and agree to the terms of the software license agreement. A list of Apple SLAs may be found here: https://www.apple.com/legal/sla/\nType A and press return to agree: ",
            );
        }
        let file = call.path(ROSETTA);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, ""));
        return match made {
            Ok(()) => Reply::line(
                "2025-11-22 08:00:00.000 softwareupdate[1:1] Package Authoring Error: 062-01890: Package reference com.apple.pkg.RosettaUpdateAuto is missing installKBytes attribute\nInstall of Rosetta 2 finished successfully",
            ),
            Err(error) => Reply::failed(1, error),
        };
    }
    match call.words().first() {
        Some(&("-l" | "--list" | "-i" | "--install" | "-ia" | "-iaR" | "-d")) => Reply::Say {
            output: b"Software Update Tool\n\nFinding available software\n".to_vec(),
            error: "No new software available.\n".into(),
            status: 0,
        },
        Some(&"--history") => Reply::line(
            "Display Name                                       Version    Date                  \n------------                                       -------    ----                  ",
        ),
        _ => Reply::nothing(),
    }
}

/// `systemsetup`.
pub(super) fn systemsetup(call: &Call<'_>) -> Reply {
    let zone = "/private/var/db/timezone/simulated";
    match call.words().as_slice() {
        ["-gettimezone"] => {
            let zone = fs::read_to_string(call.path(zone)).unwrap_or_else(|_| "America/Cupertino".into());
            Reply::line(format_args!("Time Zone: {}", zone.trim()))
        }
        ["-settimezone", name] => {
            let file = call.path(zone);
            let kept = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, name));
            match kept {
                Ok(()) => Reply::line(format_args!("Set TimeZone: {name}")),
                Err(error) => Reply::failed(1, error),
            }
        }
        ["-getremotelogin"] => Reply::line("Remote Login: Off"),
        ["-getusingnetworktime"] => Reply::line("Network Time: On"),
        ["-getnetworktimeserver"] => Reply::line("Network Time Server: time.apple.com"),
        ["-getcomputersleep"] => Reply::line("Computer Sleep: after 10 minutes"),
        ["-getdisplaysleep"] => Reply::line("Display Sleep: after 10 minutes"),
        ["-setusingnetworktime", state] => Reply::line(format_args!("setUsingNetworkTime: {state}")),
        ["-setnetworktimeserver", server] => Reply::line(format_args!("setNetworkTimeServer: {server}")),
        _ => Reply::nothing(),
    }
}

/// `networksetup`.
pub(super) fn networksetup(call: &Call<'_>) -> Reply {
    match call.words().as_slice() {
        ["-listallhardwareports"] => Reply::ok(
            "\nHardware Port: Wi-Fi\nDevice: en0\nEthernet Address: 02:00:00:00:00:01\n\nHardware Port: Thunderbolt Bridge\nDevice: bridge0\nEthernet Address: 02:00:00:00:00:02\n\nVLAN Configurations\n===================\n",
        ),
        ["-listallnetworkservices"] => Reply::ok(
            "An asterisk (*) denotes that a network service is disabled.\nWi-Fi\nThunderbolt Bridge\n",
        ),
        ["-getairportpower", device] => Reply::line(format_args!("Wi-Fi Power ({device}): On")),
        ["-getairportnetwork", _] => Reply::line("Current Wi-Fi Network: Simulated"),
        ["-getinfo", ..] => Reply::ok(
            "DHCP Configuration\nIP address: 192.0.2.10\nSubnet mask: 255.255.255.0\nRouter: 192.0.2.1\nIPv6: Automatic\nWi-Fi ID: 02:00:00:00:00:01\n",
        ),
        ["-getcomputername"] => Reply::line(&call.inside.computer.name),
        ["-getwebproxy" | "-getsecurewebproxy", ..] => {
            Reply::ok("Enabled: No\nServer: \nPort: 0\nAuthenticated Proxy Enabled: 0\n")
        }
        _ => Reply::nothing(),
    }
}

/// `jamf`.
pub(super) fn jamf(call: &Call<'_>) -> Reply {
    match call.words().first() {
        Some(&"version") => Reply::line("version=11.17.1"),
        Some(&"checkJSSConnection") => {
            Reply::line("Checking availability of https://jamf.example.com/...\nThe JSS is available.")
        }
        Some(&"policy") => Reply::line(
            "Checking for policies triggered by \"recurring check-in\"...\nNo policies were found for the trigger.",
        ),
        _ => Reply::nothing(),
    }
}

/// `dialog` (swiftDialog): the first button is pressed at once.
pub(super) fn dialog(call: &Call<'_>) -> Reply {
    if call.has("--version") || call.has("-v") { Reply::line("2.5.6.4805") } else { Reply::nothing() }
}

/// `xcode-select`, and programs that are only there with Xcode's tools.
pub(super) fn xcode_select(call: &Call<'_>) -> Reply {
    match call.words().first() {
        Some(&("-p" | "--print-path")) | None => Reply::failed(
            2,
            "xcode-select: error: unable to get active developer directory, use `sudo xcode-select --switch path/to/Xcode.app` to set one (or see `man xcode-select`)",
        ),
        _ => Reply::nothing(),
    }
}

/// `hdiutil`: disk images cannot be read here.
pub(super) fn hdiutil(call: &Call<'_>) -> Reply {
    match call.words().first() {
        Some(&("attach" | "mount")) => {
            Reply::failed(1, "hdiutil: attach failed - disk images cannot be attached in a simulated Mac")
        }
        _ => Reply::nothing(),
    }
}

/// `diskutil`.
pub(super) fn diskutil(call: &Call<'_>) -> Reply {
    match call.words().first() {
        Some(&"info") => Reply::ok(
            "   Device Identifier:         disk3s1s1\n   Volume Name:               Macintosh HD\n   Mounted:                   Yes\n   Mount Point:               /\n   File System Personality:   APFS\n   Volume UUID:               5E1F51ED-0000-4000-8000-000000000002\n   Container Free Space:      200.0 GB (200000000000 Bytes)\n",
        ),
        _ => Reply::nothing(),
    }
}

/// Succeeds when the file it is about exists.
pub(super) fn about_a_file(call: &Call<'_>) -> Reply {
    match call.arguments.last().filter(|word| word.starts_with('/')) {
        Some(file) if fs::symlink_metadata(call.path(file)).is_err() => {
            Reply::failed(1, format_args!("{}: {file}: No such file or directory", call.name))
        }
        _ => Reply::nothing(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn a_dialog_is_answered_with_ok() {
        let desk = Desk::new();
        assert_eq!(desk.say("osascript", &["-e", "display dialog \"Hello\""]).1, "button returned:OK\n");
        assert_eq!(desk.say("osascript", &["-e", "tell app \"Finder\" to activate"]).1, "");
    }

    #[test]
    fn applications_are_found_once_they_are_installed() {
        let desk = Desk::new();
        assert_eq!(desk.say("open", &["-a", "Example"]).0, 1);
        let plist = "/Applications/Example.app/Contents/Info.plist";
        desk.say("defaults", &["write", plist, "CFBundleIdentifier", "com.example.app"]);
        desk.say("defaults", &["write", plist, "CFBundleShortVersionString", "1.2"]);
        assert_eq!(desk.say("open", &["-a", "Example"]).0, 0);
        assert_eq!(
            desk.say("mdfind", &["kMDItemCFBundleIdentifier == 'com.example.app'"]).1,
            "/Applications/Example.app\n"
        );
        assert_eq!(
            desk.say("mdls", &["-name", "kMDItemVersion", "-raw", "/Applications/Example.app"]).1,
            "1.2"
        );
    }

    #[test]
    fn the_time_zone_is_remembered() {
        let desk = Desk::new();
        assert_eq!(desk.say("systemsetup", &["-settimezone", "Europe/Prague"]).0, 0);
        assert_eq!(desk.say("systemsetup", &["-gettimezone"]).1, "Time Zone: Europe/Prague\n");
    }
}
