//! The story for a terminal.

use super::story::{Story, WORTH_A_LINE};
use shared::wording::duration;
use std::fmt::Write as _;

/// Items that are listed.
const MOST: usize = 10;

/// As it is printed.
pub(super) fn text(story: &Story) -> String {
    let mut text = format!("{}: {}\n", story.headline(), story.summary);
    let starts = if story.starts > 1 { format!(", {} starts", story.starts) } else { String::new() };
    add(&mut text, &format!("run {} began {}{starts}; {}", story.run, story.began, story.traffic()));
    if story.unreadable > 0 {
        add(&mut text, &format!("{} lines of {} could not be read", story.unreadable, story.source));
    }
    add(&mut text, "\nwhat it waited for");
    for cost in story.costs.iter().filter(|cost| cost.ms >= WORTH_A_LINE) {
        add(
            &mut text,
            &format!(
                "  {:>9}  {:>3} %  {}",
                duration(cost.ms),
                percent(cost.ms, story.took),
                cost.cause.text()
            ),
        );
    }
    let dear: Vec<_> = story.by_cost().into_iter().take(MOST).collect();
    if !dear.is_empty() {
        add(&mut text, "\nwhat cost most");
        for (_, told) in dear {
            let (cost, share) = (duration(told.cost_ms), percent(told.cost_ms, story.took));
            add(&mut text, &format!("  {cost:>9}  {share:>3} %  {}: {}", told.item.name, told.parts()));
        }
    }
    let failed = story.items.iter().filter(|told| told.item.outcome == super::timeline::Outcome::Failed);
    let failed: Vec<String> = failed.map(|told| format!("  {}: {}", told.item.name, told.item.end)).collect();
    if !failed.is_empty() {
        add(&mut text, "\nwhat failed");
        failed.iter().for_each(|line| add(&mut text, line));
    }
    text
}

/// A part of the whole, in whole percent.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    (part * 100 + whole / 2).checked_div(whole).unwrap_or_default()
}

fn add(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
