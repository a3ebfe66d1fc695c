//! One run with one of everything, whose items note each time they take effect; and its death at random instants.

use crate::{Outcome, World};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use shared::event::EventKind;
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

/// The journal of a run, in its Mac.
const JOURNAL: &str = "Library/Application Support/ias/last-run.ndjson";
/// What root's items write to when they take effect.
const EFFECTS: &str = "/private/var/log/effects";
/// What the user's items write to.
const USER_EFFECTS: &str = "/Users/ada/effects";

/// Every item that notes its effect.
pub const ITEMS: [&str; 8] = ["look", "tools", "later", "left", "right", "broken", "root", "user"];

/// A world with one of everything.
#[must_use]
pub fn mixed() -> World {
    let says = |text: &str| format!("echo {text} >> {EFFECTS}");
    let group = json!({"parallel_group": "both"});
    World::new()
        .script("preflight", "look", &(says("look") + "; exit 1"), json!({}))
        .package("setupassistant", "tools", "com.example.tools", &says("tools"), json!({}))
        .script("setupassistant", "later", &says("later"), json!({"donotwait": true}))
        .script("setupassistant", "left", &says("left"), group.clone())
        .package("setupassistant", "right", "com.example.right", &says("right"), group)
        .script(
            "setupassistant",
            "broken",
            &(says("broken") + "; exit 3"),
            json!({"fail_policy": "failable"}),
        )
        .file("setupassistant", "note", "/Library/Acme/note.txt", "call 42")
        .script("userland", "root", &says("root"), json!({"file": "/Library/Acme/root.sh"}))
        .script("userland", "user", &format!("echo user >> {USER_EFFECTS}"), json!({"type": "userscript"}))
        .setting("DEPNotifyEnable", true)
}

/// How often each item took effect.
#[must_use]
pub fn effects(outcome: &Outcome) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for file in [EFFECTS, USER_EFFECTS] {
        for line in outcome.read(file).unwrap_or_default().lines() {
            *effects.entry(line.to_owned()).or_default() += 1;
        }
    }
    effects
}

/// What came of runs that were killed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Runs that came to their end.
    pub runs: usize,
    /// How often `iasd` was killed.
    pub kills: usize,
    /// Items that never took effect, with the run's number.
    pub lost: Vec<String>,
    /// Items that took effect more often than they were begun, or were begun again after their end.
    pub doubled: Vec<String>,
    /// Runs that did not end as they should.
    pub broken: Vec<String>,
    /// Items that were under way when the power went, and were done again.
    pub repeated: usize,
}

/// Runs the mixed world `runs` times, and kills `iasd` up to three times in each at instants drawn from `seed`.
///
/// # Panics
/// When the programs cannot be started.
#[must_use]
pub fn random_kills(runs: usize, mut seed: u64) -> Tally {
    let mut tally = Tally::default();
    let begun = Instant::now();
    let whole = mixed().run(&[]);
    assert_eq!(whole.code, 0, "without a kill\n{}", whole.diagnostics);
    // Each instant of a start is as likely as any other, on a fast computer and on a slow one.
    let span = u64::try_from(begun.elapsed().as_millis()).unwrap_or(1000).max(1);
    for run in 0..runs {
        let world = mixed();
        let mut child = world.start(&[]);
        let deaths = draw(&mut seed) % 3 + 1;
        for _ in 0..deaths {
            let wait = Duration::from_millis(draw(&mut seed) % span);
            tally.kills += usize::from(kill_daemon(&mut child, &world.root(), wait));
        }
        let output = child.wait_with_output().expect("iasctl ends");
        judge(run, &Outcome::of(&output, &world.root(), None), &world, &mut tally);
        tally.runs += 1;
    }
    tally
}

fn kinds(journal: &str) -> impl Iterator<Item = EventKind> {
    journal.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn judge(run: usize, outcome: &Outcome, world: &World, tally: &mut Tally) {
    let journal = fs::read_to_string(world.root().join(JOURNAL)).unwrap_or_default();
    let kinds: Vec<EventKind> = kinds(&journal).collect();
    let broken = outcome.code != 0
        || outcome.read("/Library/Acme/note.txt").as_deref() != Some("call 42")
        || outcome.exists("/Library/installapplications");
    if broken {
        tally.broken.push(format!("run {run}: exit {}\n{}", outcome.code, outcome.diagnostics));
    }
    let effects = effects(outcome);
    for item in outcome.state.items.values().filter(|item| ITEMS.contains(&item.listed.name.as_str())) {
        let (id, name) = (item.listed.id, &item.listed.name);
        let begun = kinds
            .iter()
            .filter(|kind| matches!(kind, EventKind::ItemRunning { id: of } if *of == id))
            .count();
        let end =
            kinds.iter().position(|kind| matches!(kind, EventKind::ItemFinished { id: of, .. } if *of == id));
        let after = kinds.iter().skip(end.unwrap_or(usize::MAX));
        let again =
            after.filter(|kind| matches!(kind, EventKind::ItemRunning { id: of } if *of == id)).count();
        let times = effects.get(name).copied().unwrap_or(0);
        // Nobody waits for that one: the power may have hit it in the background.
        if times == 0 && name != "later" {
            tally.lost.push(format!("run {run}: {name}"));
        }
        if times > begun || again > 0 {
            tally.doubled.push(format!("run {run}: {name}, {times} times, begun {begun} times"));
        }
        tally.repeated += times.saturating_sub(1);
    }
}

/// Kills the `iasd` of `iasctl` after `wait`; `false` when the run was over: what starts after that is another run,
/// a repair.
fn kill_daemon(iasctl: &mut Child, root: &Path, wait: Duration) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        if iasctl.try_wait().is_ok_and(|status| status.is_some()) || Instant::now() > deadline {
            return false;
        }
        if let Some(daemon) = child_of(iasctl.id()) {
            // The instant itself is what is drawn.
            thread::sleep(wait);
            return child_of(iasctl.id()) == Some(daemon) && kill_unless_over(daemon, root);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Stops `daemon`, so that its journal cannot grow between the look and the kill.
fn kill_unless_over(daemon: Pid, root: &Path) -> bool {
    if kill_process(daemon, Signal::STOP).is_err() {
        return false;
    }
    while !stands_still(daemon) {
        thread::sleep(Duration::from_millis(1));
    }
    let journal = fs::read_to_string(root.join(JOURNAL)).unwrap_or_default();
    let is_over = kinds(&journal).any(|kind| kind == EventKind::CleanupFinished);
    let signal = if is_over { Signal::CONT } else { Signal::KILL };
    kill_process(daemon, signal).is_ok() && !is_over
}

/// Whether each thread of a process that was stopped has noticed, or the process is gone.
fn stands_still(process: Pid) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()));
    tasks.into_iter().flatten().flatten().all(|task| {
        // The name before the state may contain anything but the last bracket.
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| !rest.starts_with(['R', 'S', 'D']))
    })
}

fn child_of(parent: u32) -> Option<Pid> {
    let mut children = String::new();
    let path = format!("/proc/{parent}/task/{parent}/children");
    fs::File::open(path).ok()?.read_to_string(&mut children).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

/// The next number of a sequence that depends on the seed only (xorshift).
fn draw(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}
