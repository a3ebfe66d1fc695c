//! The journal on the disk: found, put aside, folded, and what a run does when it cannot be written.

use super::{
    found::{Opened, open},
    writer::{Death, Journal, Passing, Trouble},
};
use crate::{
    disk::Disk,
    download::{Folder, Missing},
};
use shared::{
    event::{Category, Event, EventKind, Level, RunEnd},
    exit::ExitCode,
    item::{ItemId, Phase},
    journal::{Basis, REQUEST_VERSION, Request, Start, replay},
    layout::MacPath,
    state::{Cleanup, RunState},
};
use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::mpsc,
};

const ITEM: ItemId = ItemId::new(Phase::Userland, 0);

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The records folder, as it is opened for a run.
fn at(folder: &Path) -> Folder {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let path = MacPath::new(&format!("/{name}")).unwrap();
    Folder::open(folder.parent().unwrap(), &path, me(), Missing::Leave).unwrap().unwrap()
}

fn found(folder: &Path) -> Opened {
    open(&at(folder), me(), false).unwrap()
}

fn event(seq: u64, kind: EventKind) -> Event {
    Event { seq, at_ms: seq, kind }
}

fn notice(seq: u64, text: &str) -> Event {
    let (level, category) = (Level::Info, Category::Main);
    event(seq, EventKind::Notice { level, category, id: None, text: text.to_owned() })
}

/// The end of a run.
fn finished() -> [Event; 2] {
    let (exit, end) = (ExitCode::Finished, RunEnd::Completed);
    let finished = EventKind::RunFinished { exit, end, summary: String::new(), leftovers: Vec::new() };
    [event(1, finished), event(2, EventKind::CleanupFinished)]
}

/// Keeps facts and waits until they are on the disk.
fn keep(opened: Opened, events: &[Event]) {
    let mut journal = Journal::new(opened, None, Disk::default()).unwrap();
    for event in events {
        journal.keep(event, Box::new(|| ()));
    }
    journal.close();
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("last-run.ndjson")).unwrap()
}

fn seq(start: &Start) -> u64 {
    match start {
        Start::GoOn { state, .. } => state.seq,
        Start::First(_) | Start::Repair(_) => 0,
    }
}

#[test]
fn r78_a_run_goes_on_behind_its_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(found(folder.path()).start, Start::First(Basis::default()));
    keep(found(folder.path()), &[notice(1, "one"), notice(2, "two")]);
    let path = folder.path().join("last-run.ndjson");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":3,\"at").unwrap();

    let opened = found(folder.path());
    assert_eq!(seq(&opened.start), 2);
    assert!(opened.remarks[0].1.contains("last 12 bytes"), "{:?}", opened.remarks);
    keep(opened, &[notice(3, "three")]);
    let replayed = replay(text(folder.path()).as_bytes()).unwrap();
    assert_eq!((replayed.state.seq, replayed.damaged), (3, 0));
}

#[test]
fn a_finished_run_leaves_its_journal_beside_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    keep(found(folder.path()), &finished());
    let before = text(folder.path());
    assert_eq!(found(folder.path()).start, Start::Repair(Basis::default()));
    assert_eq!(fs::read_to_string(folder.path().join("previous-run.ndjson")).unwrap(), before);
    assert_eq!(replay(text(folder.path()).as_bytes()).unwrap().state, RunState::default());
}

#[test]
fn a_finished_run_is_known_also_when_the_next_one_died_while_it_kept_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    keep(found(folder.path()), &finished());
    let at = |name: &str| folder.path().join(name);
    // The journal has two names from when it is kept until the new one takes its place.
    fs::hard_link(at("last-run.ndjson"), at(".previous-run.ndjson")).unwrap();
    let opened = found(folder.path());
    assert_eq!(opened.start, Start::Repair(Basis::default()), "{:?}", opened.remarks);

    keep(opened, &finished());
    fs::remove_file(at("previous-run.ndjson")).unwrap();
    fs::hard_link(at("last-run.ndjson"), at("previous-run.ndjson")).unwrap();
    let opened = found(folder.path());
    assert_eq!(opened.start, Start::Repair(Basis::default()), "{:?}", opened.remarks);
    assert!(!at(".previous-run.ndjson").exists() && !at("unreadable-run.ndjson").exists());
}

#[test]
fn what_cannot_be_understood_is_put_aside_and_named() {
    let newer = "{\"journal\":9,\"state\":{},\"sum\":\"00000000\"}\n";
    for (content, why) in [(newer, "damaged"), ("not a journal\n", "damaged"), ("x", "damaged")] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("last-run.ndjson"), content).unwrap();
        let opened = found(folder.path());
        assert_eq!(opened.start, Start::First(Basis::default()));
        assert!(opened.remarks[0].1.contains(why), "{:?}", opened.remarks);
        assert_eq!(fs::read_to_string(folder.path().join("unreadable-run.ndjson")).unwrap(), content);
    }
}

#[test]
fn r115_what_others_could_have_written_is_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("last-run.ndjson"), folder.path().join("victim"));
    keep(found(folder.path()), &[notice(1, "one")]);
    fs::rename(&path, &victim).unwrap();
    symlink(&victim, &path).unwrap();
    assert_eq!(found(folder.path()).start, Start::First(Basis::default()));
    assert_eq!(replay(&fs::read(&victim).unwrap()).unwrap().state.seq, 1, "the target is left alone");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    keep(found(folder.path()), &[notice(1, "one")]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
    let opened = found(folder.path());
    assert_eq!(opened.start, Start::First(Basis::default()));
    assert!(opened.remarks[0].1.contains("not this program's own"), "{:?}", opened.remarks);

    let strangers = open(&at(folder.path()), me() + 1, false).unwrap();
    assert_eq!(strangers.start, Start::First(Basis::default()));
}

#[test]
fn a_long_journal_is_folded_into_its_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<Event> = (1..=3000).map(|seq| notice(seq, &"x".repeat(100))).collect();
    keep(found(folder.path()), &many);
    let long = text(folder.path()).len();
    let opened = found(folder.path());
    assert_eq!(seq(&opened.start), 3000);
    keep(opened, &[event(3001, EventKind::WaitingForUser)]);
    assert!(text(folder.path()).len() < long / 100);
    assert_eq!(replay(text(folder.path()).as_bytes()).unwrap().state.seq, 3001);
}

#[test]
fn r74_a_dry_run_does_not_touch_the_journal_of_a_paused_run() {
    let folder = tempfile::tempdir().unwrap();
    keep(found(folder.path()), &[notice(1, "one")]);
    let dry = open(&at(folder.path()), me(), true).unwrap();
    assert_eq!(dry.start, Start::First(Basis::default()));
    keep(dry, &[notice(1, "dry")]);
    assert_eq!(seq(&found(folder.path()).start), 1);
}

#[test]
fn r74_a_dry_run_does_not_touch_the_journal_of_the_run_before() {
    let folder = tempfile::tempdir().unwrap();
    let previous = folder.path().join("previous-run.ndjson");
    fs::write(&previous, "a finished run").unwrap();
    for _ in 0..2 {
        keep(open(&at(folder.path()), me(), true).unwrap(), &[notice(1, "dry")]);
    }
    assert_eq!(fs::read_to_string(previous).unwrap(), "a finished run");
}

#[test]
fn r78_an_effect_waits_until_its_fact_is_on_the_disk_and_for_ever_when_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let read_only = Opened { file: File::open("/dev/null").unwrap(), ..found(folder.path()) };
    let journal = Journal::new(read_only, None, Disk::default()).unwrap();
    let (told, wait) = mpsc::channel();
    let lazily = told.clone();
    journal.keep(&notice(1, "nobody waits for this"), Box::new(move || lazily.send("lazy").unwrap()));
    journal
        .keep(&event(2, EventKind::ItemRunning { id: ITEM }), Box::new(move || told.send("first").unwrap()));
    assert_eq!(wait.recv(), Ok("lazy"));
    assert!(wait.recv().is_err(), "what could not be kept is never acknowledged");
    assert!(matches!(&*journal.trouble().borrow(), Trouble::Broken(why) if why.contains("last-run.ndjson")));
}

#[test]
fn a_full_disk_makes_the_run_wait() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: this system has no /dev/full");
        return;
    };
    let journal = Journal::new(Opened { file: full, ..found(folder.path()) }, None, Disk::default()).unwrap();
    let mut trouble = journal.trouble();
    let (told, wait) = mpsc::channel::<()>();
    journal.keep(&event(1, EventKind::ItemRunning { id: ITEM }), Box::new(move || told.send(()).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let waiting = runtime.block_on(trouble.wait_for(|trouble| *trouble != Trouble::None)).unwrap().clone();
    assert!(matches!(&waiting, Trouble::Waiting(why) if why.contains("No space left")), "{waiting:?}");
    assert_eq!(wait.try_recv(), Err(mpsc::TryRecvError::Empty), "nothing is acknowledged, nothing given up");
    // Its thread waits for ten minutes; the test does not.
    std::mem::forget(journal);
}

#[test]
fn a_rehearsed_power_cut_is_asked_about_everything_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (seen, asked) = mpsc::channel();
    let checkpoint = move |passing: Passing<'_>| {
        let Passing::Fact(event) = passing else { return None };
        seen.send(event.seq).unwrap();
        None::<Death>
    };
    let mut journal =
        Journal::new(found(folder.path()), Some(Box::new(checkpoint)), Disk::default()).unwrap();
    (1..=3).for_each(|seq| journal.keep(&notice(seq, "x"), Box::new(|| ())));
    journal.close();
    drop(journal);
    assert_eq!(asked.iter().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(replay(text(folder.path()).as_bytes()).unwrap().state.cleanup, Cleanup::None);
}

fn ask(folder: &Path, id: &str) -> Request {
    let only = vec!["Tools".to_owned()];
    let request = Request { request: REQUEST_VERSION, id: id.to_owned(), only, force: false };
    let path = folder.join("repair.json");
    fs::write(&path, request.to_text().unwrap()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    request
}

#[test]
fn a_request_is_in_the_journal_before_its_file_goes_and_is_carried_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, asked) = (folder.path().join("repair.json"), ask(folder.path(), "one"));
    let bytes = fs::read(&path).unwrap();
    let basis = Basis { asked: Some(asked.clone()), taken: Some("one".to_owned()), ..Basis::default() };
    let opened = found(folder.path());
    assert_eq!(opened.start, Start::Repair(basis.clone()));
    assert!(opened.remarks[0].1.contains("repair of \"Tools\" was asked for"), "{:?}", opened.remarks);
    assert!(!path.exists());

    // The power went after the journal was written and before the file was gone.
    for begun in [false, true] {
        fs::write(&path, &bytes).unwrap();
        let opened = found(folder.path());
        assert_eq!(opened.start.basis(), &basis, "begun: {begun}");
        assert!(!path.exists());
        keep(opened, &[notice(1, "one")]);
    }
    // The run comes to its end: what was asked is over, also when its file comes back.
    let (exit, end) = (ExitCode::Finished, RunEnd::Completed);
    let finished = EventKind::RunFinished { exit, end, summary: String::new(), leftovers: Vec::new() };
    keep(found(folder.path()), &[event(2, finished), event(3, EventKind::CleanupFinished)]);
    fs::write(&path, &bytes).unwrap();
    let after = found(folder.path());
    assert_eq!(after.start.basis(), &Basis { asked: None, ..basis });
    assert!(!path.exists());
}

#[test]
fn a_request_waits_while_a_run_is_not_over() {
    let folder = tempfile::tempdir().unwrap();
    keep(found(folder.path()), &[notice(1, "one")]);
    ask(folder.path(), "two");
    let opened = found(folder.path());
    assert_eq!((seq(&opened.start), &opened.start.basis().asked), (1, &None));
    assert!(folder.path().join("repair.json").exists());
    assert!(
        super::waits(&at(folder.path()), me(), None) && !super::waits(&at(folder.path()), me(), Some("two"))
    );
}

#[test]
fn r115_a_request_somebody_else_could_have_written_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("repair.json");
    ask(folder.path(), "one");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let refused = |why: &str| {
        assert!(!super::waits(&at(folder.path()), me(), None), "{why}");
        let opened = found(folder.path());
        assert_eq!(opened.start, Start::First(Basis::default()), "{why}");
        assert!(opened.remarks[0].1.contains(why), "{:?}", opened.remarks);
        assert!(path.symlink_metadata().is_err(), "{why}");
    };
    refused("not this program's own file");
    symlink("/etc/hosts", &path).unwrap();
    refused("symbolic link");
    fs::write(&path, "{}").unwrap();
    refused("it is no request");
    fs::write(&path, "").unwrap();
    refused("it is no request");
}
