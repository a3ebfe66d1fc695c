//! What the run waited for, from its end back to its beginning: shortening anything else would not have made it shorter.

use super::timeline::{Doing, Lane, Span};
use serde::Serialize;

/// What lies this close together follows from each other; the rest is put down to nobody.
const TOGETHER: u64 = 20;

/// What a stretch of the way is put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    /// Bytes over the line.
    Downloads,
    /// Between a failed attempt and the next one.
    Retries,
    Packages,
    Titles,
    Scripts,
    UserScripts,
    Files,
    /// Nobody had logged in, or the agent was not there.
    User,
    /// `iasd` did not run.
    NotRunning,
    /// Nothing that was recorded.
    Rest,
}

/// A stretch of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Stretch {
    pub(super) cause: Cause,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<usize>,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Cause {
    /// As a heading has it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Downloads => "downloads",
            Self::Retries => "waiting for another attempt",
            Self::Packages => "packages",
            Self::Titles => "titles and applications",
            Self::Scripts => "scripts as root",
            Self::UserScripts => "scripts as the user",
            Self::Files => "files",
            Self::User => "waiting for the user",
            Self::NotRunning => "iasd was not running",
            Self::Rest => "everything else",
        }
    }

    fn of(span: &Span) -> Self {
        match (span.doing, span.lane) {
            (Doing::Downloads, _) => Self::Downloads,
            (Doing::Pauses, _) => Self::Retries,
            (Doing::WaitsForUser | Doing::WaitsForAgent, _) => Self::User,
            (Doing::NotRunning, _) => Self::NotRunning,
            (_, Lane::Packages) => Self::Packages,
            (_, Lane::Titles) => Self::Titles,
            (_, Lane::Scripts) => Self::Scripts,
            (_, Lane::User) => Self::UserScripts,
            (_, Lane::Files) => Self::Files,
            (_, Lane::Waiting | Lane::Downloads) => Self::Rest,
        }
    }
}

/// The way through `spans` that ends at `took`, from its beginning, without a hole.
pub(super) fn critical(spans: &[Span], took: u64) -> Vec<Stretch> {
    let causes = |span: &&Span| !matches!(span.doing, Doing::WaitsForContent | Doing::WaitsForItsLane);
    let spans: Vec<&Span> = spans.iter().filter(causes).collect();
    let (mut way, mut at, mut last) = (Vec::new(), took, None::<&Span>);
    while at > 0 {
        let Some(before) = before(&spans, last, at) else { break };
        let until = before.to.min(at);
        let from = before.from.min(until);
        if until < at {
            way.push(Stretch { cause: Cause::Rest, item: None, from: until, to: at });
        }
        way.push(Stretch { cause: Cause::of(before), item: before.item, from, to: until });
        (at, last) = (from, Some(before));
    }
    if at > 0 {
        way.push(Stretch { cause: Cause::Rest, item: None, from: 0, to: at });
    }
    way.reverse();
    way.retain(|stretch| stretch.to > stretch.from);
    way
}

/// What ended last before `at`, of all that `last` may have waited for.
fn before<'a>(spans: &[&'a Span], last: Option<&Span>, at: u64) -> Option<&'a Span> {
    let possible = |span: &&&Span| span.from < at && span.to <= at + TOGETHER && may_wait_for(last, span);
    // Of what ended together, what took longest.
    spans.iter().filter(possible).max_by_key(|span| (span.to.min(at), std::cmp::Reverse(span.from))).copied()
}

/// Whether `last` may have waited for `other`: execution waits for its own content and for all that was carried out before,
/// a download for a free place in the line or for its own failed attempt.
fn may_wait_for(last: Option<&Span>, other: &Span) -> bool {
    let Some(last) = last else { return true };
    match last.doing {
        Doing::Runs => other.item == last.item || other.lane != Lane::Downloads,
        Doing::Downloads => {
            matches!(other.doing, Doing::Downloads | Doing::NotRunning) && other.item != last.item
                || other.doing == Doing::Pauses && other.item == last.item
        }
        Doing::Pauses => other.item == last.item && other.doing == Doing::Downloads,
        _ => true,
    }
}

/// The causes with their milliseconds on the way, the dearest first.
pub(super) fn costs(way: &[Stretch]) -> Vec<(Cause, u64)> {
    let mut costs = std::collections::BTreeMap::new();
    for stretch in way {
        *costs.entry(stretch.cause).or_insert(0) += stretch.to - stretch.from;
    }
    let mut costs: Vec<_> = costs.into_iter().collect();
    costs.sort_by_key(|(cause, ms)| (std::cmp::Reverse(*ms), *cause));
    costs
}

/// How many milliseconds of the way belong to an item.
pub(super) fn share(way: &[Stretch], item: usize) -> u64 {
    way.iter().filter(|stretch| stretch.item == Some(item)).map(|stretch| stretch.to - stretch.from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(lane: Lane, doing: Doing, item: Option<usize>, (from, to): (u64, u64)) -> Span {
        Span { lane, doing, item, from, to, cut_off: false }
    }

    fn told(way: &[Stretch]) -> Vec<(Cause, Option<usize>, u64, u64)> {
        way.iter().map(|stretch| (stretch.cause, stretch.item, stretch.from, stretch.to)).collect()
    }

    #[test]
    fn a_package_that_waits_for_its_content_leads_to_its_download_and_one_that_waits_for_the_lane_to_the_other()
     {
        let spans = [
            span(Lane::Downloads, Doing::Downloads, Some(0), (100, 3000)),
            span(Lane::Packages, Doing::WaitsForContent, Some(0), (100, 3000)),
            span(Lane::Packages, Doing::Runs, Some(0), (3005, 9000)),
            // Came while the first was installed: costs nothing.
            span(Lane::Downloads, Doing::Downloads, Some(1), (3000, 8990)),
            span(Lane::Packages, Doing::Runs, Some(1), (9001, 9500)),
        ];
        let way = critical(&spans, 9500);
        assert_eq!(
            told(&way),
            [
                (Cause::Rest, None, 0, 100),
                (Cause::Downloads, Some(0), 100, 3000),
                (Cause::Rest, None, 3000, 3005),
                (Cause::Packages, Some(0), 3005, 9000),
                (Cause::Rest, None, 9000, 9001),
                (Cause::Packages, Some(1), 9001, 9500),
            ]
        );
        assert_eq!(costs(&way)[..2], [(Cause::Packages, 6494), (Cause::Downloads, 2900)]);
        assert_eq!(share(&way, 0), 8895);
    }

    #[test]
    fn retries_power_cuts_and_people_are_named() {
        let spans = [
            span(Lane::Downloads, Doing::Downloads, Some(0), (0, 50)),
            span(Lane::Downloads, Doing::Pauses, Some(0), (50, 5050)),
            span(Lane::Downloads, Doing::Downloads, Some(0), (5050, 6000)),
            span(Lane::Scripts, Doing::Runs, Some(0), (6000, 7000)),
            span(Lane::Waiting, Doing::NotRunning, None, (7000, 9000)),
            span(Lane::Waiting, Doing::WaitsForUser, None, (9000, 12_000)),
            span(Lane::User, Doing::Runs, Some(1), (12_000, 12_500)),
        ];
        let causes: Vec<Cause> = critical(&spans, 12_500).iter().map(|stretch| stretch.cause).collect();
        let expected = [
            Cause::Downloads,
            Cause::Retries,
            Cause::Downloads,
            Cause::Scripts,
            Cause::NotRunning,
            Cause::User,
            Cause::UserScripts,
        ];
        assert_eq!(causes, expected);
    }

    #[test]
    fn the_way_has_no_hole_and_no_end_even_where_nothing_is_known() {
        assert_eq!(told(&critical(&[], 7)), [(Cause::Rest, None, 0, 7)]);
        assert_eq!(told(&critical(&[], 0)), []);
        let still_running = [span(Lane::Scripts, Doing::Runs, Some(0), (3, 10))];
        assert_eq!(critical(&still_running, 10).len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn every_way_covers_the_whole_run_once(
            spans in proptest::collection::vec((0_u64..100, 0_u64..100, 0_usize..4, 0_u8..8), 0..20),
        ) {
            let doings = [
                Doing::Downloads, Doing::Pauses, Doing::WaitsForContent, Doing::WaitsForItsLane, Doing::Runs,
                Doing::WaitsForUser, Doing::WaitsForAgent, Doing::NotRunning,
            ];
            let spans: Vec<Span> = spans
                .into_iter()
                .map(|(from, long, item, doing)| {
                    let doing = doings[usize::from(doing)];
                    let lane = if doing == Doing::Downloads { Lane::Downloads } else { Lane::Scripts };
                    span(lane, doing, Some(item), (from, from + long))
                })
                .collect();
            let way = critical(&spans, 150);
            proptest::prop_assert_eq!(way.first().map(|stretch| stretch.from), Some(0));
            proptest::prop_assert_eq!(way.last().map(|stretch| stretch.to), Some(150));
            for pair in way.windows(2) {
                proptest::prop_assert_eq!(pair[0].to, pair[1].from);
            }
        }
    }
}
