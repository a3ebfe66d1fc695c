//! The parts of a code signature: an index of blobs, each with a magic number and a length. Fields are big-endian.

use super::Flaw;

const INDEX: u32 = 0xfade_0cc0;
/// A wrapper around what is no blob, such as CMS.
const WRAPPER: u32 = 0xfade_0b01;
/// More parts than this nobody signs.
const MOST: u32 = 64;

/// Where the main code directory stands, others of the same code, and who signed the first.
const MAIN_DIRECTORY: u32 = 0;
const OTHER_DIRECTORIES: std::ops::Range<u32> = 0x1000..0x1010;
const CMS: u32 = 0x1_0000;

/// The parts of one signature.
#[derive(Debug)]
pub(super) struct Parts<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Parts<'a> {
    /// Reads the signature that `bytes` begin with; what follows is padding.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let broken = Flaw::Malformed("the index of its parts");
        let index = (number(bytes, 0), number(bytes, 4), number(bytes, 8));
        let (Some(INDEX), Some(length), Some(count @ 1..=MOST)) = index else { return Err(broken) };
        let whole = bytes.get(..length as usize).ok_or(Flaw::Malformed("its length"))?;
        let mut parts = Vec::new();
        for entry in 0..count as usize {
            let (kind, at) = (number(whole, 12 + entry * 8), number(whole, 16 + entry * 8));
            let part = kind.zip(at.and_then(|at| blob(whole.get(at as usize..)?)));
            let (kind, part) = part.ok_or(Flaw::Malformed("one of its parts"))?;
            if parts.iter().any(|(known, _)| *known == kind) {
                return Err(Flaw::Malformed("its parts, of which two are the same"));
            }
            parts.push((kind, part));
        }
        Ok(Self(parts))
    }

    /// The code directories, the main one first.
    pub(super) fn directories(&self) -> Result<Vec<&'a [u8]>, Flaw> {
        let main = self.get(MAIN_DIRECTORY).ok_or(Flaw::Malformed("its code directory"))?;
        let others = self.0.iter().filter(|(kind, _)| OTHER_DIRECTORIES.contains(kind));
        Ok(std::iter::once(main).chain(others.map(|(_, part)| *part)).collect())
    }

    /// The CMS signature over the main code directory; `None` when it is ad hoc.
    pub(super) fn cms(&self) -> Result<Option<&'a [u8]>, Flaw> {
        let Some(wrapped) = self.get(CMS) else { return Ok(None) };
        let inside = wrapped.get(8..).filter(|_| number(wrapped, 0) == Some(WRAPPER));
        let inside = inside.ok_or(Flaw::Malformed("its CMS signature"))?;
        Ok((!inside.is_empty()).then_some(inside))
    }

    /// The part of this number, as it was signed.
    pub(super) fn get(&self, kind: u32) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == kind).map(|(_, part)| *part)
    }
}

/// The blob that `bytes` begin with.
fn blob(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..number(bytes, 4)? as usize).filter(|blob| blob.len() >= 8)
}

/// The number at `at`.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}
