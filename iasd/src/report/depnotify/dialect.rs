//! Which line DEPNotify gets for which event; pure.
//!
//! IAS' lines (R95–R97) by default. With `--depnotify` arguments the admin speaks InstallApplications' dialect and
//! drives the progress bar that way (R101); then those lines are written instead, because DEPNotify has one bar only.

use shared::{
    event::{EventKind, Listed, RunEnd},
    exit::ExitCode,
    item::{ItemId, ItemKind, Phase},
    settings::DepNotifySettings,
    state::RunState,
    wording::{name, one_line},
};
use std::collections::BTreeSet;

/// The lines' vocabulary, and what it has to remember.
#[derive(Debug)]
pub(super) enum Dialect {
    /// IAS' lines.
    Ias(Steps),
    /// Lines of InstallApplications before 2.0.2 (section 6.2).
    InstallApplications(Arguments),
}

impl Dialect {
    /// The dialect these settings ask for.
    pub(super) fn of(settings: &DepNotifySettings) -> Self {
        if settings.arguments.is_empty() {
            Self::Ias(Steps { determinate: settings.determinate, ..Steps::default() })
        } else {
            Self::InstallApplications(Arguments::new(&settings.arguments))
        }
    }

    /// The lines for a fact, without line ends; `state` already contains it.
    pub(super) fn lines(&mut self, kind: &EventKind, state: &RunState) -> Vec<String> {
        match self {
            Self::Ias(steps) => steps.lines(kind, state),
            Self::InstallApplications(arguments) => arguments.lines(kind, state),
        }
    }
}

/// Counts the steps of the bar: each listed item is exactly one (R96).
#[derive(Debug, Default)]
pub(super) struct Steps {
    determinate: bool,
    open: BTreeSet<ItemId>,
    reset: bool,
}

impl Steps {
    fn lines(&mut self, kind: &EventKind, state: &RunState) -> Vec<String> {
        match kind {
            EventKind::ControlFileLoaded { items, over, .. } if self.determinate => {
                // What was over before is no step of this bar: it counts what is left, or is being repaired.
                let is_open = |id: &ItemId| over.iter().all(|over| over.id != *id);
                self.open =
                    items.iter().map(|item| item.id).filter(|id| id.is_listed() && is_open(id)).collect();
                match self.open.len() {
                    0 if over.is_empty() => vec!["Command: DeterminateManual: 0".to_owned()],
                    0 => {
                        // A repair that finds nothing to do is quiet; a run that was cut off still ends its bar.
                        self.reset = state.launch == 1 && over.iter().all(|over| over.end.is_skipped());
                        Vec::new()
                    }
                    open => vec![format!("Command: DeterminateManual: {open}")],
                }
            }
            EventKind::ItemStarted { id } => {
                let kind = state.items.get(id).and_then(|item| item.listed.kind);
                let verb = kind.map(verb);
                verb.map(|verb| format!("Status: {verb}: {}", name(*id, state))).into_iter().collect()
            }
            EventKind::ItemFinished { id, .. } if self.open.remove(id) => {
                let step = "Command: DeterminateManualStep: 1".to_owned();
                let reset = if self.open.is_empty() { self.reset_once() } else { None };
                std::iter::once(step).chain(reset).collect()
            }
            // There was no bar.
            EventKind::RunFinished { end: RunEnd::NothingToRepair | RunEnd::RanBefore, .. } => Vec::new(),
            EventKind::RunFinished { exit: ExitCode::Finished | ExitCode::Aborted, .. }
                if self.determinate =>
            {
                self.reset_once().into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn reset_once(&mut self) -> Option<String> {
        let first = !std::mem::replace(&mut self.reset, true);
        // With its colon: DEPNotify ignores the command without (Q14).
        first.then(|| "Command: DeterminateOffReset:".to_owned())
    }
}

fn verb(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Package => "Installing package",
        ItemKind::RootScript => "Running system script",
        ItemKind::UserScript => "Running user script",
        ItemKind::RootFile | ItemKind::UserFile => "Placing file",
        ItemKind::App | ItemKind::Title => "Installing",
    }
}

/// The arguments of `--depnotify`.
#[derive(Debug)]
pub(super) struct Arguments {
    first: Vec<String>,
    last: Vec<String>,
    skip_status: bool,
}

impl Arguments {
    fn new(arguments: &[String]) -> Self {
        const LAST: [&str; 3] = ["Command: Quit", "Command: Restart", "Command: Logout"];
        const OWN: [&str; 3] = ["DEPNotifyPath", "DEPNotifyArguments", "DEPNotifySkipStatus"];
        let has = |argument: &str, words: &[&str]| words.iter().any(|word| argument.contains(word));
        let pick = |wanted: &dyn Fn(&str) -> bool| {
            let picked = arguments.iter().filter(|argument| wanted(argument));
            picked.map(|argument| one_line(argument)).collect()
        };
        Self {
            first: pick(&|argument| !has(argument, &LAST) && !has(argument, &OWN)),
            last: pick(&|argument| has(argument, &LAST)),
            skip_status: arguments.iter().any(|argument| argument.contains("DEPNotifySkipStatus")),
        }
    }

    fn lines(&self, kind: &EventKind, state: &RunState) -> Vec<String> {
        match kind {
            EventKind::RunStarted { .. } => self.first.clone(),
            EventKind::RunFinished { exit: ExitCode::Finished, .. }
                if state.preflight_passed != Some(true) =>
            {
                self.last.clone()
            }
            _ if self.skip_status => Vec::new(),
            EventKind::ControlFileLoaded { items, .. } => {
                let counted = |item: &&Listed| item.id.is_listed() && item.id.phase != Phase::SetupAssistant;
                vec![format!("Command: Determinate: {}", 2 * items.iter().filter(counted).count())]
            }
            EventKind::DownloadStarted { id, attempt: 1, .. } if id.phase != Phase::SetupAssistant => {
                vec![format!("Status: Downloading {}", name(*id, state))]
            }
            EventKind::ItemStarted { id } if is_announced(*id, state) => {
                vec![format!("Status: Installing: {}", name(*id, state))]
            }
            _ => Vec::new(),
        }
    }
}

/// Scripts in every phase, packages but for setupassistant, files never (section 6.2).
fn is_announced(id: ItemId, state: &RunState) -> bool {
    match state.items.get(&id).and_then(|item| item.listed.kind) {
        Some(ItemKind::RootScript | ItemKind::UserScript) => true,
        Some(ItemKind::Package | ItemKind::App | ItemKind::Title) => id.phase != Phase::SetupAssistant,
        Some(ItemKind::RootFile | ItemKind::UserFile) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::sample, *};
    use proptest::prelude::*;
    use shared::event::{Event, ItemEnd, Over, SkipReason};

    fn lines(settings: &DepNotifySettings, kinds: Vec<EventKind>) -> Vec<String> {
        let mut dialect = Dialect::of(settings);
        let mut state = RunState::default();
        let mut lines = Vec::new();
        for (seq, kind) in (1..).zip(kinds) {
            let event = Event { seq, at_ms: seq, kind };
            state.apply(&event);
            lines.extend(dialect.lines(&event.kind, &state));
        }
        lines
    }

    #[test]
    fn what_is_over_already_is_no_step_and_a_repair_without_work_is_quiet() {
        let already = |kinds: Vec<EventKind>, ends: [ItemEnd; 3]| -> Vec<EventKind> {
            let tell_over = |kind: EventKind| match kind {
                EventKind::ControlFileLoaded { source, digest, items, errors, warnings, .. } => {
                    let over = items.iter().zip(ends.clone());
                    let over = over.filter(|(_, end)| *end != ItemEnd::NotStarted);
                    let over = over.map(|(item, end)| Over { id: item.id, end }).collect();
                    EventKind::ControlFileLoaded { source, digest, items, errors, warnings, over }
                }
                kind => kind,
            };
            kinds.into_iter().map(tell_over).collect()
        };
        let run = sample::v4();
        let (begin, end) = (run[..2].to_vec(), run[16..].to_vec());
        let short = [begin, end].concat();
        let settings = sample::depnotify(&[]);
        let repaired = [(); 3].map(|()| ItemEnd::Skipped(SkipReason::AlreadyDone));
        assert!(lines(&settings, already(short.clone(), repaired)).is_empty());
        let cut_off = [(); 3].map(|()| ItemEnd::Done);
        assert_eq!(lines(&settings, already(short, cut_off)), ["Command: DeterminateOffReset:"]);
        let half = [ItemEnd::Done, ItemEnd::Done, ItemEnd::NotStarted];
        let rest = lines(&settings, already([run[..2].to_vec(), run[12..].to_vec()].concat(), half));
        let expected = ["Command: DeterminateManual: 1", "Status: Running user script: C"];
        assert_eq!(rest[..2], expected);
        assert_eq!(rest[2..], ["Command: DeterminateManualStep: 1", "Command: DeterminateOffReset:"]);
    }

    #[test]
    fn v4_the_lines_of_a_run_are_exactly_these() {
        let written = lines(&sample::depnotify(&[]), sample::v4());
        assert_eq!(written, sample::V4_LINES.lines().collect::<Vec<_>>());
    }

    #[test]
    fn r95_without_determinate_there_are_status_lines_only() {
        let settings = DepNotifySettings { determinate: false, ..sample::depnotify(&[]) };
        let written = lines(&settings, sample::v4());
        assert_eq!(written.len(), 3);
        assert!(written.iter().all(|line| line.starts_with("Status: ")), "{written:?}");
    }

    #[test]
    fn r95_a_passed_preflight_resets_the_bar_and_a_run_to_be_continued_does_not() {
        let begin = || {
            let mut kinds = sample::v4();
            kinds.truncate(4);
            kinds
        };
        let finish = |exit| EventKind::RunFinished {
            exit,
            end: RunEnd::Completed,
            summary: String::new(),
            leftovers: Vec::new(),
        };
        let reset = "Command: DeterminateOffReset:";
        for (exit, expected) in
            [(ExitCode::Finished, true), (ExitCode::Aborted, true), (ExitCode::Temporary, false)]
        {
            let kinds = begin().into_iter().chain([finish(exit)]).collect();
            assert_eq!(
                lines(&sample::depnotify(&[]), kinds).contains(&reset.to_owned()),
                expected,
                "{exit:?}"
            );
        }
    }

    #[test]
    fn r96_skipped_ignored_and_failed_items_are_one_step_each_and_never_two() {
        let mut kinds = sample::v4();
        kinds.truncate(2);
        let ends =
            [ItemEnd::NotStarted, ItemEnd::DownloadFailed(String::new()), ItemEnd::Done, ItemEnd::Done];
        for (id, end) in [0, 1, 2, 2].into_iter().zip(ends) {
            kinds.push(sample::finished(sample::V4_IDS[id], end));
        }
        let written = lines(&sample::depnotify(&[]), kinds);
        assert_eq!(written.iter().filter(|line| line.ends_with("Step: 1")).count(), 3);
        assert_eq!(written.iter().filter(|line| line.ends_with("OffReset:")).count(), 1);
    }

    #[test]
    fn r101_arguments_come_first_and_those_that_end_depnotify_last() {
        let arguments = [
            "Command: Quit: bye",
            "Command: MainTitle: Hello\nCommand: Quit:",
            "DEPNotifyPath: /Applications/DEPNotify.app",
            "Command: WindowStyle: Activate",
        ];
        let written = lines(&sample::depnotify(&arguments), sample::v4());
        // The second holds `Command: Quit` too, as InstallApplications looks for it anywhere.
        assert_eq!(
            written,
            [
                "Command: WindowStyle: Activate",
                "Command: Determinate: 4",
                "Status: Installing: A",
                "Status: Installing: C",
                "Command: Quit: bye",
                "Command: MainTitle: Hello Command: Quit:",
            ]
        );
        let quiet = lines(&sample::depnotify(&["DEPNotifySkipStatus", "Command: Quit"]), sample::v4());
        assert_eq!(quiet, ["Command: Quit"]);
    }

    proptest! {
        #[test]
        fn r100_no_name_can_give_a_command(name in any::<String>(), prefix in "\\PC{0,4}[\r\n\u{85}\u{2028}]?") {
            let name = format!("{prefix}Command: Quit\n{name}\rCommand: RestartNow:");
            let settings = DepNotifySettings { determinate: false, ..sample::depnotify(&[]) };
            for settings in [settings, sample::depnotify(&["DEPNotifyPath: x"])] {
                let ends_line = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
                let written = lines(&settings, sample::named(&name)).join("\n");
                for line in written.split(ends_line) {
                    prop_assert!(
                        !line.starts_with("Command:") || line == "Command: Determinate: 2",
                        "{line:?}"
                    );
                }
            }
        }
    }
}
