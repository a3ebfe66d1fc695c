//! A Mach-O program for one architecture: what its load commands say, as far as packing and signing need it.

use super::{big_u32, little_u32, little_u64};
use shared::facts::Arch;
use std::fmt;

/// First bytes of a 64-bit little-endian Mach-O file.
const MAGIC: u32 = 0xfeed_facf;
/// A program, in contrast to a library or an object.
const EXECUTABLE: u32 = 2;
/// Length of the header; load commands follow.
pub(super) const HEADER_BYTES: usize = 32;
/// More load commands no linker writes.
const MOST_COMMANDS: u32 = 4096;

const LC_SEGMENT_64: u32 = 0x19;
pub(super) const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_VERSION_MIN_MACOSX: u32 = 0x24;
const LC_BUILD_VERSION: u32 = 0x32;
const PLATFORM_MACOS: u32 = 1;

/// Why a file is no program that can be packed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotMachO {
    /// It is something else, as its first bytes tell.
    #[error("it is {0}, not a program for Macs")]
    Other(&'static str),
    /// A Mach-O file, but not one that a Mac of today starts.
    #[error("it is a Mach-O file of another kind: {0}")]
    Kind(String),
    /// It ends too early, or contradicts itself.
    #[error("the Mach-O file is damaged: {0}")]
    Damaged(&'static str),
}

/// A version of macOS as load commands store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OsVersion(pub(crate) u32);

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 >> 16, self.0 >> 8 & 0xff)?;
        if self.0 & 0xff > 0 { write!(f, ".{}", self.0 & 0xff) } else { Ok(()) }
    }
}

/// Whether and how a program is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// Not at all.
    No,
    /// Without an identity, as by the linker; macOS demands that much for arm64.
    AdHoc,
    /// By somebody's certificate.
    Identity,
}

/// One segment of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where its load command begins.
    pub(super) command: usize,
    /// Where its bytes begin in the file.
    pub(super) offset: u64,
    /// How many there are.
    pub(super) bytes: u64,
}

/// What the load commands of a program say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thin {
    /// The processor it is for.
    pub(crate) arch: Arch,
    /// The oldest macOS it starts on; `None` when it does not say.
    pub(crate) min_os: Option<OsVersion>,
    /// The macOS it was linked for; `None` when it does not say.
    pub(super) sdk: Option<OsVersion>,
    /// Whether it is signed.
    pub(crate) signed: Signed,
    /// Number of load commands and their bytes.
    pub(super) commands: (u32, u32),
    /// Where the first section begins; load commands must end before.
    pub(super) first_section: u64,
    pub(super) text: Segment,
    pub(super) linkedit: Segment,
    /// Load command, offset and length of the signature.
    pub(super) signature: Option<(usize, u32, u32)>,
}

impl Thin {
    /// Reads the load commands of `file`.
    ///
    /// # Errors
    /// When it is no program for Macs, or damaged.
    pub(crate) fn read(file: &[u8]) -> Result<Self, NotMachO> {
        if little_u32(file, 0) != Some(MAGIC) {
            return Err(NotMachO::Other(kind_of(file)));
        }
        let header = |at: usize| little_u32(file, at).ok_or(NotMachO::Damaged("the header is cut off"));
        let arch = arch(header(4)?)?;
        if header(12)? != EXECUTABLE {
            return Err(NotMachO::Kind(format!("type {}, not a program", header(12)?)));
        }
        let mut found = Found { first_section: u64::MAX, ..Found::default() };
        let commands = (header(16)?, header(20)?);
        found.commands(file, commands)?;
        let missing = |name| NotMachO::Damaged(name);
        let linkedit = found.linkedit.ok_or(missing("it has no segment __LINKEDIT"))?;
        let text = found.text.ok_or(missing("it has no segment __TEXT"))?;
        let signed = match found.signature {
            None => Signed::No,
            Some((_, offset, bytes)) => signed(file, offset, bytes)?,
        };
        let Found { first_section, signature, min_os, sdk, .. } = found;
        Ok(Self { arch, min_os, sdk, signed, commands, first_section, text, linkedit, signature })
    }
}

/// The processor with this number.
pub(super) fn arch(cpu: u32) -> Result<Arch, NotMachO> {
    match cpu {
        0x0100_0007 => Ok(Arch::X86_64),
        0x0100_000c => Ok(Arch::Arm64),
        other => Err(NotMachO::Kind(format!("for processor {other:#x}, neither arm64 nor x86_64"))),
    }
}

/// What a file that is not Mach-O seems to be.
pub(super) fn kind_of(file: &[u8]) -> &'static str {
    match file {
        [0x7f, b'E', b'L', b'F', ..] => "a program for Linux",
        [b'M', b'Z', ..] => "a program for Windows",
        [b'#', b'!', ..] => "a script",
        [0xce, 0xfa, 0xed, 0xfe, ..] => "a 32-bit Mach-O file",
        [] => "empty",
        _ => "a file of another kind",
    }
}

/// What was found in the load commands so far.
#[derive(Default)]
struct Found {
    min_os: Option<OsVersion>,
    sdk: Option<OsVersion>,
    first_section: u64,
    text: Option<Segment>,
    linkedit: Option<Segment>,
    signature: Option<(usize, u32, u32)>,
}

impl Found {
    fn commands(&mut self, file: &[u8], (count, bytes): (u32, u32)) -> Result<(), NotMachO> {
        let damaged = NotMachO::Damaged("a load command is cut off");
        let end = HEADER_BYTES + bytes as usize;
        if count > MOST_COMMANDS || end > file.len() {
            return Err(damaged);
        }
        let mut at = HEADER_BYTES;
        for _ in 0..count {
            let (Some(kind), Some(length)) = (little_u32(file, at), little_u32(file, at + 4)) else {
                return Err(damaged);
            };
            let next = at + length as usize;
            let command = file.get(at..next).filter(|_| length >= 8 && next <= end).ok_or(damaged.clone())?;
            self.command(kind, command, at).ok_or(damaged.clone())?;
            at = next;
        }
        Ok(())
    }

    /// `None` when the command is too short for its kind.
    fn command(&mut self, kind: u32, command: &[u8], at: usize) -> Option<()> {
        match kind {
            LC_SEGMENT_64 => self.segment(command, at)?,
            LC_CODE_SIGNATURE => {
                self.signature = Some((at, little_u32(command, 8)?, little_u32(command, 12)?));
            }
            LC_VERSION_MIN_MACOSX => {
                self.min_os = Some(OsVersion(little_u32(command, 8)?));
                self.sdk = little_u32(command, 12).map(OsVersion);
            }
            LC_BUILD_VERSION if little_u32(command, 8)? == PLATFORM_MACOS => {
                self.min_os = Some(OsVersion(little_u32(command, 12)?));
                self.sdk = little_u32(command, 16).map(OsVersion);
            }
            _ => {}
        }
        Some(())
    }

    fn segment(&mut self, command: &[u8], at: usize) -> Option<()> {
        const FIXED: usize = 72;
        const SECTION: usize = 80;
        let segment =
            Segment { command: at, offset: little_u64(command, 40)?, bytes: little_u64(command, 48)? };
        match command.get(8..24)?.split(|byte| *byte == 0).next()? {
            b"__TEXT" => self.text = Some(segment),
            b"__LINKEDIT" => self.linkedit = Some(segment),
            _ => {}
        }
        let sections = little_u32(command, 64)? as usize;
        let described = command.get(FIXED..)?.chunks_exact(SECTION).take(sections);
        if described.len() < sections {
            return None;
        }
        for section in described {
            // Sections that only take memory have no place in the file.
            if let Some(offset) = little_u32(section, 48).filter(|offset| *offset > 0) {
                self.first_section = self.first_section.min(offset.into());
            }
        }
        Some(())
    }
}

/// Tells an ad-hoc signature by its empty, or missing, CMS part.
fn signed(file: &[u8], offset: u32, bytes: u32) -> Result<Signed, NotMachO> {
    /// The slot of the CMS signature, and the most parts a signature has.
    const CMS: u32 = 0x10000;
    const MOST: u32 = 64;
    let damaged = NotMachO::Damaged("its signature is cut off");
    let begin = offset as usize;
    let blob = file.get(begin..begin + bytes as usize).ok_or(damaged.clone())?;
    let count = big_u32(blob, 8).ok_or(damaged.clone())?.min(MOST);
    for index in 0..count as usize {
        let slot = |field: usize| big_u32(blob, 12 + 8 * index + field).ok_or(damaged.clone());
        if slot(0)? == CMS && big_u32(blob, slot(4)? as usize + 4).is_some_and(|length| length > 8) {
            return Ok(Signed::Identity);
        }
    }
    Ok(Signed::AdHoc)
}
