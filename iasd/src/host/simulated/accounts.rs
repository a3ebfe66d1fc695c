//! Who has an account on the simulated Mac: the files `id`, `ls -l` and `dscl` answer from, and home folders.

use super::{scenario::Person, shape::xml};
use cap_std::fs::Dir;
use plist::{Dictionary, Value};
use shared::{
    facts::ConsoleUser,
    sys::{child::Account, sandbox::Ids},
};
use std::{io, path::Path};

/// The group of all people.
pub(crate) const STAFF: u32 = 20;
/// The files of the directory service.
pub(crate) const LOCAL_NODE: &str = "private/var/db/dslocal/nodes/Default";

/// Accounts of the system: name, uid, gid, home, shell, full name.
const SYSTEM: &[(&str, u32, u32, &str, &str, &str)] = &[
    ("nobody", 4_294_967_294, 4_294_967_294, "/var/empty", "/usr/bin/false", "Unprivileged User"),
    ("root", 0, 0, "/var/root", "/bin/sh", "System Administrator"),
    ("daemon", 1, 1, "/var/root", "/usr/bin/false", "System Services"),
    ("_www", 70, 70, "/Library/WebServer", "/usr/bin/false", "World Wide Web Server"),
    ("_mbsetupuser", 248, 248, "/var/setup", "/bin/bash", "Setup User"),
    ("_windowserver", 88, 88, "/var/empty", "/usr/bin/false", "WindowServer"),
];

/// Groups: name, gid, members of the system.
const GROUPS: &[(&str, u32, &str)] = &[
    ("nobody", 4_294_967_294, ""),
    ("wheel", 0, "root"),
    ("daemon", 1, "root"),
    ("tty", 4, "root"),
    ("operator", 5, "root"),
    ("everyone", 12, ""),
    ("staff", STAFF, "root"),
    ("_www", 70, ""),
    ("admin", 80, "root"),
    ("_windowserver", 88, ""),
    ("_mbsetupuser", 248, ""),
];

/// What the environment of a person's programs says (R71).
pub(super) fn account(user: &ConsoleUser) -> Account {
    Account {
        name: user.name.clone(),
        home: format!("/Users/{}", user.name).into(),
        shell: "/bin/zsh".into(),
        temporary: "/private/tmp".into(),
    }
}

/// Writes the accounts every Mac has; those that exist stay.
pub(crate) fn system(root: &Dir) -> io::Result<()> {
    if root.symlink_metadata("private/etc/passwd").is_err() {
        let line = |(name, uid, gid, home, shell, full): &(&str, u32, u32, &str, &str, &str)| {
            format!("{name}:*:{uid}:{gid}:{full}:{home}:{shell}\n")
        };
        root.write("private/etc/passwd", SYSTEM.iter().map(line).collect::<String>())?;
        for (name, uid, gid, home, shell, full) in SYSTEM {
            record(root, name, (*uid, *gid), (home, shell, full))?;
        }
    }
    if root.symlink_metadata("private/etc/group").is_err() {
        let line = |(name, gid, members): &(&str, u32, &str)| format!("{name}:*:{gid}:{members}\n");
        root.write("private/etc/group", GROUPS.iter().map(line).collect::<String>())?;
        for (name, gid, members) in GROUPS {
            group_record(root, name, *gid, members)?;
        }
    }
    Ok(())
}

fn record(
    root: &Dir,
    name: &str,
    ids: (u32, u32),
    (home, shell, full): (&str, &str, &str),
) -> io::Result<()> {
    let list = |text: &str| Value::Array(vec![text.into()]);
    let id = |id: u32| if id == u32::MAX - 1 { "-2".to_owned() } else { id.to_string() };
    let values = [
        ("gid", list(&id(ids.1))),
        ("home", list(home)),
        ("name", list(name)),
        ("passwd", list("********")),
        ("realname", list(full)),
        ("shell", list(shell)),
        ("uid", list(&id(ids.0))),
    ];
    let record: Dictionary = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    root.write(format!("{LOCAL_NODE}/users/{name}.plist"), xml(&Value::Dictionary(record))?)
}

fn group_record(root: &Dir, name: &str, gid: u32, members: &str) -> io::Result<()> {
    let id = if gid == u32::MAX - 1 { "-2".to_owned() } else { gid.to_string() };
    let members = members.split(',').filter(|member| !member.is_empty()).map(Value::from).collect();
    let values = [
        ("gid", Value::Array(vec![id.into()])),
        ("name", Value::Array(vec![name.into()])),
        ("users", Value::Array(members)),
    ];
    let record: Dictionary = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    root.write(format!("{LOCAL_NODE}/groups/{name}.plist"), xml(&Value::Dictionary(record))?)
}

/// Makes the account and the home of `person`, as Setup Assistant does; harmless when they exist.
pub(crate) fn create(root: &Dir, person: &Person, ids: Ids) -> io::Result<()> {
    let Person { name, full_name, uid, .. } = person;
    let home = format!("/Users/{name}");
    let passwd = root.read_to_string("private/etc/passwd")?;
    if !passwd.lines().any(|line| line.split(':').next() == Some(name)) {
        let line = format!("{name}:*:{uid}:{STAFF}:{full_name}:{home}:/bin/zsh\n");
        root.write("private/etc/passwd", passwd + &line)?;
        record(root, name, (*uid, STAFF), (&home, "/bin/zsh", full_name))?;
        let group = root.read_to_string("private/etc/group")?;
        root.write(
            "private/etc/group",
            group.replace("admin:*:80:root\n", &format!("admin:*:80:root,{name}\n")),
        )?;
        group_record(root, "admin", 80, &format!("root,{name}"))?;
    }
    let home = format!("Users/{name}");
    if root.symlink_metadata(&home).is_err() {
        for folder in [
            "",
            "Applications",
            "Desktop",
            "Documents",
            "Downloads",
            "Library",
            "Movies",
            "Music",
            "Pictures",
            "Public",
        ] {
            own_folder(root, &format!("{home}/{folder}"), *uid, ids)?;
        }
        for folder in ["Application Support", "Caches", "LaunchAgents", "Logs", "Preferences"] {
            own_folder(root, &format!("{home}/Library/{folder}"), *uid, ids)?;
        }
    }
    root.write("private/var/db/.AppleSetupDone", "")
}

fn own_folder(root: &Dir, path: &str, uid: u32, ids: Ids) -> io::Result<()> {
    let path = path.trim_end_matches('/');
    root.create_dir(path)?;
    let shared = path.matches('/').count() == 1 || path.ends_with("/Public");
    root.set_permissions(path, super::shape::permissions(if shared { 0o755 } else { 0o700 }))?;
    own(root, path, uid, ids)
}

/// Gives `path` to a user, where owners other than ourselves exist (P79).
pub(crate) fn own(root: &Dir, path: &str, uid: u32, ids: Ids) -> io::Result<()> {
    use rustix::fs::{AtFlags, Gid, Uid, chownat};
    if ids == Ids::One {
        return Ok(());
    }
    let path = Path::new(path);
    let folder =
        root.open_dir(path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")))?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let ids = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(if uid == 0 { 0 } else { STAFF })));
    Ok(chownat(&folder, name, ids.0, ids.1, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{scenario::Scenario, shape::shape},
        *,
    };

    #[test]
    fn an_account_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = shape(&folder.path().join("mac"), &Scenario::default()).unwrap();
        for _ in 0..2 {
            create(&root, &Person::default(), Ids::One).unwrap();
        }
        let passwd = root.read_to_string("etc/passwd").unwrap();
        assert_eq!(passwd.matches("ada:*:501:20:Ada Lovelace:/Users/ada:/bin/zsh").count(), 1);
        assert!(root.read_to_string("etc/group").unwrap().contains("admin:*:80:root,ada\n"));
        assert!(root.metadata("Users/ada/Library/Preferences").unwrap().is_dir());
        assert!(root.exists("private/var/db/.AppleSetupDone"));
    }
}
