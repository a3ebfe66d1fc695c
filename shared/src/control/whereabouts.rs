//! Where the keys of a control file's items stand, for findings that are made later than on reading it.

use super::raw::{Document, Json, Member};
use crate::item::{ItemId, Phase};
use std::collections::BTreeMap;

/// The place of each item and of its keys.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts(BTreeMap<(ItemId, String), (usize, usize)>);

impl Whereabouts {
    /// Those of the control file that is `bytes`; none where it cannot be read.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut places = Self::default();
        let Ok(document) = Document::parse(bytes) else { return places };
        let Json::Object(phases) = document.root().open() else { return places };
        for Member { key, value, .. } in phases {
            let Some(phase) = Phase::ALL.into_iter().find(|phase| phase.key().eq_ignore_ascii_case(&key))
            else {
                continue;
            };
            let Json::Array(items) = value.open() else { continue };
            for (index, item) in (0..).zip(items) {
                let id = ItemId::new(phase, index);
                places.note((id, String::new()), &document, item);
                let Json::Object(members) = item.open() else { continue };
                for member in members {
                    places.note((id, member.key.to_ascii_lowercase()), &document, member.value);
                }
            }
        }
        places
    }

    fn note(&mut self, what: (ItemId, String), document: &Document<'_>, value: super::raw::Value<'_>) {
        let place = document.place(document.offset(value));
        self.0.insert(what, (place.line, place.column));
    }

    /// Line and column, from 1, of the value of `key` in an item; of the item where it has no such key, and the beginning
    /// of the file where there is no such item.
    #[must_use]
    pub fn at(&self, item: ItemId, key: &str) -> (usize, usize) {
        let of = |key: &str| self.0.get(&(item, key.to_ascii_lowercase())).copied();
        of(key).or_else(|| of("")).unwrap_or((1, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_place_of_their_value_and_missing_ones_that_of_their_item() {
        let text = "{\n \"userland\": [\n  {\"name\": \"é\", \"URL\": \"https://x.example\"},\n  7\n ]\n}";
        let places = Whereabouts::of(text.as_bytes());
        let id = |index| ItemId::new(Phase::Userland, index);
        assert_eq!(places.at(id(0), "url"), (3, 24));
        assert_eq!(places.at(id(0), "hash"), (3, 3));
        assert_eq!(places.at(id(1), "url"), (4, 3));
        assert_eq!(places.at(id(2), "url"), (1, 1));
        assert_eq!(Whereabouts::of(b"{").at(id(0), "url"), (1, 1));
    }
}
