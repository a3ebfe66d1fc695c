//! What swiftDialog shows at each fact: commands for a window that is open, and the list for one that opens; pure.

use serde_json::{Value, json};
use shared::{
    event::{EventKind, ItemEnd, Progress, RunEnd, SkipReason},
    item::{ItemId, ItemKind},
    state::{ItemState, ItemStatus, RunState},
    wording::{
        one_line,
        user::{Language, Sentence, carrying_out, progress, say},
    },
};
use std::collections::BTreeMap;

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    title: String,
    /// The name of an SF symbol.
    icon: &'static str,
    /// `pending`, `wait`, `progress`, `success`, `fail`.
    status: &'static str,
    /// 0 to 100, with the status `progress`.
    percent: Option<u64>,
    text: String,
}

/// The window as it should be now.
#[derive(Debug)]
pub(super) struct Window {
    language: Language,
    rows: Vec<Row>,
    places: BTreeMap<ItemId, usize>,
    over: Option<Sentence>,
}

impl Window {
    pub(super) fn new(language: Language) -> Self {
        Self { language, rows: Vec::new(), places: BTreeMap::new(), over: None }
    }

    /// From the next list on, in another language.
    pub(super) fn speak(&mut self, language: Language) {
        self.language = language;
    }

    /// The commands for a fact; `state` already contains it. A row is named by its number, because two items may have
    /// one name.
    pub(super) fn event(&mut self, kind: &EventKind, state: &RunState) -> Vec<String> {
        match kind {
            EventKind::ControlFileLoaded { .. } => self.list(state),
            // Whoever opens a window now has missed what was said before.
            EventKind::UserPresent { .. } if !self.rows.is_empty() => self.list(state),
            EventKind::ItemStarted { id } | EventKind::ItemRunning { id } => self.row(*id, state),
            EventKind::ItemFinished { id, .. } | EventKind::BackgroundFailed { id, .. } => {
                let mut commands = self.row(*id, state);
                commands.extend(self.bar());
                commands
            }
            EventKind::RunFinished { end, .. } => {
                let sentence = match end {
                    RunEnd::Paused | RunEnd::GaveUp | RunEnd::Refused => Sentence::Later,
                    end if end.is_good() && state.failures().next().is_none() => Sentence::Ready,
                    _ => Sentence::Missing,
                };
                self.over = Some(sentence);
                let mut commands = self.bar();
                // In version 3 a new message takes the list away, so the end is said beside the bar.
                commands.push("button1: enable".to_owned());
                commands
            }
            _ => Vec::new(),
        }
    }

    /// The commands for news that may be lost.
    pub(super) fn progress(&mut self, news: &Progress) -> Vec<String> {
        let (id, percent, sentence) = match news {
            Progress::Bytes { id, received, total: Some(total) } if *total > 0 => {
                (*id, received.saturating_mul(100) / total, Sentence::Downloads)
            }
            Progress::Installed { id, percent } => (*id, whole(*percent), Sentence::Installs),
            _ => return Vec::new(),
        };
        let Some((place, row)) = self.at(id) else { return Vec::new() };
        // Only what is at its turn, and not each percent.
        let fits = matches!(row.status, "wait" | "progress");
        let step = row.percent.is_none_or(|before| percent >= before + 5 || percent < before);
        if !fits || !step {
            return Vec::new();
        }
        let text = say(self.language, sentence).to_owned();
        let (title, icon) = (row.title.clone(), row.icon);
        let row = Row { title, icon, status: "progress", percent: Some(percent.min(100)), text };
        self.put(place, row)
    }

    /// The window as a file that `dialog --jsonfile` opens.
    pub(super) fn document(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let icon = format!("SF={}", row.icon);
                let mut object = json!({
                    "title": row.title, "icon": icon, "status": row.status, "statustext": row.text,
                });
                if let (Some(percent), Some(object)) = (row.percent, object.as_object_mut()) {
                    object.insert("progress".into(), percent.into());
                }
                object
            })
            .collect();
        json!({
            "title": say(self.language, Sentence::Title),
            "message": say(self.language, Sentence::Message),
            "icon": "SF=laptopcomputer",
            "listitem": rows,
            "progress": 100,
            "progresstext": self.progress_text(),
            "button1disabled": self.over.is_none(),
        })
    }

    fn at(&self, id: ItemId) -> Option<(usize, &Row)> {
        let place = *self.places.get(&id)?;
        Some((place, self.rows.get(place)?))
    }

    /// The whole list anew.
    fn list(&mut self, state: &RunState) -> Vec<String> {
        self.rows.clear();
        self.places.clear();
        // What comes along with a title is part of it.
        for (id, item) in state.items.iter().filter(|(id, _)| id.is_listed()) {
            self.places.insert(*id, self.rows.len());
            self.rows.push(self.shown(item));
        }
        let add = |row: &Row| {
            format!(
                "listitem: add, title: {}, icon: SF={}, status: {}, statustext: {}",
                value(&row.title),
                row.icon,
                row.status,
                value(&row.text)
            )
        };
        let mut commands =
            vec![format!("title: {}", say(self.language, Sentence::Title)), "list: clear".to_owned()];
        commands.extend(self.rows.iter().map(add));
        commands.extend(self.bar());
        commands
    }

    fn row(&mut self, id: ItemId, state: &RunState) -> Vec<String> {
        let (Some(place), Some(item)) = (self.places.get(&id).copied(), state.items.get(&id)) else {
            return Vec::new();
        };
        let row = self.shown(item);
        self.put(place, row)
    }

    fn put(&mut self, place: usize, row: Row) -> Vec<String> {
        let Some(known) = self.rows.get_mut(place) else { return Vec::new() };
        if *known == row {
            return Vec::new();
        }
        *known = row;
        let percent = known.percent.map(|percent| format!(", progress: {percent}")).unwrap_or_default();
        let (status, text) = (known.status, value(&known.text));
        vec![format!("listitem: index: {place}, status: {status}{percent}, statustext: {text}")]
    }

    fn shown(&self, item: &ItemStatus) -> Row {
        let (status, sentence) = match &item.state {
            ItemState::Ended(end) => ended(item, end),
            ItemState::Running => ("wait", carrying_out(item.listed.kind)),
            ItemState::Started => ("wait", Sentence::Downloads),
            _ => ("pending", Sentence::Waits),
        };
        let text = say(self.language, sentence).to_owned();
        Row { title: one_line(&item.listed.name), icon: icon(item.listed.kind), status, percent: None, text }
    }

    /// The bar under the list.
    fn bar(&self) -> Vec<String> {
        let (done, all) = self.counts();
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        vec![format!("progress: {percent}"), format!("progresstext: {}", self.progress_text())]
    }

    fn progress_text(&self) -> String {
        let (done, all) = self.counts();
        self.over
            .map_or_else(|| progress(self.language, done, all), |over| say(self.language, over).to_owned())
    }

    fn counts(&self) -> (usize, usize) {
        let over = self.rows.iter().filter(|row| matches!(row.status, "success" | "fail")).count();
        (over, self.rows.len())
    }
}

/// What stands for an item in the list; every macOS that swiftDialog runs on has these symbols.
fn icon(kind: Option<ItemKind>) -> &'static str {
    match kind {
        Some(ItemKind::Package) => "shippingbox",
        Some(ItemKind::App | ItemKind::Title) => "app",
        Some(ItemKind::RootFile | ItemKind::UserFile) => "doc",
        Some(ItemKind::RootScript | ItemKind::UserScript) => "gearshape",
        None => "questionmark.square",
    }
}

fn ended(item: &ItemStatus, end: &ItemEnd) -> (&'static str, Sentence) {
    match end {
        ItemEnd::Skipped(
            SkipReason::Receipt { .. } | SkipReason::Present { .. } | SkipReason::AlreadyDone,
        ) => ("success", Sentence::There),
        ItemEnd::Skipped(_) => ("success", Sentence::Skipped),
        ItemEnd::NotStarted => ("pending", Sentence::Waits),
        _ if item.failure().is_some() => ("fail", Sentence::Failed),
        _ => ("success", Sentence::Done),
    }
}

fn whole(percent: f32) -> u64 {
    (0..=100_u8).rev().find(|whole| f32::from(*whole) <= percent).map_or(0, u64::from)
}

/// Text within a command, where commas and colons part what belongs to what: signs that look the same stand for them.
fn value(text: &str) -> String {
    one_line(text).replace(',', "\u{201a}").replace(':', "\u{2236}").trim().to_owned()
}
