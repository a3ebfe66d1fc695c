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
    tell: watch::Sender<Vec<Spell>>,
}

/// One mishap, with when it is in force, counted from the first start of the Mac.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spell {
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
    fn new(mishap: Mishap, from: Duration) -> Self {
        let lasts = match mishap {
            Mishap::NetworkAway { seconds } | Mishap::DiskFull { seconds } => Some(seconds),
            Mishap::Logout { seconds } => seconds,
            Mishap::KillAgent | Mishap::KillIasd => Some(0.0),
        };
        Self { mishap, from, until: lasts.map(|lasts| from.saturating_add(super::scenario::seconds(lasts))) }
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
    let known = planned.iter().zip(begun).filter_map(|(fault, begun)| match fault {
        Fault::Mac(MacFault { mishap, when: When::Seconds(from) }) => {
            Some(Spell::new(*mishap, super::scenario::seconds(*from)))
        }
        Fault::Mac(MacFault { mishap, when: When::Instant(_) }) => Some(Spell::new(*mishap, (*begun)?)),
        Fault::Hang(_) | Fault::Server(_) => None,
    });
    known.collect()
}

impl Faults {
    /// Those a scenario has, with what the record in `side` says of earlier starts.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub(super) fn open(planned: Vec<Fault>, side: &Path, started: SystemTime) -> io::Result<Arc<Self>> {
        let record = side.join(RECORD);
        let mut begun = vec![None; planned.len()];
        let known = match fs::read_to_string(&record) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            known => known?,
        };
        for line in known.lines().filter_map(|line| serde_json::from_str::<Begun>(line).ok()) {
            let at = UNIX_EPOCH + Duration::from_millis(line.at_ms);
            if let Some(begun) = begun.get_mut(line.fault) {
                *begun = Some(at.duration_since(started).unwrap_or_default());
            }
        }
        let (tell, _) = watch::channel(spells(&planned, &begun));
        Ok(Arc::new(Self { planned, started, record, begun: Mutex::new(begun), tell }))
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
        self.begin(at);
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
            self.begin(at);
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
        let timed = self.planned.iter().enumerate().filter_map(|(at, fault)| match fault {
            Fault::Mac(MacFault { mishap, when: When::Seconds(from) }) => {
                Some((at, Spell::new(*mishap, super::scenario::seconds(*from))))
            }
            _ => None,
        });
        let mut timed: Vec<(usize, Spell)> = timed.filter(|(at, _)| !self.has_begun(*at)).collect();
        timed.sort_by_key(|(_, spell)| spell.from);
        for (at, spell) in timed {
            let elapsed = self.elapsed();
            if spell.from < elapsed && !spell.covers(elapsed) {
                // It was over before this start, and nobody met it.
                continue;
            }
            sleep(spell.from.saturating_sub(elapsed)).await;
            self.begin(at);
            if spell.mishap == Mishap::KillIasd {
                // Nobody is left to be told of an error.
                let _ = kill_process(getpid(), Signal::KILL);
            }
        }
    }

    fn has_begun(&self, at: usize) -> bool {
        self.begun().get(at).is_none_or(Option::is_some)
    }

    fn first(&self, wanted: impl Fn(&Fault) -> bool) -> Option<usize> {
        let found = self.planned.iter().enumerate().find(|(at, fault)| wanted(fault) && !self.has_begun(*at));
        found.map(|(at, _)| at)
    }

    /// Notes that a fault begins, on disk first: this process may not outlive it.
    fn begin(&self, at: usize) {
        let now = SystemTime::now();
        let at_ms = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let line = Begun { fault: at, at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX) };
        if let Err(error) = self.note(&line) {
            // It happens all the same; only the report will not know.
            eprintln!("iasd: {}: {error}", self.record.display());
        }
        let mut begun = self.begun();
        if let Some(begun) = begun.get_mut(at) {
            *begun = Some(now.duration_since(self.started).unwrap_or_default());
        }
        self.tell.send_replace(spells(&self.planned, &begun));
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
        let id = ItemId { phase: Phase::Userland, index };
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
