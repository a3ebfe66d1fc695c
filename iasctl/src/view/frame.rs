//! What the live board shows at one moment; pure, so that a test can look at it.

use super::{
    run::Run,
    style::{Painter, Style, bar, column},
};
use shared::{
    event::{ItemEnd, SkipReason},
    item::Phase,
    state::{BytesState, ItemState, ItemStatus, Waiting},
    wording::{Tally, bytes, duration, one_line, reason, tolerates, working},
};

const SPINNER: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How the board is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paper {
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Rows the board may take.
    pub(crate) height: usize,
    /// The time, in milliseconds since 1970.
    pub(crate) now_ms: u64,
    /// Colours, or none.
    pub(crate) painter: Painter,
}

/// The board's lines, from top to bottom.
pub(crate) fn frame(run: &Run, paper: Paper) -> Vec<String> {
    if run.state.items.is_empty() {
        return beginning(run, paper).into_iter().collect();
    }
    let mut lines = rows(run, paper);
    lines.push(String::new());
    lines.extend(waiting(run, paper));
    lines.push(overall(run, paper));
    lines
}

/// Every item with where it is, however many lines that takes.
pub(crate) fn table(run: &Run, width: usize, now_ms: u64, painter: Painter) -> Vec<String> {
    frame(run, Paper { width, height: usize::MAX, now_ms, painter })
}

/// Phases and their items; when they do not fit, those that are over go first, then those far ahead.
fn rows(run: &Run, paper: Paper) -> Vec<String> {
    let mut rows: Vec<(bool, String)> = Vec::new();
    for phase in Phase::ALL {
        let mut items = run.state.items.values().filter(|item| item.listed.id.phase == phase).peekable();
        if items.peek().is_none() {
            continue;
        }
        let style = if run.state.phase == Some(phase) { Style::Bold } else { Style::Dim };
        rows.push((false, format!(" {}", paper.painter.paint(style, phase.key()))));
        for item in items {
            let over = matches!(item.state, ItemState::Ended(_)) && item.failure().is_none();
            rows.push((over, row(run, item, paper)));
        }
    }
    let room = paper.height.saturating_sub(4).max(1);
    if rows.len() > room {
        let mut surplus = rows.len() + 1 - room;
        let before = rows.len();
        rows.retain(|(over, _)| {
            !(*over && surplus > 0 && {
                surplus -= 1;
                true
            })
        });
        let hidden = before - rows.len();
        let mut lines: Vec<_> = rows.into_iter().map(|(_, line)| line).collect();
        let ahead = (lines.len() + 1).saturating_sub(room);
        lines.truncate(lines.len() - ahead);
        let note = format!("   … {hidden} more over, {ahead} more to come");
        lines.push(paper.painter.paint(Style::Dim, &note));
        return lines;
    }
    rows.into_iter().map(|(_, line)| line).collect()
}

/// While nobody knows what is to be done.
fn beginning(run: &Run, paper: Paper) -> Option<String> {
    if run.state.run_id.is_empty() || run.state.finished.is_some() {
        return None;
    }
    let since = duration(paper.now_ms.saturating_sub(run.state.started_ms));
    Some(format!(
        " {} asking for the control file, {since}",
        paper.painter.paint(Style::Busy, spinner(paper))
    ))
}

fn spinner(paper: Paper) -> &'static str {
    SPINNER.get((paper.now_ms / 100 % 8) as usize).copied().unwrap_or("·")
}

fn row(run: &Run, item: &ItemStatus, paper: Paper) -> String {
    let (style, symbol, detail) = look(run, item, paper);
    let listed = &item.listed;
    let name = column(&one_line(&listed.name), (paper.width / 3).clamp(12, 36));
    let kind = column(listed.kind.map_or("?", |kind| kind.key()), 11);
    let time = match run.elapsed(listed.id, paper.now_ms) {
        Some(ms) => format!("{:>9}", duration(ms)),
        None => " ".repeat(9),
    };
    let paint = |style, text: &str| paper.painter.paint(style, text);
    let name = if item.state == ItemState::Pending { paint(Style::Dim, &name) } else { name };
    format!(
        "   {} {name} {} {}  {detail}",
        paint(style, symbol),
        paint(Style::Dim, &kind),
        paint(Style::Dim, &time)
    )
}

/// Colour, symbol and the text at the end of an item's line.
fn look(run: &Run, item: &ItemStatus, paper: Paper) -> (Style, &'static str, String) {
    let paint = |style, text: &str| paper.painter.paint(style, text);
    let spinner = spinner(paper);
    match &item.state {
        ItemState::Pending => match item.bytes {
            BytesState::Fetching { .. } => (Style::Busy, "↓", fetching(run, item, paper)),
            BytesState::Ready { bytes: length } => {
                (Style::Dim, "·", paint(Style::Dim, &format!("{} ready", bytes(length))))
            }
            BytesState::Failed { attempt } => {
                (Style::Warn, "!", paint(Style::Warn, &format!("attempt {attempt} failed")))
            }
            BytesState::None => (Style::Dim, "·", String::new()),
        },
        ItemState::Started => match item.bytes {
            BytesState::Fetching { .. } => (Style::Busy, "↓", fetching(run, item, paper)),
            _ => (Style::Busy, spinner, paint(Style::Dim, "its turn has come")),
        },
        ItemState::Running => (Style::Busy, spinner, paint(Style::Busy, &busy(run, item))),
        ItemState::Ended(end) => ended(item, end, paper.painter),
    }
}

fn ended(item: &ItemStatus, end: &ItemEnd, painter: Painter) -> (Style, &'static str, String) {
    let dim = |text: &str| painter.paint(Style::Dim, text);
    match end {
        ItemEnd::Done => match item.bytes {
            BytesState::Ready { bytes: length } => (Style::Good, "✓", dim(&bytes(length))),
            _ => (Style::Good, "✓", String::new()),
        },
        ItemEnd::Background => (Style::Good, "»", dim("goes on in the background")),
        ItemEnd::NotStarted => (Style::Dim, "–", dim("not begun")),
        ItemEnd::Skipped(why) => (Style::Dim, "–", dim(&skipped(why))),
        _ if item.failure().is_none() => (Style::Good, "✓", dim("there is work to do")),
        _ if tolerates(item.listed.fail_policy, end) => {
            (Style::Warn, "✗", painter.paint(Style::Warn, &format!("{}, tolerated", reason(end))))
        }
        _ => (Style::Bad, "✗", painter.paint(Style::Bad, &format!("{}, ends the run", reason(end)))),
    }
}

fn skipped(why: &SkipReason) -> String {
    match why {
        SkipReason::SkipIf(word) => format!("not for {word}"),
        SkipReason::Receipt { installed } => format!("{installed} is installed"),
        SkipReason::DryRun => "dry run".to_owned(),
        SkipReason::Ignored(why) => format!("ignored: {}", one_line(why)),
        SkipReason::AlreadyDone => "done before".to_owned(),
        SkipReason::NotAsked => "not asked for".to_owned(),
        SkipReason::Present { .. } => why.to_string(),
    }
}

fn fetching(run: &Run, item: &ItemStatus, paper: Paper) -> String {
    let BytesState::Fetching { attempt, received, total } = item.bytes else { return String::new() };
    let rate = run.rate(item.listed.id).map(|rate| format!(", {}/s", bytes(rate))).unwrap_or_default();
    let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
    match total {
        Some(total) => {
            let bar = paper.painter.paint(Style::Busy, &bar(received, total, 16));
            format!("▕{bar}▏ {} of {}{rate}{again}", bytes(received), bytes(total))
        }
        None => format!("{}{rate}{again}", bytes(received)),
    }
}

fn busy(run: &Run, item: &ItemStatus) -> String {
    match (run.percent(item.listed.id), run.last_output(item.listed.id)) {
        (Some(percent), _) => format!("{}, {percent:.0} %", working(item.listed.kind)),
        (None, Some(line)) => line.to_owned(),
        (None, None) => working(item.listed.kind).to_owned(),
    }
}

fn waiting(run: &Run, paper: Paper) -> Option<String> {
    // What has ended, or pauses, waits for nobody.
    if run.state.finished.is_some() {
        return None;
    }
    let text = match run.state.waiting? {
        Waiting::User => "waiting for somebody to log in",
        Waiting::Agent => "waiting for the agent",
    };
    let since = run.waiting_since.map_or(0, |since| paper.now_ms.saturating_sub(since));
    Some(format!(" {} {text}, {}", paper.painter.paint(Style::Warn, "◷"), duration(since)))
}

fn overall(run: &Run, paper: Paper) -> String {
    let state = &run.state;
    let tally = Tally::of(state);
    let total = state.items.len() as u64;
    let mut parts = vec![format!("{} of {total} items", state.ended())];
    if tally.failed > 0 {
        parts.push(format!("{} failed", tally.failed));
    }
    parts.push(format!("{} downloaded", bytes(run.downloaded())));
    parts.push(duration(paper.now_ms.saturating_sub(state.started_ms)));
    let bar = paper.painter.paint(Style::Good, &bar(state.ended() as u64, total, 20));
    format!(" ▕{bar}▏ {}", parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        digest::Digest,
        event::{Event, EventKind, Listed, Progress},
        exit::Ended,
        item::{FailPolicy, ItemId, ItemKind},
    };

    const ID: fn(u32) -> ItemId = |index| ItemId::new(Phase::SetupAssistant, index);

    fn run(items: u32, kinds: Vec<EventKind>) -> Run {
        let listed = |index| Listed {
            id: ID(index),
            name: format!("Item {index}"),
            kind: Some(ItemKind::Package),
            fail_policy: FailPolicy::Failable,
            fingerprint: None,
        };
        let loaded = EventKind::ControlFileLoaded {
            source: String::new(),
            digest: Digest::of(b""),
            items: (0..items).map(listed).collect(),
            errors: 0,
            warnings: 0,
            over: Vec::new(),
        };
        let mut run = Run::default();
        let first = [loaded, EventKind::PhaseStarted { phase: Phase::SetupAssistant }];
        for (seq, kind) in (1..).zip(first.into_iter().chain(kinds)) {
            run.event(&Event { seq, at_ms: 1000 * seq, kind });
        }
        run
    }

    fn lines(run: &Run, height: usize) -> Vec<String> {
        frame(run, Paper { width: 60, height, now_ms: 9000, painter: Painter { colour: false } })
    }

    #[test]
    fn every_item_has_a_line_that_tells_where_it_is() {
        let end = ItemEnd::ExecutionFailed(Ended::Exited(2));
        let mut run = run(
            3,
            vec![
                EventKind::ItemStarted { id: ID(0) },
                EventKind::ItemFinished { id: ID(0), end, ms: 1500, last_lines: vec![] },
                EventKind::DownloadStarted { id: ID(1), url: String::new(), attempt: 2, resumed_at: 0 },
                EventKind::ItemStarted { id: ID(1) },
                EventKind::WaitingForUser,
            ],
        );
        run.progress(&Progress::Bytes { id: ID(1), received: 500_000, total: Some(1_000_000) }, 8000);
        assert_eq!(
            lines(&run, 24),
            [
                " setupassistant",
                "   ✗ Item 0               package         1.5 s  exit status 2, tolerated",
                "   ↓ Item 1               package         3.0 s  ▕████████        ▏ 500.0 kB of 1.0 MB, 166.7 kB/s, attempt 2",
                "   · Item 2               package                ",
                "",
                " ◷ waiting for somebody to log in, 2.0 s",
                " ▕██████▋             ▏ 1 of 3 items · 1 failed · 500.0 kB downloaded · 8.0 s",
            ]
        );
    }

    #[test]
    fn before_the_control_file_is_there_that_is_what_is_told() {
        let mut run = Run::default();
        assert!(lines(&run, 24).is_empty());
        let started = r#"{"seq": 1, "at_ms": 1000, "event": "run_started", "run_id": "x", "version": "1", "dry_run": false,
            "facts": {"arch": "arm64", "os_version": "15.1", "receipts": {}}}"#;
        run.event(&serde_json::from_str(started).unwrap());
        assert_eq!(lines(&run, 24), [" ⠸ asking for the control file, 8.0 s"]);
    }

    #[test]
    fn a_board_never_is_higher_than_the_terminal() {
        let done =
            |index| EventKind::ItemFinished { id: ID(index), end: ItemEnd::Done, ms: 1, last_lines: vec![] };
        let mut kinds: Vec<_> = (0..30).map(done).collect();
        kinds.push(EventKind::ItemStarted { id: ID(30) });
        let run = run(100, kinds);
        for height in 5..=30 {
            let lines = lines(&run, height);
            assert!(lines.len() < height, "{} lines on {height} rows", lines.len());
        }
        let lines = lines(&run, 20);
        assert!(lines.iter().any(|line| line.contains("Item 30 ")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("30 more over, 56 more to come")), "{lines:#?}");
    }
}
