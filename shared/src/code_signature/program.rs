//! Mach-O programs and libraries, for one architecture or several: where their signatures are, and whether they hold.

use super::{
    CodeSignature, Flaw,
    directory::{Directory, is_digest, named},
    parts::{Parts, number},
};
use crate::{
    flat_package::signature::{TrustRoots, verify_detached},
    property_list,
};
use plist::Value;
use std::io::{Read, Seek, SeekFrom};

/// First bytes of a universal file, and of one whose numbers have 64 bits.
const UNIVERSAL: u32 = 0xcafe_babe;
const UNIVERSAL_64: u32 = 0xcafe_babf;
/// More architectures there never were; Java's class files have the same first bytes and a larger number behind them.
const MOST_SLICES: u32 = 16;
/// First bytes of a program for one architecture of 32 and 64 bits, little-endian, and the lengths of their headers.
const PROGRAMS: [(u32, usize); 2] = [(0xfeed_face, 28), (0xfeed_facf, 32)];
const LC_CODE_SIGNATURE: u32 = 0x1d;
/// More bytes of load commands no linker writes.
const MOST_COMMANDS: u32 = 4 << 20;
/// A longer signature would be of a program of many gigabytes.
const LONGEST_SIGNATURE: u32 = 64 << 20;
/// A longer list of code directories is none.
const LONGEST_LIST: usize = 64 << 10;

/// Parts that are in the signature itself, and what they are called.
const INNER_PARTS: [(u32, &str); 3] =
    [(2, "its requirements"), (5, "its entitlements"), (7, "its entitlements")];

/// Verifies the signatures of all architectures in `file`, which leads to one of `roots` or is ad hoc.
///
/// # Errors
/// The first thing that is wrong with one of them.
pub fn verify<F: Read + Seek>(file: &mut F, roots: &TrustRoots) -> Result<Vec<CodeSignature>, Flaw> {
    let slices = slices(file)?;
    slices.into_iter().map(|slice| Program { file: &mut *file, slice }.verify(roots)).collect()
}

/// Where one program lies in a file.
#[derive(Debug, Clone, Copy)]
struct Slice {
    at: u64,
    length: u64,
}

fn slices<F: Read + Seek>(file: &mut F) -> Result<Vec<Slice>, Flaw> {
    let whole = Slice { at: 0, length: file.seek(SeekFrom::End(0))? };
    let head = read(file, whole, 0, 8).map_err(|_| Flaw::NoProgram)?;
    let (entry_bytes, count) = match (number(&head, 0), number(&head, 4)) {
        (Some(UNIVERSAL), Some(count @ 1..=MOST_SLICES)) => (20, count as usize),
        (Some(UNIVERSAL_64), Some(count @ 1..=MOST_SLICES)) => (32, count as usize),
        _ => return Ok(vec![whole]),
    };
    let entries = read(file, whole, 8, entry_bytes * count).map_err(|_| Flaw::NoProgram)?;
    let slice = |entry: &[u8]| {
        let field = |at| number(entry, at).map(u64::from);
        let (at, length) = match entry_bytes {
            20 => (field(8)?, field(12)?),
            _ => (field(8)? << 32 | field(12)?, field(16)? << 32 | field(20)?),
        };
        at.checked_add(length).filter(|end| *end <= whole.length).map(|_| Slice { at, length })
    };
    let slices: Option<Vec<Slice>> = entries.chunks(entry_bytes).map(slice).collect();
    slices.ok_or(Flaw::NoProgram)
}

/// `length` bytes of a slice.
fn read<F: Read + Seek>(file: &mut F, slice: Slice, at: u64, length: usize) -> Result<Vec<u8>, Flaw> {
    let end = at.checked_add(length as u64).filter(|end| *end <= slice.length);
    end.ok_or(Flaw::Malformed("where it lies"))?;
    file.seek(SeekFrom::Start(slice.at + at))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

struct Program<'a, F> {
    file: &'a mut F,
    slice: Slice,
}

impl<F: Read + Seek> Program<'_, F> {
    fn verify(mut self, roots: &TrustRoots) -> Result<CodeSignature, Flaw> {
        let (at, length) = self.find()?;
        let bytes = read(self.file, self.slice, at, length)?;
        let parts = Parts::parse(&bytes)?;
        let broken = Flaw::Malformed("its code directory");
        let directories: Option<Vec<Directory<'_>>> =
            parts.directories()?.into_iter().map(Directory::parse).collect();
        let directories = directories.ok_or(broken)?;
        let best = directories.iter().max_by_key(|directory| directory.strength());
        let best = best.ok_or(Flaw::Malformed("its code directory"))?;
        let main = parts.directories()?.first().copied().unwrap_or_default();
        let signed = parts.cms()?.map(|cms| verify_detached(cms, main, roots)).transpose()?;
        let (chain, leads_to_apple) = match signed {
            Some(signed) => {
                let others = directories.len() > 1;
                let covered = !others || names(signed.code_directories.as_deref(), &best.hash());
                if !covered {
                    return Err(Flaw::Malformed("which of its code directories were signed"));
                }
                (signed.chain, signed.leads_to_apple)
            }
            None => (Vec::new(), false),
        };
        // What follows the signed code is the signature, and nothing else.
        if best.covers != at {
            return Err(Flaw::Code);
        }
        self.file.seek(SeekFrom::Start(self.slice.at))?;
        best.check_pages(&mut *self.file)?;
        check_inner(&parts, best)?;
        Ok(CodeSignature {
            identifier: best.identifier.clone(),
            chain,
            leads_to_apple,
            code_directory_hash: best.hash(),
            digests: best.digests,
            parts: best.parts.clone(),
        })
    }

    /// Where its signature is, and how long.
    fn find(&mut self) -> Result<(u64, usize), Flaw> {
        let head = read(self.file, self.slice, 0, 32).map_err(|_| Flaw::NoProgram)?;
        let magic = little(&head, 0).unwrap_or_default();
        let known = PROGRAMS.iter().find(|(known, _)| *known == magic);
        let (_, header) = known.ok_or(Flaw::NoProgram)?;
        let (count, bytes) = (little(&head, 16).unwrap_or_default(), little(&head, 20).unwrap_or_default());
        if bytes > MOST_COMMANDS {
            return Err(Flaw::NoProgram);
        }
        let commands = read(self.file, self.slice, *header as u64, bytes as usize)?;
        let (mut rest, mut signature) = (commands.as_slice(), None);
        for _ in 0..count {
            let (Some(command), Some(length)) = (little(rest, 0), little(rest, 4)) else { break };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if command == LC_CODE_SIGNATURE {
                let found = little(rest, 8).zip(little(rest, 12));
                let (at, length) = found.ok_or(Flaw::Malformed("where it lies"))?;
                if length > LONGEST_SIGNATURE || signature.is_some() {
                    return Err(Flaw::Malformed("its length, or which one counts"));
                }
                signature = Some((at.into(), length as usize));
            }
            match rest.get(length..) {
                Some(next) if length >= 8 => rest = next,
                _ => return Err(Flaw::NoProgram),
            }
        }
        signature.ok_or(Flaw::Unsigned)
    }
}

/// Compares the parts inside of the signature with their digests, both ways.
fn check_inner(parts: &Parts<'_>, directory: &Directory<'_>) -> Result<(), Flaw> {
    for (kind, name) in INNER_PARTS {
        let holds = match (named(&directory.parts, kind), parts.get(kind)) {
            (None, None) => true,
            (Some(digest), Some(part)) => is_digest(directory.digests, digest, part),
            _ => false,
        };
        if !holds {
            return Err(Flaw::Part(name));
        }
    }
    Ok(())
}

/// Whether the property list in a CMS signature names this code directory.
fn names(list: Option<&[u8]>, hash: &[u8]) -> bool {
    let Some(list) = list.and_then(|list| property_list::read::<LONGEST_LIST>(list).ok()) else {
        return false;
    };
    let hashes = list.as_dictionary().and_then(|list| list.get("cdhashes")?.as_array());
    hashes.is_some_and(|hashes| hashes.iter().filter_map(Value::as_data).any(|known| known == hash))
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at).map(u32::swap_bytes)
}
