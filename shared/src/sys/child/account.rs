//! For whom a program runs: what its environment says about that user (R71).

use crate::sys::tools;
use std::{env, ffi::OsString, path::PathBuf};

/// A user, as far as a clean environment tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `USER` and `LOGNAME`.
    pub name: String,
    /// `HOME`.
    pub home: PathBuf,
    /// `SHELL`.
    pub shell: PathBuf,
    /// `TMPDIR`.
    pub temporary: PathBuf,
}

impl Account {
    /// The system's own account on a Mac.
    #[must_use]
    pub fn root() -> Self {
        Self {
            name: "root".into(),
            home: "/var/root".into(),
            shell: tools::SH.into(),
            temporary: "/private/tmp".into(),
        }
    }

    /// The account this process runs for, as its own environment tells: in a session launchd has set it up.
    #[must_use]
    pub fn of_this_process() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let name = variable("USER").or_else(|| variable("LOGNAME"));
        let path = |name: &str, otherwise: &str| PathBuf::from(variable(name).unwrap_or(otherwise.into()));
        Self {
            name: name.and_then(|name| name.into_string().ok()).unwrap_or_default(),
            home: path("HOME", "/"),
            shell: path("SHELL", tools::SH),
            temporary: path("TMPDIR", "/tmp"),
        }
    }

    /// The whole environment of a program that runs for this user; nothing else is inherited (R71).
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = "/usr/bin:/bin:/usr/sbin:/sbin";
        [
            ("PATH", path.into()),
            ("HOME", self.home.clone().into()),
            ("USER", OsString::from(&self.name)),
            ("LOGNAME", OsString::from(&self.name)),
            ("SHELL", self.shell.clone().into()),
            ("TMPDIR", self.temporary.clone().into()),
        ]
        .map(|(name, value)| (name.into(), value))
        .into()
    }
}
