//! The daemon is asked to end in the middle of a run, as at a shutdown: the package that is being installed is not cut off (P48).
#![expect(clippy::expect_used, reason = "a story that cannot be set up has failed")]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use shared::{
    event::{Event, EventKind, ItemEnd, RunEnd},
    exit::{Ended, ExitCode},
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Child,
};
use support::World;

/// A run that is to be stopped.
struct Run {
    child: Child,
    events: Vec<EventKind>,
    coming: Box<dyn Iterator<Item = EventKind>>,
}

impl Run {
    fn of(world: &World) -> Self {
        let mut child = world.start(&[]);
        let lines = BufReader::new(child.stdout.take().expect("its events")).lines();
        let event = |line: String| serde_json::from_str::<Event>(&line).expect("an event").kind;
        let coming = Box::new(lines.map(move |line| event(line.expect("a line of its events"))));
        Self { child, events: Vec::new(), coming }
    }

    /// Reads on until something like that has happened.
    fn until(&mut self, is_it: impl Fn(&EventKind) -> bool) {
        let found = self.coming.any(|event| {
            let found = is_it(&event);
            self.events.push(event);
            found
        });
        assert!(found, "the run ended early: {:#?}", self.events);
    }

    /// Asks it to end, and comes back when it has heard that.
    fn stopped(&mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("it runs");
        self.until(|kind| matches!(kind, EventKind::Notice { text, .. } if text.starts_with("SIGTERM: ")));
    }

    /// Everything that happened, up to its end.
    fn all(mut self) -> Vec<EventKind> {
        self.events.extend(self.coming);
        // 130: it was asked to end.
        assert_eq!(self.child.wait().expect("its end").code(), Some(130), "{:#?}", self.events);
        self.events
    }
}

/// How `events` end, as a paused run does.
fn is_paused(events: &[EventKind]) -> bool {
    let finished = events.last();
    matches!(
        finished,
        Some(EventKind::RunFinished { exit: ExitCode::Temporary, end: RunEnd::Paused, summary, .. })
            if summary.contains("stopped by SIGTERM")
    )
}

const SLOW: &str = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done; echo slow >> /Library/done";

#[test]
fn a_package_that_is_being_installed_ends_and_nothing_begins_any_more() {
    // Whichever comes first: the other one waits for it.
    let world = World::new()
        .package("setupassistant", "One", "com.example.one", SLOW, json!({"parallel_group": "a"}))
        .package("setupassistant", "Two", "com.example.two", SLOW, json!({"parallel_group": "a"}))
        .script("setupassistant", "Next", "echo next >> /Library/done", json!({}));
    let mut run = Run::of(&world);
    run.until(|kind| matches!(kind, EventKind::ItemRunning { .. }));
    run.stopped();
    fs::write(world.root().join("Library/go"), "").expect("a file");
    let events = run.all();
    let ends = events.iter().filter_map(|kind| match kind {
        EventKind::ItemFinished { end, .. } => Some(end),
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [&ItemEnd::Done], "{events:#?}");
    assert!(is_paused(&events), "{events:#?}");
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!(second.read("/Library/done").as_deref(), Some("slow\nslow\nnext\n"), "{}", second.diagnostics);
}

#[test]
fn a_package_in_the_background_ends_too_and_a_script_is_not_waited_for() {
    let hold = "echo hold >> /Library/held; while [ ! -e /Library/on ]; do sleep 0.1 || exit 9; done";
    let world = World::new()
        .package("setupassistant", "Slow", "com.example.slow", SLOW, json!({"donotwait": true}))
        .script("setupassistant", "Hold", hold, json!({}));
    let mut run = Run::of(&world);
    run.until(|kind| matches!(kind, EventKind::ItemRunning { id } if id.index == 1));
    run.stopped();
    fs::write(world.root().join("Library/go"), "").expect("a file");
    let events = run.all();
    let ended = |kind: &EventKind| matches!(kind, EventKind::BackgroundEnded { ended, .. } if *ended == Ended::Exited(0));
    assert!(events.iter().any(ended) && is_paused(&events), "{events:#?}");
    fs::write(world.root().join("Library/on"), "").expect("a file");
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!(second.read("/Library/done").as_deref(), Some("slow\n"), "{}", second.diagnostics);
}
