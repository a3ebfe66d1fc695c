//! Mac programs as files: 64-bit Mach-O for one architecture, and universal files that hold one for each.

mod code_signature;
mod fat;
mod requirement;
mod sign;
mod thin;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the stories use it too, as part of a library")]
#[path = "../../../../tests/support/macho.rs"]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

use shared::facts::Arch;

pub(crate) use code_signature::CodeSigner;
pub(crate) use fat::{join, split};
pub(crate) use sign::sign;
pub(crate) use thin::{NotMachO, OsVersion, Signed, Thin};

/// The page of a processor's memory, as a power of two: slices begin at one, and segments take whole ones.
fn page_power(arch: Arch) -> u8 {
    match arch {
        Arch::Arm64 => 14,
        Arch::X86_64 => 12,
    }
}

/// The number at `at`, little-endian as in Mach-O for Macs of today; `None` beyond the end.
fn little_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// As [`little_u32`], with eight bytes.
fn little_u64(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}

/// The number at `at`, big-endian as in universal files and code signatures; `None` beyond the end.
fn big_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(field.try_into().ok()?))
}
