//! Whose a file of the simulated Mac is: set where the kernel lets us, recorded beside the root where it does not (P79).

use super::inside::Inside;
use cap_std::fs::Dir;
use rustix::{
    fs::{AtFlags, Gid, Uid, chownat},
    io::Errno,
};
use serde::Serialize;
use shared::sys::sandbox::Ids;
use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Whom a copy is to belong to, as accounts of the Mac.
#[derive(Debug, Clone)]
pub(super) struct Owners {
    uid: u32,
    gid: u32,
    name: String,
}

/// Where owners are recorded.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Which ids exist.
    pub(super) ids: Ids,
    /// The side folder.
    pub(super) side: PathBuf,
}

impl Owners {
    /// The accounts `user` and `group`, by name or number, of the Mac whose `/` is `root`.
    ///
    /// # Errors
    /// As `chown` has it, when it has no such accounts.
    pub(super) fn find(root: &Dir, user: &str, group: &str) -> Result<Self, String> {
        let id = |file: &str, kind: &str, name: &str| {
            let known = root.read_to_string(file).unwrap_or_default();
            let line = known.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let known = line.into_iter().find(|fields| fields.first() == Some(&name));
            let id = known.and_then(|fields| fields.get(2)?.parse().ok()).or_else(|| name.parse().ok());
            id.ok_or_else(|| format!("chown: {name}: illegal {kind} name"))
        };
        let uid = id("private/etc/passwd", "user", user)?;
        Ok(Self { uid, gid: id("private/etc/group", "group", group)?, name: format!("{user}:{group}") })
    }

    /// Those of this process.
    #[cfg(test)]
    pub(super) fn of_this_process() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Self { uid, gid, name: String::new() }
    }

    /// Gives them what lies at `path` below `dir`; whether the kernel let us.
    pub(super) fn own(&self, dir: &Dir, path: &Path) -> io::Result<bool> {
        let (uid, gid) = (Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)));
        match chownat(dir, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) => Ok(true),
            Err(Errno::PERM | Errno::INVAL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that `path` and all in it is theirs, where ids other than one's own do not exist.
    pub(super) fn note(&self, record: &Record, path: &str) -> io::Result<()> {
        if record.ids == Ids::All {
            return Ok(());
        }
        let line = serde_json::to_string(&Owner { path, owner: &self.name, recursive: true })?;
        let mut file =
            File::options().create(true).append(true).open(record.side.join(Inside::OWNERS_IN_SIDE))?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

/// A line of the record.
#[derive(Serialize)]
pub(super) struct Owner<'a> {
    /// What is owned.
    pub(super) path: &'a str,
    /// By whom, as `chown` writes it.
    pub(super) owner: &'a str,
    /// Whether with all that is in it.
    pub(super) recursive: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::simulated::{scenario::Scenario, shape::shape};

    #[test]
    fn t36_accounts_are_those_of_the_mac_or_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let root = shape(&folder.path().join("mac"), &Scenario::default()).unwrap();
        let owners = Owners::find(&root, "root", "admin").unwrap();
        assert_eq!((owners.uid, owners.gid), (0, 80));
        let owners = Owners::find(&root, "501", "20").unwrap();
        assert_eq!((owners.uid, owners.gid), (501, 20));
        assert_eq!(Owners::find(&root, "root", "wheels").unwrap_err(), "chown: wheels: illegal group name");
        assert_eq!(Owners::find(&root, "", "wheel").unwrap_err(), "chown: : illegal user name");
    }

    #[test]
    fn p79_what_cannot_be_owned_is_recorded() {
        let side = tempfile::tempdir().unwrap();
        let owners = Owners { uid: 0, gid: 80, name: "root:admin".into() };
        std::fs::create_dir(side.path().join("inside")).unwrap();
        let record = |ids| Record { ids, side: side.path().to_owned() };
        owners.note(&record(Ids::All), "/Applications/A.app").unwrap();
        owners.note(&record(Ids::One), "/Applications/B.app").unwrap();
        let text = std::fs::read_to_string(side.path().join("inside/owners.ndjson")).unwrap();
        assert_eq!(text, "{\"path\":\"/Applications/B.app\",\"owner\":\"root:admin\",\"recursive\":true}\n");
    }
}
