//! Apple flat packages, read and written over `Read + Seek` (P38–P42).
//!
//! A package is a xar archive ([`xar`]) whose `Payload` and `Scripts` entries are compressed ([`payload`])
//! cpio archives ([`cpio`]). A component package holds one set of `PackageInfo`, `Payload`, `Scripts` and `Bom`;
//! a product package holds a `Distribution` and a folder with such a set for each component.
//! Nothing here trusts a name, a length or an offset found in the file, and no payload is ever held in memory.

pub mod bom;
pub mod checksum;
pub mod cpio;
pub mod distribution;
mod entry_reader;
pub mod impostor;
mod other_names;
pub mod package_info;
pub mod payload;
mod pbzx;
mod places;
pub mod section;
pub mod selection;
pub mod signature;
mod toc;
pub mod write;
pub mod xar;
mod xml;

use cpio::Cpio;
use distribution::Distribution;
#[cfg(feature = "images")]
pub(crate) use entry_reader::MOST_LZMA_KIB;
use package_info::PackageInfo;
use payload::Payload;
use section::Section;
use selection::{Selection, Target};
use signature::{TrustRoots, Verdict};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use time::OffsetDateTime;
use xar::{EntryId, EntryKind, EntryReader, Xar, XarError};
use xml::XmlError;

/// The largest `PackageInfo` or `Distribution` that is read, in bytes.
const LARGEST_DESCRIPTION: u64 = 16 << 20;

/// All `PackageInfo`s of a package together; all of them are kept in memory.
const MOST_DESCRIBED: u64 = 64 << 20;

/// Room for what a declaration leaves out: names and headers, files that are counted once but packed twice, mistakes.
const SLACK: u64 = 256 << 20;

/// Few payloads shrink to less than a fiftieth.
const USUAL_RATIO: u64 = 50;

/// Whatever a package declares, content that shrank to an eighth is nothing unusual. Sizes are declared too small where
/// the disk was asked for them: it counts sparse and compressed files, and those with several names, for less.
const HARMLESS_RATIO: u64 = 8;

/// More components than this are no package's.
const MOST_COMPONENTS: usize = 1000;

/// Why a package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The archive, or an entry, cannot be read.
    #[error(transparent)]
    Archive(#[from] XarError),
    /// A description in it is malformed.
    #[error("entry {entry} cannot be understood; ask the package's author for a repaired one")]
    Description {
        /// Its path in the archive.
        entry: String,
        /// What is wrong.
        source: XmlError,
    },
    /// A xar archive, but not a package.
    #[error(
        "a xar archive but no installer package: it has neither a PackageInfo nor a Distribution; build it with pkgbuild or productbuild"
    )]
    NoDescription,
    /// Nobody makes such packages, except to harm.
    #[error(
        "{0} component packages in one package, more than the {MOST_COMPONENTS} allowed; do not install it"
    )]
    TooMany(usize),
    /// Nobody makes such packages, except to harm.
    #[error(
        "{0} bytes of PackageInfo in one package, more than the {MOST_DESCRIBED} allowed; do not install it"
    )]
    TooMuchDescribed(u64),
    /// The stream of an entry cannot be read.
    #[error("entry {entry} cannot be decompressed")]
    Stream {
        /// Its path in the archive.
        entry: String,
        /// Why not.
        source: io::Error,
    },
}

/// One installable part of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its folder in the archive, such as `Name.pkg`; empty in a component package.
    pub folder: String,
    /// What it says about itself.
    pub info: PackageInfo,
    /// The files it installs.
    pub payload: Option<EntryId>,
    /// The scripts it runs.
    pub scripts: Option<EntryId>,
    /// The bill of materials.
    pub bom: Option<EntryId>,
}

/// An open package.
#[derive(Debug)]
pub struct FlatPackage<R> {
    /// The archive it is stored in.
    pub archive: Xar<R>,
    /// The description of a product package; `None`: a component package.
    pub distribution: Option<Distribution>,
    /// The components, in the order of the archive.
    pub components: Vec<Component>,
    /// What a product package offers; empty for a component package.
    pub selections: Vec<Selection>,
}

/// Id and version by which a package is known (R133).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Identifier of the first component.
    pub identifier: String,
    /// Its version.
    pub version: String,
    /// Identifiers and versions of the other components, which deserve a warning: nothing looks at their receipts.
    pub others: Vec<(String, String)>,
}

/// A cpio archive inside a package.
pub type PackedFiles<'a, R> = Cpio<Payload<EntryReader<'a, R>>>;

impl<R: Read + Seek> FlatPackage<R> {
    /// Opens the package that begins at byte 0 of `source` and reads its descriptions.
    ///
    /// # Errors
    /// [`PackageError`]; what it says is meant for the admin.
    pub fn open(source: R) -> Result<Self, PackageError> {
        let mut archive = Xar::open(source)?;
        let distribution = match archive.find("Distribution") {
            Some(id) => Some(describe(&mut archive, id, Distribution::parse)?),
            None => None,
        };
        let infos: Vec<EntryId> = (0..archive.entries().len())
            .map(EntryId)
            .filter(|id| archive.entry(*id).is_some_and(|entry| is_package_info(&entry.path, &entry.kind)))
            .collect();
        if infos.len() > MOST_COMPONENTS {
            return Err(PackageError::TooMany(infos.len()));
        }
        let size = |id: &EntryId| {
            archive.entry(*id).and_then(|entry| entry.data.as_ref()).map_or(0, |data| data.size)
        };
        let described = infos.iter().fold(0_u64, |sum, id| sum.saturating_add(size(id)));
        if described > MOST_DESCRIBED {
            return Err(PackageError::TooMuchDescribed(described));
        }
        let mut components = Vec::new();
        for id in infos {
            components.push(component(&mut archive, id)?);
        }
        if distribution.is_none() && components.is_empty() {
            return Err(PackageError::NoDescription);
        }
        let selections = distribution
            .as_ref()
            .map_or_else(Vec::new, |product| selection::select(product, &components, &archive));
        Ok(Self { archive, distribution, components, selections })
    }

    /// Opens the cpio archive in `entry`: a component's `payload` or `scripts`. Its bytes are verified when its last
    /// entry has been read.
    ///
    /// # Errors
    /// [`PackageError`]: there is no such entry, or it cannot be decoded.
    pub fn files(&mut self, entry: EntryId) -> Result<PackedFiles<'_, R>, PackageError> {
        let path = self.archive.entry(entry).map(|entry| entry.path.clone()).unwrap_or_default();
        let most = self.most_bytes(entry);
        match Payload::new(self.archive.read(entry)?) {
            Ok(stream) => Ok(Cpio::new(stream).at_most(most)),
            Err(source) => Err(PackageError::Stream { entry: path, source }),
        }
    }

    /// How much the archive in `entry` may hold (P41): twice what the package declares, by its `PackageInfo` or its bill of
    /// materials, and some, and always what its stored bytes may well stand for; without either, a good deal more.
    fn most_bytes(&mut self, entry: EntryId) -> u64 {
        let component = self.components.iter().find(|component| component.payload == Some(entry));
        let kbytes =
            component.and_then(|component| component.info.install_kbytes).filter(|kbytes| *kbytes > 0);
        let bom = component.and_then(|component| component.bom);
        let listed = bom.and_then(|bom| self.listed_bytes(bom));
        let stored = self.archive.entry(entry).and_then(|entry| entry.data.as_ref());
        // So long a payload may have long files that an old bill does not know of.
        let listed = listed.filter(|_| stored.is_none_or(|stored| stored.length <= u64::from(u32::MAX)));
        let stands_for = |ratio| stored.map_or(0, |stored| stored.length.saturating_mul(ratio));
        let most = match kbytes.map(|kbytes| kbytes.saturating_mul(1024)).max(listed) {
            Some(declared) => declared.saturating_mul(2).max(stands_for(HARMLESS_RATIO)),
            None => stands_for(USUAL_RATIO),
        };
        most.saturating_add(SLACK)
    }

    /// The bytes of all files in a bill of materials; `None` when it cannot be read, or does not say.
    fn listed_bytes(&mut self, bom: EntryId) -> Option<u64> {
        let bytes = self.archive.read_whole(bom, LARGEST_DESCRIPTION).ok()?;
        if bom::has_long_files(&bytes).ok()? {
            return None;
        }
        let bill = bom::read(&bytes).ok()?;
        Some(bill.iter().map(|entry| u64::from(entry.size)).sum())
    }

    /// Opens the whole package stored in `entry`, after verifying the entry.
    ///
    /// # Errors
    /// [`PackageError`]; also when the entry is compressed, which no tool does to a package.
    pub fn nested(&mut self, entry: EntryId) -> Result<FlatPackage<Section<'_>>, PackageError> {
        FlatPackage::open(self.archive.section(entry)?)
    }

    /// Who signed the package, judged at the moment `now` (P39).
    #[must_use]
    pub fn verify(&mut self, roots: &TrustRoots, now: OffsetDateTime) -> Verdict {
        signature::verify(&mut self.archive, roots, now)
    }
}

impl<R> FlatPackage<R> {
    /// Id and version, from the component that stands first in the archive (R133); `None` without components.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let (first, others) = self.components.split_first()?;
        let pair =
            |component: &Component| (component.info.identifier.clone(), component.info.version.clone());
        let (identifier, version) = pair(first);
        Some(Identity { identifier, version, others: others.iter().map(pair).collect() })
    }

    /// What is installed when nobody chooses, in order, each target once. A condition that depends on a script
    /// counts as fulfilled.
    #[must_use]
    pub fn installs(&self) -> Vec<&Target> {
        self.chosen(&BTreeMap::new())
    }

    /// What is installed when somebody has chosen, or chosen not to, by the identifiers of choices.
    #[must_use]
    pub fn chosen(&self, choices: &BTreeMap<String, bool>) -> Vec<&Target> {
        let is_wanted = |selection: &&Selection| {
            let chosen = selection.choice.as_ref().and_then(|choice| choices.get(choice));
            chosen.copied().unwrap_or_else(|| selection.selected.holds())
        };
        let mut targets: Vec<&Target> = Vec::new();
        for selection in self.selections.iter().filter(is_wanted) {
            if !targets.contains(&&selection.target) {
                targets.push(&selection.target);
            }
        }
        match self.distribution {
            Some(_) => targets,
            None => vec![&Target::Component(0)],
        }
    }
}

fn is_package_info(path: &str, kind: &EntryKind) -> bool {
    *kind == EntryKind::File && (path == "PackageInfo" || path.ends_with("/PackageInfo"))
}

fn component<R: Read + Seek>(archive: &mut Xar<R>, info: EntryId) -> Result<Component, PackageError> {
    let path = archive.entry(info).map(|entry| entry.path.clone()).unwrap_or_default();
    let prefix = path.strip_suffix("PackageInfo").unwrap_or_default();
    let beside = |name: &str| archive.find(&format!("{prefix}{name}"));
    let (payload, scripts, bom) = (beside("Payload"), beside("Scripts"), beside("Bom"));
    let info = describe(archive, info, PackageInfo::parse)?;
    Ok(Component { folder: prefix.trim_end_matches('/').to_owned(), info, payload, scripts, bom })
}

fn describe<R: Read + Seek, T>(
    archive: &mut Xar<R>,
    id: EntryId,
    parse: impl FnOnce(&[u8]) -> Result<T, XmlError>,
) -> Result<T, PackageError> {
    let entry = archive.entry(id).map(|entry| entry.path.clone()).unwrap_or_default();
    let document = archive.read_whole(id, LARGEST_DESCRIPTION)?;
    parse(&document).map_err(|source| PackageError::Description { entry, source })
}

#[cfg(test)]
mod tests;
