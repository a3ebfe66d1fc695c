//! Universal files: several Mach-O programs in one, as `lipo` lays them out.

use super::{
    big_u32, page_power,
    thin::{NotMachO, arch},
};

/// First bytes of a universal file.
const MAGIC: u32 = 0xcafe_babe;
const HEADER_BYTES: usize = 8;
const ENTRY_BYTES: usize = 20;
/// More architectures there never were; Java's class files have the same magic and a larger number here.
const MOST_SLICES: u32 = 16;

/// The Mach-O files in `file`, which is one itself, or a universal one.
///
/// # Errors
/// When it is neither, or a part lies outside of it.
pub(crate) fn split(file: &[u8]) -> Result<Vec<&[u8]>, NotMachO> {
    let count = match (big_u32(file, 0), big_u32(file, 4)) {
        (Some(MAGIC), Some(count)) if count <= MOST_SLICES => count as usize,
        _ => return Ok(vec![file]),
    };
    let slice = |index: usize| {
        let entry = HEADER_BYTES + index * ENTRY_BYTES;
        let (offset, bytes) = (big_u32(file, entry + 8)? as usize, big_u32(file, entry + 12)? as usize);
        file.get(offset..offset.checked_add(bytes)?)
    };
    let slices = (0..count).map(|index| slice(index).ok_or(NotMachO::Damaged("a part lies outside of it")));
    slices.collect()
}

/// One file that holds `slices`, in their order; a single one stays as it is.
///
/// # Errors
/// When a slice is no Mach-O file, or all of them are larger than the format allows.
pub(crate) fn join(slices: &[Vec<u8>]) -> Result<Vec<u8>, NotMachO> {
    if let [only] = slices {
        return Ok(only.clone());
    }
    let too_large = |_| NotMachO::Damaged("it is larger than universal files may be");
    let number = |length: usize| u32::try_from(length).map_err(too_large);
    let mut header = [MAGIC.to_be_bytes(), number(slices.len())?.to_be_bytes()].concat();
    let mut body = Vec::new();
    let header_bytes = HEADER_BYTES + slices.len() * ENTRY_BYTES;
    for slice in slices {
        let cpu = slice.get(4..12).ok_or(NotMachO::Damaged("the header is cut off"))?;
        let cpu = <[u8; 8]>::try_from(cpu).map_err(|_| NotMachO::Damaged("the header is cut off"))?;
        let [kind, subtype] = [u64::from_le_bytes(cpu) as u32, (u64::from_le_bytes(cpu) >> 32) as u32];
        let alignment = u32::from(page_power(arch(kind)?));
        let offset = (header_bytes + body.len()).next_multiple_of(1 << alignment);
        body.resize(offset - header_bytes, 0);
        for field in [kind, subtype, number(offset)?, number(slice.len())?, alignment] {
            header.extend(field.to_be_bytes());
        }
        body.extend(slice);
    }
    number(header.len() + body.len())?;
    Ok([header, body].concat())
}
