//! The picture: lanes over time, a bar for each stretch, the way through them marked.

use super::{
    super::{
        story::Story,
        timeline::{Doing, Lane, Span},
    },
    clock, percent_of, put, text, word,
};
use shared::wording::{bytes, duration};
use std::fmt::Write as _;

/// Lines of the axis, at most.
const MOST_TICKS: u64 = 8;
/// Seconds between lines of the axis.
const STEPS: [u64; 14] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

/// Writes the picture.
pub(super) fn lanes(to: &mut String, story: &Story) {
    if story.spans.is_empty() || story.took == 0 {
        return;
    }
    put(
        to,
        "<section aria-labelledby=\"lanes\">\n<h2 id=\"lanes\">What went on when</h2>\n<p class=\"quiet\">Marked bars are what the run waited for. With the keyboard: arrow keys go from bar to bar, Return opens an item.</p>\n<div class=\"lanes\" id=\"picture\">\n",
    );
    axis(to, story.took);
    for lane in
        [Lane::Waiting, Lane::Downloads, Lane::Packages, Lane::Titles, Lane::Scripts, Lane::User, Lane::Files]
    {
        let spans: Vec<&Span> = story.spans.iter().filter(|span| span.lane == lane).collect();
        if !spans.is_empty() {
            one(to, story, lane, &spans);
        }
    }
    put(to, "</div>\n</section>\n");
}

fn one(to: &mut String, story: &Story, lane: Lane, spans: &[&Span]) {
    let rows = rows(spans);
    let height = rows.iter().max().map_or(1, |most| most + 1);
    put(
        to,
        &format!(
            "<div class=\"lane\" role=\"group\" aria-label=\"{0}\"><div class=\"name\">{0}</div><div class=\"track\" style=\"--rows:{height}\">",
            name(lane),
        ),
    );
    if lane == Lane::Downloads {
        rates(to, story);
    }
    for (span, row) in spans.iter().zip(rows) {
        bar(to, story, span, row);
    }
    put(to, "</div></div>\n");
}

fn bar(to: &mut String, story: &Story, span: &Span, row: usize) {
    let told = span.item.and_then(|item| story.items.get(item));
    let item = told.map_or(String::new(), |told| told.item.name.clone());
    let what = doing(span.doing);
    let label =
        [item.as_str(), what].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let cut = if span.cut_off { ", cut off" } else { "" };
    let marked = story.way.iter().any(|stretch| {
        stretch.item == span.item && stretch.from < span.to && span.from < stretch.to && causes(span.doing)
    });
    let way = if marked { ", the run waited for it" } else { "" };
    let full = format!("{label}, {} from {}{cut}{way}", duration(span.to - span.from), clock(span.from));
    let classes =
        format!("bar {} {}{}", word(&span.lane), word(&span.doing), if marked { " way" } else { "" });
    let (left, width) = (percent_of(span.from, story.took), percent_of(span.to - span.from, story.took));
    let style = format!("left:{left}%;width:{width}%;--row:{row}");
    let shown = if item.is_empty() { what } else { &item };
    let target = span.item.map_or("#around".to_owned(), |item| format!("#item-{item}"));
    put(
        to,
        &format!(
            "<a class=\"{classes}\" href=\"{target}\" style=\"{style}\" title=\"{0}\" aria-label=\"{0}\"><span>{1}</span></a>",
            text(&full),
            text(shown),
        ),
    );
}

fn causes(doing: Doing) -> bool {
    !matches!(doing, Doing::WaitsForContent | Doing::WaitsForItsLane)
}

/// What came in a second, over time: as steps, from the average of each download.
fn rates(to: &mut String, story: &Story) {
    let transfers: Vec<(u64, u64, u64)> = story
        .spans
        .iter()
        .filter(|span| span.doing == Doing::Downloads)
        .filter_map(|span| Some((span.from, span.to, story.items.get(span.item?)?.rate?)))
        .collect();
    let mut moments: Vec<u64> = transfers.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    moments.sort_unstable();
    moments.dedup();
    let at = |moment: u64| -> u64 {
        transfers
            .iter()
            .filter(|(from, to, _)| *from <= moment && moment < *to)
            .map(|(_, _, rate)| rate)
            .sum()
    };
    let steps: Vec<(u64, u64)> = moments.into_iter().map(|moment| (moment, at(moment))).collect();
    let Some(most) = steps.iter().map(|(_, rate)| *rate).max().filter(|most| *most > 0) else { return };
    let (mut points, mut before) = (String::from("0,100"), 0);
    for (moment, rate) in steps {
        let x = percent_of(moment, story.took);
        // Writing to a string cannot fail.
        let _ = write!(points, " {x},{} {x},{}", 100 - before * 100 / most, 100 - rate * 100 / most);
        before = rate;
    }
    put(
        to,
        &format!(
            "<svg class=\"rates\" viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Bytes a second over time, at most {0}\"><polygon points=\"{points} 100,100\"/></svg><span class=\"peak\">up to {0}/s</span>",
            bytes(most),
        ),
    );
}

fn axis(to: &mut String, took: u64) {
    let step = STEPS
        .into_iter()
        .find(|step| took / 1000 / step <= MOST_TICKS)
        .unwrap_or(took / 1000 / MOST_TICKS + 1);
    put(to, "<div class=\"lane axis\" aria-hidden=\"true\"><div class=\"name\"></div><div class=\"track\">");
    for second in (0..=took / 1000).step_by(usize::try_from(step).unwrap_or(1)) {
        let label = format!("{}:{:02}", second / 60, second % 60);
        let last = if second * 1000 * 100 > took * 95 { " last" } else { "" };
        put(
            to,
            &format!(
                "<span class=\"tick{last}\" style=\"left:{}%\">{label}</span>",
                percent_of(second * 1000, took)
            ),
        );
    }
    put(to, "</div></div>\n");
}

/// The row of each span: the first one that is free.
fn rows(spans: &[&Span]) -> Vec<usize> {
    let mut free_from: Vec<u64> = Vec::new();
    let mut rows = Vec::new();
    for span in spans {
        let row = free_from.iter().position(|until| *until <= span.from).unwrap_or(free_from.len());
        match free_from.get_mut(row) {
            Some(until) => *until = span.to,
            None => free_from.push(span.to),
        }
        rows.push(row);
    }
    rows
}

fn name(lane: Lane) -> &'static str {
    match lane {
        Lane::Waiting => "Waiting",
        Lane::Downloads => "Downloads",
        Lane::Packages => "Packages",
        Lane::Titles => "Titles and apps",
        Lane::Scripts => "Scripts as root",
        Lane::User => "As the user",
        Lane::Files => "Files",
    }
}

fn doing(doing: Doing) -> &'static str {
    match doing {
        Doing::Downloads => "downloading",
        Doing::Pauses => "waiting for another attempt",
        Doing::WaitsForContent => "waiting for its content",
        Doing::WaitsForItsLane => "waiting for its turn",
        Doing::Runs => "",
        Doing::WaitsForUser => "nobody has logged in",
        Doing::WaitsForAgent => "the agent is not there",
        Doing::NotRunning => "iasd is not running",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_at_one_time_has_rows_of_its_own() {
        let span = |from, to| Span {
            lane: Lane::Downloads,
            doing: Doing::Downloads,
            item: None,
            from,
            to,
            cut_off: false,
        };
        let spans = [span(0, 10), span(0, 5), span(5, 7), span(8, 12), span(10, 11)];
        assert_eq!(rows(&spans.iter().collect::<Vec<_>>()), [0, 1, 1, 1, 0]);
    }
}
