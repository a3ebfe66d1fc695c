//! Messages that have not been taken yet, in one file of the records folder, which is root's: they survive a power cut.

use crate::{download::Folder, folders};
use rustix::{
    fd::AsFd as _,
    fs::{Mode, OFlags, openat},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::sys::atomic;
use std::{ffi::OsStr, fs::File, io::Read as _, path::Path};

/// Its name.
const NAME: &str = "outbox.json";
/// More is not read, and so not written.
const LARGEST: u64 = 4 << 20;
/// The newest for each are kept.
const MOST: usize = 20;

/// What waits to be sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Outbox {
    #[serde(default)]
    pub(super) messages: Vec<Message>,
    /// The end of a run whose messages were written last: a start that finds another one in the journal was cut off between both.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) told: String,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    /// When it was written, in milliseconds since 1970.
    pub(super) at_ms: u64,
    /// Whom it is for.
    #[serde(default)]
    pub(super) to: To,
    /// What is sent.
    pub(super) body: Value,
}

/// Whom messages are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum To {
    /// The service of `WebhookURL`.
    #[default]
    Webhook,
    /// The collector of `OTLPEndpoint`.
    Otlp,
}

impl Outbox {
    /// Reads it; what cannot be read is as good as nothing.
    pub(super) fn read(root: &Path, owner: u32) -> Self {
        let Ok(folder) = folders::records(root, owner) else { return Self::default() };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let Ok(file) = openat(&folder, NAME, flags, Mode::empty()) else { return Self::default() };
        let mut text = Vec::new();
        match File::from(file).take(LARGEST).read_to_end(&mut text) {
            Ok(_) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(_) => Self::default(),
        }
    }

    /// Replaces it as a whole; an empty one is removed. What is too much goes, the oldest first.
    pub(super) fn write(&mut self, root: &Path, owner: u32) -> Result<(), String> {
        for to in [To::Webhook, To::Otlp] {
            let count = self.messages.iter().filter(|message| message.to == to).count();
            let mut surplus = count.saturating_sub(MOST);
            self.messages.retain(|message| {
                let goes = message.to == to && surplus > 0;
                surplus -= usize::from(goes);
                !goes
            });
        }
        let folder = folders::records(root, owner).map_err(|error| error.to_string())?;
        if *self == Self::default() {
            return remove(&folder);
        }
        let mut text = self.text()?;
        while text.len() as u64 > LARGEST && !self.messages.is_empty() {
            // Traces are what is large.
            let oldest = self.messages.iter().position(|message| message.to == To::Otlp);
            self.messages.remove(oldest.unwrap_or(0));
            text = self.text()?;
        }
        atomic::replace_in(folder.as_fd(), OsStr::new(NAME), &text, 0o600)
            .map_err(|error| format!("{NAME}: {error}"))
    }

    fn text(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }
}

fn remove(folder: &Folder) -> Result<(), String> {
    match rustix::fs::unlinkat(folder, NAME, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(errno) => Err(format!("{NAME}: {errno}")),
    }
}
