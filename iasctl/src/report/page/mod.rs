//! The story as one file for a browser: no network, no framework; without scripts everything is there, too.

mod items;
mod lanes;

use super::{
    compare::{Comparison, change, sooner},
    story::{Story, Told, WORTH_A_LINE, loudness},
    text::percent,
    timeline::{Line, Outcome},
};
use shared::wording::duration;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Items in the table of what cost most.
const MOST: usize = 10;

/// The whole page.
pub(super) fn page(story: &Story, comparison: Option<&Comparison>) -> String {
    let mut body = String::new();
    head(&mut body, story);
    waited(&mut body, story);
    dearest(&mut body, story);
    if let Some(comparison) = comparison {
        compared(&mut body, comparison);
    }
    lanes::lanes(&mut body, story);
    items::items(&mut body, story);
    around(&mut body, story);
    let title = text(&format!("{} – run {}", story.headline(), story.run));
    // What a script or a style may be is fixed: the page itself. Nothing is loaded, nothing is sent.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn head(to: &mut String, story: &Story) {
    let state = match (story.over, story.good) {
        (false, _) => ("open", "not over"),
        (true, true) => ("good", "went well"),
        (true, false) => ("bad", "went wrong"),
    };
    let starts = if story.starts > 1 { format!(" · {} starts", story.starts) } else { String::new() };
    put(
        to,
        &format!(
            "<header>\n<p class=\"eyebrow\"><span class=\"badge {}\">{}</span> run {} · began <time>{}</time>{starts}</p>\n\
         <h1>{}</h1>\n<p class=\"lead\">{}. {}.</p>\n",
            state.0,
            state.1,
            text(&story.run),
            text(&story.began),
            text(&story.headline()),
            text(&sentence(&story.summary)),
            text(&sentence(&story.traffic())),
        ),
    );
    if let Some(told) = story.slowest() {
        let place = story.items.iter().position(|other| std::ptr::eq(other, told)).unwrap_or_default();
        put(
            to,
            &format!(
                "<p class=\"slowest\">Slowest: <a href=\"#item-{place}\">{}</a>, {} ({} % of the run): {}.</p>\n",
                text(&told.item.name),
                duration(told.cost_ms),
                percent(told.cost_ms, story.took),
                text(&told.parts()),
            ),
        );
    }
    if story.unreadable > 0 {
        put(
            to,
            &format!(
                "<p class=\"warning\">{} lines of the record could not be read.</p>\n",
                story.unreadable
            ),
        );
    }
    put(to, "</header>\n");
}

/// The stacked bar of what the run waited for.
fn waited(to: &mut String, story: &Story) {
    put(
        to,
        "<section aria-labelledby=\"waited\">\n<h2 id=\"waited\">What the run waited for</h2>\n<div class=\"stack\" aria-hidden=\"true\">",
    );
    for cost in story.costs.iter().filter(|cost| cost.ms >= WORTH_A_LINE) {
        let share = percent_of(cost.ms, story.took);
        put(to, &format!("<span class=\"fill {}\" style=\"width:{share}%\"></span>", word(&cost.cause)));
    }
    put(to, "</div>\n<ul class=\"legend\">\n");
    for cost in story.costs.iter().filter(|cost| cost.ms >= WORTH_A_LINE) {
        put(
            to,
            &format!(
                "<li><span class=\"swatch fill {}\"></span>{} <b>{}</b> <span class=\"quiet\">{} %</span></li>\n",
                word(&cost.cause),
                cost.cause.text(),
                duration(cost.ms),
                percent(cost.ms, story.took),
            ),
        );
    }
    put(
        to,
        "</ul>\n<p class=\"quiet\">From the end of the run back to its beginning: shortening anything else would not have made it shorter.</p>\n</section>\n",
    );
}

fn dearest(to: &mut String, story: &Story) {
    let dear: Vec<(usize, &Told)> = story.by_cost().into_iter().take(MOST).collect();
    let Some(most) = dear.first().map(|(_, told)| told.cost_ms) else { return };
    put(
        to,
        "<section aria-labelledby=\"dearest\">\n<h2 id=\"dearest\">What cost most</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"dearest\"><table>\n\
             <thead><tr><th scope=\"col\">Item</th><th scope=\"col\" class=\"number\">Cost</th><th scope=\"col\" class=\"number\">Of the run</th><th scope=\"col\">Its own time went into</th></tr></thead>\n<tbody>\n",
    );
    for (place, told) in dear {
        put(
            to,
            &format!(
                "<tr><th scope=\"row\"><a href=\"#item-{place}\">{}</a>{}</th><td class=\"number\">{}<span class=\"meter\" aria-hidden=\"true\"><span style=\"width:{}%\"></span></span></td><td class=\"number\">{} %</td><td>{}</td></tr>\n",
                text(&told.item.name),
                mark(told.item.outcome),
                duration(told.cost_ms),
                percent_of(told.cost_ms, most),
                percent(told.cost_ms, story.took),
                text(&told.parts()),
            ),
        );
    }
    put(to, "</tbody></table></div>\n</section>\n");
}

fn compared(to: &mut String, comparison: &Comparison) {
    let Comparison { other, took, other_took, causes, items } = comparison;
    put(
        to,
        &format!(
            "<section aria-labelledby=\"compared\">\n<h2 id=\"compared\">Compared with another run</h2>\n<p>{} than {} ({}).</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"compared\"><table>\n\
         <thead><tr><th scope=\"col\">What</th><th scope=\"col\" class=\"number\">Here</th><th scope=\"col\" class=\"number\">There</th><th scope=\"col\" class=\"number\">Difference</th><th scope=\"col\">Also</th></tr></thead>\n<tbody>\n",
            text(&sentence(&sooner(*took, *other_took))),
            text(other),
            duration(*other_took),
        ),
    );
    let mut row = |what: &str, here: Option<u64>, there: Option<u64>, notes: &str| {
        let time = |ms: Option<u64>| ms.map_or("–".to_owned(), duration);
        let change = change(here.unwrap_or_default(), there.unwrap_or_default());
        put(
            to,
            &format!(
                "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{change}</td><td>{}</td></tr>\n",
                text(what),
                time(here),
                time(there),
                text(notes),
            ),
        );
    };
    for (cause, here, there) in causes {
        row(&sentence(cause.text()), Some(*here), Some(*there), "");
    }
    for item in items {
        row(&item.name, item.here, item.there, &item.notes.join("; "));
    }
    put(to, "</tbody></table></div>\n</section>\n");
}

/// The Mac, the settings, what belongs to no item.
fn around(to: &mut String, story: &Story) {
    put(
        to,
        "<section aria-labelledby=\"around\">\n<h2 id=\"around\">The Mac and its settings</h2>\n<dl class=\"facts\">\n",
    );
    for (name, value) in &story.environment {
        put(to, &format!("<div><dt>{}</dt><dd>{}</dd></div>\n", text(name), text(value)));
    }
    put(to, &format!("<div><dt>Record</dt><dd>{}</dd></div>\n</dl>\n", text(&story.source)));
    if !story.settings.is_empty() {
        put(to, "<details><summary>Settings</summary>\n<ul class=\"plain\">\n");
        for setting in &story.settings {
            put(to, &format!("<li><code>{}</code></li>\n", text(setting)));
        }
        put(to, "</ul></details>\n");
    }
    put(to, "<details><summary>Log of the run</summary>\n");
    log(to, &story.log);
    put(to, "</details>\n</section>\n");
}

fn log(to: &mut String, lines: &[Line]) {
    if lines.is_empty() {
        return put(to, "<p class=\"quiet\">Nothing was logged.</p>\n");
    }
    put(to, "<ol class=\"log\">\n");
    for line in lines {
        let level = loudness(line.level);
        let said = match level {
            "warning" | "error" => format!("<b>{level}:</b> "),
            _ => String::new(),
        };
        put(
            to,
            &format!(
                "<li class=\"{level}\"><time>{}</time> {said}{}</li>\n",
                clock(line.at),
                text(&line.text)
            ),
        );
    }
    put(to, "</ol>\n");
}

/// A sign and a word for what became of an item.
fn mark(outcome: Outcome) -> String {
    let (sign, class, told) = match outcome {
        Outcome::Done => ("✓", "good", "done"),
        Outcome::Current => ("=", "good", "was there already"),
        Outcome::Skipped => ("–", "open", "skipped"),
        Outcome::Failed => ("✕", "bad", "failed"),
        Outcome::Open => ("…", "open", "not over"),
        Outcome::NotBegun => ("○", "open", "not begun"),
    };
    format!(" <span class=\"mark {class}\"><span aria-hidden=\"true\">{sign}</span> {told}</span>")
}

/// Minutes and seconds since the run began.
fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{}:{:02}.{}", seconds / 60, seconds % 60, ms % 1000 / 100)
}

/// A part of the whole in percent, with two digits behind the point.
fn percent_of(part: u64, whole: u64) -> String {
    let hundredths = part.saturating_mul(10_000).checked_div(whole).unwrap_or_default();
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The word by which JSON and style sheet know a value.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().replace('_', "-")
}

/// With a capital, as a sentence begins.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Text as it may stand in HTML, in an attribute, too; characters that turn the direction of writing are shown by number.
fn text(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "[U+{:04X}]", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn put(to: &mut String, html: &str) {
    to.push_str(html);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_an_element_an_attribute_or_the_line() {
        let escaped = text("</script><b a=\"x\" b='y'>&\u{202e}\u{0}");
        assert_eq!(escaped, "&lt;/script&gt;&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;[U+202E] ");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!((clock(75_430).as_str(), percent_of(1, 3).as_str()), ("1:15.4", "33.33"));
        assert_eq!((percent_of(1, 0).as_str(), sentence("ébène").as_str()), ("0.00", "Ébène"));
    }
}
