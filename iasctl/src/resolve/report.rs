//! What became of each title, as lines for people and as JSON.

use super::package::Outcome;
use serde_json::{Value, json};
use shared::item::Item;
use std::process::ExitCode;

/// What became of all titles.
#[derive(Default)]
pub(super) struct Report {
    titles: Vec<Title>,
}

struct Title {
    id: String,
    name: String,
    title: String,
    outcome: Outcome,
}

impl Report {
    pub(super) fn add(&mut self, item: &Item, outcome: Outcome) {
        let title = item.wish.as_ref().map(|wish| wish.title.clone()).unwrap_or_default();
        self.titles.push(Title { id: item.id.to_string(), name: item.name.clone(), title, outcome });
    }

    /// A line for each title that is no package, and for whatever is lost.
    pub(super) fn diagnostics(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for Title { id, name, outcome, .. } in &self.titles {
            let who = format!("{id} \"{name}\"");
            match outcome {
                Outcome::Refused(why) => lines.push(format!("error: {who}: {why}")),
                Outcome::Title(why) => lines.push(format!("warning: {who}: stays a title: {why}")),
                Outcome::Packages(_, losses) => {
                    lines.extend(losses.iter().map(|loss| format!("warning: {who}: {loss}")));
                }
            }
        }
        lines
    }

    pub(super) fn as_json(&self, control_file: &str) -> String {
        let title = |Title { id, name, title, outcome }: &Title| {
            let (became, why, warnings, items): (&str, Option<&str>, &[String], &[Value]) = match outcome {
                Outcome::Packages(items, losses) => ("packages", None, losses, items),
                Outcome::Title(why) => ("title", Some(why), &[], &[]),
                Outcome::Refused(why) => ("refused", Some(why), &[], &[]),
            };
            json!({
                "id": id, "name": name, "title": title,
                "became": became, "why": why, "warnings": warnings, "items": items,
            })
        };
        let titles: Vec<Value> = self.titles.iter().map(title).collect();
        format!("{:#}\n", json!({ "titles": titles, "control_file": control_file }))
    }

    /// Whether a title cannot be had.
    pub(super) fn is_refused(&self) -> bool {
        self.titles.iter().any(|title| matches!(title.outcome, Outcome::Refused(_)))
    }

    pub(super) fn exit_code(&self, strict: bool) -> ExitCode {
        let worst = self.titles.iter().map(|title| match &title.outcome {
            Outcome::Refused(_) => 2,
            Outcome::Title(_) => 1,
            Outcome::Packages(_, losses) => u8::from(!losses.is_empty()),
        });
        match worst.max() {
            Some(2) => ExitCode::FAILURE,
            Some(1) if strict => ExitCode::from(2),
            _ => ExitCode::SUCCESS,
        }
    }
}
