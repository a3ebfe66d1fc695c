//! A file of commands that a window reads: in order, one write each, and again with the next one when one could not be
//! written (R98, R99).

use super::{Troubles, append};
use rustix::fs::Mode;
use shared::layout::MacPath;
use std::{
    collections::VecDeque,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Unwritten lines that are kept; beyond this nobody is watching.
const MOST_WAITING: usize = 4096;

/// The file, and what could not be written to it yet.
#[derive(Debug)]
pub(super) struct CommandFile {
    /// Whose it is, for the log.
    whose: &'static str,
    root: PathBuf,
    path: MacPath,
    /// Whose file may be written to: the trusted owner's, and the console user's once known.
    owners: Vec<u32>,
    waiting: VecDeque<Vec<u8>>,
    last_trouble: Option<String>,
    troubles: Troubles,
}

impl CommandFile {
    /// The file at `path` on the Mac whose `/` is `root`, and where `trusted_owner` owns what root owns. It is touched
    /// first when there is something to write.
    pub(super) fn new(
        whose: &'static str,
        (root, path): (&Path, &MacPath),
        trusted_owner: u32,
        troubles: Troubles,
    ) -> Self {
        Self {
            whose,
            root: root.to_owned(),
            path: path.clone(),
            owners: vec![trusted_owner],
            waiting: VecDeque::new(),
            last_trouble: None,
            troubles,
        }
    }

    /// This user is at the screen now, and may own the file.
    pub(super) fn user(&mut self, uid: u32) {
        self.owners.truncate(1);
        self.owners.push(uid);
    }

    /// Writes lines, and those that still wait before them.
    pub(super) fn write(&mut self, lines: impl IntoIterator<Item = String>) {
        self.waiting.extend(lines.into_iter().map(|line| (line + "\n").into_bytes()));
        let surplus = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..surplus);
        self.write_waiting();
    }

    fn write_waiting(&mut self) {
        while let Some(line) = self.waiting.front() {
            let written = append::open(&self.root, &self.path, Mode::from_bits_truncate(0o644), &self.owners)
                .and_then(|mut file| file.write(line).map_err(|error| format!("{}: {error}", self.path)));
            match written {
                Ok(count) if count == line.len() => {
                    self.waiting.pop_front();
                    self.last_trouble = None;
                }
                Ok(count) => {
                    // The disk is full: the rest goes first next time.
                    self.waiting.front_mut().map(|line| line.drain(..count));
                    return self.trouble(format!("{}: the disk is full", self.path));
                }
                Err(error) => return self.trouble(error),
            }
        }
    }

    fn trouble(&mut self, text: String) {
        if self.last_trouble.as_ref() != Some(&text) {
            let whose = self.whose;
            self.troubles.tell(format!("{whose} is not told: {text}; trying again with the next line"));
            self.last_trouble = Some(text);
        }
    }
}
