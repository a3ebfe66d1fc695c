//! Walks a volume from one of its items on, folders before what is in them.

use super::decmpfs;
use super::disk::{ForkReader, Part};
use super::volume::{About, Child, FileSystem, Which};
use crate::walk::{Entry, Kind, Walk, WalkError};
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

/// macOS allows no longer path.
const LONGEST_PATH: usize = 4096;

/// Files with several names whose first is remembered.
const MOST_LINKED: usize = 65_536;

/// Items of one folder and of all folders on the way to the item a walk begins at.
const MOST_ITEMS: u64 = 2_000_000;

/// A walk in progress.
pub(super) struct VolumeWalk<'a, F: FileSystem> {
    disk: Part<'a>,
    system: F,
    /// The item it begins at, until that was given.
    first: Option<(PathBuf, About, Option<F::Item>)>,
    /// The folders it is in.
    folders: Vec<Folder<F::Cursor>>,
    current: Option<(About, F::Item)>,
    /// Folders that were met: one that holds itself has no end.
    met: HashSet<u64>,
    linked: HashMap<u64, PathBuf>,
}

/// An item, and its path.
type Placed<I> = (PathBuf, Child<I>);

struct Folder<C> {
    id: u64,
    path: PathBuf,
    cursor: C,
}

impl<'a, F: FileSystem> VolumeWalk<'a, F> {
    /// Begins at `from`, whose own path is empty; `None`: it is not there.
    pub(super) fn new(mut disk: Part<'a>, mut system: F, from: &Path) -> Result<Option<Self>, WalkError> {
        let mut folder = system.root();
        let mut first = (PathBuf::new(), root(folder), None);
        for name in from.components() {
            let Component::Normal(name) = name else { continue };
            if kind_bits(&first.1) != FOLDER {
                return Ok(None);
            }
            let Some(child) = find(&mut disk, &mut system, folder, name)? else { return Ok(None) };
            folder = child.about.id;
            first = (PathBuf::new(), child.about, Some(child.item));
        }
        let (folders, met, linked) = (Vec::new(), HashSet::new(), HashMap::new());
        Ok(Some(Self { disk, system, first: Some(first), folders, current: None, met, linked }))
    }

    fn next_child(&mut self) -> Result<Option<Placed<F::Item>>, WalkError> {
        while let Some(folder) = self.folders.last_mut() {
            match self.system.next_child(&mut self.disk, folder.id, &mut folder.cursor)? {
                Some(child) => return Ok(Some((folder.path.join(&child.name), child))),
                None => drop(self.folders.pop()),
            }
        }
        Ok(None)
    }

    fn enter(&mut self, path: &Path, id: u64) -> Result<(), WalkError> {
        if !self.met.insert(id) {
            return Err(WalkError::damage(format!(
                "the folder {} is in itself, or twice there",
                path.display()
            )));
        }
        self.folders.push(Folder { id, path: path.to_owned(), cursor: F::Cursor::default() });
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, about: &About, item: Option<&F::Item>) -> Result<Entry, WalkError> {
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(WalkError::damage(format!("a path has more than {LONGEST_PATH} bytes")));
        }
        let kind = match kind_bits(about) {
            FOLDER => {
                self.enter(&path, about.id)?;
                Kind::Directory
            }
            0o100_000 => Kind::File,
            0o120_000 => Kind::Symlink { target: self.target(&path, about, item)? },
            _ => Kind::Special,
        };
        let is_file = kind == Kind::File;
        let link_to = if is_file && about.links > 1 { self.first_name(&path, about.id)? } else { None };
        Ok(Entry {
            path,
            mode: about.mode,
            uid: about.uid,
            gid: about.gid,
            mtime: about.mtime,
            size: if is_file { about.size } else { 0 },
            links: about.links,
            kind,
            link_to,
        })
    }

    /// The first name of a file with several; `None`: this is it.
    fn first_name(&mut self, path: &Path, id: u64) -> Result<Option<PathBuf>, WalkError> {
        if let Some(first) = self.linked.get(&id) {
            return Ok(Some(first.clone()));
        }
        if self.linked.len() >= MOST_LINKED {
            return Err(WalkError::damage(format!("more than {MOST_LINKED} files with several names")));
        }
        self.linked.insert(id, path.to_owned());
        Ok(None)
    }

    fn target(&mut self, path: &Path, about: &About, item: Option<&F::Item>) -> Result<PathBuf, WalkError> {
        let mut target = match (&about.target, item) {
            (Some(target), _) => target.clone(),
            (None, Some(item)) if about.size <= LONGEST_PATH as u64 => {
                let mut target = Vec::new();
                let read = open(&mut self.disk, &mut self.system, about, item)?.read_to_end(&mut target);
                let failed =
                    |error| WalkError::failed(format!("the link {} cannot be read", path.display()), error);
                read.map_err(failed)?;
                target
            }
            _ => Vec::new(),
        };
        target.truncate(target.iter().position(|byte| *byte == 0).unwrap_or(target.len()));
        if target.is_empty() || target.len() > LONGEST_PATH {
            return Err(WalkError::damage(format!("the link {} leads to no path", path.display())));
        }
        Ok(PathBuf::from(OsString::from_vec(target)))
    }
}

impl<F: FileSystem> Walk for VolumeWalk<'_, F> {
    fn next_entry(&mut self) -> Result<Option<Entry>, WalkError> {
        self.current = None;
        if let Some((path, about, item)) = self.first.take() {
            let entry = self.entry(path, &about, item.as_ref())?;
            self.current = item.map(|item| (about, item));
            return Ok(Some(entry));
        }
        let Some((path, child)) = self.next_child()? else { return Ok(None) };
        let entry = self.entry(path, &child.about, Some(&child.item))?;
        self.current = Some((child.about, child.item));
        Ok(Some(entry))
    }

    fn body(&mut self) -> Box<dyn Read + '_> {
        match &self.current {
            Some((about, item)) if kind_bits(about) == 0o100_000 => {
                open(&mut self.disk, &mut self.system, about, item)
                    .unwrap_or_else(|error| Box::new(Broken(Some(error.into()))))
            }
            _ => Box::new(io::empty()),
        }
    }
}

const FOLDER: u32 = 0o040_000;

fn kind_bits(about: &About) -> u32 {
    about.mode & 0o170_000
}

/// The root folder, whose own record nobody needs.
fn root(id: u64) -> About {
    let (uid, gid, mtime, links, size) = (0, 0, 0, 1, 0);
    About { id, mode: FOLDER | 0o755, uid, gid, mtime, links, size, compressed: None, target: None }
}

/// What is called `name` in a folder: exactly, or else but for the case of ASCII letters where that does not count.
fn find<F: FileSystem>(
    disk: &mut Part<'_>,
    system: &mut F,
    folder: u64,
    name: &OsStr,
) -> Result<Option<Child<F::Item>>, WalkError> {
    let (mut cursor, mut similar) = (F::Cursor::default(), None);
    for _ in 0..MOST_ITEMS {
        let Some(child) = system.next_child(disk, folder, &mut cursor)? else { return Ok(similar) };
        if child.name == name {
            return Ok(Some(child));
        }
        if system.ignores_case() && child.name.as_bytes().eq_ignore_ascii_case(name.as_bytes()) {
            similar = Some(child);
        }
    }
    Err(WalkError::damage(format!("a folder has more than {MOST_ITEMS} items")))
}

/// The content of a file or link: as many bytes as it has, or an error.
fn open<'d, F: FileSystem>(
    disk: &'d mut Part<'_>,
    system: &mut F,
    about: &About,
    item: &F::Item,
) -> Result<Box<dyn Read + 'd>, WalkError> {
    let content: Box<dyn Read + 'd> = match &about.compressed {
        Some(attribute) => {
            decmpfs::content(attribute, disk, |disk| system.fork(disk, item, Which::Resource))?
        }
        None => {
            let fork = system.fork(disk, item, Which::Data)?;
            Box::new(ForkReader { disk, fork, at: 0 })
        }
    };
    Ok(Box::new(Exact { content, left: about.size }))
}

/// Content that must have as many bytes as was said.
struct Exact<'a> {
    content: Box<dyn Read + 'a>,
    left: u64,
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.content.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 && wanted > 0 {
            let text = format!("a file ends {} bytes early", self.left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Content that could not be opened: its first read says why.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::Error::other("reading it failed before")))
    }
}
