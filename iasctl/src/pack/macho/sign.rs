//! Puts a code signature into a program, in place of the one it has: at its end, announced by a load command (P46).
//!
//! macOS starts no arm64 program without one, and tells programs apart by it.

use super::{
    code_signature::{CodeSigner, Plan},
    page_power,
    thin::{HEADER_BYTES, LC_CODE_SIGNATURE, NotMachO, Thin},
};

const COMMAND_BYTES: usize = 16;

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
    /// Whoever signs could not.
    #[error("{0}")]
    Signer(String),
}

/// Signs the program in `file` under the name `identifier`, in place of a signature it has: as `signer`, or ad hoc, by nobody.
///
/// # Errors
/// When it is no program for Macs, there is no room for a signature, or `signer` cannot sign.
pub(crate) fn sign(
    file: &[u8],
    identifier: &str,
    signer: Option<&dyn CodeSigner>,
) -> Result<Vec<u8>, SignError> {
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
    let plan = Plan { identifier, signer, sdk: thin.sdk, text: thin.text };
    let bytes = plan.bytes(limit).next_multiple_of(16);
    let place = Place {
        offset: u32::try_from(limit).map_err(|_| SignError::TooLarge)?,
        bytes: u32::try_from(bytes).map_err(|_| SignError::TooLarge)?,
    };
    announce(&mut signed, &thin, place)?;
    let signature = plan.signature(&signed)?;
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
