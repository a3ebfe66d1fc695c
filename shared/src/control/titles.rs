//! A control file once its titles are resolved: what comes with a title stands as an item of its own beside it (T42, T44).

use super::{ControlFile, Entry};
use crate::{
    item::{FailPolicy, Item, ItemKind, Wanted, Wish},
    title::{Part, Resolution, Role},
};

impl ControlFile {
    /// Puts what each title requires before it, and its updates after it.
    #[must_use]
    pub fn with_titles(self, titles: &Resolution) -> Self {
        // What stands there already comes anew: the same titles make the same file of it again.
        let expand = |entries: Vec<Entry>| {
            let listed = entries.into_iter().filter(|entry| entry.id().is_listed());
            listed.flat_map(|entry| expanded(entry, titles)).collect()
        };
        Self {
            digest: self.digest,
            preflight: self.preflight,
            setup_assistant: expand(self.setup_assistant),
            userland: expand(self.userland),
        }
    }

    /// The titles it wishes for, in execution order.
    pub fn titles(&self) -> impl Iterator<Item = (&Item, &Wish)> {
        self.entries().filter_map(|entry| match entry {
            Entry::Item(item) if item.id.is_listed() => Some((&**item, item.wish.as_ref()?)),
            Entry::Item(_) | Entry::Ignored(..) | Entry::Malformed(..) => None,
        })
    }
}

fn expanded(entry: Entry, titles: &Resolution) -> Vec<Entry> {
    let Entry::Item(item) = entry else { return vec![entry] };
    if item.kind != ItemKind::Title || !item.id.is_listed() {
        return vec![Entry::Item(item)];
    }
    let parts = titles.parts_of(item.id).map(|part| Entry::Item(Box::new(as_item(part, &item))));
    let parts: Vec<Entry> = parts.collect();
    if parts.is_empty() { vec![Entry::Item(item)] } else { parts }
}

/// A part of `title` as an item. What it requires counts by its being there, so that its own failure ends nothing: the
/// title fails then, and its policy decides. The failure of an update never fails it (T44).
fn as_item(part: &Part, title: &Item) -> Item {
    let file = part.file(&title.file);
    if part.role == Role::Asked {
        return Item { file, ..title.clone() };
    }
    let (name, version) = match &part.outcome {
        Ok(step) => (step.shown.clone(), Wanted::Exactly(step.version.clone())),
        Err(_) => (part.title.clone(), Wanted::Latest),
    };
    let why = match part.role {
        Role::Required => "required by",
        Role::Update | Role::Asked => "update for",
    };
    let wish = title.wish.as_ref().map(|wish| Wish {
        title: part.title.clone(),
        version,
        hash: None,
        reinstall: false,
        ..wish.clone()
    });
    Item {
        id: part.id,
        name: format!("{name} ({why} {})", title.name),
        file,
        always_install: false,
        fail_policy: FailPolicy::Failable,
        wish,
        ..title.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::{Context, read},
        item::{HashCheckPolicy, ItemId, Phase},
        layout::MacPath,
        title::Refusal,
    };

    #[test]
    fn what_comes_with_a_title_stands_beside_it_once() {
        let install_path = MacPath::new("/Library/ias").unwrap();
        let context = Context { install_path, hash_check: HashCheckPolicy::Strict };
        let text = r#"{"userland": [{"type": "title", "title": "A"}, {"type": "title", "title": "B"}]}"#;
        let control = read(text.as_bytes(), "x", &context).control.unwrap();
        let part = |part, title: &str, role| Part {
            id: ItemId { part, ..ItemId::new(Phase::Userland, 0) },
            title: title.to_owned(),
            role,
            needs: Vec::new(),
            outcome: Err(Refusal::Refused("no".to_owned())),
        };
        let parts = vec![part(1, "R", Role::Required), part(0, "A", Role::Asked), part(2, "U", Role::Update)];
        let titles = Resolution { parts, ..Resolution::default() };
        let names = |control: &ControlFile| -> Vec<String> {
            control.entries().map(|entry| entry.listed().name).collect()
        };
        let once = control.with_titles(&titles);
        assert_eq!(names(&once), ["R (required by A)", "A", "U (update for A)", "B"]);
        assert_eq!(once.titles().count(), 2, "the ones the control file lists");
        let twice = once.clone().with_titles(&titles);
        assert_eq!(names(&twice), names(&once));
    }
}
