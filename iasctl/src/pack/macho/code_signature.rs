//! The code signature of one program: digests of all its pages under a name, and who vouches for them. Fields are big-endian.
//!
//! Ad hoc, as `codesign --sign -` makes it, nobody vouches. With an identity, CMS signs the directory of digests, the program runs
//! hardened (`codesign --options runtime`), and names its team where Apple vouches for that.

use super::{OsVersion, requirement, sign::SignError, thin::Segment};
use shared::digest::Digest;

const DIGEST_BYTES: usize = 32;
const SHA_256: u8 = 2;
/// A digest covers so much, as a power of two: what `codesign` and Apple's linker take, also for arm64 with its larger pages.
const PAGE_POWER: u8 = 12;
const PAGE_BYTES: usize = 1 << PAGE_POWER;
/// The first version with the segment of the code, which arm64 needs.
const WITH_SEGMENT: (u32, usize) = (0x2_0400, 88);
/// The first version that can ask for the hardened runtime; the second number is the length of its fixed part.
const WITH_RUNTIME: (u32, usize) = (0x2_0500, 96);
const AD_HOC: u32 = 2;
const HARDENED: u32 = 0x1_0000;
/// The code is a program's own, not a library's.
const MAIN_BINARY: u64 = 1;
/// Directory, requirements, CMS.
const SLOTS: [u32; 3] = [0, 2, 0x10000];
/// What lies in front of the parts.
const INDEX_BYTES: usize = 12 + SLOTS.len() * 8;
const WRAPPER: u32 = 0xfade_0b01;
const WRAPPER_BYTES: usize = 8;

/// Somebody with a certificate, who signs programs.
pub(crate) trait CodeSigner {
    /// The Team ID in the certificate, if Apple vouches for it.
    fn team(&self) -> Option<&str>;
    /// How long [`CodeSigner::sign`]'s answer is, whatever is signed.
    fn cms_bytes(&self) -> usize;
    /// The CMS signature over a code directory.
    ///
    /// # Errors
    /// Why the key cannot be used.
    fn sign(&self, directory: &[u8]) -> Result<Vec<u8>, String>;
}

/// A signature to be made.
pub(super) struct Plan<'a> {
    pub(super) identifier: &'a str,
    /// `None`: ad hoc.
    pub(super) signer: Option<&'a dyn CodeSigner>,
    /// What the program was linked for, by which macOS chooses the rules of the hardened runtime.
    pub(super) sdk: Option<OsVersion>,
    pub(super) text: Segment,
}

impl Plan<'_> {
    /// How long the signature of a program of `limit` bytes is.
    pub(super) fn bytes(&self, limit: usize) -> usize {
        let pages = limit.div_ceil(PAGE_BYTES);
        let cms = self.signer.map_or(0, CodeSigner::cms_bytes);
        INDEX_BYTES + self.directory_bytes(pages) + self.requirements().len() + WRAPPER_BYTES + cms
    }

    /// The signature of `file`, which ends where the signature will begin.
    pub(super) fn signature(&self, file: &[u8]) -> Result<Vec<u8>, SignError> {
        let directory = self.directory(file);
        let cms = match self.signer {
            Some(signer) => signer.sign(&directory).map_err(SignError::Signer)?,
            None => Vec::new(),
        };
        let wrapper = [words(&[WRAPPER, (WRAPPER_BYTES + cms.len()) as u32]), cms].concat();
        let parts = [directory, self.requirements(), wrapper];
        let mut at = INDEX_BYTES;
        let mut index = Vec::new();
        for (slot, part) in SLOTS.into_iter().zip(&parts) {
            index.extend(words(&[slot, at as u32]));
            at += part.len();
        }
        let head = words(&[0xfade_0cc0, at as u32, SLOTS.len() as u32]);
        Ok([head, index, parts.concat()].concat())
    }

    /// Version and length of the fixed part.
    fn version(&self) -> (u32, usize) {
        if self.signer.is_some() { WITH_RUNTIME } else { WITH_SEGMENT }
    }

    fn team(&self) -> Option<&str> {
        self.signer.and_then(CodeSigner::team)
    }

    /// What macOS is to know the program by in future; without a team it derives that itself.
    fn requirements(&self) -> Vec<u8> {
        requirement::set(self.team().map(|team| requirement::developer_id(self.identifier, team)))
    }

    /// The names in the directory, each ended by a zero.
    fn names(&self) -> Vec<u8> {
        let names = [Some(self.identifier), self.team()];
        names.into_iter().flatten().flat_map(|name| name.bytes().chain([0])).collect()
    }

    fn directory_bytes(&self, pages: usize) -> usize {
        // The digests of the two special parts come before those of the pages.
        self.version().1 + self.names().len() + (2 + pages) * DIGEST_BYTES
    }

    fn directory(&self, file: &[u8]) -> Vec<u8> {
        let ((version, fixed), names) = (self.version(), self.names());
        let digests = fixed + names.len() + 2 * DIGEST_BYTES;
        let pages = file.len().div_ceil(PAGE_BYTES);
        let flags = if self.signer.is_some() { HARDENED } else { AD_HOC };
        let lengths =
            [self.directory_bytes(pages), version as usize, flags as usize, digests, fixed, 2, pages];
        let mut directory = words(&[0xfade_0c02]);
        directory.extend(words(&lengths.map(|length| length as u32)));
        directory.extend(words(&[file.len() as u32]));
        directory.extend([DIGEST_BYTES as u8, SHA_256, 0, PAGE_POWER]);
        let team = self.team().map_or(0, |_| fixed + self.identifier.len() + 1);
        // Spare, scatter, team, spare; then the 64-bit limit, which small files leave 0.
        directory.extend(words(&[0, 0, team as u32, 0, 0, 0]));
        for field in [self.text.offset, self.text.bytes, MAIN_BINARY] {
            directory.extend(field.to_be_bytes());
        }
        if self.signer.is_some() {
            // The runtime's version, and where what was signed before encryption stands.
            directory.extend(words(&[self.sdk.map_or(0, |sdk| sdk.0), 0]));
        }
        directory.extend(names);
        // Special digests stand in falling order: the requirements, then the Info.plist, which is missing.
        directory.extend(Digest::of(&self.requirements()).0);
        directory.extend([0; DIGEST_BYTES]);
        directory.extend(file.chunks(PAGE_BYTES).flat_map(|page| Digest::of(page).0));
        directory
    }
}

pub(super) fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}
