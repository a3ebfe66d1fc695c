//! Numbers out of bytes nobody has checked: what lies outside is an error, never a panic.

use crate::walk::WalkError;

/// Bytes of one structure, named in errors.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes }
    }

    pub(super) fn slice(self, at: usize, length: usize) -> Result<&'a [u8], WalkError> {
        let end = at.checked_add(length);
        let found = end.and_then(|end| self.bytes.get(at..end));
        found.ok_or_else(|| WalkError::damage(format!("{} is too short", self.what)))
    }

    /// What begins at `at`.
    pub(super) fn from(self, at: usize) -> Result<Self, WalkError> {
        let rest = self.bytes.get(at..);
        let rest = rest.ok_or_else(|| WalkError::damage(format!("{} is too short", self.what)))?;
        Ok(Self::new(self.what, rest))
    }

    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], WalkError> {
        let slice = self.slice(at, N)?;
        slice.try_into().map_err(|_| WalkError::damage(format!("{} is too short", self.what)))
    }

    pub(super) fn be16(self, at: usize) -> Result<u16, WalkError> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub(super) fn be32(self, at: usize) -> Result<u32, WalkError> {
        self.array(at).map(u32::from_be_bytes)
    }

    pub(super) fn be64(self, at: usize) -> Result<u64, WalkError> {
        self.array(at).map(u64::from_be_bytes)
    }

    pub(super) fn le16(self, at: usize) -> Result<u16, WalkError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn le32(self, at: usize) -> Result<u32, WalkError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn le64(self, at: usize) -> Result<u64, WalkError> {
        self.array(at).map(u64::from_le_bytes)
    }
}
