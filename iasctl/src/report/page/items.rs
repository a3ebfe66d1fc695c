//! Every item with what became of it, why, and its log.

use super::{
    super::{
        story::{Story, Told, WORTH_A_LINE},
        timeline::Outcome,
    },
    clock, log, mark, put, text, word,
};
use shared::wording::{bytes, duration};

/// Writes the list.
pub(super) fn items(to: &mut String, story: &Story) {
    if story.items.is_empty() {
        return;
    }
    put(to, "<section aria-labelledby=\"items\">\n<h2 id=\"items\">The plan, and what became of it</h2>\n");
    let mut phase = "";
    for (place, told) in story.items.iter().enumerate() {
        let own = told.item.id.split('[').next().unwrap_or_default();
        if own != phase {
            put(to, &format!("<h3>{}</h3>\n", text(own)));
            phase = own;
        }
        one(to, place, told);
    }
    put(to, "</section>\n");
}

fn one(to: &mut String, place: usize, told: &Told) {
    let item = &told.item;
    let failed = if item.outcome == Outcome::Failed { " class=\"failed\"" } else { "" };
    let time = match told.run_ms.max(told.download_ms) {
        0..WORTH_A_LINE => String::new(),
        _ => format!(" <span class=\"quiet\">{}</span>", text(&told.parts())),
    };
    put(
        to,
        &format!(
            "<details id=\"item-{place}\"{failed}><summary><span class=\"title\">{}</span>{}{time}</summary>\n<dl class=\"facts\">\n",
            text(&item.name),
            mark(item.outcome),
        ),
    );
    let mut fact = |name: &str, value: String| {
        put(to, &format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", text(&value)));
    };
    fact("What became of it", item.end.clone());
    fact("Where it stands", item.id.clone());
    fact("Type", item.kind.map_or("unknown".into(), |kind| word(&kind)));
    if let Some(turn) = item.turn {
        fact("Its turn came", clock(turn));
    }
    if let (Some(began), Some(over)) = (item.began, item.over) {
        fact("Carried out", format!("{} to {}", clock(began), clock(over)));
    }
    if let Some(size) = item.bytes {
        let reused = if item.reused { ", was there already" } else { "" };
        fact("Content", format!("{} ({size} bytes){reused}", bytes(size)));
    }
    if item.attempts > 1 || item.failed_attempts > 0 {
        fact("Attempts", format!("{}, {} of them failed", item.attempts, item.failed_attempts));
    }
    if told.cost_ms > 0 {
        fact("Cost the run", duration(told.cost_ms));
    }
    put(to, "</dl>\n");
    log(to, &item.log);
    put(to, "</details>\n");
}
