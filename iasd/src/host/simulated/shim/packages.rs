//! `pkgutil`: what is installed, from the receipts in the simulated Mac.

use super::{Call, Reply};
use crate::host::simulated::receipt::{self, Receipt};
use cap_std::{ambient_authority, fs::Dir};
use plist::{Dictionary, Value};
use shared::flat_package::bom;
use std::time::UNIX_EPOCH;

/// `pkgutil`.
pub(super) fn pkgutil(call: &Call<'_>) -> Reply {
    let words = call.words();
    let mut words = words.as_slice();
    while let [flag, rest @ ..] = words {
        match *flag {
            "--volume" => words = rest.get(1..).unwrap_or_default(),
            "--regexp" | "-f" | "--force" | "-v" | "--verbose" | "--only-files" | "--only-dirs" => {
                words = rest
            }
            _ => break,
        }
    }
    match words {
        ["--pkgs" | "--packages", ..] => list(&ids(call)),
        [flag, id, ..] => match *flag {
            "--pkg-info" => info(call, id),
            "--pkg-info-plist" => info_plist(call, id),
            "--files" => files(call, id),
            "--forget" => forget(call, id),
            "--check-signature" => Reply::line(format_args!(
                "Package \"{id}\":\n   Status: signed by a developer certificate issued by Apple for distribution"
            )),
            flag => usage(flag),
        },
        [flag] => match flag.strip_prefix("--pkgs=") {
            Some(pattern) => {
                let found: Vec<String> = ids(call).into_iter().filter(|id| fits(pattern, id)).collect();
                if found.is_empty() { Reply::failed(1, "") } else { list(&found) }
            }
            None => usage(flag),
        },
        [] => usage(""),
    }
}

fn usage(flag: &str) -> Reply {
    Reply::failed(1, format_args!("Unknown option: '{flag}'\nUsage: pkgutil [OPTIONS] [COMMANDS] ..."))
}

fn list(ids: &[String]) -> Reply {
    Reply::ok(ids.iter().map(|id| format!("{id}\n")).collect::<String>())
}

fn ids(call: &Call<'_>) -> Vec<String> {
    root(call).and_then(|root| receipt::ids(&root).ok()).unwrap_or_default()
}

fn root(call: &Call<'_>) -> Option<Dir> {
    Dir::open_ambient_dir(call.root, ambient_authority()).ok()
}

/// The whole of a simple pattern: `.*` stands for anything, `\.` for a dot.
fn fits(pattern: &str, id: &str) -> bool {
    let pattern = pattern.trim_start_matches('^').trim_end_matches('$').replace("\\.", ".");
    let parts: Vec<&str> = pattern.split(".*").collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == id };
    let Some(mut rest) = id.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    middle.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = rest.get(at + part.len()..).unwrap_or_default();
            true
        }
        None => false,
    })
}

fn receipt(call: &Call<'_>, id: &str) -> Option<Receipt> {
    receipt::read(&root(call)?, id).ok()?
}

fn no_receipt(id: &str) -> Reply {
    Reply::failed(1, format_args!("No receipt for '{id}' found at '/'."))
}

/// When a package was installed, in seconds since 1970.
fn time(receipt: &Receipt) -> u64 {
    receipt.installed.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn info(call: &Call<'_>, id: &str) -> Reply {
    let Some(receipt) = receipt(call, id) else { return no_receipt(id) };
    let (version, location) = (&receipt.version, &receipt.location);
    Reply::line(format_args!(
        "package-id: {id}\nversion: {version}\nvolume: /\nlocation: {location}\ninstall-time: {}",
        time(&receipt)
    ))
}

fn info_plist(call: &Call<'_>, id: &str) -> Reply {
    let Some(receipt) = receipt(call, id) else { return no_receipt(id) };
    let time = time(&receipt);
    let Receipt { version, location, .. } = receipt;
    let values: [(&str, Value); 5] = [
        ("install-location", location.into()),
        ("install-time", time.into()),
        ("pkg-version", version.into()),
        ("pkgid", id.into()),
        ("volume", "/".into()),
    ];
    let values: Dictionary = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    super::super::shape::xml(&Value::Dictionary(values))
        .map_or_else(|error| Reply::failed(1, error), Reply::ok)
}

fn files(call: &Call<'_>, id: &str) -> Reply {
    if receipt(call, id).is_none() {
        return no_receipt(id);
    }
    let bill = root(call).and_then(|root| receipt::bill(&root, id).ok()?);
    let bill = bill.and_then(|bytes| bom::read(&bytes).ok());
    let paths = bill.unwrap_or_default().into_iter().map(|entry| entry.path).filter(|path| path != bom::ROOT);
    Reply::ok(paths.map(|path| path + "\n").collect::<String>())
}

fn forget(call: &Call<'_>, id: &str) -> Reply {
    match root(call).map(|root| receipt::forget(&root, id)) {
        Some(Ok(true)) => Reply::line(format_args!("Forgot package '{id}' on '/'.")),
        Some(Err(error)) => Reply::failed(1, error),
        Some(Ok(false)) | None => no_receipt(id),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::Desk, fits};

    #[test]
    fn p58_receipts_are_listed_shown_and_forgotten() {
        let desk = Desk::new();
        let receipt = "/private/var/db/receipts/com.example.app";
        for (key, value) in [
            ("PackageIdentifier", "com.example.app"),
            ("PackageVersion", "1.2"),
            ("InstallPrefixPath", "/Applications"),
        ] {
            desk.say("defaults", &["write", receipt, key, value]);
        }
        desk.say("defaults", &["write", receipt, "InstallDate", "-date", "2025-01-01T00:00:00Z"]);
        assert_eq!(desk.say("pkgutil", &["--pkgs"]).1, "com.example.app\n");
        assert_eq!(desk.say("pkgutil", &["--pkgs=com\\.example\\..*"]).1, "com.example.app\n");
        assert_eq!(desk.say("pkgutil", &["--pkgs=org.*"]).0, 1);
        assert_eq!(
            desk.say("pkgutil", &["--pkg-info", "com.example.app"]).1,
            "package-id: com.example.app\nversion: 1.2\nvolume: /\nlocation: Applications\ninstall-time: 1735689600\n"
        );
        let plist = desk.say("pkgutil", &["--volume", "/", "--pkg-info-plist", "com.example.app"]).1;
        assert!(plist.contains("<key>pkg-version</key>\n\t<string>1.2</string>"), "{plist}");
        assert_eq!(desk.say("pkgutil", &["--pkg-info", "com.example.none"]).0, 1);
        assert_eq!(desk.say("pkgutil", &["--pkg-info", "../receipts/com.example.app"]).0, 1);
        assert_eq!(desk.say("pkgutil", &["--forget", "com.example.app"]).0, 0);
        assert_eq!(desk.say("pkgutil", &["--pkgs"]).1, "");
    }

    #[test]
    fn simple_patterns_fit_whole_identifiers() {
        assert!(fits("com.a", "com.a") && !fits("com.a", "com.ab"));
        assert!(
            fits(".*jamf.*", "com.jamf.x") && fits("com.*x", "com.jamf.x") && !fits("com.*y", "com.jamf.x")
        );
    }
}
