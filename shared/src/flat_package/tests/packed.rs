//! Compressed cpio archives: every compression, both formats, links, damage (P40, P41).

use super::fixture::*;
use crate::flat_package::cpio::{Cpio, CpioEntry, CpioError, Kind, below};
use crate::flat_package::payload::{Compression, Payload};
use proptest::prelude::*;
use std::io::{Cursor, Read as _};
use std::path::Path;

fn unpacked(stream: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    Payload::new(Cursor::new(stream))?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn entries(archive: &[u8]) -> Result<Vec<(CpioEntry, Vec<u8>)>, CpioError> {
    let mut cpio = Cpio::new(archive);
    let mut entries = Vec::new();
    while let Some(entry) = cpio.next_entry()? {
        let mut body = Vec::new();
        let _ = cpio.body().read_to_end(&mut body); // what fails here fails at the next entry again
        entries.push((entry, body));
    }
    Ok(entries)
}

#[test]
fn p40_the_compression_is_told_by_the_bytes() {
    let plain = small_odc();
    let half = plain.len() / 2;
    let cases = [
        (Compression::None, plain.clone()),
        (Compression::Gzip, gzip(&plain)),
        (Compression::Gzip, [gzip(&plain[..half]), gzip(&plain[half..])].concat()),
        (Compression::Bzip2, bzip2(&plain)),
        (Compression::Xz, xz(&plain)),
        (Compression::Pbzx, pbzx(&[(&plain[..half], true), (&plain[half..], true)])),
        (Compression::Pbzx, pbzx(&[(&plain[..half], false), (&plain[half..], true)])),
        (Compression::Pbzx, pbzx(&[(&plain[..half], true), (&plain[half..], false)])),
    ];
    for (compression, stream) in cases {
        assert_eq!(Payload::new(stream.as_slice()).unwrap().compression(), compression);
        assert_eq!(unpacked(&stream).unwrap(), plain, "{compression}");
        let mut slowly = Vec::new();
        let mut payload = Payload::new(stream.as_slice()).unwrap();
        let mut byte = [0];
        while payload.read(&mut byte).unwrap() == 1 {
            slowly.push(byte[0]);
        }
        assert_eq!(slowly, plain);
    }
    assert_eq!(unpacked(b"").unwrap(), b"");
    assert_eq!(unpacked(&pbzx(&[])).unwrap(), b"");
}

#[test]
fn p40_reading_nothing_in_the_middle_of_a_stream_changes_nothing() {
    let plain = small_odc();
    for stream in [plain.clone(), gzip(&plain), bzip2(&plain), xz(&plain), pbzx(&[(&plain, true)])] {
        let mut payload = Payload::new(stream.as_slice()).unwrap();
        let (mut first, mut rest) = ([0; 7], Vec::new());
        payload.read_exact(&mut first).unwrap();
        assert_eq!(payload.read(&mut []).unwrap(), 0);
        payload.read_to_end(&mut rest).unwrap();
        assert_eq!([&first[..], &rest].concat(), plain);
    }
}

#[test]
fn p40_a_damaged_stream_fails_again_when_it_is_read_again() {
    let plain = small_odc();
    for whole in [gzip(&plain), bzip2(&plain), xz(&plain), pbzx(&[(&plain, true)]), pbzx(&[(&plain, false)])]
    {
        for cut in 7..whole.len() {
            let mut payload = Payload::new(&whole[..cut]).unwrap();
            if payload.read_to_end(&mut Vec::new()).is_err() {
                assert!(payload.read(&mut [0; 8]).is_err());
            } else {
                assert_eq!((cut, &whole[..4]), (12, b"pbzx".as_slice()), "only an empty stream is whole");
            }
        }
    }
}

#[test]
fn p40_sizes_of_pbzx_chunks_are_not_believed() {
    let chunk = |plain: u64, stored: u64, bytes: &[u8]| {
        [pbzx(&[]), plain.to_be_bytes().to_vec(), stored.to_be_bytes().to_vec(), bytes.to_vec()].concat()
    };
    let packed = xz(b"hello");
    let length = packed.len() as u64;
    for (stream, reason) in [
        (chunk(u64::MAX, 5, b"hello"), "announces"),
        (chunk(5, u64::MAX, b"hello"), "announces"),
        (chunk(6, 6, b"hello"), "ends inside"),
        (chunk(4, length, &packed), "more bytes than announced"),
        (chunk(6, length, &packed), "ends 1 bytes early"),
        (chunk(9, 5, b"hello"), "chunk 1"),
    ] {
        let error = unpacked(&stream).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn p40_both_cpio_formats_are_read() {
    for make in [odc, newc] {
        let archive = [
            make(".", 1, 0o040755, 2, b""),
            make("./a", 2, 0o104711, 1, b"abc"),
            make("./link", 3, 0o120755, 1, b"../etc"),
            make("./null", 4, 0o020666, 1, b""),
            make("TRAILER!!!", 0, 0, 1, b""),
            vec![0; 300],
        ];
        let entries = entries(&archive.concat()).unwrap();
        let (file, body) = &entries[1];
        assert_eq!(
            (file.path.as_path(), file.mode, body.as_slice()),
            (Path::new("./a"), 0o104711, b"abc".as_slice())
        );
        assert_eq!((file.uid, file.gid, file.mtime, file.size), (501, 20, 1_700_000_000, 3));
        assert_eq!(entries[0].0.kind, Kind::Directory);
        assert_eq!(entries[2].0.kind, Kind::Symlink { target: "../etc".into() });
        assert_eq!(entries[3].0.kind, Kind::Special);
        assert_eq!(entries.len(), 4);
    }
}

#[test]
fn p40_other_names_of_a_file_point_to_the_first_wherever_the_content_is() {
    for (make, contents) in [
        (newc as fn(&str, u32, u32, u32, &[u8]) -> Vec<u8>, ["", "", "data"]),
        (odc, ["data", "data", "data"]),
        (odc, ["data", "", ""]),
    ] {
        let named = |name: &str, content: &str| make(name, 7, 0o100644, 3, content.as_bytes());
        let archive = [
            named("./1", contents[0]),
            named("./2", contents[1]),
            make("./other", 8, 0o100644, 1, b"x"),
            named("./3", contents[2]),
            make("./new", 7, 0o100644, 2, b"the number is used again"),
            make("TRAILER!!!", 0, 0, 1, b""),
        ];
        let entries = entries(&archive.concat()).unwrap();
        let links: Vec<_> = entries.iter().map(|(entry, _)| entry.link_to.as_deref()).collect();
        let first = Some(Path::new("./1"));
        assert_eq!(links, [None, first, None, first, None]);
    }
}

#[test]
fn p40_a_used_again_inode_number_joins_no_different_files() {
    let archive = [
        odc("./1", 7, 0o100644, 2, b"one"),
        odc("./2", 7, 0o100644, 2, b"another"),
        odc("./3", 7, 0o100755, 2, b"one"),
        odc("TRAILER!!!", 0, 0, 1, b""),
    ];
    assert!(entries(&archive.concat()).unwrap().iter().all(|(entry, _)| entry.link_to.is_none()));
}

#[test]
fn damage_is_reported_with_its_place() {
    let after =
        |bytes: &[u8]| entries(&[small_odc()[..76 + 2].to_vec(), bytes.to_vec()].concat()).unwrap_err();
    assert!(after(b"garbage garbage").to_string().contains("at byte 84, at or after entry .: no cpio entry"));
    assert!(after(b"").to_string().contains("ends or fails inside a header"));
    assert!(after(b"AA01\x12\x00rest").to_string().contains("Apple Archive"));
    assert!(after(&odc("./x", 1, 0o100644, 1, b"12345")[..80]).to_string().contains("ends inside an entry"));
    let mut long = odc("./x", 1, 0o100644, 1, b"");
    long[59..65].copy_from_slice(b"777777");
    assert!(after(&long).to_string().contains("a name of 262143 bytes"));
    let mut letters = odc("./x", 1, 0o100644, 1, b"");
    letters[70] = b'9';
    assert!(after(&letters).to_string().contains("is not a number"));
}

#[test]
fn p41_paths_stay_below_the_folder_they_are_unpacked_to() {
    for (path, relative) in [("./a//b/./c", "a/b/c"), (".", ""), ("a", "a"), ("./", "")] {
        assert_eq!(below(Path::new(path)).unwrap(), Path::new(relative));
    }
    for path in ["/etc", "..", "a/../../b", "./a/.."] {
        assert!(below(Path::new(path)).is_err(), "{path}");
    }
}

proptest! {
    #[test]
    fn any_contents_survive_every_compression(plain in prop::collection::vec(any::<u8>(), 0..2000), at in any::<prop::sample::Index>()) {
        let at = at.index(plain.len() + 1);
        let chunks = [(&plain[..at], true), (&plain[at..], false)];
        let prefixed = [b"070707".as_slice(), &plain].concat();
        prop_assert_eq!(&unpacked(&pbzx(&chunks)).unwrap(), &plain);
        prop_assert_eq!(&unpacked(&gzip(&plain)).unwrap(), &plain);
        prop_assert_eq!(&unpacked(&prefixed).unwrap(), &prefixed);
    }

    #[test]
    fn bytes_by_chance_are_no_cpio_archive_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = entries(&bytes);
        let _ = entries(&[b"070707".as_slice(), &bytes].concat());
        let _ = unpacked(&[b"pbzx".as_slice(), &bytes].concat());
    }
}
