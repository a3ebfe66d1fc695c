//! Packages altered by chance: refused or read, never a panic, never without end.

use super::fixture::*;
use crate::flat_package::signature::TrustRoots;
use crate::flat_package::xar::EntryId;
use crate::flat_package::{FlatPackage, bom, cpio::Cpio};
use proptest::prelude::*;
use std::io::{self, Cursor, Read};
use time::OffsetDateTime;

/// Does everything a package can be asked for.
fn exercise(bytes: Vec<u8>) {
    let Ok(mut package) = FlatPackage::open(Cursor::new(bytes)) else { return };
    let _ = (
        package.identity(),
        package.installs().len(),
        package.verify(&TrustRoots::apple(), OffsetDateTime::UNIX_EPOCH),
    );
    for index in 0..package.archive.entries().len() {
        let id = EntryId(index);
        let _ = package.archive.read_whole(id, 1 << 20);
        let _ = package.nested(id).map(|nested| nested.components.len());
        let Ok(mut files) = package.files(id) else { continue };
        while let Ok(Some(entry)) = files.next_entry() {
            let _ = entry.relative();
        }
    }
}

fn package() -> Fixture {
    let (payload, scripts) = (small_odc(), gzip(&small_odc()));
    let certificate = "<KeyInfo><X509Data><X509Certificate>MIIB</X509Certificate></X509Data></KeyInfo>";
    Fixture::new()
        .xml(&format!("<signature style='RSA'><offset>0</offset><size>0</size>{certificate}</signature>"))
        .plain(
            "Distribution",
            b"<a><choice id='c'><pkg-ref id='p'/></choice><pkg-ref id='p'>#A.pkg</pkg-ref></a>",
        )
        .folder("A.pkg", |folder| {
            folder
                .plain("PackageInfo", b"<pkg-info identifier='a' version='1'/>")
                .plain("Payload", &pbzx(&[(&payload[..100], false), (&payload[100..], false)]))
                .file("Scripts", &bzip2(&scripts), &scripts, "x-bzip2")
        })
        .plain("Inner.pkg", &Fixture::new().plain("PackageInfo", b"<a/>").finish())
}

/// Reads everything of a cpio archive that may have `most` bytes.
fn read_at_most(most: u64, archive: &[u8]) -> Result<usize, String> {
    let mut archive = Cpio::new(archive).at_most(most);
    let mut entries = 0;
    while archive.next_entry().map_err(|error| error.to_string())?.is_some() {
        entries += 1;
    }
    Ok(entries)
}

#[test]
fn p41_an_archive_has_no_more_than_it_may_wherever_it_hides_it() {
    let trailer = odc("TRAILER!!!", 0, 0, 1, b"");
    let (many, name) = (vec![0; 4000], "n".repeat(3000));
    let hidden = [
        [odc("file", 1, 0o100_644, 1, &many), trailer.clone()].concat(),
        [odc("folder", 1, 0o040_755, 1, &many), trailer.clone()].concat(),
        [odc("device", 1, 0o020_644, 1, &many), trailer.clone()].concat(),
        [odc("a", 1, 0o100_644, 1, b""), trailer.clone(), many].concat(),
        [odc(&name, 1, 0o040_755, 1, b""), odc("b", 2, 0o040_755, 1, b""), trailer.clone()].concat(),
    ];
    for (number, archive) in hidden.iter().enumerate() {
        let whole = archive.len() as u64;
        assert_eq!(read_at_most(whole, archive), Ok(if number == 4 { 2 } else { 1 }), "{number}");
        let error = read_at_most(2000, archive).unwrap_err();
        assert!(
            error.contains("more than 2000 bytes") && error.contains("do not install it"),
            "{number}: {error}"
        );
    }
    // Announced, not there: refused before anything is read.
    let mut announced = odc("file", 1, 0o100_644, 1, b"");
    announced[65..76].copy_from_slice(b"77777777777");
    assert!(read_at_most(2000, &announced).unwrap_err().contains("more than 2000 bytes"));
}

/// The same entry without end.
struct Again<'a> {
    entry: &'a [u8],
    left: &'a [u8],
}

impl Read for Again<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            self.left = self.entry;
        }
        self.left.read(buffer)
    }
}

#[test]
fn p41_names_without_end_are_refused() {
    // A name of 4 KiB, again and again: nobody who remembers names is made to remember more than this.
    let name = "n".repeat(4095);
    let entry = odc(&name, 1, 0o040_755, 1, b"");
    let mut archive = Cpio::new(Again { entry: &entry, left: &entry });
    let mut entries = 0_u64;
    let error = loop {
        match archive.next_entry() {
            Ok(_) => entries += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("names have more than"), "{error}");
    assert_eq!(entries, (256 << 20) / 4096);
}

/// What the payload of a package with this `PackageInfo` may hold, found by asking for a little and for very much.
fn may_hold(info: &str, bill: Option<&[u8]>, bytes: u64) -> bool {
    stored_may_hold(0, info, bill, bytes)
}

/// The same, where so many bytes more are stored.
fn stored_may_hold(stored: usize, info: &str, bill: Option<&[u8]>, bytes: u64) -> bool {
    let mut payload = odc("file", 1, 0o100_644, 1, b"");
    payload[65..76].copy_from_slice(format!("{bytes:011o}").as_bytes());
    payload.resize(payload.len() + stored, 0);
    let fixture = Fixture::new().plain("PackageInfo", info.as_bytes()).plain("Payload", &payload);
    let fixture = match bill {
        Some(bill) => fixture.plain("Bom", bill),
        None => fixture,
    };
    let mut package = FlatPackage::open(Cursor::new(fixture.finish())).unwrap();
    let payload = package.components[0].payload.unwrap();
    let found = package.files(payload).unwrap().next_entry();
    !found.is_err_and(|error| error.to_string().contains("far more than the package says"))
}

/// The same bill, in which `Size64` is a tree that is not empty: that of the paths.
fn with_a_long_file(mut bill: Vec<u8>) -> Vec<u8> {
    let block_of = |bill: &[u8], name: &[u8]| {
        let name = bill.windows(name.len()).position(|bytes| bytes == name).unwrap();
        name - 5..name - 1
    };
    assert_eq!(bom::has_long_files(&bill), Ok(false));
    let (paths, sizes) = (block_of(&bill, b"Paths"), block_of(&bill, b"Size64"));
    bill.copy_within(paths, sizes.start);
    assert_eq!(bom::has_long_files(&bill), Ok(true));
    bill
}

/// A bill of materials with one file of 1 GiB.
fn bill_of_a_gib() -> Vec<u8> {
    let entry = |path: &str, kind, size| bom::Entry {
        path: path.into(),
        kind,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        mtime: 0,
        size,
    };
    bom::write(&[entry(bom::ROOT, bom::Kind::Folder, 0), entry("file", bom::Kind::File(0), 1 << 30)]).unwrap()
}

#[test]
fn p41_a_payload_may_hold_twice_what_is_declared_and_some() {
    const GIB: u64 = 1 << 30;
    let declared = format!("<a><payload installKBytes='{}'/></a>", GIB / 1024);
    assert!(may_hold(&declared, None, 2 * GIB) && !may_hold(&declared, None, 3 * GIB));
    for nothing in ["<a/>", "<a><payload installKBytes='0'/></a>"] {
        assert!(may_hold(nothing, None, GIB / 5) && !may_hold(nothing, None, GIB));
        let bill = bill_of_a_gib();
        assert!(may_hold(nothing, Some(&bill), 2 * GIB) && !may_hold(nothing, Some(&bill), 3 * GIB));
    }
    let understated = "<a><payload installKBytes='4'/></a>";
    let bill = bill_of_a_gib();
    assert!(may_hold(understated, Some(&bill), 2 * GIB) && !may_hold(understated, Some(&bill), 3 * GIB));
    let long = with_a_long_file(bill);
    assert!(!may_hold(understated, Some(&long), 2 * GIB), "what it lists is not what there is");
    assert!(!may_hold("<a/>", Some(&long), 2 * GIB) && may_hold("<a/>", Some(&long), GIB / 5));
    let usual = 50 * (8 << 20) + (256 << 20);
    assert!(stored_may_hold(8 << 20, "<a/>", Some(&long), usual), "as without a bill");
    let (stored, most) = (1 << 20, (8 << 20) + (256 << 20));
    assert!(stored_may_hold(stored, understated, None, most), "what shrank as usual");
    assert!(!stored_may_hold(stored, understated, None, most + (1 << 20)));
    let lie = format!("<a><payload installKBytes='{}'/></a>", u64::MAX);
    assert!(may_hold(&lie, None, 7 * GIB), "what is declared without end ends with the disk");
}

#[test]
fn p38_entries_that_share_a_few_bytes_stand_for_no_more_than_a_package_has() {
    let plain = vec![b' '; 8 << 20];
    let stored = bzip2(&plain);
    assert!(stored.len() < 1000, "a bomb");
    let shared = |count: usize, name: &str| {
        let mut fixture = Fixture::new().file("first", &stored, &plain, "x-bzip2");
        let at = fixture.heap.len() - stored.len();
        let data = data(at, &stored, &plain, "x-bzip2");
        for number in 0..count {
            let folder = format!("<type>directory</type><name>{number}.pkg</name>");
            fixture = fixture.xml(&format!("<file>{folder}<file><name>{name}</name>{data}</file></file>"));
        }
        FlatPackage::open(Cursor::new(fixture.plain("PackageInfo", b"<a/>").finish()))
    };
    assert!(shared(6, "Readme").is_ok());
    let error = super::archive::chain(&shared(20, "Readme").unwrap_err());
    assert!(error.contains("its entries stand for"), "{error}");
}

#[test]
fn all_descriptions_of_a_package_together_are_limited() {
    // Nine of 8 MiB, for which the ballast alone would make room.
    let mut fixture = Fixture::new().plain("ballast", &vec![7; 3 << 20]);
    let plain = [b"<a>".as_slice(), &vec![b' '; 8 << 20], b"</a>"].concat();
    for number in 0..9 {
        fixture = fixture.folder(&format!("{number}.pkg"), |folder| {
            folder.file("PackageInfo", &zlib(&plain), &plain, "x-gzip")
        });
    }
    let error = FlatPackage::open(Cursor::new(fixture.finish())).unwrap_err().to_string();
    assert!(error.contains("bytes of PackageInfo in one package"), "{error}");
}

proptest! {
    #[test]
    fn altered_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = package().finish();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        exercise(bytes);
    }

    /// The digest of the table of contents is made right again, so that what it protects is reached.
    #[test]
    fn an_altered_table_of_contents_with_a_right_digest_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut fixture = package();
        let mut toc = fixture.toc.into_bytes();
        for (from, to, value) in changes {
            let (from, to) = (from.index(toc.len()), to.index(toc.len()));
            if value < 64 {
                toc[to] = b"0123456789<>/' \"&;-=.x"[usize::from(value) % 22];
            } else if from < to && to - from < 60 {
                toc.drain(from..to);
            } else {
                let copied = toc[from..(from + 30).min(toc.len())].to_vec();
                toc.splice(to..to, copied);
            }
        }
        fixture.toc = String::from_utf8_lossy(&toc).into_owned();
        exercise(fixture.finish());
    }

    #[test]
    fn an_altered_payload_with_right_checksums_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        kind in 0..5,
    ) {
        let plain = small_odc();
        let mut payload = match kind {
            0 => plain,
            1 => gzip(&plain),
            2 => bzip2(&plain),
            3 => xz(&plain),
            _ => pbzx(&[(&plain[..90], true), (&plain[90..], false)]),
        };
        for (index, value) in changes {
            let at = index.index(payload.len());
            payload[at] = value;
        }
        exercise(Fixture::new().plain("PackageInfo", b"<a/>").plain("Payload", &payload).finish());
    }
}
