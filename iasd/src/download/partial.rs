//! A download that is not whole yet: its bytes, and beside them a note of what they are the beginning of (R114, R125).
//!
//! Both lie in the private work folder under a name of their own. The note is written before the first byte;
//! without a readable one the bytes count for nothing. Neither needs a flush: a resumed file is digested as a whole.
//!
//! Content that is short is held in memory until it is whole, or until it is cut off: a power cut loses less of it than
//! asking for the rest would cost.

mod intake;

pub(crate) use intake::{Intake, SharedFile};

use super::{
    fetch::{Head, Resume},
    file::{Opened, create_anew, create_new, remove},
    folder::{Folder, StoreError, kind, stat},
    pieces::read_pieces,
    place::Place,
    store::{Content, Store},
};
use rustix::{
    fd::AsFd as _,
    fs::{FileType, Mode, OFlags},
};
use serde::{Deserialize, Serialize};
use shared::{
    digest::{Digest, Digester},
    item::{Item, Source},
    layout::MacPath,
};
use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    sync::Arc,
};
use url::Url;

/// A note longer than this is not ours.
const LONGEST_NOTE: u64 = 64 * 1024;

/// The longest content that is held in memory.
const SHORT: u64 = 64 * 1024;

/// What the bytes are the beginning of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    length: Option<u64>,
    /// What lies behind may have gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_order: Option<u64>,
}

impl Note {
    /// What an answer with the whole content says about what was asked for under `url`.
    pub(crate) fn new(url: &Url, head: &Head) -> Self {
        Self {
            url: url.to_string(),
            etag: head.etag.clone(),
            last_modified: head.last_modified.clone(),
            length: head.length,
            in_order: None,
        }
    }

    /// What proves that the server still has the same content: a strong ETag, else a date, else nothing (P14).
    ///
    /// A date has seconds only, so it is enough only where a `hash` is `compared` in the end.
    fn validator(&self, compared: bool) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| etag.starts_with('"'));
        strong.or(self.last_modified.as_deref().filter(|_| compared))
    }
}

/// The name under which the parts of one content lie in the work folder: no two downloads of a run have the same (R34).
pub(crate) fn key(item: &Item, source: &Source) -> String {
    let hash = item.hash.map(|hash| hash.to_string()).unwrap_or_default();
    let what = format!("{}\0{}\0{}\0{hash}", source.url, item.file, item.kind);
    let mut text = Digest::of(what.as_bytes()).to_string();
    text.truncate(32);
    text
}

/// A file being received.
#[derive(Debug)]
pub(crate) struct Partial {
    work: Arc<Folder>,
    key: String,
    path: MacPath,
    held: Held,
    have: u64,
    note: Note,
    store: Store,
}

/// Where the bytes are.
#[derive(Debug)]
enum Held {
    Memory(Vec<u8>),
    Disk(File),
}

impl Partial {
    /// What an earlier attempt left under `key`, if it came from one of `addresses` and can be gone on with.
    ///
    /// # Errors
    /// When the work folder cannot be used.
    pub(crate) fn left_over(store: &Store, key: &str, addresses: &[Url]) -> Result<Option<Self>, StoreError> {
        let work = store.work()?;
        let path = store.in_work(&part_name(key));
        let Some(file) = open_own(&work, &part_name(key), &path, store.owner()) else { return Ok(None) };
        let Some(note) = read_note(&work, key, &path, store.owner()) else { return Ok(None) };
        let there = stat(file.as_fd(), &path)?.st_size.try_into().unwrap_or(0);
        let have = note.in_order.map_or(there, |in_order| in_order.min(there));
        if have < there {
            file.set_len(have).map_err(|error| StoreError::io("cut off", &path, error))?;
        }
        let known = addresses.iter().any(|url| note.url == url.as_str());
        let fits = known && note.length.is_none_or(|length| have <= length);
        let store = store.clone();
        let held = Held::Disk(file);
        Ok((fits && have > 0).then(|| Self { work, key: key.to_owned(), path, held, have, note, store }))
    }

    /// A new, empty one for the content that `note` speaks of; replaces what is there.
    ///
    /// # Errors
    /// When the work folder cannot be used or has no room for `length` (R117).
    pub(crate) fn new(store: &Store, key: &str, note: Note) -> Result<Self, StoreError> {
        let work = store.work()?;
        let path = store.in_work(&part_name(key));
        remove(&work, &note_name(key), &path)?;
        let held = Held::Memory(Vec::new());
        let mut partial = Self { work, key: key.to_owned(), path, held, have: 0, note, store: store.clone() };
        match partial.note.length {
            Some(length) if length <= SHORT => return Ok(partial),
            Some(length) => store.reserve(&partial.work, 0, Some(length))?,
            None => {}
        }
        partial.write_down()?;
        Ok(partial)
    }

    /// From now on the bytes are on the disk, with their note.
    fn write_down(&mut self) -> Result<(), StoreError> {
        let Held::Memory(bytes) = &self.held else { return Ok(()) };
        let path = &self.path;
        remove(&self.work, &part_name(&self.key), path)?;
        let mut file = create_new(&self.work, &part_name(&self.key), path)?;
        let text = serde_json::to_vec(&self.note).map_err(|error| StoreError::io("describe", path, error))?;
        create_anew(&self.work, &note_name(&self.key), path)?
            .write_all(&text)
            .and_then(|()| file.write_all(bytes))
            .map_err(|error| StoreError::write("describe", path, error))?;
        self.held = Held::Disk(file);
        Ok(())
    }

    /// How many bytes are there.
    pub(crate) fn have(&self) -> u64 {
        self.have
    }

    /// The length of the whole, as far as the server said.
    pub(crate) fn length(&self) -> Option<u64> {
        self.note.length
    }

    /// How to ask `url` for the rest; `None` when that would not be safe, or nothing is missing.
    ///
    /// Another server than the one that gave the beginning knows nothing of its validators. There the length of the
    /// whole has to agree, and a `hash` has to decide in the end.
    pub(crate) fn resume(&self, compared: bool, url: &Url) -> Option<Resume> {
        let validator = match self.note.validator(compared) {
            _ if self.note.url != url.as_str() => (compared && self.note.length.is_some()).then_some(None)?,
            validator => Some(validator?.to_owned()),
        };
        (self.have > 0 && self.note.length != Some(self.have)).then_some(Resume {
            from: self.have,
            until: None,
            validator,
        })
    }

    /// What proves to `url` that parts are of the same content, where that is good enough to put it together from parts.
    pub(crate) fn divisible_by(&self, compared: bool, url: &Url) -> Option<String> {
        let own = compared && self.note.url == url.as_str();
        let validator = self.note.validator(compared).filter(|_| own)?;
        matches!(self.held, Held::Disk(_)).then(|| validator.to_owned())
    }

    /// Writes down that only so much of the file is in order; `None`: all of it. Whoever finds it later relies on that.
    fn mark(&mut self, in_order: Option<u64>) -> Result<(), StoreError> {
        if self.note.in_order == in_order {
            return Ok(());
        }
        self.note.in_order = in_order;
        let (name, path) = (next_note_name(&self.key), &self.path);
        let text = serde_json::to_vec(&self.note).map_err(|error| StoreError::io("describe", path, error))?;
        let written = create_anew(&self.work, &name, path)?.write_all(&text);
        written.map_err(|error| StoreError::write("describe", path, error))?;
        rustix::fs::renameat(&*self.work, name, &*self.work, note_name(&self.key))
            .map_err(|errno| StoreError::io("describe", path, errno))
    }

    /// Whether all bytes are there already.
    pub(crate) fn is_whole(&self) -> bool {
        self.note.length == Some(self.have)
    }

    /// Whether a later attempt can go on with it, or with what other servers give; `compared`: whether a `hash` decides.
    pub(crate) fn is_of_use(&self, compared: bool) -> bool {
        let fits = self.note.length.is_none_or(|length| self.have <= length);
        self.have > 0 && fits && (self.may_go_on(compared) || self.is_whole())
    }

    /// Whether enough is known of the content to ask for its rest later.
    pub(crate) fn may_go_on(&self, compared: bool) -> bool {
        self.note.validator(compared).is_some() || (compared && self.note.length.is_some())
    }

    /// Begins to take what comes: digests what is there already, so that the digest covers the whole file (R125).
    ///
    /// # Errors
    /// When the disk refuses, or has no room for the rest (R117).
    pub(crate) fn begin(mut self, store: &Store) -> Result<Intake, StoreError> {
        if self.have > 0 && !self.is_whole() {
            store.reserve(&self.work, self.have, self.note.length)?;
        }
        let mut digester = Digester::default();
        match &mut self.held {
            Held::Memory(bytes) => digester.update(bytes),
            Held::Disk(_) if self.have == 0 => {}
            Held::Disk(file) => {
                let read = file.rewind().and_then(|()| {
                    read_pieces(file, |piece| {
                        digester.update(piece);
                        Ok(())
                    })
                });
                self.have = read.map_err(|error| StoreError::io("read", &self.path, error))?;
            }
        }
        Ok(Intake::new(self, digester))
    }

    /// Puts the whole file in place.
    ///
    /// # Errors
    /// As [`Store::place`].
    pub(crate) fn place(
        mut self,
        store: &Store,
        content: Content,
        place: &Place,
    ) -> Result<Opened, StoreError> {
        match self.take() {
            Held::Memory(bytes) if !place.flush && place.path.parent().as_ref() == Some(self.work.path()) => {
                store.write_aside(&self.work, &bytes, place)
            }
            Held::Memory(bytes) => {
                store.takes_more(&self.path)?;
                let mut file = create_anew(&self.work, &part_name(&self.key), &self.path)?;
                file.write_all(&bytes).map_err(|error| StoreError::write("write", &self.path, error))?;
                store.place((&self.work, &part_name(&self.key), file), content, place)
            }
            Held::Disk(file) => {
                let placed = store.place((&self.work, &part_name(&self.key), file), content, place)?;
                remove(&self.work, &note_name(&self.key), &self.path)?;
                Ok(placed)
            }
        }
    }

    /// What it holds; nothing is left.
    fn take(&mut self) -> Held {
        std::mem::replace(&mut self.held, Held::Memory(Vec::new()))
    }

    /// Throws it away.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn discard(mut self) -> Result<(), StoreError> {
        if let Held::Memory(_) = self.take() {
            return Ok(());
        }
        remove_all(&self.work, &self.key, &self.path)
    }
}

impl Drop for Partial {
    /// A transfer that ended, or was cancelled, leaves what came to a later one, if that can be (R92).
    fn drop(&mut self) {
        if matches!(&self.held, Held::Memory(bytes) if !bytes.is_empty()) {
            // Nobody is left to be told; what is not there is asked for again.
            let _ = self.write_down();
        }
    }
}

/// Removes what lies there under `key`, if anything does.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn forget(store: &Store, key: &str) -> Result<(), StoreError> {
    let work = store.work()?;
    let path = store.in_work(&part_name(key));
    remove_all(&work, key, &path)
}

fn remove_all(work: &Folder, key: &str, path: &MacPath) -> Result<(), StoreError> {
    let names = [next_note_name(key), note_name(key), part_name(key)];
    names.iter().try_for_each(|name| remove(work, name, path))
}

fn part_name(key: &str) -> String {
    format!("{key}.part")
}

fn note_name(key: &str) -> String {
    format!("{key}.json")
}

/// A note that takes the place of another; a power cut may leave it.
fn next_note_name(key: &str) -> String {
    format!("{}.new", note_name(key))
}

/// Opens a file that we made; anything else is as good as absent.
fn open_own(work: &Folder, name: &str, path: &MacPath, owner: u32) -> Option<File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::openat(work, name, flags, Mode::empty()).ok()?);
    let stat = stat(file.as_fd(), path).ok()?;
    let ours = kind(&stat) == FileType::RegularFile && stat.st_nlink == 1 && stat.st_uid == owner;
    (ours && stat.st_mode & 0o077 == 0).then_some(file)
}

fn read_note(work: &Folder, key: &str, path: &MacPath, owner: u32) -> Option<Note> {
    let mut text = Vec::new();
    open_own(work, &note_name(key), path, owner)?.take(LONGEST_NOTE).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}
