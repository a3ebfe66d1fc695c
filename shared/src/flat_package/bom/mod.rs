//! Apple's bill of materials: the list of everything a package puts on the disk, as `lsbom` prints it.
//!
//! The format is a store of numbered blocks (`BOMStore`) with five named ones; the variable `Paths` leads to a tree
//! of entries, sorted by the number of their folder and then by name. All numbers are big-endian.

mod read;
mod write;

pub use read::{BadBom, has_long_files, read};
pub use write::{BomTooLarge, write};

/// The path of the folder that a bill lists things below.
pub const ROOT: &str = ".";

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// [`ROOT`], or a relative path without a leading `./`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Type and permission bits, as in `st_mode`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Length in bytes: of a file's content (see [`has_long_files`]), of a link's target.
    pub size: u32,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file, with the checksum of its content ([`Cksum`]).
    File(u32),
    /// A folder.
    Folder,
    /// A symbolic link to a target, with the checksum of that text.
    Link {
        /// Where it points.
        target: String,
        /// [`Cksum`] of `target`.
        checksum: u32,
    },
    /// A device node with its number.
    Device(u32),
}

/// The checksum of POSIX `cksum(1)`, which bills use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cksum {
    register: u32,
    bytes: u64,
}

impl Cksum {
    /// The checksum of one piece of content.
    #[must_use]
    pub fn of(content: &[u8]) -> u32 {
        let mut sum = Self::default();
        sum.update(content);
        sum.finish()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.register = bytes.iter().fold(self.register, |register, byte| next(register, *byte));
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
    }

    /// The checksum of everything taken so far.
    #[must_use]
    pub fn finish(self) -> u32 {
        let mut register = self.register;
        let mut length = self.bytes;
        while length > 0 {
            register = next(register, length as u8);
            length >>= 8;
        }
        !register
    }
}

fn next(register: u32, byte: u8) -> u32 {
    let index = (register >> 24) as u8 ^ byte;
    register << 8 ^ CRC_TABLE[usize::from(index)]
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut register = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            register = if register >> 31 == 1 { register << 1 ^ 0x04c1_1db7 } else { register << 1 };
            bit += 1;
        }
        table[byte] = register;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat_package::{
        cpio::Cpio,
        payload::Payload,
        xar::{EntryId, Xar},
    };
    use proptest::prelude::*;
    use std::{collections::BTreeSet, fs::File};

    #[test]
    fn checksums_are_those_of_posix_cksum() {
        assert_eq!(Cksum::of(b""), 4_294_967_295);
        assert_eq!(Cksum::of(b"123456789"), 930_766_865);
    }

    fn entry(path: &str, kind: Kind) -> Entry {
        let (mode, size) = match &kind {
            Kind::File(_) => (0o100_644, 12),
            Kind::Folder => (0o040_755, 0),
            Kind::Link { target, .. } => (0o120_755, target.len() as u32),
            Kind::Device(_) => (0o020_600, 0),
        };
        Entry { path: path.into(), kind, mode, uid: 0, gid: 80, mtime: 1_700_000_000, size }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let link = Kind::Link { target: "Contents/MacOS".into(), checksum: Cksum::of(b"Contents/MacOS") };
        let entries = vec![
            entry(ROOT, Kind::Folder),
            entry("Applications", Kind::Folder),
            entry("Applications/Žluťoučký.app", Kind::Folder),
            entry("Applications/Žluťoučký.app/bin", link),
            entry("Applications/Žluťoučký.app/data", Kind::File(7)),
            entry("Applications-old", Kind::File(0)),
            entry("dev", Kind::Device(3)),
        ];
        assert_eq!(read(&write(&entries).unwrap()).unwrap(), entries);
    }

    #[test]
    fn thousands_of_entries_need_several_levels_and_still_read_the_same() {
        let mut entries = vec![entry(ROOT, Kind::Folder)];
        entries.extend((0..66_000).map(|n| entry(&format!("{n:05}"), Kind::File(n))));
        assert_eq!(read(&write(&entries).unwrap()).unwrap(), entries);
    }

    #[test]
    fn bills_made_by_apple_list_what_their_payload_holds() {
        for file in crate::corpus::files("pkg") {
            let Ok(mut xar) = Xar::open(File::open(&file).unwrap()) else { continue };
            let bills = (0..xar.entries().len()).map(EntryId);
            let bills: Vec<EntryId> =
                bills.filter(|id| xar.entry(*id).unwrap().path.ends_with("Bom")).collect();
            for id in bills {
                let payload = xar.entry(id).unwrap().path.replace("Bom", "Payload");
                let bill = read(&xar.read_whole(id, 1 << 20).unwrap()).unwrap();
                let path = |entry: Entry| if entry.path == ROOT { String::new() } else { entry.path };
                let listed: BTreeSet<String> = bill.into_iter().map(path).collect();
                let payload = xar.find(&payload).unwrap();
                let mut cpio = Cpio::new(Payload::new(xar.read(payload).unwrap()).unwrap());
                let mut packed = BTreeSet::new();
                while let Some(entry) = cpio.next_entry().unwrap() {
                    packed.insert(entry.relative().unwrap().to_str().unwrap().to_owned());
                }
                assert_eq!(listed, packed, "{}", file.display());
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(flips in prop::collection::vec((0usize..9000, any::<u8>()), 1..40)) {
            let mut bytes = write(&[entry(ROOT, Kind::Folder), entry("a", Kind::File(1))]).unwrap();
            for (at, value) in flips {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            drop(read(&bytes));
        }
    }
}
