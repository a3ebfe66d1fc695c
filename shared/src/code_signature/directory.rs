//! A code directory: the digests of a program's pages, and of the parts that belong to it.

use super::{Flaw, parts::number};
use crate::flat_package::signature::code_digest;
use std::io::Read;

const MAGIC: u32 = 0xfade_0c02;
/// Older versions than this have no digests of parts that anybody would look for.
const OLDEST: u32 = 0x2_0001;
/// Pages have from 4 KiB to 64 KiB.
const PAGES: std::ops::RangeInclusive<u8> = 12..=16;
/// The version that first had a length of the code of more than 4 GiB.
const WITH_LONG_CODE: u32 = 0x2_0300;

/// A code directory, read; nothing is verified yet.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    pub(super) identifier: String,
    /// How many bytes of the program its pages cover.
    pub(super) covers: u64,
    /// The number of its kind of digest.
    pub(super) digests: u8,
    page: usize,
    pages: Vec<&'a [u8]>,
    /// Digests of parts, by number.
    pub(super) parts: Vec<(u32, Vec<u8>)>,
}

impl<'a> Directory<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let field = |at| number(bytes, at);
        let byte = |at: usize| bytes.get(at).copied();
        let version = field(8)?;
        if field(0)? != MAGIC || version < OLDEST {
            return None;
        }
        let (digests_at, name_at) = (field(16)? as usize, field(20)? as usize);
        let (special, count) = (field(24)? as usize, field(28)? as usize);
        let (size, digests, power) = (usize::from(byte(36)?), byte(37)?, byte(39)?);
        if !PAGES.contains(&power) || code_digest(digests, &[])?.len() != size {
            return None;
        }
        let long =
            if version >= WITH_LONG_CODE { u64::from(field(56)?) << 32 | u64::from(field(60)?) } else { 0 };
        let covers = if long > 0 { long } else { field(32)?.into() };
        let page = 1_usize << power;
        if covers.div_ceil(page as u64) != count as u64 {
            return None;
        }
        let digest = |at: usize| bytes.get(at..at.checked_add(size)?);
        let pages: Option<Vec<_>> =
            (0..count).map(|index| digest(digests_at.checked_add(index.checked_mul(size)?)?)).collect();
        // Those of parts stand before, in falling order; zeros where there is none.
        let part = |kind: usize| {
            Some((kind as u32, digest(digests_at.checked_sub(kind.checked_mul(size)?)?)?.to_vec()))
        };
        let parts: Option<Vec<_>> = (1..=special).map(part).collect();
        let mut parts = parts?;
        parts.retain(|(_, digest)| digest.iter().any(|byte| *byte != 0));
        let name = bytes.get(name_at..)?.split(|byte| *byte == 0).next()?;
        let identifier = String::from_utf8_lossy(name).into_owned();
        Some(Self { bytes, identifier, covers, digests, page, pages: pages?, parts })
    }

    /// The first 20 bytes of its own digest.
    pub(super) fn hash(&self) -> Vec<u8> {
        let mut digest = code_digest(self.digests, self.bytes).unwrap_or_default();
        digest.truncate(20);
        digest
    }

    /// How strong its digests are: the strongest is the one that counts.
    pub(super) fn strength(&self) -> u8 {
        match self.digests {
            4 => 3,
            2 => 2,
            3 => 1,
            _ => 0,
        }
    }

    /// Compares the pages of `code`, which begins where the program does.
    pub(super) fn check_pages(&self, mut code: impl Read) -> Result<(), Flaw> {
        let (mut page, mut left) = (vec![0; self.page], self.covers);
        for digest in &self.pages {
            let length = usize::try_from(left).unwrap_or(self.page).min(self.page);
            let piece = page.get_mut(..length).unwrap_or_default();
            code.read_exact(piece)?;
            left -= length as u64;
            if !is_digest(self.digests, digest, piece) {
                return Err(Flaw::Code);
            }
        }
        Ok(())
    }
}

/// Whether `digest`, of the kind `kind`, is that of `content`.
pub(super) fn is_digest(kind: u8, digest: &[u8], content: &[u8]) -> bool {
    code_digest(kind, content).is_some_and(|made| made == digest)
}

/// The digest of the part with this number.
pub(super) fn named(parts: &[(u32, Vec<u8>)], kind: u32) -> Option<&[u8]> {
    parts.iter().find(|(known, _)| *known == kind).map(|(_, digest)| digest.as_slice())
}
