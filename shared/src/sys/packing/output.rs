//! The file a package is written to: it gets its name when it is complete.

use crate::flat_package::write::WriteError;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Why no package was made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file or folder to be packed cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The package's description is not what it should be.
    #[error("{} does not describe a package", .path.display())]
    Description {
        /// The description.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// It could not be packed.
    #[error("cannot make {}", .path.display())]
    Pack {
        /// The package.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// The package cannot be written where it should be.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The package.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A package being written beside its place; it disappears unless published.
#[derive(Debug)]
pub struct Draft {
    place: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
}

impl Draft {
    /// Begins a draft of `place`.
    ///
    /// # Errors
    /// When no file can be made in its folder.
    pub fn beside(place: &Path) -> Result<Self, PackError> {
        let beside = neighbour(place, "draft");
        match open_new(&beside) {
            Ok(file) => Ok(Self { place: place.to_owned(), beside, file: BufWriter::new(file) }),
            Err(source) => Err(PackError::Write { path: place.to_owned(), source }),
        }
    }

    /// The draft's content.
    pub fn file(&mut self) -> &mut dyn Write {
        &mut self.file
    }

    /// A file without a name, on the same disk, that goes away when it is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<File, PackError> {
        let path = neighbour(&self.place, "heap");
        let nameless = open_new(&path).and_then(|file| fs::remove_file(&path).map(|()| file));
        nameless.map_err(|source| PackError::Write { path: self.place.clone(), source })
    }

    /// Gives the draft its name, replacing what was there.
    ///
    /// # Errors
    /// When it cannot be written out or renamed.
    pub fn publish(mut self) -> Result<(), PackError> {
        let published = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.beside, &self.place));
        published.map_err(|source| PackError::Write { path: self.place.clone(), source })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already when it was published.
        let _ = fs::remove_file(&self.beside);
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

fn neighbour(place: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(format!(".{}.{what}", std::process::id()));
    place.with_file_name(name)
}
