//! Images of a few bytes that would keep whoever believes them busy for years.

use super::*;
use plist::{Dictionary, Value};
use std::io::Cursor;

const NODE: usize = 4096;

/// A volume whose catalog claims 2^62 bytes and has one leaf, which leads to itself.
fn ring(records: u16, record: &[u8]) -> Vec<u8> {
    let mut disk = vec![0; 2 * NODE];
    let mut set = |at: usize, bytes: &[u8]| disk[at..at + bytes.len()].copy_from_slice(bytes);
    // The header of both trees: root and size of a node.
    set(14 + 2, &1u32.to_be_bytes());
    set(14 + 18, &(NODE as u16).to_be_bytes());
    // The volume's: blocks of two gigabytes, and two files that begin where it does.
    set(1024, b"H+");
    set(1024 + 40, &(1u32 << 31).to_be_bytes());
    for (fork, size, blocks) in [(192, 2 * NODE as u64, 1), (272, 1 << 62, u32::MAX)] {
        set(1024 + fork, &size.to_be_bytes());
        set(1024 + fork + 20, &blocks.to_be_bytes());
    }
    set(NODE, &1u32.to_be_bytes());
    set(NODE + 8, &[0xff, 1]);
    set(NODE + 10, &records.to_be_bytes());
    set(NODE + 14, record);
    set(2 * NODE - 4, &(14 + record.len() as u16).to_be_bytes());
    set(2 * NODE - 2, &14u16.to_be_bytes());
    disk
}

#[test]
fn a_leaf_that_holds_nothing_and_leads_to_itself_is_refused() {
    let error = DiskImage::open(Cursor::new(ring(0, b""))).err().unwrap().to_string();
    assert!(error.contains("leaf 1 holds nothing"), "{error}");
}

#[test]
fn leaves_that_form_a_ring_are_walked_for_a_moment_only() {
    // What leads from a number to a name is passed over in the listing of a folder.
    let thread = [&6u16.to_be_bytes()[..], &2u32.to_be_bytes(), &[0, 0], &[0, 3]].concat();
    let mut image = DiskImage::open(Cursor::new(ring(1, &thread))).unwrap();
    let error = listing(&mut image, 0, "").unwrap_err().to_string();
    assert!(error.contains("its leaves form a ring"), "{error}");
}

/// An image with `count` parts, which are all the same gigabyte of zeros.
fn parts(count: usize) -> Vec<u8> {
    let mut table = vec![0; 244];
    let mut set = |at: usize, bytes: &[u8]| table[at..at + bytes.len()].copy_from_slice(bytes);
    let sectors = (1u64 << 30 >> 9).to_be_bytes();
    set(0, b"mish");
    set(16, &sectors);
    set(64, &2u32.to_be_bytes());
    set(200, &1u32.to_be_bytes());
    set(204 + 16, &sectors);
    let part = Dictionary::from_iter([("Data", Value::Data(table))]);
    let parts = Dictionary::from_iter([("blkx", Value::Array(vec![Value::Dictionary(part); count]))]);
    let list = Dictionary::from_iter([("resource-fork", Value::Dictionary(parts))]);
    let mut image = Vec::new();
    Value::Dictionary(list).to_writer_xml(&mut image).unwrap();
    let mut trailer = vec![0; 512];
    trailer[..4].copy_from_slice(b"koly");
    trailer[224..232].copy_from_slice(&(image.len() as u64).to_be_bytes());
    image.extend(trailer);
    image
}

#[test]
fn parts_that_lie_on_each_other_are_not_all_read_for_their_checksums() {
    let mut image = DiskImage::open(Cursor::new(parts(65))).unwrap();
    assert_eq!(image.size(), 1 << 30);
    let error = image.verify().unwrap_err().to_string();
    assert!(
        error.starts_with("parts of ") && error.ends_with("bytes are too large to be checked"),
        "{error}"
    );
    let error = DiskImage::open(Cursor::new(parts(129))).err().unwrap().to_string();
    assert!(error.contains("129 parts"), "{error}");
}
