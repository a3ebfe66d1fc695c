//! The install log of the simulated Mac, where admins look first.

use cap_std::fs::{Dir, OpenOptions};
use std::io::Write as _;
use time::{OffsetDateTime, macros::format_description};

const PATH: &str = "private/var/log/install.log";

/// Appends to `/var/log/install.log`.
pub(super) struct Log<'a> {
    root: &'a Dir,
    name: &'a str,
}

impl<'a> Log<'a> {
    pub(super) fn new(root: &'a Dir, name: &'a str) -> Self {
        Self { root, name }
    }

    /// One line of `process`.
    pub(super) fn line(&self, process: &str, text: &str) {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+00");
        let now = OffsetDateTime::now_utc().format(format).unwrap_or_default();
        let line = format!("{now} {} {process}[{}]: {text}\n", self.name, std::process::id());
        let options = OpenOptions::new().create(true).append(true).clone();
        // A log that cannot be written stops nothing.
        let _ = self.root.open_with(PATH, &options).and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
