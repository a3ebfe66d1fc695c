//! What a linked Mach-O program asks of the Mac that starts it: its oldest system, its libraries, their symbols.

/// Read from a thin 64-bit program.
#[derive(Debug, Default)]
pub struct Linked {
    /// The oldest system, such as `0x000b_0000` for 11.0.
    pub min_os: u32,
    /// Paths of libraries.
    pub libraries: Vec<String>,
    /// Symbols that libraries must have, without the variant after `$` and the leading underscore.
    pub imports: Vec<String>,
}

const BUILD_VERSION: u32 = 0x32;
const VERSION_MIN: u32 = 0x24;
const LOAD_DYLIB: [u32; 3] = [0x0c, 0x8000_0018, 0x8000_001f];
const SYMTAB: u32 = 0x02;

impl Linked {
    /// `None` when `file` is not such a program, or is cut off.
    #[must_use]
    pub fn read(file: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let word = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
        let text = |at: usize| {
            let rest = file.get(at..)?;
            let end = rest.iter().position(|byte| *byte == 0)?;
            Some(String::from_utf8_lossy(&rest[..end]).into_owned())
        };
        if word(0)? != 0xfeed_facf {
            return None;
        }
        let mut at = 32;
        for _ in 0..word(16)? {
            let (command, length) = (word(at)?, word(at + 4)? as usize);
            match command {
                BUILD_VERSION => found.min_os = word(at + 12)?,
                VERSION_MIN => found.min_os = word(at + 8)?,
                _ if LOAD_DYLIB.contains(&command) => {
                    found.libraries.push(text(at + word(at + 8)? as usize)?);
                }
                SYMTAB => {
                    let (symbols, count, names) =
                        (word(at + 8)? as usize, word(at + 12)? as usize, word(at + 16)? as usize);
                    for symbol in (0..count).map(|index| symbols + 16 * index) {
                        // External, and in no section of this file.
                        if *file.get(symbol + 4)? & 0x0f == 0x01 {
                            let name = text(names + word(symbol)? as usize)?;
                            let name = name.strip_prefix('_').unwrap_or(&name);
                            found.imports.push(name.split('$').next().unwrap_or(name).to_owned());
                        }
                    }
                }
                _ => {}
            }
            at += length.max(8);
        }
        found.imports.sort();
        found.imports.dedup();
        Some(found)
    }
}
