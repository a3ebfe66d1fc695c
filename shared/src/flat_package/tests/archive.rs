//! xar archives: what is read, what is verified, what is refused (P38, P39).

use super::fixture::*;
use crate::flat_package::checksum::Style;
use crate::flat_package::xar::{EntryId, EntryKind, Xar, XarError};
use std::io::{Cursor, Read as _};

const TEXT: &[u8] =
    b"All human beings are born free and equal in dignity and rights. All human beings are born free.";

fn open(bytes: Vec<u8>) -> Result<Xar<Cursor<Vec<u8>>>, XarError> {
    Xar::open(Cursor::new(bytes))
}

fn refusal(bytes: Vec<u8>) -> String {
    chain(&open(bytes).unwrap_err())
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

#[test]
fn p38_every_encoding_is_decoded_and_verified() {
    let cases: [(&str, Vec<u8>); 5] = [
        ("octet-stream", TEXT.to_vec()),
        ("x-gzip", zlib(TEXT)),
        ("x-bzip2", bzip2(TEXT)),
        ("x-lzma", xz(TEXT)),
        ("x-lzma", lzma(TEXT)),
    ];
    for (encoding, stored) in cases {
        let archive = Fixture::new().file("f", &stored, TEXT, encoding).finish();
        let mut archive = Xar::open(Reluctant::new(Cursor::new(archive))).unwrap();
        assert_eq!(archive.read_whole(EntryId(0), 1000).unwrap(), TEXT, "{encoding}");
        assert!(
            archive.read_whole(EntryId(0), 10).unwrap_err().to_string().contains("more than the 10 expected")
        );
    }
}

#[test]
fn p38_the_table_of_contents_is_verified_in_every_style() {
    for style in [Style::Md5, Style::Sha1, Style::Sha256, Style::Sha512] {
        let good = Fixture::with(style).plain("f", TEXT).finish();
        assert_eq!(open(good.clone()).unwrap().digest(), Some(style));
        let mut bad = good.clone();
        let heap = bad.len() - TEXT.len() - style.bytes();
        bad[heap] ^= 1;
        assert!(matches!(open(bad), Err(XarError::TocDigest(found)) if found == style));
    }
}

#[test]
fn p38_an_archive_may_carry_no_checksum_but_not_announce_one_it_does_not_have() {
    let toc = b"<xar><toc><file><name>f</name></file></toc></xar>";
    let packed = zlib(toc);
    let archive = |id| [header(28, 1, packed.len() as u64, toc.len() as u64, id), packed.clone()].concat();
    let mut none = open(archive(0)).unwrap();
    assert_eq!(none.digest(), None);
    assert_eq!(none.read_whole(EntryId(0), 0).unwrap(), b"");
    assert!(refusal(archive(1)).contains("announces checksum 1"));
}

#[test]
fn p38_damaged_headers_are_refused_before_anything_is_allocated() {
    let toc = zlib(b"<xar><toc/></xar>");
    let length = toc.len() as u64;
    let with = |header: Vec<u8>| refusal([header, toc.clone()].concat());
    assert!(with(header(27, 1, length, 17, 0)).contains("header of 27 bytes"));
    assert!(with(header(28, 2, length, 17, 0)).contains("version 2"));
    assert!(with(header(28, 1, 1 << 60, 17, 0)).contains("table of contents of 1152921504606846976 bytes"));
    assert!(with(header(28, 1, length, 1 << 60, 0)).contains("once decompressed"));
    assert!(with(header(65535, 1, length, 17, 0)).contains("damaged xar header"));
    assert!(refusal(b"xar!\0\x1c".to_vec()).contains("ends inside the header"));
    assert!(open([header(28, 1, length, 17, 0), toc.clone()].concat()).is_ok());
}

#[test]
fn p38_a_table_of_contents_that_decompresses_to_more_than_it_says_is_read_no_further() {
    let text = [b"<xar><toc>".as_slice(), &vec![b' '; 32 << 20], b"</toc></xar>"].concat();
    let packed = zlib(&text);
    assert!(packed.len() < 100_000, "a bomb");
    let archive = |says: u64| [header(28, 1, packed.len() as u64, says, 0), packed.clone()].concat();
    assert!(open(archive(text.len() as u64)).is_ok());
    assert!(refusal(archive(100)).contains("damaged table of contents"));
}

#[test]
fn p39_an_altered_byte_is_found_at_the_latest_at_the_entrys_end_and_stays_found() {
    for (encoding, stored) in
        [("octet-stream", TEXT.to_vec()), ("x-gzip", zlib(TEXT)), ("x-bzip2", bzip2(TEXT))]
    {
        let good = Fixture::new().file("f", &stored, TEXT, encoding).finish();
        for place in 1..=stored.len() {
            let mut bad = good.clone();
            let at = bad.len() - place;
            bad[at] ^= 0x10;
            let mut archive = open(bad).unwrap();
            let mut reader = archive.read(EntryId(0)).unwrap();
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains("damaged or altered"), "{error}");
            assert_eq!(reader.read(&mut [0; 8]).unwrap_err().to_string(), error.to_string());
        }
    }
}

#[test]
fn p39_bytes_after_the_compressed_stream_belong_to_the_archived_checksum() {
    let stored = [zlib(TEXT), b"trailing".to_vec()].concat();
    let good = Fixture::new().file("f", &stored, TEXT, "x-gzip").finish();
    assert_eq!(open(good.clone()).unwrap().read_whole(EntryId(0), 1000).unwrap(), TEXT);
    let mut bad = good;
    *bad.last_mut().unwrap() ^= 1;
    assert!(
        chain(&open(bad).unwrap().read_whole(EntryId(0), 1000).unwrap_err()).contains("archived checksum")
    );
}

#[test]
fn an_entry_that_is_larger_or_smaller_than_it_says_is_refused() {
    let bomb = zlib(&vec![0; 5 << 20]);
    for (plain, text) in
        [(b"12345".as_slice(), "more than its 5 bytes"), (&[0; 6 << 20], "instead of 6291456")]
    {
        let archive = Fixture::new().file("bomb", &bomb, plain, "x-gzip").finish();
        let error =
            std::io::copy(&mut open(archive).unwrap().read(EntryId(0)).unwrap(), &mut std::io::sink());
        assert!(error.unwrap_err().to_string().contains(text));
    }
}

#[test]
fn p38_places_outside_the_file_or_on_top_of_each_other_are_refused() {
    let file = |name: &str, offset: u64, length: u64| {
        format!(
            "<file><name>{name}</name><data><offset>{offset}</offset><length>{length}</length></data></file>"
        )
    };
    let archive = |toc: &str| {
        let mut fixture = Fixture::new().xml(toc);
        fixture.heap.extend_from_slice(&[7; 100]);
        fixture.finish()
    };
    assert!(open(archive(&file("a", 20, 100))).is_ok());
    assert!(refusal(archive(&file("a", 21, 100))).contains("a lies beyond the end of the file"));
    assert!(refusal(archive(&file("a", u64::MAX, 100))).contains("beyond the end"));
    assert!(refusal(archive(&(file("a", 20, 50) + &file("b", 69, 2)))).contains("b and a overlap"));
    assert!(refusal(archive(&file("a", 0, 50))).contains("overlap"));
    let shared = file("a", 30, 50) + &file("b", 30, 50) + &file("empty", 31, 0);
    assert!(open(archive(&shared)).is_ok(), "two entries may share the very same bytes");
}

#[test]
fn names_that_could_lead_elsewhere_are_refused() {
    for name in ["..", ".", "", "a/b", "/etc", &"x".repeat(1025)] {
        let archive = Fixture::new().xml(&format!("<file><name>{name}</name></file>")).finish();
        assert!(refusal(archive).contains("not a plain file name"), "{name}");
    }
    let hidden = Fixture::new().xml("<file><name enctype='base64'>Li4=</name></file>").finish();
    assert!(refusal(hidden).contains("not a plain file name"));
    let twice = Fixture::new().plain("Payload", b"1").plain("Payload", b"2").finish();
    assert!(refusal(twice).contains("two entries are called"));
    let deep = "<file><type>directory</type>".repeat(90)
        + &format!("<name>{}</name></file>", "d".repeat(1000)).repeat(90);
    assert!(refusal(Fixture::new().xml(&deep).finish()).contains("longer than 4096 bytes"));
}

#[test]
fn p38_what_does_not_matter_is_tolerated() {
    let archive = Fixture::new()
        .xml("<signature-creation-time>322924475.5</signature-creation-time>")
        .xml("<file id='1'><FinderCreateTime><nanoseconds>-140359531233280</nanoseconds><time>1900-4097-00T07:49:20</time></FinderCreateTime>")
        .xml("<ea><name>com.apple.quarantine</name><offset>99999</offset><length>5</length></ea>")
        .xml("<mtime>yesterday</mtime><mode>rw</mode><uid>-2</uid><type>file</type><name>one</name><name>one</name></file>")
        .xml("<file><name>two</name><type>symlink</type><link type='broken'>one</link><mode>0755</mode><uid>501</uid></file>")
        .xml("<file><name>three</name><type link='1'>hardlink</type></file><file><name>four</name><type>fifo</type></file>")
        .xml("<file><name enctype='base64'>xI1lcw==</name></file>")
        .finish();
    let mut archive = open(archive).unwrap();
    let kinds: Vec<_> =
        archive.entries().iter().map(|entry| (entry.path.as_str(), entry.kind.clone())).collect();
    assert_eq!(
        kinds,
        [
            ("one", EntryKind::File),
            ("two", EntryKind::Symlink { target: "one".into() }),
            ("three", EntryKind::HardLink { to: "1".into() }),
            ("four", EntryKind::Other("fifo".into())),
            ("čes", EntryKind::File),
        ]
    );
    assert_eq!((archive.entries()[1].mode, archive.entries()[1].uid), (Some(0o755), Some(501)));
    assert_eq!((archive.entries()[0].mode, archive.entries()[0].uid), (None, None));
    assert!(archive.read(EntryId(1)).err().unwrap().to_string().contains("not a file"));
    assert!(archive.read(EntryId(9)).err().unwrap().to_string().contains("no entry number 9"));
}

#[test]
fn numbers_checksums_and_encodings_that_mean_nothing_are_refused_with_their_name() {
    let data = |inner: &str| {
        Fixture::new().xml(&format!("<file><name>f</name><data>{inner}</data></file>")).finish()
    };
    assert!(refusal(data("<length>-1</length>")).contains("length `-1` is not a number"));
    assert!(refusal(data("<length>5</length>")).contains("`f` has data but no offset"));
    assert!(refusal(data("<archived-checksum style='crc32'>00</archived-checksum>")).contains("crc32"));
    let odd = Fixture::new().file("f", TEXT, TEXT, "x-compress").finish();
    assert!(open(odd).unwrap().read(EntryId(0)).err().unwrap().to_string().contains("x-compress"));
    assert!(refusal(Fixture::new().xml("<file></file>").finish()).contains("without a name"));
}
