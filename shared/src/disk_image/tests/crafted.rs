//! A volume that is changed by hand: what no writer here makes, and what nobody should.

use super::written::{Files, file, node, written};
use super::*;
use crate::disk_image::Coding;
use crate::disk_image::disk::Disk as _;
use crate::flat_package::write::{NodeKind, Tree};
use flate2::{Compression, write::ZlibEncoder};
use std::io::{Cursor, Write as _};

const BLOCK: usize = 4096;
const HEADER: usize = 1024;

/// The disk as it is.
struct Volume(Vec<u8>);

impl Volume {
    fn new(files: &Files, folders: &[&str]) -> Self {
        let mut nodes = vec![node(".", NodeKind::Folder)];
        nodes.extend(folders.iter().map(|path| node(path, NodeKind::Folder)));
        nodes.extend(files.iter().map(|(path, content)| file(path, content.len())));
        let image = written(&Tree::new(nodes).unwrap(), files, Coding::Zlib);
        let mut image = DiskImage::open(Cursor::new(image)).unwrap();
        let mut disk = vec![0; image.size() as usize];
        image.disk.read_at(0, &mut disk).unwrap();
        Self(disk)
    }

    /// Where the record of `name` in a folder begins, behind its key.
    fn record(&self, folder: u32, name: &str) -> usize {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let length = |count: usize| (count as u16).to_be_bytes();
        let key =
            [&length(6 + name.len())[..], &folder.to_be_bytes(), &length(name.len() / 2), &name].concat();
        self.0.windows(key.len()).position(|window| window == key).unwrap() + key.len()
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    fn set(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn id(&self, name: &str) -> u32 {
        self.number(self.record(2, name) + 8)
    }

    /// The first block of a file in the root.
    fn block(&self, name: &str) -> u32 {
        self.number(self.record(2, name) + 88 + 16)
    }

    /// Makes the two blocks of a file in the root a special file of the volume, whose fork stands in its header.
    fn special(&mut self, fork: usize, name: &str) {
        let block = self.block(name);
        self.set(HEADER + fork, &[&(2 * BLOCK as u64).to_be_bytes()[..], &[0, 0, 0, 0, 0, 0, 0, 2]].concat());
        self.set(HEADER + fork + 16, &[block.to_be_bytes(), 2u32.to_be_bytes()].concat());
    }

    fn listing(self) -> Result<Vec<(Entry, String)>, WalkError> {
        listing(&mut DiskImage::open(Cursor::new(self.0))?, 0, "")
    }

    fn content(&self, name: &str) -> Vec<u8> {
        let mut image = DiskImage::open(Cursor::new(self.0.clone())).unwrap();
        let volume = image.volumes()[0].clone();
        let mut walk = image.walk(&volume, Path::new(name)).unwrap().unwrap();
        let size = walk.next_entry().unwrap().unwrap().size;
        let mut content = Vec::new();
        walk.body().read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, size);
        content
    }
}

/// A tree with one leaf.
fn tree(records: &[Vec<u8>]) -> Vec<u8> {
    let count = records.len() as u32;
    let mut header = [&[0; 8][..], &[1, 0, 0, 3, 0, 0], &[0, 1]].concat();
    for number in [1, count, 1, 1] {
        header.extend(number.to_be_bytes());
    }
    header.extend((BLOCK as u16).to_be_bytes());
    header.resize(BLOCK, 0);
    let mut leaf = [&[0; 8][..], &[0xff, 1], &(count as u16).to_be_bytes(), &[0; 2]].concat();
    let mut places = Vec::new();
    for record in records {
        places.push(leaf.len() as u16);
        leaf.extend(record);
    }
    places.push(leaf.len() as u16);
    leaf.resize(BLOCK - 2 * places.len(), 0);
    leaf.extend(places.iter().rev().flat_map(|place| place.to_be_bytes()));
    [header, leaf].concat()
}

fn numbered_blocks(count: u8) -> Vec<u8> {
    (0..count).flat_map(|number| [number; BLOCK]).collect()
}

#[test]
fn a_file_in_more_pieces_than_its_record_has_room_for_is_read_whole() {
    let spare = vec![0; 2 * BLOCK];
    let files = Files::from([("big".to_owned(), numbered_blocks(10)), ("extents".to_owned(), spare)]);
    let mut volume = Volume::new(&files, &[]);
    let (first, id) = (volume.block("big"), volume.id("big"));
    // The last block first: eight extents in the record, two in the tree of those that did not fit.
    let extents = |numbers: std::ops::Range<u32>| -> Vec<u8> {
        numbers.flat_map(|number| [first + 9 - number, 1]).flat_map(u32::to_be_bytes).collect()
    };
    let at = volume.record(2, "big") + 88 + 16;
    volume.set(at, &extents(0..8));
    let mut record = [&[0, 10, 0, 0][..], &id.to_be_bytes(), &8u32.to_be_bytes(), &extents(8..10)].concat();
    record.resize(12 + 64, 0);
    let block = volume.block("extents") as usize * BLOCK;
    volume.set(block, &tree(&[record]));
    volume.special(192, "extents");
    let expected: Vec<u8> = numbered_blocks(10).chunks(BLOCK).rev().flatten().copied().collect();
    assert!(volume.content("big") == expected);
}

/// What `com.apple.decmpfs` holds.
fn compressed(kind: u32, size: usize, data: &[u8]) -> Vec<u8> {
    [b"fpmc", &kind.to_le_bytes()[..], &(size as u64).to_le_bytes(), data].concat()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = "com.apple.decmpfs".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut record =
        [&(12 + name.len() as u16).to_be_bytes()[..], &[0, 0], &id.to_be_bytes(), &[0; 4], &[0, 17]].concat();
    record.extend(name);
    record.extend([&0x10u32.to_be_bytes()[..], &[0; 8], &(value.len() as u32).to_be_bytes(), value].concat());
    record.resize(record.len().next_multiple_of(2), 0);
    record
}

#[test]
fn files_that_macos_compressed_are_read_as_their_content() {
    let content: Vec<u8> = (0..100_000u32).map(|number| (number / 100) as u8).collect();
    let (chunk, rest) = content.split_at(65_536);
    // A header, the table behind it, and two chunks, of which one did not shrink.
    let (one, two) = (zlib(chunk), [&[0xff], rest].concat());
    let places = [2, 20, one.len() as u32, 20 + one.len() as u32, two.len() as u32];
    let table: Vec<u8> = places.iter().flat_map(|number| number.to_le_bytes()).collect();
    let head = [&256u32.to_be_bytes()[..], &[0; 252], &[0; 4]].concat();
    let zlib_fork = [&head[..], &table, &one, &two].concat();
    // The same in LZVN: places of the chunks and the end.
    let mut packed = Vec::new();
    let small = b"as small as it must be to be packed with it, to be packed with it";
    lzfse_rust::encode_bytes(small, &mut packed).unwrap();
    let packed = &packed[12..packed.len() - 4];
    let raw = [&[6], chunk].concat();
    let places = [12, 12 + raw.len() as u32, 12 + (raw.len() + packed.len()) as u32];
    let table: Vec<u8> = places.iter().flat_map(|number| number.to_le_bytes()).collect();
    let lzvn_fork = [&table[..], &raw, packed].concat();

    let mut files = Files::from([("attributes".to_owned(), vec![0; 2 * BLOCK])]);
    files.insert("zlib.rsrc".to_owned(), zlib_fork);
    files.insert("lzvn.rsrc".to_owned(), lzvn_fork);
    for name in ["inline", "plain", "zlib", "lzvn", "unknown"] {
        files.insert(name.to_owned(), Vec::new());
    }
    let mut volume = Volume::new(&files, &[]);
    for name in ["zlib", "lzvn"] {
        // The fork of the other becomes this one's resource fork.
        let from = volume.record(2, &format!("{name}.rsrc")) + 88;
        let fork = volume.0[from..from + 80].to_vec();
        let at = volume.record(2, name) + 168;
        volume.set(at, &fork);
    }
    let lzvn_size = chunk.len() + small.len();
    let of = |name: &str| volume.id(name);
    let mut records = [
        attribute(of("inline"), &compressed(3, 9, &zlib(b"inline me"))),
        attribute(of("plain"), &compressed(9, 3, b"\xccabc")),
        attribute(of("zlib"), &compressed(4, content.len(), b"")),
        attribute(of("lzvn"), &compressed(8, lzvn_size, b"")),
        attribute(of("unknown"), &compressed(14, 9, b"")),
    ];
    records.sort_by_key(|record| record[4..8].to_vec());
    for name in ["inline", "plain", "zlib", "lzvn", "unknown"] {
        let at = volume.record(2, name) + 41;
        volume.set(at, &[0x20]);
    }
    let block = volume.block("attributes") as usize * BLOCK;
    volume.set(block, &tree(&records));
    volume.special(352, "attributes");
    assert_eq!(volume.content("inline"), b"inline me");
    assert_eq!(volume.content("plain"), b"abc");
    assert!(volume.content("zlib") == content);
    assert!(volume.content("lzvn") == [chunk, small].concat());
    let error = volume.listing().unwrap_err();
    assert!(error.source.unwrap().to_string().contains("in a way this program does not know (kind 14)"));
}

fn small() -> Files {
    Files::from([("outer/inner/file".to_owned(), b"content".to_vec()), ("top".to_owned(), b"x".to_vec())])
}

#[test]
fn a_folder_that_is_in_itself_is_refused() {
    let mut volume = Volume::new(&small(), &["outer", "outer/inner"]);
    let outer = volume.id("outer");
    let inner = volume.record(outer, "inner");
    volume.set(inner + 8, &outer.to_be_bytes());
    let error = volume.listing().unwrap_err().to_string();
    assert!(error.contains("outer/inner is in itself"), "{error}");
}

#[test]
fn a_hard_link_of_a_folder_is_refused_and_an_alias_of_one_is_a_file() {
    for (flags, refused) in [(0x22, true), (0x02, false)] {
        let mut volume = Volume::new(&small(), &["outer", "outer/inner"]);
        let top = volume.record(2, "top");
        volume.set(top + 2, &[0, flags]);
        volume.set(top + 48, b"fdrpMACS");
        let listing = volume.listing();
        let error = listing.err().map(|error| error.to_string());
        assert_eq!(error.is_some(), refused, "{error:?}");
        assert!(error.is_none_or(|error| error.contains("top is a hard link of a folder")));
    }
}

#[test]
fn a_size_that_is_not_true_takes_no_memory_and_no_time() {
    let mut volume = Volume::new(&small(), &["outer", "outer/inner"]);
    let top = volume.record(2, "top");
    volume.set(top + 88, &(1u64 << 60).to_be_bytes());
    let error = volume.listing().unwrap_err();
    assert!(error.source.unwrap().to_string().contains("has no place on the volume"));
}

#[test]
fn names_that_would_lead_elsewhere_are_refused() {
    // Of the three characters of `top` as many as the name is to have; the key stays as long as it is.
    for name in [[b'.', b'.', 0], [b'.', 0, 0], [b'a', 0, b'b']] {
        let mut volume = Volume::new(&small(), &["outer", "outer/inner"]);
        let record = volume.record(2, "top");
        let length = if name[2] == 0 { name.iter().filter(|letter| **letter != 0).count() } else { 3 };
        volume.set(record - 6, &name.map(|letter| [0, letter]).concat());
        volume.set(record - 8, &(length as u16).to_be_bytes());
        let error = volume.listing().unwrap_err().to_string();
        assert!(error.contains("is no name of a file"), "{error}");
    }
}

#[test]
fn an_image_that_ends_early_is_an_error() {
    let tree = Tree::new(vec![node(".", NodeKind::Folder), file("a", 70_000)]).unwrap();
    let noise = (0..70_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8);
    let image = written(&tree, &Files::from([("a".to_owned(), noise.collect())]), Coding::Zlib);
    for length in (0..image.len()).step_by(97) {
        assert!(DiskImage::open(Cursor::new(&image[..length])).is_err(), "{length} bytes");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = |image: Vec<u8>| DiskImage::open(Cursor::new(image)).err().unwrap().to_string();
    assert!(error(b"encrcdsa".repeat(200)).contains("an encrypted disk image"));
    assert!(error(b"sprs".repeat(400)).contains("a sparse disk image"));
    assert!(error(vec![0; 4096]).contains("this is no disk image"));
    let mut segment = b"koly".to_vec();
    segment.resize(512, 0);
    segment[56..64].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 3]);
    assert!(error(segment).contains("file 2 of the 3"));
}
