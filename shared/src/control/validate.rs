//! From the bytes of a control file to its entries and all of its findings (R1–R6, R34).

use super::{
    Context, ControlFile, Entry, Reading,
    entry::{self, Examined},
    fields::{Fields, KeyProblem},
    findings::{self, Findings, Subject},
    keys,
    raw::{Document, Json, Value},
    table,
    word::{self, Problem, quoted},
};
use crate::{
    digest::Digest,
    item::{Item, ItemId, Phase},
};
use std::collections::{BTreeMap, BTreeSet};

/// More items are not executed (R4).
const MOST_ITEMS: usize = 10_000;

/// Reads and checks a whole control file; `file` is its name in the findings.
///
/// Every problem is found, not only the first (R6). Nothing is fetched, and nothing on the Mac is looked at.
#[must_use]
pub fn read(bytes: &[u8], file: &str, context: &Context) -> Reading {
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err((place, broken)) => {
            let mut problem = Problem::error(broken.problem);
            problem.hint = broken.hint;
            let finding = findings::finding(file, place, Subject::default(), problem);
            return Reading { control: None, findings: vec![finding] };
        }
    };
    let mut check = Check {
        findings: Findings::new(&document, file),
        context,
        usable: true,
        items: 0,
        plain_hosts: BTreeSet::new(),
        files: BTreeMap::new(),
    };
    let [preflight, setup_assistant, userland] = check.phases(document.root());
    let control = ControlFile { digest: Digest::of(bytes), preflight, setup_assistant, userland };
    Reading { control: check.usable.then_some(control), findings: check.findings.finish() }
}

/// A control file under examination.
struct Check<'f, 'a> {
    findings: Findings<'a>,
    context: &'f Context,
    /// `false` once something fatal was found.
    usable: bool,
    items: usize,
    plain_hosts: BTreeSet<String>,
    /// The items for each `file` that differ in what they want there, and where they say so.
    files: BTreeMap<String, Vec<(Item, usize)>>,
}

impl<'a> Check<'_, 'a> {
    fn phases(&mut self, root: Value<'a>) -> [Vec<Entry>; 3] {
        let members = match root.open() {
            Json::Object(members) => members,
            other => {
                let problem = word::unexpected("an object with the phases", &other);
                self.fatal(self.findings.offset(root), Subject::default(), problem);
                return Default::default();
            }
        };
        let (fields, problems) =
            Fields::sort(members, &table::DOCUMENT, &self.findings, keys::stranger_in_document);
        for KeyProblem { offset, key, problem } in problems {
            self.findings.add(offset, Subject::key(key), problem);
        }
        Phase::ALL.map(|phase| self.phase(phase, &fields))
    }

    fn phase(&mut self, phase: Phase, fields: &Fields<'a>) -> Vec<Entry> {
        let elements = match fields.get(phase.key()) {
            None => return Vec::new(),
            Some((_, Json::Array(elements))) => elements,
            Some((value, other)) => {
                let problem = word::unexpected("an array of items", &other);
                self.fatal(self.findings.offset(value), Subject::key(phase.key()), problem);
                return Vec::new();
            }
        };
        let room = MOST_ITEMS.saturating_sub(self.items);
        self.items += elements.len();
        if let Some(first_too_many) = elements.get(room) {
            let problem = Problem::error(format!("there are more than {MOST_ITEMS} items"));
            self.fatal(self.findings.offset(*first_too_many), Subject::key(phase.key()), problem);
        }
        let ids = (0..).map(|index| ItemId::new(phase, index));
        ids.zip(elements.into_iter().take(room)).map(|(id, value)| self.entry(id, value)).collect()
    }

    fn entry(&mut self, id: ItemId, value: Value<'a>) -> Entry {
        let Examined { entry, file_at } =
            entry::examine(value, id, &mut self.findings, self.context, &mut self.plain_hosts);
        let Entry::Item(item) = &entry else { return entry };
        // The Mac's file system does not tell letter case apart.
        let file = item.file.as_str().to_lowercase();
        let earlier = self.files.entry(file).or_default();
        let contradiction =
            earlier.iter().find_map(|(first, at)| difference(first, item).map(|key| (first, at, key)));
        let Some((first, first_at, difference)) = contradiction else {
            if !earlier.iter().any(|(first, _)| same_content(first, item)) {
                earlier.push((Item::clone(item), file_at));
            }
            return entry;
        };
        let place = self.findings.place(*first_at);
        let text = format!(
            "{} {} at {}:{} has the same file and a different {difference}",
            first.id,
            quoted(&first.name),
            place.line,
            place.column
        );
        let subject = Subject { item: Some(id), name: Some(item.name.clone()), key: Some("file".to_owned()) };
        let problem = Problem::error(text.clone()).hint("give each its own file");
        self.findings.add(file_at, subject, problem);
        Entry::Malformed(entry.listed(), format!("file: {text}"))
    }

    fn fatal(&mut self, offset: usize, subject: Subject, problem: Problem) {
        self.usable = false;
        self.findings.add(offset, subject, problem);
    }
}

/// The key by which two items with the same `file` contradict each other (R34). A key that one of them leaves out
/// does not, and items that no Mac runs both of cannot meet.
fn difference(first: &Item, second: &Item) -> Option<&'static str> {
    let skipped_by_the_second = |here| second.skip_if.iter().any(|there| there != here);
    if first.skip_if.iter().any(skipped_by_the_second) {
        return None;
    }
    if let (Some(a), Some(b)) = (&first.source, &second.source) {
        if a.url != b.url {
            return Some("url");
        }
        // Two downloads into one file would each replace what the other has checked.
        if !first.kind.shares_a_file_with(second.kind) {
            return Some("type");
        }
    }
    match (first.hash, second.hash) {
        (Some(a), Some(b)) if a != b => Some("hash"),
        _ => None,
    }
}

fn same_content(first: &Item, second: &Item) -> bool {
    first.skip_if == second.skip_if
        && first.hash == second.hash
        && first.source.as_ref().map(|source| &source.url) == second.source.as_ref().map(|source| &source.url)
}
