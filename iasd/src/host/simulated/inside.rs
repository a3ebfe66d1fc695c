//! What the stand-ins know: a small folder beside the root, visible to them as `/.ias`.

use super::scenario::{Answer, Computer, Scenario};
use serde::{Deserialize, Serialize};
use shared::{facts::Arch, sys::sandbox::Ids};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The facts the stand-ins answer from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inside {
    /// The processor family.
    pub(crate) arch: Arch,
    /// The product version.
    pub(crate) os_version: String,
    /// The build.
    pub(crate) os_build: String,
    /// The computer.
    pub(crate) computer: Computer,
    /// Answers that replace a stand-in's own.
    pub(crate) answers: Vec<Answer>,
    /// Who is at the screen.
    pub(crate) user: Option<Seen>,
    /// Which user ids exist.
    pub(crate) ids: Ids,
    /// The host's own program behind a stand-in; told in a file of its own, because it is known later than the rest.
    #[serde(skip)]
    pub(crate) behind: BTreeMap<String, PathBuf>,
}

/// A user at the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The account name.
    pub(crate) name: String,
    /// The numeric id.
    pub(crate) uid: u32,
}

impl Inside {
    /// Where stand-ins see the folder.
    pub(crate) const FOLDER: &str = "/.ias";
    /// Where they see the facts.
    pub(crate) const FACTS: &str = "/.ias/facts.json";
    /// Where they see which programs of the host they stand in front of.
    const BEHIND: &str = "/.ias/behind.json";
    /// Where they record their calls.
    pub(crate) const CALLS: &str = "/.ias/calls.ndjson";
    /// Where owners are recorded that the kernel does not let us set (P79).
    pub(crate) const OWNERS: &str = "/.ias/owners.ndjson";
    /// The same record, in the side folder.
    pub(crate) const OWNERS_IN_SIDE: &str = "inside/owners.ndjson";
    /// The program that stands in.
    pub(crate) const SHIM: &str = "/.ias/shim";
    /// The agent.
    pub(crate) const AGENT: &str = "/.ias/iasagent";

    /// The facts before anybody logged in.
    pub(crate) fn new(scenario: &Scenario, ids: Ids) -> Self {
        Self {
            arch: scenario.arch,
            os_version: scenario.os_version.clone(),
            os_build: scenario.os_build.clone(),
            computer: scenario.computer.clone(),
            answers: scenario.answers.clone(),
            user: None,
            ids,
            behind: BTreeMap::new(),
        }
    }

    /// Makes the folder in `side`; records of earlier runs stay.
    pub(crate) fn make_folder(side: &Path) -> io::Result<()> {
        let folder = side.join("inside");
        fs::create_dir_all(&folder)?;
        for name in ["calls.ndjson", "owners.ndjson", "shim", "iasagent"] {
            let file = folder.join(name);
            fs::OpenOptions::new().create(true).append(true).open(&file)?;
            // Whoever runs inside records.
            let mode = if name.ends_with(".ndjson") { 0o666 } else { 0o755 };
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// The facts, as stand-ins see them.
    pub(crate) fn read() -> io::Result<Self> {
        let mut inside: Self = serde_json::from_slice(&fs::read(Self::FACTS)?)?;
        inside.behind = serde_json::from_slice(&fs::read(Self::BEHIND)?)?;
        Ok(inside)
    }

    /// Replaces the facts in `side` at once.
    pub(crate) fn publish(&self, side: &Path) -> io::Result<()> {
        replace(side, "facts.json", &serde_json::to_vec_pretty(self)?)
    }

    /// Replaces what is known of the host's programs in `side` at once.
    pub(crate) fn publish_behind(side: &Path, behind: &BTreeMap<String, PathBuf>) -> io::Result<()> {
        replace(side, "behind.json", &serde_json::to_vec_pretty(behind)?)
    }
}

fn replace(side: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let folder = side.join("inside");
    let new = folder.join(format!("{name}.new"));
    fs::write(&new, content)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
    fs::rename(new, folder.join(name))
}
