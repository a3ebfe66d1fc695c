//! What happens to one item, in words.

use super::{LogLine, bytes, duration, name, units::one_line};
use crate::{
    event::{AcceptedBecause, Category, EventKind, ItemEnd, Level, SkipReason},
    item::{FailPolicy, ItemId, ItemKind},
    state::{BytesState, ItemStatus, RunState},
    title::Step,
};

/// The line of an event about one item; `None` for other events.
pub(super) fn line(kind: &EventKind, state: &RunState) -> Option<LogLine> {
    let (level, text) = match kind {
        EventKind::DownloadStarted { id, url, attempt, resumed_at } => {
            let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            let resumed = match resumed_at {
                0 => String::new(),
                at => format!(", going on after {}", bytes(*at)),
            };
            (Level::Info, format!("{}: downloading {url}{again}{resumed}", name(*id, state)))
        }
        EventKind::DownloadAttemptFailed { id, attempt, error, retry_in_ms } => {
            let next = match retry_in_ms {
                Some(ms) => format!("next attempt in {}", duration(*ms)),
                None => "no attempt left".to_owned(),
            };
            (Level::Warning, format!("{}: attempt {attempt}: {error}; {next}", name(*id, state)))
        }
        EventKind::DownloadFinished { id, bytes: length, digest, because, reused } => {
            let verb = if *reused { "already here" } else { "downloaded" };
            let (level, rule) = accepted(*because);
            let length = bytes(*length);
            (level, format!("{}: {verb}, {length}, sha256 {digest}, {rule}", name(*id, state)))
        }
        EventKind::ItemStarted { id } => (Level::Debug, format!("{}: its turn has come", name(*id, state))),
        EventKind::ItemRunning { id } => {
            let kind = state.items.get(id).and_then(|item| item.listed.kind);
            (Level::Info, format!("{}: {}", name(*id, state), working(kind)))
        }
        EventKind::ItemFinished { id, end, last_lines, .. } => {
            let item = state.items.get(id)?;
            let failed = item.failure().is_some();
            let level = if failed { Level::Error } else { Level::Info };
            let how = match (title(*id, state), item.listed.kind) {
                (Some(step), _) => format!("{}; {}", title_finished(step, item, end), account(item, state)),
                // No catalog has it, or it was refused: there is no version to tell.
                (None, Some(ItemKind::Title)) => format!("{}; {}", finished(item, end), account(item, state)),
                (None, _) => finished(item, end),
            };
            let text = format!("{}: {how}", name(*id, state));
            let mut line = LogLine::new(level, Category::Item, text);
            if failed {
                line.details = last_lines.iter().map(|line| one_line(line)).collect();
            }
            return Some(line);
        }
        _ => return None,
    };
    Some(LogLine::new(level, Category::Item, text))
}

/// What is done for a title, where `id` is one that a catalog has.
fn title(id: ItemId, state: &RunState) -> Option<&Step> {
    state.titles.as_ref()?.titles.part(id)?.outcome.as_ref().ok()
}

/// How a title ended: version and outcome (T50, T101).
fn title_finished(step: &Step, item: &ItemStatus, end: &ItemEnd) -> String {
    match end {
        ItemEnd::Done => format!("installed {}", step.version),
        ItemEnd::Skipped(SkipReason::Present { .. }) => {
            format!("{}, {} is in the catalog", finished(item, end), step.version)
        }
        _ => format!("{}: {}", step.version, finished(item, end)),
    }
}

/// What the line of a title ends with: phase, seconds, bytes, run (T101).
fn account(item: &ItemStatus, state: &RunState) -> String {
    let content = match &item.bytes {
        BytesState::Ready { bytes: length } => format!(", {}", bytes(*length)),
        _ => String::new(),
    };
    format!("{}, {}{content}, run {}", item.listed.id.phase, duration(item.ms), state.run_id)
}

/// What is being done to an item of this kind.
#[must_use]
pub fn working(kind: Option<ItemKind>) -> &'static str {
    match kind {
        Some(ItemKind::Package) => "installing",
        Some(ItemKind::RootScript) => "running as root",
        Some(ItemKind::UserScript) => "running as the user",
        Some(ItemKind::Title) => "installing",
        Some(ItemKind::App) => "copying",
        Some(ItemKind::RootFile | ItemKind::UserFile) => "placing",
        None => "carrying out",
    }
}

/// How `item` came to `end`, and after a failure what that means for the run (R94).
#[must_use]
pub fn finished(item: &ItemStatus, end: &ItemEnd) -> String {
    let what = match end {
        ItemEnd::Done => return format!("done in {}", duration(item.ms)),
        ItemEnd::ExecutionFailed(ended) if item.failure().is_none() => {
            return format!("{ended}: there is work to do");
        }
        ItemEnd::Background => return "started, goes on in the background".to_owned(),
        ItemEnd::NotStarted => return "not begun, because the run ended".to_owned(),
        ItemEnd::Skipped(reason) => return skipped(reason),
        ItemEnd::DownloadFailed(error) => format!("download failed: {error}"),
        ItemEnd::SignatureRefused(error) => format!("not installed, signature refused: {error}"),
        ItemEnd::ExecutionFailed(ended) => format!("failed: {ended}"),
        ItemEnd::PlacementFailed(error) => format!("could not be placed: {error}"),
    };
    let policy = item.listed.fail_policy;
    let meaning = if tolerates(policy, end) { "tolerated" } else { "ends the run" };
    format!("{what}; {meaning} ({})", policy.key())
}

/// Whether the run goes on after `end` under `policy` (R92).
#[must_use]
pub fn tolerates(policy: FailPolicy, end: &ItemEnd) -> bool {
    match policy {
        FailPolicy::Failable => true,
        FailPolicy::FailableExecution => !end.is_failure() || matches!(end, ItemEnd::ExecutionFailed(_)),
        FailPolicy::FailureIsNotAnOption => !end.is_failure(),
    }
}

fn skipped(reason: &SkipReason) -> String {
    match reason {
        SkipReason::SkipIf(word) => format!("skipped: not for {word}"),
        SkipReason::Receipt { installed } => format!("skipped: version {installed} is installed"),
        SkipReason::DryRun => "not carried out: dry run".to_owned(),
        SkipReason::Ignored(why) => format!("ignored: {why}"),
        SkipReason::AlreadyDone | SkipReason::NotAsked | SkipReason::Present { .. } => {
            format!("skipped: {reason}")
        }
    }
}

/// The rule of acceptance (R88); what deserves a second look is a warning.
fn accepted(because: AcceptedBecause) -> (Level, &'static str) {
    match because {
        AcceptedBecause::HashEqual => (Level::Info, "as `hash` says"),
        AcceptedBecause::NoHash => (Level::Warning, "accepted without a `hash`"),
        AcceptedBecause::TwoDownloadsAgree => {
            (Level::Warning, "not what `hash` says, but two downloads agree")
        }
        AcceptedBecause::FirstMismatch => {
            (Level::Warning, "not what `hash` says, accepted by HashCheckPolicy")
        }
        AcceptedBecause::NotCompared => (Level::Info, "not compared (HashCheckPolicy Ignore)"),
        AcceptedBecause::Local => (Level::Info, "local file without a `hash`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use crate::exit::Ended;

    #[test]
    fn r92_a_policy_tolerates_what_the_table_says() {
        let ends = [
            ItemEnd::DownloadFailed(String::new()),
            ItemEnd::PlacementFailed(String::new()),
            ItemEnd::SignatureRefused(String::new()),
            ItemEnd::ExecutionFailed(Ended::Exited(1)),
        ];
        let table = [
            (FailPolicy::Failable, [true, true, true, true]),
            (FailPolicy::FailableExecution, [false, false, false, true]),
            (FailPolicy::FailureIsNotAnOption, [false, false, false, false]),
        ];
        for (policy, expected) in table {
            assert_eq!(ends.clone().map(|end| tolerates(policy, &end)), expected, "{policy:?}");
        }
    }

    #[test]
    fn r94_a_tolerated_failure_is_an_error_with_its_code_and_last_lines() {
        let end = ItemEnd::ExecutionFailed(Ended::Exited(3));
        let last_lines = vec!["no such\tprinter".to_owned()];
        let kind = EventKind::ItemFinished { id: sample::id(0), end, ms: 1200, last_lines };
        let state = sample::told([sample::loaded(&["Printers"]), kind.clone()]);
        let line = line(&kind, &state).unwrap();
        assert_eq!(line.level, Level::Error);
        assert_eq!(line.text, "Printers: failed: exit status 3; tolerated (failable_execution)");
        assert_eq!(line.details, ["no such printer"]);
    }

    #[test]
    fn r88_accepted_content_is_logged_with_its_digest_and_the_rule() {
        let digest = crate::digest::Digest::of(b"abc");
        let because = AcceptedBecause::FirstMismatch;
        let kind =
            EventKind::DownloadFinished { id: sample::id(0), bytes: 3, digest, because, reused: false };
        let state = sample::told([sample::loaded(&["App"])]);
        let line = line(&kind, &state).unwrap();
        assert_eq!(line.level, Level::Warning);
        assert!(line.text.contains(&digest.to_string()) && line.text.contains("not what `hash` says"));
    }

    #[test]
    fn t101_a_title_that_is_refused_has_the_same_account() {
        let mut loaded = sample::loaded(&["Editor"]);
        if let EventKind::ControlFileLoaded { items, .. } = &mut loaded {
            items.iter_mut().for_each(|listed| listed.kind = Some(ItemKind::Title));
        }
        let end = ItemEnd::DownloadFailed("Editor is in no catalog".into());
        let kind = EventKind::ItemFinished { id: sample::id(0), end, ms: 1200, last_lines: vec![] };
        let told = line(&kind, &sample::told([loaded, kind.clone()])).unwrap();
        assert_eq!(
            (told.level, told.text.as_str()),
            (
                Level::Error,
                "Editor: download failed: Editor is in no catalog; ends the run (failable_execution); setupassistant, 1.2 s, run 7f3a"
            )
        );
    }

    #[test]
    fn t101_the_line_of_a_title_has_version_outcome_phase_seconds_bytes_and_run() {
        let step = Step { version: "1.10".into(), ..Step::sample() };
        let part = crate::title::Part {
            id: sample::id(0),
            title: "Editor".into(),
            role: crate::title::Role::Asked,
            needs: Vec::new(),
            outcome: Ok(step),
        };
        let titles = crate::title::Resolution { parts: vec![part], ..Default::default() };
        let digest = crate::digest::Digest::of(b"abc");
        let resolved = EventKind::TitlesResolved { control: digest, titles, items: Vec::new() };
        let because = AcceptedBecause::HashEqual;
        let content =
            EventKind::DownloadFinished { id: sample::id(0), bytes: 2345, digest, because, reused: false };
        for (end, expected) in [
            (ItemEnd::Done, "Editor: installed 1.10; setupassistant, 1.2 s, 2.3 kB, run 7f3a"),
            (
                ItemEnd::Skipped(SkipReason::Present { installed: Some("2".into()), newer: true }),
                "Editor: skipped: newer installed (2), 1.10 is in the catalog; setupassistant, 1.2 s, 2.3 kB, run 7f3a",
            ),
            (
                ItemEnd::ExecutionFailed(Ended::Exited(3)),
                "Editor: 1.10: failed: exit status 3; tolerated (failable_execution); setupassistant, 1.2 s, 2.3 kB, \
                 run 7f3a",
            ),
        ] {
            let kind = EventKind::ItemFinished { id: sample::id(0), end, ms: 1200, last_lines: vec![] };
            let state =
                sample::told([sample::loaded(&["Editor"]), resolved.clone(), content.clone(), kind.clone()]);
            assert_eq!(line(&kind, &state).unwrap().text, expected);
        }
    }

    #[test]
    fn r49_a_preflight_script_that_says_no_has_not_failed() {
        let id = crate::item::ItemId::new(crate::item::Phase::Preflight, 0);
        let mut loaded = sample::loaded(&["Enrolled before?"]);
        let EventKind::ControlFileLoaded { items, .. } = &mut loaded else { unreachable!() };
        items[0].id = id;
        let end = ItemEnd::ExecutionFailed(Ended::Exited(1));
        let kind = EventKind::ItemFinished { id, end, ms: 9, last_lines: vec!["no".to_owned()] };
        let state = sample::told([loaded, kind.clone()]);
        let line = line(&kind, &state).unwrap();
        assert_eq!(line.text, "Enrolled before?: exit status 1: there is work to do");
        assert_eq!((line.level, line.details.len()), (Level::Info, 0));
        assert_eq!(state.failures().count(), 0);
    }
}
