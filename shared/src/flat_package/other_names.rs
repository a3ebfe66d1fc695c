//! Recognises further names of a file in a cpio archive (hard links), in bounded memory.
//!
//! A file may announce more names than the archive has, so nobody says when one can be forgotten. What has no content yet
//! never is: its content comes with a later name. Of the others, those that have waited longest go when there are too many.
//! A later name that brings the content along is then a file of its own, which is right but for the link; one that does not is
//! refused, because it would become an empty file.

use super::cpio::CpioEntry;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
};

/// Files that are known with their names.
const MOST_KNOWN: usize = 65_536;
/// Files of which only that is known that they were there.
const MOST_FORGOTTEN: usize = 1 << 20;

type Inode = (u64, u64);

/// Files that have more names than have come.
#[derive(Default)]
pub(super) struct OtherNames {
    known: HashMap<Inode, Known>,
    /// Those of `known` whose content has come, in that order; some are gone already.
    complete: VecDeque<(Inode, u64)>,
    /// By what is the same in all names of a file.
    forgotten: HashSet<u64>,
    /// How many there were.
    count: u64,
}

/// The first name of a file that has more.
struct Known {
    entry: CpioEntry,
    names_to_come: u32,
    /// Tells it from an earlier file with the same inode number.
    number: u64,
}

impl OtherNames {
    /// The first name of the file that `entry`, which has several, is another name of.
    ///
    /// # Errors
    /// There are too many such files, or its content came too long ago.
    pub(super) fn first(&mut self, entry: &CpioEntry, inode: Inode) -> Result<Option<PathBuf>, String> {
        if let Some(known) = self.known.get_mut(&inode)
            && is_same_file(&known.entry, entry)
        {
            let first = known.entry.path.clone();
            let completes = known.entry.size == 0 && entry.size > 0;
            known.entry.size = known.entry.size.max(entry.size);
            known.names_to_come = known.names_to_come.saturating_sub(1);
            if known.names_to_come == 0 {
                self.known.remove(&inode);
            } else if completes {
                self.complete.push_back((inode, known.number));
            }
            return Ok(Some(first));
        }
        if entry.size == 0 && self.forgotten.contains(&identity(entry, inode)) {
            return Err(
                "another name of a file that came too long ago; there are too many with several names"
                    .to_owned(),
            );
        }
        self.make_room()?;
        self.count += 1;
        if entry.size > 0 {
            self.complete.push_back((inode, self.count));
        }
        let known = Known { entry: entry.clone(), names_to_come: entry.links - 1, number: self.count };
        match self.known.insert(inode, known) {
            // Its number is used again.
            Some(replaced) if replaced.entry.size > 0 => self.forget(&replaced, inode).map(|()| None),
            _ => Ok(None),
        }
    }

    fn make_room(&mut self) -> Result<(), String> {
        if self.complete.len() >= 2 * MOST_KNOWN {
            let known = &self.known;
            self.complete.retain(|(inode, number)| is_known(known, inode, *number));
        }
        while self.known.len() >= MOST_KNOWN {
            let Some((inode, number)) = self.complete.pop_front() else {
                return Err(format!("more than {MOST_KNOWN} files with several names and without content"));
            };
            if is_known(&self.known, &inode, number)
                && let Some(known) = self.known.remove(&inode)
            {
                self.forget(&known, inode)?;
            }
        }
        Ok(())
    }

    fn forget(&mut self, known: &Known, inode: Inode) -> Result<(), String> {
        if self.forgotten.len() >= MOST_FORGOTTEN {
            return Err(format!("more than {MOST_FORGOTTEN} files with several names"));
        }
        self.forgotten.insert(identity(&known.entry, inode));
        Ok(())
    }
}

fn is_known(known: &HashMap<Inode, Known>, inode: &Inode, number: u64) -> bool {
    known.get(inode).is_some_and(|known| known.number == number)
}

/// Inode numbers of odc have 18 bits and are used again in large archives, so they alone prove nothing.
fn is_same_file(one: &CpioEntry, other: &CpioEntry) -> bool {
    let same_content = one.size == 0 || other.size == 0 || one.size == other.size;
    same_content && attributes(one) == attributes(other)
}

fn attributes(entry: &CpioEntry) -> (u32, u32, u32, u64, u32) {
    (entry.mode, entry.uid, entry.gid, entry.mtime, entry.links)
}

/// What all names of a file have in common, in eight bytes. Two files may have the same: then a name is refused in vain.
fn identity(entry: &CpioEntry, inode: Inode) -> u64 {
    let mut hasher = DefaultHasher::new();
    (inode, attributes(entry)).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat_package::cpio::Kind;

    fn name(path: &str, size: u64) -> CpioEntry {
        CpioEntry {
            path: path.into(),
            kind: Kind::File,
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            mtime: 0,
            size,
            links: 3,
            link_to: None,
        }
    }

    /// `names`, after so many files of one name each, with content, as they come from a store of hard links.
    fn after(names: &mut OtherNames, files: u64) {
        for number in 0..files {
            assert_eq!(names.first(&name("./many", 1), (1, number)), Ok(None));
        }
    }

    #[test]
    fn p40_a_package_may_have_any_number_of_files_whose_other_names_are_elsewhere() {
        let mut names = OtherNames::default();
        after(&mut names, 4 * MOST_KNOWN as u64);
        assert!(names.known.len() <= MOST_KNOWN && names.complete.len() <= 2 * MOST_KNOWN);
    }

    #[test]
    fn p40_what_is_forgotten_is_a_file_of_its_own_or_refused_but_never_empty() {
        let (mut names, first) = (OtherNames::default(), (2, 7));
        assert_eq!(names.first(&name("./1", 4), first), Ok(None));
        after(&mut names, MOST_KNOWN as u64);
        assert!(names.first(&name("./2", 0), first).unwrap_err().contains("too long ago"));
        assert_eq!(names.first(&name("./3", 4), first), Ok(None), "it has its content with it");
        assert_eq!(names.first(&name("./4", 0), first), Ok(Some("./3".into())));
    }

    #[test]
    fn p40_what_waits_for_its_content_is_not_forgotten() {
        let (mut names, waiting) = (OtherNames::default(), (2, 7));
        assert_eq!(names.first(&name("./1", 0), waiting), Ok(None));
        after(&mut names, 2 * MOST_KNOWN as u64);
        assert_eq!(names.first(&name("./2", 4), waiting), Ok(Some("./1".into())));
        after(&mut names, 2 * MOST_KNOWN as u64);
        assert!(names.first(&name("./3", 0), waiting).is_err(), "now it has its content");

        let mut names = OtherNames::default();
        let many = (0..=MOST_KNOWN as u64).map(|number| names.first(&name("./empty", 0), (1, number)));
        let ends: Vec<_> = many.filter_map(Result::err).collect();
        assert_eq!(ends.len(), 1, "that has an end: {ends:?}");
    }

    #[test]
    fn files_that_are_complete_leave_nothing_behind() {
        let mut names = OtherNames::default();
        for number in 0..4 * MOST_KNOWN as u64 {
            for _ in 0..3 {
                names.first(&name("./x", 1), (1, number)).unwrap();
            }
        }
        assert!(names.known.is_empty() && names.forgotten.is_empty());
        assert!(names.complete.len() <= 2 * MOST_KNOWN);
    }
}
