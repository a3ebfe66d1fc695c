//! What came of the faults: whether each happened, how the run met it, and whether it ended as without them.

use super::{faults::Led, server::Misdeeds, stage::Stage, summary::receipts};
use crate::view::{Met, Run};
use serde_json::{Value, json};
use shared::{
    event::{EventKind, ItemEnd, SkipReason},
    exit::Ended,
    fault::{Fault, Misdeed, Mishap},
    item::ItemId,
    state::{ItemState, ItemStatus},
    wording::one_line,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What differs from run to run, faults or not: logs, records, what is temporary.
const RESTLESS: [&str; 6] = [
    "Library/Application Support/ias",
    "Library/Logs",
    "private/tmp",
    "private/var/folders",
    "private/var/log",
    "private/var/tmp",
];
/// More differences than these are only counted.
const SHOWN: usize = 10;

/// What came of the faults of one rehearsal.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Each of them, as it was asked for.
    pub(crate) faults: Vec<Told>,
    /// Items that were under way when they were cut off, and were begun again.
    pub(crate) begun_again: Vec<ItemId>,
    /// What is not as without faults; `None`: nobody looked.
    pub(crate) differences: Option<Vec<String>>,
}

/// One fault, told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The fault.
    pub(crate) fault: String,
    /// How often it happened.
    pub(crate) happened: u32,
    /// How the run met it.
    pub(crate) met: String,
}

/// How a run left a Mac.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EndState {
    code: u8,
    /// Each item by its place and name, and how it ended.
    items: BTreeMap<String, String>,
    /// Packages with their version.
    packages: BTreeSet<(String, String)>,
    files: BTreeSet<PathBuf>,
}

impl EndState {
    /// As it is now.
    pub(crate) fn of(run: &Run, stage: &Stage, code: u8) -> Self {
        let name = |item: &ItemStatus| format!("{} {}", item.listed.id, one_line(&item.listed.name));
        let mut files = BTreeSet::new();
        collect(&stage.root, &stage.root, &mut files);
        Self {
            code,
            items: run.state.items.values().map(|item| (name(item), end(item))).collect(),
            packages: receipts(&stage.root),
            files,
        }
    }

    /// What is not as in `other`, which had no faults.
    fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.code != other.code {
            found.push(format!("exit status {}, without faults {}", self.code, other.code));
        }
        for (item, end) in &self.items {
            let plain = other.items.get(item).map_or("not listed", String::as_str);
            if plain != end {
                found.push(format!("{item}: {end}, without faults: {plain}"));
            }
        }
        let missing = other.items.keys().filter(|item| !self.items.contains_key(*item));
        found.extend(missing.map(|item| format!("{item}: not listed")));
        let version = |(id, version): &(String, String)| format!("package {id} {version}");
        found.extend(
            self.packages.difference(&other.packages).map(|it| format!("{}: only with faults", version(it))),
        );
        found.extend(other.packages.difference(&self.packages).map(|it| format!("{}: missing", version(it))));
        let path = |path: &PathBuf| format!("/{}", path.display());
        found.extend(
            self.files.difference(&other.files).map(|file| format!("{}: only with faults", path(file))),
        );
        found.extend(other.files.difference(&self.files).map(|file| format!("{}: missing", path(file))));
        found
    }
}

/// How an item ended; one word for all ways to be in place, since a receipt may have saved work.
fn end(item: &ItemStatus) -> String {
    match &item.state {
        ItemState::Ended(
            ItemEnd::Done
            | ItemEnd::Skipped(
                SkipReason::Receipt { .. } | SkipReason::Present { .. } | SkipReason::AlreadyDone,
            ),
        ) => "done".to_owned(),
        ItemState::Ended(end) => end.to_string(),
        ItemState::Pending | ItemState::Started | ItemState::Running => "not over".to_owned(),
    }
}

fn collect(folder: &Path, root: &Path, files: &mut BTreeSet<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Ok(below) = path.strip_prefix(root) else { continue };
        if RESTLESS.iter().any(|restless| below == Path::new(restless)) {
            continue;
        }
        let is_folder = path.symlink_metadata().is_ok_and(|about| about.is_dir());
        if is_folder {
            collect(&path, root, files);
        } else {
            files.insert(below.to_owned());
        }
    }
}

impl Verdict {
    /// The verdict on a run, whose end is compared with that of one without faults, if there was one.
    pub(crate) fn of(
        stage: &Stage,
        misdeeds: &Misdeeds,
        run: &Run,
        (here, other): (EndState, Option<EndState>),
    ) -> Self {
        let record = fs::read_to_string(stage.fault_record()).unwrap_or_default();
        let faults = stage.faults.iter().enumerate().map(|(at, led)| {
            let happened = match led.fault {
                Fault::Server(_) => misdeeds.count(at),
                Fault::Hang(_) | Fault::Mac(_) => recorded(&record, at),
            };
            let met = if happened == 0 { NEVER.to_owned() } else { met(led, run, here.code) };
            Told { fault: led.asked.clone(), happened, met }
        });
        Self {
            faults: faults.collect(),
            begun_again: begun_again(&fs::read_to_string(stage.journal()).unwrap_or_default()),
            differences: other.map(|other| here.differences(&other)),
        }
    }

    /// As one JSON object.
    pub(crate) fn json(&self) -> Value {
        let faults = self.faults.iter();
        let faults = faults
            .map(|Told { fault, happened, met }| json!({"fault": fault, "happened": happened, "met": met}));
        json!({"verdict": {
            "faults": faults.collect::<Vec<_>>(),
            "begun_again": self.begun_again.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "same_end": self.differences.as_ref().map(Vec::is_empty),
            "differences": self.differences,
        }})
    }

    /// Whether the run ended as without faults; `None`: nobody looked.
    pub(crate) fn is_same(&self) -> Option<bool> {
        self.differences.as_ref().map(Vec::is_empty)
    }

    /// In lines, the first of which is the verdict itself.
    pub(crate) fn conclusion(&self) -> Vec<String> {
        let Some(differences) = &self.differences else { return vec![NOT_COMPARED.to_owned()] };
        if differences.is_empty() {
            return vec!["it ended as without faults".to_owned()];
        }
        let mut lines = vec!["it did not end as without faults:".to_owned()];
        lines.extend(differences.iter().take(SHOWN).map(|line| format!("  {line}")));
        let more = differences.len().saturating_sub(SHOWN);
        lines.extend((more > 0).then(|| format!("  and {more} more")));
        lines
    }
}

const NEVER: &str = "it never happened";
const NOT_COMPARED: &str = "how it ends without faults was not looked at";

/// How often the Mac's record has the fault at this place in the list.
fn recorded(record: &str, at: usize) -> u32 {
    let lines = record.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_it = lines.filter(|line| line.get("fault").and_then(Value::as_u64) == Some(at as u64));
    u32::try_from(of_it.count()).unwrap_or(u32::MAX)
}

/// Items whose effect began more than once. The journal knows: of a fact with which the power went, nobody else heard.
fn begun_again(journal: &str) -> Vec<ItemId> {
    let mut begun = BTreeMap::<ItemId, u32>::new();
    for fact in journal.lines().filter_map(|line| serde_json::from_str::<EventKind>(line).ok()) {
        if let EventKind::ItemRunning { id } = fact {
            *begun.entry(id).or_default() += 1;
        }
    }
    begun.into_iter().filter(|(_, times)| *times > 1).map(|(id, _)| id).collect()
}

/// How the run met a fault that happened.
fn met(led: &Led, run: &Run, code: u8) -> String {
    let Met { agents_lost, agents_came, starts, .. } = run.met;
    let went_on = match code {
        0 => "the run went on".to_owned(),
        code => format!("the run ended with exit status {code}"),
    };
    match &led.fault {
        Fault::Server(fault) => match fault.misdeed {
            Misdeed::Throttle { .. } | Misdeed::NoRange => content(led, run),
            _ if led.items.is_empty() => went_on,
            _ => content(led, run),
        },
        Fault::Hang(_) => {
            match led.items.first().and_then(|id| run.state.items.get(id)).map(|item| &item.state) {
                Some(ItemState::Ended(ItemEnd::ExecutionFailed(Ended::TimedOut))) => {
                    "its `timeout` ended it".to_owned()
                }
                Some(ItemState::Ended(end)) => {
                    format!("nothing ended it: {end}, once it had gone on by itself")
                }
                _ => "it was not over in the end".to_owned(),
            }
        }
        Fault::Mac(fault) => match fault.mishap {
            Mishap::KillIasd => format!("iasd was started {starts} times in all; {went_on}"),
            Mishap::KillAgent => format!("the agent was lost {agents_lost}×, came {agents_came}×; {went_on}"),
            Mishap::NetworkAway { .. } | Mishap::Logout { .. } | Mishap::DiskFull { .. } => went_on,
        },
    }
}

/// What became of the content of the items a fault is about.
fn content(led: &Led, run: &Run) -> String {
    let items = || led.items.iter().filter_map(|id| run.state.items.get(id));
    let failed: u32 = led.items.iter().filter_map(|id| run.met.failed_attempts.get(id)).sum();
    let lost: Vec<String> = items()
        .filter(|item| matches!(item.state, ItemState::Ended(ItemEnd::DownloadFailed(_))))
        .map(|item| item.listed.id.to_string())
        .collect();
    let attempts = match failed {
        0 => "no attempt failed".to_owned(),
        1 => "1 attempt failed".to_owned(),
        failed => format!("{failed} attempts failed"),
    };
    match lost.as_slice() {
        [] => format!("{attempts}, the content came"),
        lost => format!("{attempts}, no content for {}", lost.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(code: u8, items: &[(&str, &str)], files: &[&str]) -> EndState {
        EndState {
            code,
            items: items.iter().map(|(item, end)| ((*item).to_owned(), (*end).to_owned())).collect(),
            packages: BTreeSet::new(),
            files: files.iter().map(PathBuf::from).collect(),
        }
    }

    #[test]
    fn a_verdict_names_what_is_not_as_without_faults() {
        let plain = state(0, &[("userland[0] a", "done")], &["Library/a", "Library/b"]);
        assert_eq!(plain.differences(&plain), [""; 0]);
        let other = state(75, &[("userland[0] a", "not over")], &["Library/a", "Library/c"]);
        assert_eq!(
            other.differences(&plain),
            [
                "exit status 75, without faults 0",
                "userland[0] a: not over, without faults: done",
                "/Library/c: only with faults",
                "/Library/b: missing"
            ]
        );
    }

    #[test]
    fn the_conclusion_comes_first_and_is_no_longer_than_people_read() {
        let verdict =
            |differences: Option<Vec<String>>| Verdict { faults: vec![], begun_again: vec![], differences };
        assert_eq!(verdict(None).conclusion(), [NOT_COMPARED]);
        assert_eq!(verdict(Some(vec![])).conclusion(), ["it ended as without faults"]);
        let many = verdict(Some(vec!["x".to_owned(); 14]));
        assert_eq!((many.conclusion().len(), many.conclusion()[11].as_str()), (12, "  and 4 more"));
        assert_eq!(many.json()["verdict"]["same_end"], json!(false));
    }

    #[test]
    fn the_record_of_the_mac_tells_how_often() {
        let record =
            "{\"fault\":1,\"at_ms\":5}\n{\"fault\":0,\"at_ms\":5}\n{\"fault\":1,\"at_ms\":6}\n{\"fau";
        assert_eq!([0, 1, 2].map(|at| recorded(record, at)), [1, 2, 0]);
    }
}
