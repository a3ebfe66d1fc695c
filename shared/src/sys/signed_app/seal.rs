//! The seal of a bundle's resources: a digest of every file, and nothing else may be there.
//!
//! Which files may be left out is a rule of the seal. `codesign --strict` accepts only Apple's own, so they stand here.

use super::{
    Unsound,
    bundle::{Bundle, open},
};
use crate::{
    flat_package::checksum::{Hasher, Style},
    property_list,
};
use cap_std::fs::Dir;
use plist::{Dictionary, Value};
use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

/// Unfolded it is no longer than that.
const LONGEST: usize = 256 << 20;
/// How much is read at once.
const PIECE: usize = 256 << 10;

/// What was sealed, by its path below the base of the bundle.
pub(super) struct Seal(BTreeMap<String, Sealed>);

enum Sealed {
    /// A file with this digest: SHA-256, or SHA-1 as it was done until about 2015.
    File { style: Style, digest: Vec<u8>, optional: bool },
    /// A symbolic link that leads there.
    Link(String),
    /// Code with a signature of its own; the digest of its code directory, if that was noted.
    Code(Option<Vec<u8>>),
}

impl Seal {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let broken = |why: &str| format!("the seal of its resources is malformed: {why}");
        let list = property_list::read::<LONGEST>(bytes).map_err(|why| broken(&why))?;
        let files = list.as_dictionary().and_then(|list| list.get("files2")?.as_dictionary());
        let files = files.ok_or("its resources are sealed in the way of before OS X 10.9.5")?;
        let entry = |(path, value): (&String, &Value)| {
            let sealed = Sealed::of(value).ok_or_else(|| broken(&format!("entry {path}")))?;
            Ok((path.clone(), sealed))
        };
        files.iter().map(entry).collect::<Result<_, String>>().map(Self)
    }

    /// Compares everything in `bundle`; `code` looks at code with a signature of its own.
    pub(super) fn check(
        &self,
        folder: &Dir,
        bundle: &Bundle,
        mut code: impl FnMut(&Path, Option<&[u8]>) -> Result<(), Unsound>,
    ) -> Result<(), Unsound> {
        self.nothing_added(folder, bundle)?;
        for (name, sealed) in &self.0 {
            let path = bundle.base.join(name);
            let altered = || Unsound::new(&path, "it was altered after it was signed");
            match sealed {
                Sealed::Code(hash) => code(&path, hash.as_deref())?,
                Sealed::Link(target) => {
                    let found = folder.read_link_contents(&path);
                    found.ok().filter(|found| found == Path::new(target)).ok_or_else(altered)?;
                }
                Sealed::File { optional: true, .. } if folder.symlink_metadata(&path).is_err() => {}
                Sealed::File { style, digest, .. } => {
                    made(*style, folder, &path)?.eq(digest).then_some(()).ok_or_else(altered)?;
                }
            }
        }
        Ok(())
    }

    /// Finds what was put into the bundle after it was signed.
    fn nothing_added(&self, folder: &Dir, bundle: &Bundle) -> Result<(), Unsound> {
        let failed = |path: &Path, error: std::io::Error| Unsound::new(path, error);
        let added = |path: &Path| Unsound::new(path, "it was added after the application was signed");
        // Beside what the seal speaks of there are only folders that lead to it and, in frameworks, links.
        for (place, inner) in bundle.around() {
            for entry in folder.read_dir(place).map_err(|error| failed(place, error))? {
                let entry = entry.map_err(|error| failed(place, error))?;
                let kind = entry.file_type().map_err(|error| failed(place, error))?;
                let is_link = kind.is_symlink() && !bundle.has_contents();
                if place.join(entry.file_name()) != inner && !is_link {
                    return Err(added(&place.join(entry.file_name())));
                }
            }
        }
        let program = bundle.program.strip_prefix(&bundle.base).unwrap_or(&bundle.program);
        let mut folders = vec![PathBuf::new()];
        while let Some(inner) = folders.pop() {
            let here = bundle.base.join(&inner);
            for entry in folder.read_dir(&here).map_err(|error| failed(&here, error))? {
                let entry = entry.map_err(|error| failed(&here, error))?;
                let name = inner.join(entry.file_name());
                let is_folder = entry.file_type().map_err(|error| failed(&here, error))?.is_dir();
                match name.to_str().and_then(|name| self.0.get(name)) {
                    Some(_) => {}
                    None if name == program || is_left_out(&name, is_folder) => {}
                    None if is_folder => folders.push(name),
                    None => return Err(added(&bundle.base.join(name))),
                }
            }
        }
        Ok(())
    }
}

impl Sealed {
    fn of(value: &Value) -> Option<Self> {
        let Value::Dictionary(entry) = value else {
            return Some(Self::File {
                style: Style::Sha1,
                digest: value.as_data()?.to_vec(),
                optional: false,
            });
        };
        let data = |key: &str| entry.get(key).and_then(Value::as_data).map(<[u8]>::to_vec);
        let optional = entry.get("optional").and_then(Value::as_boolean).unwrap_or(false);
        if let Some(target) = entry.get("symlink") {
            return Some(Self::Link(target.as_string()?.to_owned()));
        }
        if is_code(entry) {
            return Some(Self::Code(data("cdhash")));
        }
        let strong = data("hash2").map(|digest| (Style::Sha256, digest));
        let (style, digest) = strong.or_else(|| Some((Style::Sha1, data("hash")?)))?;
        Some(Self::File { style, digest, optional })
    }
}

fn is_code(entry: &Dictionary) -> bool {
    entry.contains_key("cdhash") || entry.contains_key("requirement")
}

/// What no seal covers: the seal itself, what the program's signature covers, and what the system writes.
fn is_left_out(name: &Path, is_folder: bool) -> bool {
    let text = name.to_string_lossy();
    if is_folder {
        return ["_CodeSignature", "_MASReceipt"].contains(&text.as_ref());
    }
    ["Info.plist", "PkgInfo", "CodeResources"].contains(&text.as_ref())
        || name.file_name().is_some_and(|last| last == ".DS_Store")
        || (text.starts_with("Resources/") && text.ends_with(".lproj/locversion.plist"))
}

fn made(style: Style, folder: &Dir, path: &Path) -> Result<Vec<u8>, Unsound> {
    let (mut file, mut piece, mut hasher) = (open(folder, path)?, vec![0; PIECE], Hasher::new(style));
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unsound::new(path, error)),
        }
    }
}
