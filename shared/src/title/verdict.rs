//! Whether a title is there already, from what the host found (T37–T40).

use super::{
    order,
    presence::USUAL_KEY,
    step::{Installed, Presence, ReceiptWanted, Step},
};
use crate::{
    exit::Ended,
    facts::{Found, Trace},
};
use std::{cmp::Ordering, collections::BTreeMap};

/// Whether a title is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be installed.
    Missing,
    /// It is there, in this version.
    Already(String),
    /// Something newer is there, in this version.
    Newer(String),
    /// It cannot be told, so the title has failed: the reason.
    Malformed(String),
    /// The end of this script tells ([`after_install_check`]).
    AskInstallCheck(String),
    /// What this script prints tells ([`after_version_script`]).
    AskVersion(String),
}

/// Judges by what was found: an answer for each [`Trace`] of the step, and all receipts there are.
#[must_use]
pub fn judge(step: &Step, found: &BTreeMap<Trace, Found>, receipts: &BTreeMap<String, String>) -> Verdict {
    judge_presence(&step.presence, &step.version, found, receipts)
}

/// As [`judge`] does, where only the test and the wanted version are known.
#[must_use]
pub fn judge_presence(
    presence: &Presence,
    wanted: &str,
    found: &BTreeMap<Trace, Found>,
    receipts: &BTreeMap<String, String>,
) -> Verdict {
    match presence {
        Presence::OnDemand => Verdict::Missing,
        Presence::InstallCheck(script) => Verdict::AskInstallCheck(script.clone()),
        Presence::VersionScript(script) => Verdict::AskVersion(script.clone()),
        Presence::Assumed => Verdict::Already(wanted.to_owned()),
        Presence::Installs(entries) => {
            together(wanted, entries.iter().map(|entry| installed(entry, found.get(&entry.what))))
        }
        Presence::Receipts(needed) => together(wanted, needed.iter().map(|wanted| receipt(wanted, receipts))),
    }
}

/// What the end of an `installcheck_script` says: exit status 0 asks for the installation.
#[must_use]
pub fn after_install_check(step: &Step, ended: &Ended) -> Verdict {
    match ended {
        Ended::Exited(0) => Verdict::Missing,
        Ended::Exited(_) => Verdict::Already(step.version.clone()),
        broken => Verdict::Malformed(format!("installcheck_script: {broken}")),
    }
}

/// What a `version_script` says with its end and its standard output.
#[must_use]
pub fn after_version_script(step: &Step, ended: &Ended, output: &str) -> Verdict {
    match (ended, output.trim()) {
        (Ended::Exited(0), "") => Verdict::Missing,
        (Ended::Exited(0), version) => match compare(version, &step.version) {
            Standing::Older | Standing::Absent => Verdict::Missing,
            Standing::Same => Verdict::Already(version.to_owned()),
            Standing::Newer(version) => Verdict::Newer(version),
        },
        (Ended::Exited(_), _) => Verdict::Missing,
        (broken, _) => Verdict::Malformed(format!("version_script: {broken}")),
    }
}

/// How what is there compares with what is wanted; the better, the greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Absent,
    Older,
    Same,
    Newer(String),
}

/// All must be there; one that is newer makes the whole newer.
fn together(wanted: &str, entries: impl Iterator<Item = Result<Standing, String>>) -> Verdict {
    let mut newest = None;
    for standing in entries {
        match standing {
            Err(why) => return Verdict::Malformed(why),
            Ok(Standing::Absent | Standing::Older) => return Verdict::Missing,
            Ok(Standing::Same) => {}
            Ok(Standing::Newer(version)) => newest = newest.or(Some(version)),
        }
    }
    newest.map_or_else(|| Verdict::Already(wanted.to_owned()), Verdict::Newer)
}

fn installed(entry: &Installed, found: Option<&Found>) -> Result<Standing, String> {
    let found = found.ok_or_else(|| format!("{}: was not looked at", entry.what))?;
    let candidates = match found {
        Found::Nothing => return Ok(Standing::Absent),
        Found::Same => return Ok(Standing::Same),
        Found::Different => return Ok(Standing::Older),
        Found::Plists(candidates) => candidates,
    };
    let wanted = entry.version.as_deref().ok_or_else(|| format!("{}: no version is wanted", entry.what))?;
    let standings = candidates.iter().map(|keys| {
        let version = match &entry.key {
            Some(key) => keys.get(key),
            None => keys.get(USUAL_KEY).or_else(|| keys.get("CFBundleVersion")),
        };
        let Some(version) = version.filter(|version| !version.is_empty()) else { return Standing::Absent };
        match &entry.minimum_update_version {
            Some(least) if order::compare(version, least).is_lt() => Standing::Absent,
            _ => compare(version, wanted),
        }
    });
    Ok(standings.max().unwrap_or(Standing::Absent))
}

fn receipt(wanted: &ReceiptWanted, receipts: &BTreeMap<String, String>) -> Result<Standing, String> {
    let found = receipts.get(&wanted.package_id);
    Ok(found.map_or(Standing::Absent, |version| compare(version, &wanted.version)))
}

fn compare(found: &str, wanted: &str) -> Standing {
    match order::compare(found, wanted) {
        Ordering::Less => Standing::Older,
        Ordering::Equal => Standing::Same,
        Ordering::Greater => Standing::Newer(found.to_owned()),
    }
}
