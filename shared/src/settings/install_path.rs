//! Which folders may be `InstallPath`, given that cleanup deletes it with everything in it (R44).

use crate::layout::{MacPath, RECORDS_FOLDER};

/// Folders that are never deleted, compared without regard to case, as most Macs' disks do.
const DENIED: [&str; 24] = [
    "/Library",
    "/System",
    "/Users",
    "/Users/Shared",
    "/usr",
    "/usr/local",
    "/usr/local/bin",
    "/bin",
    "/sbin",
    "/private",
    "/var",
    "/var/root",
    "/var/db",
    "/var/tmp",
    "/var/log",
    "/tmp",
    "/etc",
    "/Applications",
    "/Applications/Utilities",
    "/opt",
    "/opt/homebrew",
    "/Network",
    "/Volumes",
    "/cores",
];

/// Folders below which nothing is ours to delete.
const SYSTEM: [&str; 7] = ["/System", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"];

/// Folders of `/Library` that belong to everybody.
const LIBRARY: [&str; 12] = [
    "Application Support",
    "Apple",
    "Caches",
    "Extensions",
    "Frameworks",
    "LaunchAgents",
    "LaunchDaemons",
    "Logs",
    "Managed Preferences",
    "Preferences",
    "PrivilegedHelperTools",
    "Security",
];

/// Why `path` may not be `InstallPath`; `None` when it may (R44).
#[must_use]
pub fn refusal(path: &MacPath) -> Option<String> {
    let plain = without_private(path.as_str());
    let parts: Vec<&str> = plain.split('/').skip(1).collect();
    let same = |folder: &str| plain.eq_ignore_ascii_case(folder);
    let below = |folder: &str| {
        let (head, tail) = plain.split_at_checked(folder.len()).unwrap_or((plain, ""));
        head.eq_ignore_ascii_case(folder) && (tail.is_empty() || tail.starts_with('/'))
    };
    if DENIED.iter().any(|folder| same(folder)) || SYSTEM.iter().any(|folder| below(folder)) {
        return Some(format!(
            "{path} belongs to the system; it is deleted with everything in it after a run"
        ));
    }
    if parts.len() < 2 {
        return Some(format!(
            "{path} is not deep enough: at least two components are needed, as in /Library/ias"
        ));
    }
    match parts.as_slice() {
        [top, name]
            if top.eq_ignore_ascii_case("Library")
                && LIBRARY.iter().any(|own| own.eq_ignore_ascii_case(name)) =>
        {
            return Some(format!("{path} is shared with other software; use a folder of its own below it"));
        }
        [top, _] if top.eq_ignore_ascii_case("Users") => {
            return Some(format!("{path} is a home directory; use a folder of its own"));
        }
        [top, _, name] if top.eq_ignore_ascii_case("Users") && name.eq_ignore_ascii_case("Library") => {
            return Some(format!("{path} is a user's Library; use a folder of its own"));
        }
        _ => {}
    }
    // The records of a run must outlive cleanup, or `repair` and `report` have nothing to read.
    let holds_records = RECORDS_FOLDER.len() >= plain.len()
        && RECORDS_FOLDER.split_at_checked(plain.len()).is_some_and(|(head, tail)| {
            head.eq_ignore_ascii_case(plain) && (tail.is_empty() || tail.starts_with('/'))
        });
    holds_records.then(|| format!("{path} holds the records of past runs, which outlive cleanup"))
}

/// `/private/var`, `/private/tmp` and `/private/etc` are what `/var`, `/tmp` and `/etc` point to.
fn without_private(path: &str) -> &str {
    match path.split_at_checked("/private".len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case("/private") && tail.starts_with('/') => tail,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> bool {
        refusal(&MacPath::new(path).unwrap()).is_some()
    }

    #[test]
    fn r44_shared_folders_are_never_the_install_path() {
        let denied = [
            "/Library",
            "/System",
            "/Users",
            "/usr",
            "/usr/local",
            "/private",
            "/var",
            "/var/root",
            "/tmp",
            "/Applications",
            "/opt",
            "/Users/ada",
            "/users/ADA",
            "/private/var",
            "/private/tmp/",
            "/private/var/root",
            "/ias",
            "/System/Library/x",
            "/library/launchdaemons",
            "/Library/Application Support",
            "/Library/Application Support/ias",
            "/Users/ada/Library",
            "/usr/bin/x",
        ];
        for path in denied {
            assert!(refused(path), "{path}");
        }
    }

    #[test]
    fn r44_folders_published_daemons_use_are_accepted() {
        let published = [
            "/Library/installapplications",
            "/Library/go-installapplications",
            "/Library/Application Support/installapplications",
            "/usr/local/installapplications",
            "/private/tmp/installapplications",
            "/var/tmp/installapplications",
            "/Users/ada/installapplications",
        ];
        for path in published {
            assert!(!refused(path), "{path}");
        }
    }
}
