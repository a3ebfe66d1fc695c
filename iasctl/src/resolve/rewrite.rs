//! A control file in which items are replaced and every other byte stays as it is.

use serde_json::{Map, Value, value::RawValue};
use shared::item::{ItemId, Phase};
use std::{collections::BTreeMap, ops::Range};

/// A text under change.
pub(super) struct Rewrite<'a> {
    text: &'a str,
    /// Where each item stands.
    items: BTreeMap<ItemId, Range<usize>>,
    members: BTreeMap<ItemId, Map<String, Value>>,
    replaced: BTreeMap<ItemId, Vec<Value>>,
}

impl<'a> Rewrite<'a> {
    /// Finds the items in the text of a control file that was read without fatal findings.
    pub(super) fn of(text: &'a str) -> Result<Self, String> {
        let plain = text.trim_start_matches('\u{feff}');
        let phases: BTreeMap<String, &RawValue> =
            serde_json::from_str(plain).map_err(|error| error.to_string())?;
        let (mut items, mut members) = (BTreeMap::new(), BTreeMap::new());
        for phase in Phase::ALL {
            let in_any_case = || {
                phases.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(phase.key())).map(|(_, value)| value)
            };
            let Some(value) = phases.get(phase.key()).or_else(in_any_case) else { continue };
            let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else { continue };
            for (index, entry) in (0..).zip(entries) {
                let id = ItemId::new(phase, index);
                // Each is a slice of the text.
                let begin = (entry.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
                items.insert(id, begin..begin + entry.get().len());
                let keys: Map<String, Value> = serde_json::from_str(entry.get()).unwrap_or_default();
                members.insert(
                    id,
                    keys.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect(),
                );
            }
        }
        Ok(Self { text, items, members, replaced: BTreeMap::new() })
    }

    /// The keys of an item, in lower case.
    pub(super) fn members(&self, id: ItemId) -> &Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.members.get(&id).unwrap_or(&NONE)
    }

    /// Puts others in the place of an item.
    pub(super) fn replace(&mut self, id: ItemId, items: &[Value]) {
        self.replaced.insert(id, items.to_vec());
    }

    /// The new text.
    pub(super) fn finish(self) -> String {
        let mut places: Vec<(&Range<usize>, &Vec<Value>)> =
            self.replaced.iter().filter_map(|(id, items)| Some((self.items.get(id)?, items))).collect();
        places.sort_by_key(|(place, _)| place.start);
        let mut new = String::new();
        let mut copied = 0;
        for (place, items) in places {
            new.push_str(self.text.get(copied..place.start).unwrap_or_default());
            new.push_str(&written(items, indent(self.text, place.start)));
            copied = place.end;
        }
        new.push_str(self.text.get(copied..).unwrap_or_default());
        new
    }
}

/// What stands before an item on its line, if that is nothing but space.
fn indent(text: &str, at: usize) -> Option<&str> {
    let line = text.get(..at)?.rsplit_once('\n')?.1;
    line.chars().all(char::is_whitespace).then_some(line)
}

/// Items as they are written among others: each on lines of its own where the one they stand for was.
fn written(items: &[Value], indent: Option<&str>) -> String {
    let Some(indent) = indent else {
        return items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    };
    let pretty = |item: &Value| format!("{item:#}").replace('\n', &format!("\n{indent}"));
    items.iter().map(pretty).collect::<Vec<_>>().join(&format!(",\n{indent}"))
}
