//! Small runs to report on.

use super::Reporter;
use shared::{
    digest::Digest,
    event::{Event, EventKind, ItemEnd, Listed, PhaseEnd, RunEnd},
    exit::{Ended, ExitCode},
    facts::{Arch, Facts},
    item::{FailPolicy, ItemId, ItemKind, Phase},
    layout::MacPath,
    settings::DepNotifySettings,
    state::RunState,
};

/// 2026-03-01T10:15:30.000Z.
const BEGIN_MS: u64 = 1_772_360_130_000;

/// The items of V4: A, B and C.
pub(super) const V4_IDS: [ItemId; 3] = [
    ItemId::new(Phase::Preflight, 0),
    ItemId::new(Phase::SetupAssistant, 0),
    ItemId::new(Phase::Userland, 0),
];

/// What V4 writes.
pub(super) const V4_LINES: &str = "\
Command: DeterminateManual: 3
Status: Running system script: A
Command: DeterminateManualStep: 1
Status: Installing package: B
Command: DeterminateManualStep: 1
Status: Running user script: C
Command: DeterminateManualStep: 1
Command: DeterminateOffReset:
";

/// DEPNotify on, its file directly below the root.
pub(super) fn depnotify(arguments: &[&str]) -> DepNotifySettings {
    DepNotifySettings {
        enable: true,
        file: MacPath::new("/depnotify.log").unwrap(),
        determinate: true,
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
    }
}

/// The first event.
pub(super) fn started(dry_run: bool) -> EventKind {
    let facts = Facts {
        arch: Arch::Arm64,
        os_version: "15.1".to_owned(),
        receipts: std::collections::BTreeMap::new(),
        placed: std::collections::BTreeMap::new(),
        found: std::collections::BTreeMap::new(),
    };
    EventKind::RunStarted {
        run_id: "7f3a".to_owned(),
        version: "0.1.0".to_owned(),
        dry_run,
        facts,
        launch: 1,
        boot: None,
        uptime_ms: 60_000,
    }
}

/// The end of an item.
pub(super) fn finished(id: ItemId, end: ItemEnd) -> EventKind {
    let last_lines = if end.is_failure() { vec!["last words".to_owned()] } else { Vec::new() };
    EventKind::ItemFinished { id, end, ms: 1500, last_lines }
}

/// The whole run of V4: root script A fails in preflight, then package B and user script C.
pub(super) fn v4() -> Vec<EventKind> {
    let [a, b, c] = V4_IDS;
    vec![
        started(false),
        loaded(&[
            ("A", a, ItemKind::RootScript),
            ("B", b, ItemKind::Package),
            ("C", c, ItemKind::UserScript),
        ]),
        EventKind::PhaseStarted { phase: Phase::Preflight },
        EventKind::ItemStarted { id: a },
        finished(a, ItemEnd::ExecutionFailed(Ended::Exited(1))),
        EventKind::PreflightVerdict { pass: false },
        EventKind::PhaseFinished { phase: Phase::Preflight, end: PhaseEnd::Completed },
        EventKind::PhaseStarted { phase: Phase::SetupAssistant },
        EventKind::ItemStarted { id: b },
        EventKind::ItemRunning { id: b },
        finished(b, ItemEnd::Done),
        EventKind::PhaseFinished { phase: Phase::SetupAssistant, end: PhaseEnd::Completed },
        EventKind::PhaseStarted { phase: Phase::Userland },
        EventKind::ItemStarted { id: c },
        finished(c, ItemEnd::Done),
        EventKind::PhaseFinished { phase: Phase::Userland, end: PhaseEnd::Completed },
        EventKind::RunFinished {
            exit: ExitCode::Finished,
            end: RunEnd::Completed,
            summary: "all phases completed".to_owned(),
            leftovers: Vec::new(),
        },
    ]
}

/// The run of V4, but that C fails.
pub(super) fn failing() -> Vec<EventKind> {
    let failed = finished(V4_IDS[2], ItemEnd::ExecutionFailed(Ended::Exited(3)));
    let is_c = |kind: &EventKind| matches!(kind, EventKind::ItemFinished { id, .. } if *id == V4_IDS[2]);
    v4().into_iter().map(|kind| if is_c(&kind) { failed.clone() } else { kind }).collect()
}

/// A run of one user script with this name.
pub(super) fn named(name: &str) -> Vec<EventKind> {
    let id = V4_IDS[2];
    vec![
        started(false),
        loaded(&[(name, id, ItemKind::UserScript)]),
        EventKind::ItemStarted { id },
        finished(id, ItemEnd::Done),
    ]
}

fn loaded(items: &[(&str, ItemId, ItemKind)]) -> EventKind {
    let listed = |&(name, id, kind): &(&str, ItemId, ItemKind)| Listed {
        id,
        name: name.to_owned(),
        kind: Some(kind),
        fail_policy: FailPolicy::default(),
        fingerprint: None,
    };
    EventKind::ControlFileLoaded {
        source: "https://example.com/bootstrap.json".to_owned(),
        digest: Digest::of(b"{}"),
        items: items.iter().map(listed).collect(),
        errors: 0,
        warnings: 0,
        over: Vec::new(),
    }
}

/// Tells `reporter` a whole run, half a second between facts.
pub(super) fn tell(reporter: &mut dyn Reporter, kinds: Vec<EventKind>) -> RunState {
    tell_from(reporter, kinds, RunState::default())
}

/// Tells `reporter` how a run goes on.
pub(super) fn tell_from(reporter: &mut dyn Reporter, kinds: Vec<EventKind>, mut state: RunState) -> RunState {
    for kind in kinds {
        let seq = state.seq + 1;
        let event = Event { seq, at_ms: BEGIN_MS + 500 * seq, kind };
        state.apply(&event);
        reporter.event(&event, &state);
    }
    if reporter.due().is_some() {
        reporter.catch_up(&state);
    }
    state
}
