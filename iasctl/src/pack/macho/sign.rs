//! Ad-hoc code signatures, as `codesign --sign -` makes them: digests of all pages under a name, signed by nobody (P46).
//!
//! macOS starts no arm64 program without one, and tells programs apart by it. Fields are big-endian.

use super::{
    page_power,
    thin::{HEADER_BYTES, LC_CODE_SIGNATURE, NotMachO, Thin},
};
use shared::digest::Digest;

const DIGEST_BYTES: usize = 32;
const SHA_256: u8 = 2;
/// The first version with the segment of the code, which arm64 needs.
const VERSION: u32 = 0x2_0400;
const AD_HOC: u32 = 2;
/// The code is a program's own, not a library's.
const MAIN_BINARY: u64 = 1;
/// Fixed part of the code directory at [`VERSION`].
const DIRECTORY_BYTES: usize = 88;
const COMMAND_BYTES: usize = 16;

/// Requirements, of which there are none.
const REQUIREMENTS: [u8; 12] = [0xfa, 0xde, 0x0c, 0x01, 0, 0, 0, 12, 0, 0, 0, 0];
/// The CMS signature, of which there is none.
const NO_CMS: [u8; 8] = [0xfa, 0xde, 0x0b, 0x01, 0, 0, 0, 8];

/// Why a program cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] NotMachO),
    /// The linker left no room before the first section.
    #[error("there is no room for the load command of a signature; link it with -headerpad 0x40")]
    NoRoom,
    /// Something follows the last segment.
    #[error("its last segment does not end the file, so that nothing can be appended")]
    Tail,
    /// Offsets have 32 bits.
    #[error("it is larger than signatures can tell")]
    TooLarge,
}

/// Signs the program in `file` under the name `identifier`, in place of a signature it has.
///
/// # Errors
/// When it is no program for Macs, or there is no room for a signature.
pub(crate) fn sign_ad_hoc(file: &[u8], identifier: &str) -> Result<Vec<u8>, SignError> {
    let thin = Thin::read(file)?;
    let end = usize::try_from(thin.linkedit.offset.saturating_add(thin.linkedit.bytes));
    if end != Ok(file.len()) {
        return Err(SignError::Tail);
    }
    let unsigned = match thin.signature {
        None => file.len(),
        Some((_, offset, bytes)) if offset as usize + bytes as usize == file.len() => offset as usize,
        Some(_) => return Err(SignError::Tail),
    };
    let limit = unsigned.next_multiple_of(16);
    let mut signed = file.get(..unsigned).unwrap_or(file).to_vec();
    signed.resize(limit, 0);
    let bytes = signature_bytes(limit.div_ceil(1 << page_power(thin.arch)), identifier).next_multiple_of(16);
    let place = Place {
        offset: u32::try_from(limit).map_err(|_| SignError::TooLarge)?,
        bytes: u32::try_from(bytes).map_err(|_| SignError::TooLarge)?,
    };
    announce(&mut signed, &thin, place)?;
    let signature = signature(&signed, &thin, identifier);
    signed.extend(signature);
    signed.resize(limit + bytes, 0);
    Ok(signed)
}

/// Where a signature is in its file.
#[derive(Clone, Copy)]
struct Place {
    offset: u32,
    bytes: u32,
}

/// Writes the load command of the signature, and makes the last segment reach to its end.
fn announce(file: &mut [u8], thin: &Thin, place: Place) -> Result<(), SignError> {
    let (count, commands) = thin.commands;
    let at = match thin.signature {
        Some((at, ..)) => at,
        None => {
            let at = HEADER_BYTES + commands as usize;
            let free =
                file.get(at..at + COMMAND_BYTES).is_some_and(|room| room.iter().all(|byte| *byte == 0));
            if !free || (at + COMMAND_BYTES) as u64 > thin.first_section {
                return Err(SignError::NoRoom);
            }
            put(file, 16, &(count + 1).to_le_bytes());
            put(file, 20, &(commands + COMMAND_BYTES as u32).to_le_bytes());
            at
        }
    };
    let command = [LC_CODE_SIGNATURE, COMMAND_BYTES as u32, place.offset, place.bytes];
    put(file, at, &command.map(u32::to_le_bytes).concat());
    let page = 1 << page_power(thin.arch);
    let end = u64::from(place.offset) + u64::from(place.bytes);
    let length = end.checked_sub(thin.linkedit.offset).ok_or(SignError::Tail)?;
    put(file, thin.linkedit.command + 32, &length.next_multiple_of(page).to_le_bytes());
    put(file, thin.linkedit.command + 48, &length.to_le_bytes());
    Ok(())
}

/// Load commands were found to lie inside the file, so there is always something to replace.
fn put(file: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = file.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

/// Offsets of the parts behind the index of a signature with three parts.
const INDEX_BYTES: usize = 12 + 3 * 8;

fn directory_bytes(pages: usize, identifier: &str) -> usize {
    // The digests of the two special parts come before those of the pages.
    DIRECTORY_BYTES + identifier.len() + 1 + (2 + pages) * DIGEST_BYTES
}

fn signature_bytes(pages: usize, identifier: &str) -> usize {
    INDEX_BYTES + directory_bytes(pages, identifier) + REQUIREMENTS.len() + NO_CMS.len()
}

/// The signature of `file`, which ends where the signature will begin.
fn signature(file: &[u8], thin: &Thin, identifier: &str) -> Vec<u8> {
    let directory = directory(file, thin, identifier);
    let requirements = INDEX_BYTES + directory.len();
    let cms = requirements + REQUIREMENTS.len();
    let total = cms + NO_CMS.len();
    let parts = [(0, INDEX_BYTES), (2, requirements), (0x10000, cms)];
    let mut blob = words(&[0xfade_0cc0, total as u32, parts.len() as u32]);
    blob.extend(parts.iter().flat_map(|(slot, offset)| words(&[*slot, *offset as u32])));
    [blob, directory, REQUIREMENTS.to_vec(), NO_CMS.to_vec()].concat()
}

fn directory(file: &[u8], thin: &Thin, identifier: &str) -> Vec<u8> {
    let name = DIRECTORY_BYTES;
    let special = name + identifier.len() + 1;
    let digests = special + 2 * DIGEST_BYTES;
    let page = 1 << page_power(thin.arch);
    let pages = file.len().div_ceil(page);
    let total = directory_bytes(pages, identifier);
    let lengths = [total, VERSION as usize, AD_HOC as usize, digests, name, 2, pages, file.len()];
    let mut directory = words(&[0xfade_0c02]);
    directory.extend(words(&lengths.map(|length| length as u32)));
    directory.extend([DIGEST_BYTES as u8, SHA_256, 0, page_power(thin.arch)]);
    // Spare, scatter, team, spare; then the 64-bit limit, which small files leave 0.
    directory.extend([0; 4 * 4 + 8]);
    for field in [thin.text.offset, thin.text.bytes, MAIN_BINARY] {
        directory.extend(field.to_be_bytes());
    }
    directory.extend(identifier.as_bytes());
    directory.push(0);
    // Special digests stand in falling order: the requirements, then the Info.plist, which is missing.
    directory.extend(Digest::of(&REQUIREMENTS).0);
    directory.extend([0; DIGEST_BYTES]);
    directory.extend(file.chunks(page).flat_map(|page| Digest::of(page).0));
    directory
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}
