//! Collects problems while a control file is checked, and hands them over in file order with their places (R6, R16).

use super::{
    Finding, Severity,
    place::Place,
    raw::{Document, Value},
    word::Problem,
};
use crate::item::ItemId;

/// Nobody reads through more than this.
const MOST_FINDINGS: usize = 10_000;

/// What a problem is about: nothing set means the file as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    pub(super) item: Option<ItemId>,
    pub(super) name: Option<String>,
    pub(super) key: Option<String>,
}

impl Subject {
    /// A key outside of any item.
    pub(super) fn key(key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }
}

/// Problems, each at a byte offset of the document.
pub(super) struct Findings<'a> {
    document: &'a Document<'a>,
    file: &'a str,
    list: Vec<(usize, Finding)>,
    dropped: Option<Severity>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(document: &'a Document<'a>, file: &'a str) -> Self {
        Self { document, file, list: Vec::new(), dropped: None }
    }

    /// Where a value begins.
    pub(super) fn offset(&self, value: Value<'a>) -> usize {
        self.document.offset(value)
    }

    /// The line and column of an offset.
    pub(super) fn place(&self, offset: usize) -> Place {
        self.document.place(offset)
    }

    /// Whether further problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MOST_FINDINGS
    }

    /// Takes one more problem.
    pub(super) fn add(&mut self, offset: usize, subject: Subject, problem: Problem) {
        if self.is_full() {
            self.dropped = self.dropped.max(Some(problem.severity));
        } else {
            let finding = finding(self.file, self.place(offset), subject, problem);
            self.list.push((offset, finding));
        }
    }

    /// All of them, in file order.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|(offset, _)| *offset);
        let mut all: Vec<Finding> = self.list.into_iter().map(|(_, finding)| finding).collect();
        if let (Some(severity), Some(last)) = (self.dropped, all.last()) {
            let place = Place { line: last.line, column: last.column };
            let text = format!("there are more problems than the {MOST_FINDINGS} listed before");
            all.push(finding(self.file, place, Subject::default(), Problem { severity, text, hint: None }));
        }
        all
    }
}

/// A problem with its place in a file.
pub(super) fn finding(file: &str, place: Place, subject: Subject, problem: Problem) -> Finding {
    Finding {
        severity: problem.severity,
        file: file.to_owned(),
        line: place.line,
        column: place.column,
        item: subject.item,
        name: subject.name,
        key: subject.key,
        problem: problem.text,
        hint: problem.hint,
    }
}
