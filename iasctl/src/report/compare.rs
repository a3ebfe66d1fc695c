//! What is different between two runs, item by item, and what explains the difference in time.

use super::{
    critical::Cause,
    story::{Story, Told},
};
use serde::Serialize;
use shared::wording::duration;
use std::{collections::BTreeMap, fmt::Write as _};

/// Differences below this are nobody's business.
const WORTH_A_LINE: u64 = 100;

/// The differences of a run from an `other` one.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// Where the other one was read.
    pub(super) other: String,
    pub(super) took: u64,
    pub(super) other_took: u64,
    /// What the runs waited for, in this one and the other, the largest difference first.
    pub(super) causes: Vec<(Cause, u64, u64)>,
    /// The largest difference first.
    pub(super) items: Vec<Difference>,
}

/// One item in both.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) name: String,
    /// What it cost here, and there; nothing where it is not in that run.
    pub(super) here: Option<u64>,
    pub(super) there: Option<u64>,
    /// What else is different, in words.
    pub(super) notes: Vec<String>,
}

/// Compares `here` with `there`.
pub(super) fn compare(here: &Story, there: &Story) -> Comparison {
    let mut causes: BTreeMap<Cause, (u64, u64)> = BTreeMap::new();
    for cost in &here.costs {
        causes.entry(cost.cause).or_default().0 = cost.ms;
    }
    for cost in &there.costs {
        causes.entry(cost.cause).or_default().1 = cost.ms;
    }
    let mut causes: Vec<_> = causes.into_iter().map(|(cause, (here, there))| (cause, here, there)).collect();
    causes.sort_by_key(|(cause, here, there)| (std::cmp::Reverse(here.abs_diff(*there)), *cause));

    // Two items may have one name; then they are told apart by their order.
    let (mut others, mut items) = (named(there), Vec::new());
    for (key, told) in named(here) {
        items.push(difference(&key.0, Some(told), others.remove(&key)));
    }
    items.extend(others.into_iter().map(|(key, told)| difference(&key.0, None, Some(told))));
    let size = |item: &Difference| item.here.unwrap_or_default().abs_diff(item.there.unwrap_or_default());
    items.retain(|item| size(item) >= WORTH_A_LINE || !item.notes.is_empty());
    items.sort_by_key(|item| std::cmp::Reverse(size(item)));
    Comparison { other: there.source.clone(), took: here.took, other_took: there.took, causes, items }
}

fn named(story: &Story) -> BTreeMap<(String, usize), &Told> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut named = BTreeMap::new();
    for told in &story.items {
        let count = counts.entry(&told.item.name).or_default();
        named.insert((told.item.name.clone(), *count), told);
        *count += 1;
    }
    named
}

fn difference(name: &str, here: Option<&Told>, there: Option<&Told>) -> Difference {
    let mut notes = Vec::new();
    match (here, there) {
        (Some(here), Some(there)) => {
            if here.item.outcome != there.item.outcome
                || here.item.outcome == super::timeline::Outcome::Failed
            {
                notes.push(format!("{}; in the other run: {}", here.item.end, there.item.end));
            }
            if let (Some(bytes), Some(others)) = (here.item.bytes, there.item.bytes)
                && bytes != others
            {
                notes.push(format!("{bytes} bytes instead of {others}"));
            }
            if here.item.failed_attempts != there.item.failed_attempts {
                let (here, there) = (here.item.failed_attempts, there.item.failed_attempts);
                notes.push(format!("{here} failed attempts instead of {there}"));
            }
        }
        (Some(_), None) => notes.push("not in the other run".into()),
        (None, _) => notes.push("only in the other run".into()),
    }
    let cost = |told: &Told| told.cost_ms;
    Difference { name: name.to_owned(), here: here.map(cost), there: there.map(cost), notes }
}

/// As it is printed.
pub(super) fn text(comparison: &Comparison) -> String {
    let Comparison { other, took, other_took, causes, items } = comparison;
    let mut text =
        format!("\ncompared with {other}: {}, {} there\n", sooner(*took, *other_took), duration(*other_took));
    let differs = |(_, here, there): &&(Cause, u64, u64)| here.abs_diff(*there) >= WORTH_A_LINE;
    for (cause, here, there) in causes.iter().filter(differs) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:>10}  {}", change(*here, *there), cause.text());
    }
    for Difference { name, here, there, notes } in items {
        let change = change(here.unwrap_or_default(), there.unwrap_or_default());
        let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join("; ")) };
        let _ = writeln!(text, "  {change:>10}  {name}{notes}");
    }
    text
}

/// How one time differs from another, in words.
pub(super) fn sooner(here: u64, there: u64) -> String {
    match here.abs_diff(there) {
        difference if difference < WORTH_A_LINE => "as long".into(),
        difference if here < there => format!("{} shorter", duration(difference)),
        difference => format!("{} longer", duration(difference)),
    }
}

/// How one time differs from another, with a sign.
pub(super) fn change(here: u64, there: u64) -> String {
    let sign = if here < there { '-' } else { '+' };
    format!("{sign}{}", duration(here.abs_diff(there)))
}
