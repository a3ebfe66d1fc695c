//! Programs read, joined and signed, and looked at with another program's eyes where one is installed.

use super::{
    fixture::{ARM64, X86_64, program},
    *,
};
use proptest::prelude::*;
use shared::{digest::Digest, facts::Arch};
use std::process::Command;

/// By nobody.
fn sign_ad_hoc(file: &[u8], identifier: &str) -> Result<Vec<u8>, super::sign::SignError> {
    sign(file, identifier, None)
}

const NAME: &str = "com.example.daemon";

fn signed(cpu: (u32, u32)) -> Vec<u8> {
    sign_ad_hoc(&program(cpu, 0x000b_0000, &[0xc0; 9000]), NAME).unwrap()
}

/// The parts of the signature in `file`, by their slot.
fn parts(file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let (_, offset, bytes) = Thin::read(file).unwrap().signature.unwrap();
    assert_eq!(offset as usize + bytes as usize, file.len());
    let blob = &file[offset as usize..];
    assert_eq!(big_u32(blob, 0), Some(0xfade_0cc0));
    let count = big_u32(blob, 8).unwrap() as usize;
    let part = |index: usize| {
        let (slot, at) = (big_u32(blob, 12 + 8 * index).unwrap(), big_u32(blob, 16 + 8 * index).unwrap());
        let length = big_u32(blob, at as usize + 4).unwrap();
        (slot, blob[at as usize..(at + length) as usize].to_vec())
    };
    (0..count).map(part).collect()
}

#[test]
fn p46_an_unsigned_program_is_read() {
    let thin = Thin::read(&program(ARM64, 0x000b_0301, b"code")).unwrap();
    assert_eq!((thin.arch, thin.signed), (Arch::Arm64, Signed::No));
    assert_eq!(thin.min_os.unwrap().to_string(), "11.3.1");
    let thin = Thin::read(&program(X86_64, 0x000b_0000, b"code")).unwrap();
    assert_eq!((thin.arch, thin.min_os.unwrap().to_string()), (Arch::X86_64, "11.0".to_owned()));
}

#[test]
fn p46_every_page_before_the_signature_is_digested_and_names_the_program() {
    let page = 1 << 12;
    for cpu in [ARM64, X86_64] {
        let file = signed(cpu);
        let thin = Thin::read(&file).unwrap();
        assert_eq!(thin.signed, Signed::AdHoc);
        assert_eq!(thin.linkedit.offset + thin.linkedit.bytes, file.len() as u64);
        let parts = parts(&file);
        let slots: Vec<u32> = parts.iter().map(|(slot, _)| *slot).collect();
        assert_eq!(slots, [0, 2, 0x10000]);
        let directory = &parts[0].1;
        let word = |at: usize| big_u32(directory, at).unwrap() as usize;
        assert_eq!((word(0), word(8), word(12)), (0xfade_0c02, 0x2_0400, 2));
        let (digests, name, pages, limit) = (word(16), word(20), word(28), word(32));
        assert_eq!(limit, thin.signature.unwrap().1 as usize);
        assert_eq!(&directory[name..=name + NAME.len()], format!("{NAME}\0").as_bytes());
        assert_eq!((directory[36], directory[37], directory[39]), (32, 2, 12));
        let expected: Vec<u8> = file[..limit].chunks(page).flat_map(|page| Digest::of(page).0).collect();
        assert_eq!(pages, limit.div_ceil(page));
        assert_eq!(directory[digests..], expected);
        assert_eq!(directory[digests - 64..digests - 32], Digest::of(&parts[1].1).0);
        // The segment with the code, and that it is a program's.
        let text = [64, 72, 80].map(|at| u64::from_be_bytes(directory[at..at + 8].try_into().unwrap()));
        assert_eq!(text, [0, thin.text.bytes, 1]);
    }
}

#[test]
fn p46_signing_again_gives_the_same_and_another_name_another_signature() {
    let once = signed(ARM64);
    assert!(sign_ad_hoc(&once, NAME).unwrap() == once);
    let other = sign_ad_hoc(&once, "com.example.a-much-longer-name-than-before").unwrap();
    assert!(other != once && sign_ad_hoc(&other, NAME).unwrap() == once);
}

#[test]
fn what_is_no_program_for_macs_is_told_by_name() {
    let problem = |file: &[u8]| sign_ad_hoc(file, NAME).map(drop).unwrap_err().to_string();
    assert_eq!(problem(b"\x7fELF\x02\x01"), "it is a program for Linux, not a program for Macs");
    assert_eq!(problem(b"#!/bin/sh\n"), "it is a script, not a program for Macs");
    assert_eq!(problem(b""), "it is empty, not a program for Macs");
    let mut library = program(ARM64, 0, b"");
    library[12] = 6;
    assert!(problem(&library).contains("type 6, not a program"));
    let mut tail = program(ARM64, 0, b"");
    tail.push(0);
    assert!(problem(&tail).contains("its last segment does not end the file"));
    let mut full = program(ARM64, 0, b"code");
    let commands_end = 32 + little_u32(&full, 20).unwrap() as usize;
    full[commands_end + 4] = 1;
    assert!(problem(&full).contains("-headerpad"));
}

#[test]
fn p46_slices_are_aligned_as_lipo_does_and_come_back_whole() {
    let slices = vec![signed(X86_64), signed(ARM64)];
    let joined = join(&slices).unwrap();
    assert_eq!(split(&joined).unwrap(), slices);
    let offsets = [8 + 8, 28 + 8].map(|at| big_u32(&joined, at).unwrap());
    assert_eq!((offsets[0] % 0x1000, offsets[1] % 0x4000), (0, 0));
    assert_eq!([24, 44].map(|at| big_u32(&joined, at).unwrap()), [12, 14]);
    assert_eq!(split(&slices[0]).unwrap(), [&slices[0][..]]);
    assert!(split(&joined[..joined.len() - 1]).is_err());
    assert!(join(&[vec![1; 8], vec![2; 8]]).is_err());
}

#[test]
fn p46_llvm_objdump_reads_what_was_joined_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::fs::write(&file, join(&[signed(X86_64), signed(ARM64)]).unwrap()).unwrap();
    let mut objdump = Command::new("llvm-objdump");
    objdump.args(["--macho", "--universal-headers", "--private-headers", "--arch=all"]).arg(&file);
    let Ok(output) = objdump.output() else { return println!("skipped: llvm-objdump is not installed") };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for promised in ["architecture x86_64", "architecture arm64", "align 2^14 (16384)", "align 2^12 (4096)"] {
        assert!(text.contains(promised), "{promised} in {text}");
    }
    assert_eq!(text.matches("LC_CODE_SIGNATURE").count(), 2, "{text}");
}

proptest! {
    #[test]
    fn damaged_programs_are_refused_or_signed_but_never_a_panic(
        flips in prop::collection::vec((0usize..0x200, any::<u8>()), 1..12), cut in 0usize..0x4010, sign in any::<bool>(),
    ) {
        let mut file = if sign { signed(ARM64) } else { program(ARM64, 0, b"code") };
        for (at, value) in flips {
            file[at] = value;
        }
        if cut % 3 == 0 {
            file.truncate(cut);
        }
        drop(sign_ad_hoc(&file, NAME));
        drop(split(&file));
        file[..4.min(cut)].copy_from_slice(&[0xca, 0xfe, 0xba, 0xbe][..4.min(cut)]);
        drop(split(&file));
    }
}
