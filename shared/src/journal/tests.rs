//! The journal read back: torn, rotten, newer; and what a start makes of it.

use super::*;
use crate::{
    digest::Digest,
    event::{Event, EventKind, ItemEnd, Leftover, Listed, Over, RunEnd, SkipReason},
    exit::{Ended, ExitCode},
    facts::{Arch, Facts},
    item::{FailPolicy, Fingerprint, ItemId, ItemKind, Phase},
    layout::MacPath,
    state::{Cleanup, ItemState, RunState},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

const A: ItemId = ItemId::new(Phase::SetupAssistant, 0);
const B: ItemId = ItemId::new(Phase::Userland, 0);

fn started(launch: u32, boot: &str) -> EventKind {
    let facts = Facts {
        arch: Arch::Arm64,
        os_version: "15.1".into(),
        receipts: BTreeMap::new(),
        placed: BTreeMap::new(),
        found: BTreeMap::new(),
    };
    let (run_id, version) = ("7f3a".to_owned(), "0.1.0".to_owned());
    let boot = Some(boot.to_owned());
    // A second before the first start, and a second for each further one.
    let uptime_ms = 1000 * u64::from(launch);
    EventKind::RunStarted { run_id, version, dry_run: false, facts, launch, boot, uptime_ms }
}

fn print(text: &str) -> Fingerprint {
    Fingerprint(text.to_owned())
}

fn loaded(control: &str, over: Vec<Over>) -> EventKind {
    let listed = |(id, name): (ItemId, &str)| Listed {
        id,
        name: name.to_owned(),
        kind: Some(ItemKind::RootScript),
        fail_policy: FailPolicy::Failable,
        fingerprint: Some(print(name)),
    };
    EventKind::ControlFileLoaded {
        source: "https://example.com/bootstrap.json".to_owned(),
        digest: Digest::of(control.as_bytes()),
        items: [(A, "A"), (B, "B")].map(listed).to_vec(),
        errors: 0,
        warnings: 0,
        over,
    }
}

fn finished(id: ItemId, end: ItemEnd) -> EventKind {
    EventKind::ItemFinished { id, end, ms: 10, last_lines: vec!["a \"quoted\" line\n".to_owned()] }
}

fn run_finished(exit: ExitCode, end: RunEnd) -> EventKind {
    let leftovers = vec![Leftover { path: MacPath::new("/a.pkg").unwrap(), failed: false, created: true }];
    EventKind::RunFinished { exit, end, summary: "over".to_owned(), leftovers }
}

fn whole_run() -> Vec<EventKind> {
    vec![
        started(1, "one"),
        loaded("{}", Vec::new()),
        EventKind::ItemStarted { id: A },
        EventKind::ItemRunning { id: A },
        finished(A, ItemEnd::Done),
        EventKind::ItemStarted { id: B },
        EventKind::ItemRunning { id: B },
        finished(B, ItemEnd::ExecutionFailed(Ended::Exited(3))),
        run_finished(ExitCode::Finished, RunEnd::Completed),
        EventKind::CleanupFinished,
    ]
}

fn opening() -> Opening {
    Opening { journal: VERSION, ..Opening::default() }
}

fn written(opening: &Opening, kinds: Vec<EventKind>) -> Vec<u8> {
    let mut text = line(opening).unwrap();
    for (seq, kind) in (1..).zip(kinds) {
        text += &line(&Event { seq, at_ms: 1000 * seq, kind }).unwrap();
    }
    text.into_bytes()
}

fn folded(kinds: Vec<EventKind>) -> RunState {
    let mut state = RunState::default();
    for (seq, kind) in (1..).zip(kinds) {
        state.apply(&Event { seq, at_ms: 1000 * seq, kind });
    }
    state
}

#[test]
fn r78_a_journal_reads_back_as_the_state_it_was_written_from() {
    let bytes = written(&opening(), whole_run());
    let replayed = replay(&bytes).unwrap();
    assert_eq!(replayed.state, folded(whole_run()));
    assert_eq!((replayed.damaged, replayed.length), (0, bytes.len() as u64));
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let json: serde_json::Value = serde_json::from_slice(line).expect("each line is one JSON object");
        assert!(json.is_object());
    }
}

#[test]
fn r78_a_torn_tail_is_cut_off_at_any_byte() {
    let bytes = written(&opening(), whole_run());
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(replay(b"").unwrap(), Replay::default());
    assert_eq!(replay(&bytes[..first - 1]), Err(Unreadable::Damaged));
    for cut in first..bytes.len() {
        let replayed = replay(&bytes[..cut]).unwrap();
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count() - 1;
        assert_eq!(replayed.state, folded(whole_run()[..whole].to_vec()), "cut at {cut}");
        assert_eq!(replayed.damaged, 0);
        assert_eq!(bytes[replayed.length as usize - 1], b'\n');
    }
}

#[test]
fn r78_a_rotten_line_is_told_and_costs_only_itself() {
    let mut bytes = written(&opening(), whole_run());
    let text = String::from_utf8(bytes.clone()).unwrap();
    let at = text.find("\"item_running\"").unwrap();
    bytes[at + 3] ^= 0x20;
    let replayed = replay(&bytes).unwrap();
    assert_eq!(replayed.damaged, 1);
    assert_eq!(replayed.state, folded(whole_run()));
}

#[test]
fn a_journal_of_a_newer_version_is_named_and_not_guessed_at() {
    let newer = Opening { journal: VERSION + 1, ..Opening::default() };
    assert_eq!(replay(&written(&newer, whole_run())), Err(Unreadable::Newer(VERSION + 1)));
    // Whatever else it holds.
    let strange = line(&serde_json::json!({"journal": 99, "state": "compressed"})).unwrap();
    assert_eq!(replay(strange.as_bytes()), Err(Unreadable::Newer(99)));
}

#[test]
fn a_journal_folded_into_its_first_line_says_the_same() {
    let mut kinds = whole_run();
    let rest = kinds.split_off(5);
    let snapshot = Opening { state: folded(kinds), ..opening() };
    let mut text = line(&snapshot).unwrap();
    for (seq, kind) in (6..).zip(rest) {
        text += &line(&Event { seq, at_ms: 1000 * seq, kind }).unwrap();
    }
    assert_eq!(replay(text.as_bytes()).unwrap().state, folded(whole_run()));
}

#[test]
fn r79_a_killed_run_goes_on_and_a_finished_one_leaves_what_is_done() {
    let of = |kinds: Vec<EventKind>| start(replay(&written(&opening(), kinds)).unwrap(), None);
    let carried_out = Some(Digest::of(b"{}"));
    let repair = |before: Vec<Kept>| {
        Start::Repair(Basis { before, carried_out, used: carried_out, ..Basis::default() })
    };
    assert_eq!(start(Replay::default(), None), Start::First(Basis::default()));
    for cut in 1..whole_run().len() {
        let begun = whole_run()[..cut].to_vec();
        let state = Box::new(folded(begun.clone()));
        assert_eq!(of(begun), Start::GoOn { state, basis: Basis::default() }, "after {cut} facts");
    }
    // B failed, so it is not done.
    let done = vec![Kept { item: print("A"), digest: None }];
    assert_eq!(of(whole_run()), repair(done.clone()));

    // The second run finds A in place, and does B.
    let mut second = vec![
        started(1, "one"),
        loaded("{}", vec![Over { id: A, end: ItemEnd::Skipped(SkipReason::AlreadyDone) }]),
        EventKind::ItemRunning { id: B },
        finished(B, ItemEnd::Done),
        run_finished(ExitCode::Finished, RunEnd::Completed),
        EventKind::CleanupFinished,
    ];
    let second_run = Opening { basis: Basis { before: done.clone(), ..Basis::default() }, ..opening() };
    let after = start(replay(&written(&second_run, second.clone())).unwrap(), None);
    let both = vec![done[0].clone(), Kept { item: print("B"), digest: None }];
    assert_eq!(after, repair(both));

    // A third that only preflight looked at changes nothing.
    second[4] = run_finished(ExitCode::Finished, RunEnd::PreflightPassed);
    let after = start(replay(&written(&second_run, second)).unwrap(), None);
    assert_eq!(after, repair(done));
}

#[test]
fn a_control_file_counts_as_carried_out_after_a_good_end_of_all_of_it() {
    let (older, own) = (Digest::of(b"older"), Digest::of(b"{}"));
    let after = |end: RunEnd, only: Option<&[&str]>| {
        let mut kinds = whole_run();
        kinds[8] = run_finished(ExitCode::Finished, end);
        let asked = only.map(|only| Request {
            request: REQUEST_VERSION,
            id: "1".to_owned(),
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            force: false,
        });
        let basis = Basis { asked, carried_out: Some(older), ..Basis::default() };
        let start = start(replay(&written(&Opening { basis, ..opening() }, kinds)).unwrap(), None);
        start.basis().carried_out
    };
    for end in [RunEnd::Completed, RunEnd::PreflightPassed, RunEnd::NothingToRepair, RunEnd::RanBefore] {
        assert_eq!(after(end, None), Some(own), "{end:?}");
        assert_eq!(after(end, Some(&[])), Some(own), "{end:?}");
        assert_eq!(after(end, Some(&["A"])), Some(older), "{end:?}: of one item only");
    }
    assert_eq!(after(RunEnd::Aborted, None), None, "it is tried again");
}

#[test]
fn the_control_file_used_last_is_known_whatever_came_of_its_run() {
    let (older, own) = (Digest::of(b"older"), Digest::of(b"{}"));
    let request = |only: &[&str]| Request {
        request: REQUEST_VERSION,
        id: "1".to_owned(),
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        force: false,
    };
    for (end, asked) in [(RunEnd::Aborted, None), (RunEnd::Completed, Some(request(&["A"])))] {
        let mut kinds = whole_run();
        kinds[8] = run_finished(ExitCode::Finished, end);
        let basis = Basis { asked, carried_out: Some(older), used: Some(older), ..Basis::default() };
        let next = start(replay(&written(&Opening { basis, ..opening() }, kinds)).unwrap(), None);
        let finished = Past::Finished(Repair::of(next.basis()));
        assert_eq!(finished.control(), Some(own), "{end:?}");
        // Also when the next start is cut off before it has one, and goes on.
        let cut_off = Past::interrupted(folded(vec![started(1, "one")]), next.basis());
        assert_eq!(cut_off.control(), Some(own), "{end:?}");
    }
}

#[test]
fn a_run_that_left_nothing_done_is_not_forgotten_by_a_start_that_is_cut_off() {
    for (end, ran_before) in [(RunEnd::PreflightPassed, true), (RunEnd::Aborted, false)] {
        let kinds = vec![
            started(1, "one"),
            loaded("{}", Vec::new()),
            run_finished(ExitCode::Finished, end),
            EventKind::CleanupFinished,
        ];
        let next = start(replay(&written(&opening(), kinds)).unwrap(), None);
        // Cut off before its first fact, and after it.
        let again = Opening { basis: next.basis().clone(), ..opening() };
        assert_eq!(start(replay(&written(&again, Vec::new())).unwrap(), None), next, "{end:?}");
        let cut_off = Past::interrupted(folded(vec![started(1, "one")]), next.basis());
        let own = Digest::of(b"{}");
        assert_eq!(cut_off.control(), Some(own), "{end:?}");
        let repair = cut_off.repair().unwrap();
        assert_eq!(repair.has_carried_out(own), ran_before, "{end:?}");
    }
}

#[test]
fn a_repair_that_was_cut_off_still_knows_what_finished_runs_did() {
    let before = Basis { before: vec![Kept { item: print("A"), digest: None }], ..Basis::default() };
    // Cut off before the control file could be had, and after an item was done.
    let early = Past::interrupted(folded(vec![started(1, "one")]), &before);
    assert!(early.repair().unwrap().done.contains_key(&print("A")));
    let begun = vec![started(1, "one"), loaded("{}", Vec::new()), finished(B, ItemEnd::Done)];
    let late = Past::interrupted(folded(begun.clone()), &before);
    assert_eq!(late.repair().unwrap().done.len(), 2, "both what was and what was added");
    assert_eq!(
        Past::interrupted(folded(begun), &Basis::default()).repair(),
        None,
        "the first run is no repair"
    );
}

#[test]
fn r81_a_run_that_is_over_is_cleaned_up_before_anything_else() {
    let mut kinds = whole_run();
    kinds.pop();
    let Start::GoOn { state, .. } = start(replay(&written(&opening(), kinds)).unwrap(), None) else {
        panic!("cleanup is left");
    };
    assert!(matches!(&state.cleanup, Cleanup::Due(files) if files.len() == 1), "{:?}", state.cleanup);
    assert_eq!(state.end, Some(RunEnd::Completed));
}

#[test]
fn r78_r82_facts_that_effects_depend_on_do_not_wait_for_others_to_be_kept() {
    let download = EventKind::DownloadStarted { id: A, url: String::new(), attempt: 1, resumed_at: 0 };
    assert_eq!(durability(&EventKind::ItemRunning { id: A }), Durability::First);
    assert_eq!(durability(&download), Durability::Soon, "whose file it is");
    assert_eq!(durability(&finished(A, ItemEnd::Done)), Durability::Soon);
    assert_eq!(durability(&EventKind::WaitingForUser), Durability::Lazy);
}

#[test]
fn r81_a_run_that_is_over_stays_over_when_its_cleanup_is_cut_off_again() {
    let mut kinds = whole_run();
    kinds.pop();
    kinds.push(started(2, "one"));
    let Start::GoOn { state, .. } = start(replay(&written(&opening(), kinds)).unwrap(), None) else {
        panic!("cleanup is left");
    };
    assert_eq!(state.end, Some(RunEnd::Completed));
    assert_eq!(state.finished, Some((ExitCode::Finished, "over".to_owned())));
    // A pause is no end: a further start goes on.
    let paused = run_finished(ExitCode::Temporary, RunEnd::Paused);
    let paused = folded(vec![started(1, "one"), paused, started(2, "one")]);
    assert_eq!((paused.end, paused.finished), (None, None));
}

#[test]
fn r79_the_verdict_of_preflight_counts_for_the_control_file_it_was_taken_for() {
    let kinds = |control: &str| {
        let verdict = EventKind::PreflightVerdict { pass: false };
        folded(vec![
            started(1, "one"),
            loaded("{}", Vec::new()),
            verdict,
            started(2, "one"),
            loaded(control, Vec::new()),
        ])
    };
    assert_eq!(kinds("{}").preflight_passed, Some(false));
    assert_eq!(kinds("{\"preflight\": []}").preflight_passed, None);
}

#[test]
fn r79_digests_outlive_a_start_and_a_changed_item_loses_its_own() {
    let digest = Digest::of(b"content");
    let mut kinds = vec![
        started(1, "one"),
        loaded("{}", Vec::new()),
        EventKind::DownloadStarted { id: A, url: String::new(), attempt: 1, resumed_at: 0 },
        EventKind::DownloadFinished {
            id: A,
            bytes: 7,
            digest,
            because: crate::event::AcceptedBecause::NoHash,
            reused: false,
        },
        started(2, "one"),
        loaded("{}", Vec::new()),
    ];
    let state = folded(kinds.clone());
    assert_eq!((state.items[&A].digest, state.items[&A].created), (Some(digest), true));
    assert_eq!(state.items[&A].state, ItemState::Pending);
    let EventKind::ControlFileLoaded { items, .. } = &mut kinds[5] else { unreachable!() };
    items[0].fingerprint = Some(print("another"));
    assert_eq!(folded(kinds).items[&A].digest, None);
}

#[test]
fn r77_one_boot_session_tries_for_its_time_and_the_next_begins_anew() {
    let day = Duration::from_secs(86_400);
    let at = |ms| Duration::from_millis(ms);
    let state = folded(vec![started(1, "one"), started(2, "one")]);
    assert!(!gives_up(&state, Some("one"), at(1000 + 86_400_000), day));
    assert!(gives_up(&state, Some("one"), at(1001 + 86_400_000), day));
    assert!(!gives_up(&state, Some("two"), at(1001 + 86_400_000), day));
    let rebooted = folded(vec![started(1, "one"), started(2, "two"), started(3, "two")]);
    assert!(!gives_up(&rebooted, Some("two"), at(2000 + 86_400_000), day));
    assert!(gives_up(&rebooted, Some("two"), at(2001 + 86_400_000), day));
}

#[test]
fn r77_a_clock_that_is_set_between_two_starts_does_not_end_the_trying() {
    let mut state = RunState::default();
    let year_2001 = 978_307_200_000;
    for (seq, at_ms) in [(1, year_2001), (2, year_2001 + 25 * 31_557_600_000)] {
        state.apply(&Event { seq, at_ms, kind: started(u32::try_from(seq).unwrap(), "one") });
    }
    assert!(!gives_up(&state, Some("one"), Duration::from_secs(60), Duration::from_secs(86_400)));
}

proptest! {
    #[test]
    fn no_bytes_make_a_replay_panic_or_invent_facts(
        garbage in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..3000, flip in any::<u8>(),
    ) {
        let _ = replay(&garbage);
        let mut bytes = written(&opening(), whole_run());
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(replayed) = replay(&bytes) {
            prop_assert!(replayed.state.seq <= 10);
            prop_assert!(flip == 0 || replayed.damaged <= 2);
        }
    }
}
