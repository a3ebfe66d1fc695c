//! What happens to the simulated Mac on demand, each fault once in a rehearsal, across all starts of `iasd`.
//!
//! What has begun is noted in the side folder (`faults.ndjson`): the next start goes on with it, and whoever rehearses
//! reads there what happened.

use crate::journal::{Death, Passing};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use shared::{
    fault::{Fault, MacFault, Mishap, Moment, When},
    layout::MacPath,
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::watch, time::sleep};

/// The record's name in the side folder.
const RECORD: &str = "faults.ndjson";

/// The faults of one rehearsal.
pub(crate) struct Faults {
    planned: Vec<Fault>,
    /// When the Mac was first started.
    started: SystemTime,
    record: PathBuf,
    /// When each of them began, if it did.
    begun: Mutex<Vec<Option<Duration>>>,
    /// Those the record has.
    noted: Mutex<BTreeSet<usize>>,
    tell: watch::Sender<Vec<Spell>>,
}

/// One mishap, with when it is in force, counted from the first start of the Mac.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spell {
    /// The fault's position in the scenario's list.
    pub(super) fault: usize,
    /// What.
    pub(super) mishap: Mishap,
    /// Its first instant.
    pub(super) from: Duration,
    /// Its first instant no longer; `None`: it stays.
    pub(super) until: Option<Duration>,
}

/// That a fault has begun, as the record has it.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    /// Its position in the scenario's list.
    fault: usize,
    at_ms: u64,
}

impl Spell {
    fn new(fault: usize, mishap: Mishap, from: Duration) -> Self {
        let lasts = match mishap {
            Mishap::NetworkAway { seconds } | Mishap::DiskFull { seconds } => Some(seconds),
            Mishap::Logout { seconds } => seconds,
            Mishap::KillAgent | Mishap::KillIasd => Some(0.0),
        };
        let until = lasts.map(|lasts| from.saturating_add(super::scenario::seconds(lasts)));
        Self { fault, mishap, from, until }
    }

    /// Whether it is in force.
    pub(super) fn covers(&self, elapsed: Duration) -> bool {
        self.from <= elapsed && self.until.is_none_or(|until| elapsed < until)
    }

    /// The instants at which something changes.
    pub(super) fn edges(&self) -> impl Iterator<Item = Duration> {
        std::iter::once(self.from).chain(self.until)
    }
}

/// When the mishaps of a plan are in force, as far as that is known.
fn spells(planned: &[Fault], begun: &[Option<Duration>]) -> Vec<Spell> {
    let known = planned.iter().zip(begun).enumerate().filter_map(|(at, (fault, begun))| match fault {
        Fault::Mac(MacFault { mishap, when: When::Seconds(from) }) => {
            Some(Spell::new(at, *mishap, super::scenario::seconds(*from)))
        }
        Fault::Mac(MacFault { mishap, when: When::Instant(_) }) => Some(Spell::new(at, *mishap, (*begun)?)),
        Fault::Hang(_) | Fault::Server(_) => None,
    });
    known.collect()
}

/// Whether it happens only to somebody who is there: whoever ends the agent or the session notes it.
fn noted_when_met(mishap: Mishap) -> bool {
    matches!(mishap, Mishap::KillAgent | Mishap::Logout { .. })
}

impl Faults {
    /// Those a scenario has, with what the record in `side` says of earlier starts.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub(super) fn open(planned: Vec<Fault>, side: &Path, started: SystemTime) -> io::Result<Arc<Self>> {
        let record = side.join(RECORD);
        let (mut begun, mut noted) = (vec![None; planned.len()], BTreeSet::new());
        let known = match fs::read_to_string(&record) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            known => known?,
        };
        for line in known.lines().filter_map(|line| serde_json::from_str::<Begun>(line).ok()) {
            let at = UNIX_EPOCH + Duration::from_millis(line.at_ms);
            if let Some(begun) = begun.get_mut(line.fault) {
                *begun = Some(at.duration_since(started).unwrap_or_default());
                noted.insert(line.fault);
            }
        }
        let (tell, _) = watch::channel(spells(&planned, &begun));
        let (begun, noted) = (Mutex::new(begun), Mutex::new(noted));
        Ok(Arc::new(Self { planned, started, record, begun, noted, tell }))
    }

    /// What is in force when; changes when something begins.
    pub(super) fn spells(&self) -> watch::Receiver<Vec<Spell>> {
        self.tell.subscribe()
    }

    /// How long ago the Mac was first started.
    pub(super) fn elapsed(&self) -> Duration {
        SystemTime::now().duration_since(self.started).unwrap_or_default()
    }

    /// Whether nothing can be written now.
    pub(crate) fn disk_is_full(&self) -> bool {
        let elapsed = self.elapsed();
        let full = |spell: &Spell| matches!(spell.mishap, Mishap::DiskFull { .. }) && spell.covers(elapsed);
        self.tell.borrow().iter().any(full)
    }

    /// How long the script or package at `path` is to hang, if this is the time.
    pub(super) fn hang(&self, path: &MacPath) -> Option<Duration> {
        let of_it = |fault: &Fault| matches!(fault, Fault::Hang(hang) if hang.target == path.as_str());
        let at = self.first(of_it)?;
        self.due(at);
        self.happens(at);
        match self.planned.get(at) {
            Some(Fault::Hang(hang)) => Some(super::scenario::seconds(hang.seconds)),
            _ => None,
        }
    }

    /// Lets begin what begins at this point of the run; how the process dies, if it does.
    pub(crate) fn passes(&self, passing: &Passing<'_>) -> Option<Death> {
        let mut death = None;
        for (at, fault) in self.planned.iter().enumerate() {
            let Fault::Mac(MacFault { mishap, when: When::Instant(instant) }) = fault else { continue };
            let moment = match passing {
                Passing::Fact(fact) => instant.at_fact(fact),
                Passing::Progress(news) => instant.at_progress(news).then_some(Moment::Before),
            };
            let kills = *mishap == Mishap::KillIasd;
            let Some(moment) = moment.filter(|_| !(kills && death.is_some())) else { continue };
            if self.has_begun(at) {
                continue;
            }
            self.due(at);
            if !noted_when_met(*mishap) && !self.happens(at) {
                // Of a death that is not on record the next start would not know, and die again.
                continue;
            }
            if kills {
                death = Some(match moment {
                    Moment::Before => Death::Before,
                    Moment::Torn => Death::Torn,
                    Moment::After => Death::After,
                });
            }
        }
        death
    }

    /// Lets begin what has its time, for ever.
    pub(super) async fn happen(self: Arc<Self>) {
        for spell in self.to_come(self.elapsed()) {
            sleep(spell.from.saturating_sub(self.elapsed())).await;
            self.due(spell.fault);
            if self.happens(spell.fault) && spell.mishap == Mishap::KillIasd {
                // Nobody is left to be told of an error.
                let _ = kill_process(getpid(), Signal::KILL);
            }
        }
    }

    /// Those with a time that are still to happen in a start that begins after `elapsed`, in order. What was over before
    /// has passed, and nobody met it; a death has no length, and only waits.
    fn to_come(&self, elapsed: Duration) -> Vec<Spell> {
        let timed = self.planned.iter().enumerate().filter_map(|(at, fault)| match fault {
            Fault::Mac(MacFault { mishap, when: When::Seconds(from) }) if !noted_when_met(*mishap) => {
                Some(Spell::new(at, *mishap, super::scenario::seconds(*from)))
            }
            _ => None,
        });
        let is_over = |spell: &Spell| {
            spell.mishap != Mishap::KillIasd && spell.until.is_some_and(|until| until <= elapsed)
        };
        let mut timed: Vec<Spell> =
            timed.filter(|spell| !self.has_begun(spell.fault) && !is_over(spell)).collect();
        timed.sort_by_key(|spell| spell.from);
        timed
    }

    fn has_begun(&self, at: usize) -> bool {
        self.begun().get(at).is_none_or(Option::is_some)
    }

    fn first(&self, wanted: impl Fn(&Fault) -> bool) -> Option<usize> {
        let found = self.planned.iter().enumerate().find(|(at, fault)| wanted(fault) && !self.has_begun(*at));
        found.map(|(at, _)| at)
    }

    /// The time of a fault has come.
    fn due(&self, at: usize) {
        let mut begun = self.begun();
        if let Some(begun) = begun.get_mut(at) {
            *begun = Some(self.elapsed());
        }
        self.tell.send_replace(spells(&self.planned, &begun));
    }

    /// Notes on disk that a fault happens, once; before it does, because this process may not outlive it. Whether the
    /// record has it.
    pub(super) fn happens(&self, at: usize) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.contains(&at) {
            return true;
        }
        let since = self.begun().get(at).copied().flatten().unwrap_or_else(|| self.elapsed());
        let at_ms = (self.started + since).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let line = Begun { fault: at, at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX) };
        if let Err(error) = self.note(&line) {
            eprintln!("iasd: {}: {error}", self.record.display());
            return false;
        }
        noted.insert(at)
    }

    fn note(&self, line: &Begun) -> io::Result<()> {
        let mut record = File::options().create(true).append(true).open(&self.record)?;
        record.write_all(format!("{}\n", serde_json::to_string(line)?).as_bytes())
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, Vec<Option<Duration>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        event::{Event, EventKind},
        item::{ItemId, Phase},
    };

    fn running(index: u32) -> Event {
        let id = ItemId::new(Phase::Userland, index);
        Event { seq: 1, at_ms: 0, kind: EventKind::ItemRunning { id } }
    }

    fn open(folder: &Path, faults: &[&str]) -> Arc<Faults> {
        let planned = faults.iter().map(|text| text.parse().unwrap()).collect();
        Faults::open(planned, folder, SystemTime::now()).unwrap()
    }

    #[test]
    fn each_fault_happens_once_also_when_the_next_start_comes_by_again() {
        let folder = tempfile::tempdir().unwrap();
        let planned = [
            "kill-iasd@torn item_running userland[1]",
            "kill-iasd@item_running",
            "disk-full=60@item_running",
        ];
        let faults = open(folder.path(), &planned);
        assert!(!faults.disk_is_full());
        assert_eq!(faults.passes(&Passing::Fact(&running(1))), Some(Death::Torn));
        assert!(faults.disk_is_full(), "what does not kill happens at the same instant");

        let again = open(folder.path(), &planned);
        assert!(again.disk_is_full(), "it goes on over a restart");
        assert_eq!(again.passes(&Passing::Fact(&running(1))), Some(Death::After), "one death at a time");
        assert_eq!(again.passes(&Passing::Fact(&running(1))), None);
        let record = fs::read_to_string(folder.path().join(RECORD)).unwrap();
        assert_eq!(record.lines().count(), 3, "{record}");
    }

    #[test]
    fn what_has_its_time_happens_unless_it_was_over_before_and_a_death_only_waits() {
        let folder = tempfile::tempdir().unwrap();
        let planned = [
            "network-away=9@3",
            "kill-iasd@2",
            "kill-iasd@0",
            "disk-full=2@1",
            "kill-agent@5",
            "disk-full=1@7",
        ];
        let faults = open(folder.path(), &planned);
        let to_come = |elapsed| -> Vec<usize> {
            faults.to_come(Duration::from_secs(elapsed)).iter().map(|spell| spell.fault).collect()
        };
        assert_eq!(to_come(0), [2, 3, 1, 0, 5]);
        assert_eq!(to_come(3), [2, 1, 0, 5], "a full disk that was over before this start");
        assert!(faults.happens(2) && open(folder.path(), &planned).to_come(Duration::ZERO)[0].fault == 3);
    }

    #[test]
    fn who_is_not_there_is_not_killed_and_nothing_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let faults = open(folder.path(), &["kill-agent@item_running", "logout=5@item_running"]);
        assert_eq!(faults.passes(&Passing::Fact(&running(1))), None);
        assert_eq!(faults.spells().borrow().len(), 2, "their time has come");
        let record = || fs::read_to_string(folder.path().join(RECORD)).unwrap_or_default();
        assert_eq!(record(), "");
        assert!(faults.happens(1) && faults.happens(1));
        assert_eq!(record().lines().count(), 1, "once");
    }

    #[test]
    fn a_death_that_cannot_be_noted_does_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let faults = open(folder.path(), &["kill-iasd@item_running"]);
        fs::create_dir(folder.path().join(RECORD)).unwrap();
        assert_eq!(faults.passes(&Passing::Fact(&running(1))), None);
    }

    #[test]
    fn a_script_hangs_once() {
        let folder = tempfile::tempdir().unwrap();
        let faults = open(folder.path(), &["hang=5@/Library/a.sh"]);
        let path = |path: &str| MacPath::new(path).unwrap();
        assert_eq!(faults.hang(&path("/Library/b.sh")), None);
        assert_eq!(faults.hang(&path("/Library/a.sh")), Some(Duration::from_secs(5)));
        assert_eq!(faults.hang(&path("/Library/a.sh")), None);
    }

    #[test]
    fn what_has_its_time_is_known_from_the_outset() {
        let planned: Vec<Fault> = ["network-away=2@1", "logout@3", "kill-agent@item_running"]
            .map(|text| text.parse().unwrap())
            .into();
        let known = spells(&planned, &[None, None, None]);
        let second = Duration::from_secs;
        let edges: Vec<Vec<Duration>> = known.iter().map(|spell| spell.edges().collect()).collect();
        assert_eq!(edges, [vec![second(1), second(3)], vec![second(3)]]);
        assert!(!known[0].covers(second(0)) && known[0].covers(second(1)) && !known[0].covers(second(3)));
        assert!(known[1].covers(second(1_000_000)), "without an end it stays");
        assert_eq!(spells(&planned, &[None, None, Some(second(9))]).len(), 3);
    }
}
