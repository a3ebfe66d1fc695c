//! Mach-O programs that do nothing, laid out as linkers do it: enough for whoever joins, signs and packs them.

/// A program's processor: `cputype` and `cpusubtype`.
pub const ARM64: (u32, u32) = (0x0100_000c, 0);
/// See [`ARM64`].
pub const X86_64: (u32, u32) = (0x0100_0007, 3);

/// Where the only section begins; load commands have room up to here.
const SECTION: u64 = 0x400;

/// An unsigned program for `cpu` and macOS `min_os` (such as `0x000b_0000` for 11.0) with `code` in it.
#[must_use]
pub fn program(cpu: (u32, u32), min_os: u32, code: &[u8]) -> Vec<u8> {
    let page = if cpu == ARM64 { 0x4000 } else { 0x1000 };
    let text_bytes = (SECTION + code.len() as u64).next_multiple_of(page);
    let names = b"\0_main\0\0";
    let text = segment("__TEXT", 0, text_bytes, Some(code.len() as u64));
    let linkedit = segment("__LINKEDIT", text_bytes, names.len() as u64, None);
    let build = [0x32, 24, 1, min_os, min_os, 0].map(u32::to_le_bytes).concat();
    let commands = [text, linkedit, build].concat();
    let header = [0xfeed_facf, cpu.0, cpu.1, 2, 3, commands.len() as u32, 0x0020_0085, 0];
    let mut file = [header.map(u32::to_le_bytes).concat(), commands].concat();
    file.resize(SECTION as usize, 0);
    file.extend(code);
    file.resize(text_bytes as usize, 0);
    file.extend(names);
    file
}

/// The load command of a segment, with one section of `section` bytes if there is one.
fn segment(name: &str, offset: u64, bytes: u64, section: Option<u64>) -> Vec<u8> {
    let fixed = |name: &str| {
        let mut field = name.as_bytes().to_vec();
        field.resize(16, 0);
        field
    };
    let sections = u32::from(section.is_some());
    let address = 0x1_0000_0000 + offset;
    let mut command = [0x19_u32, 72 + 80 * sections].map(u32::to_le_bytes).concat();
    command.extend(fixed(name));
    let memory = bytes.next_multiple_of(0x4000);
    command.extend([address, memory, offset, bytes].map(u64::to_le_bytes).concat());
    let protection = if sections > 0 { 5 } else { 1 };
    command.extend([protection, protection, sections, 0].map(u32::to_le_bytes).concat());
    if let Some(length) = section {
        command.extend([fixed("__text"), fixed(name)].concat());
        command.extend([address + SECTION, length].map(u64::to_le_bytes).concat());
        command.extend([SECTION as u32, 4, 0, 0, 0x8000_0400, 0, 0, 0].map(u32::to_le_bytes).concat());
    }
    command
}
