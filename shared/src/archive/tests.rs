//! Archives: those written here, pieced together by hand, and hostile ones.

use super::write::{write_tar, write_zip};
use super::*;
use crate::flat_package::write::{Node, NodeKind, Source, Tree};
use crate::walk::{Entry, Kind};
use std::collections::BTreeMap;
use std::io::Cursor;

/// An app with an executable, a link, a long path and what a Mac adds.
fn app() -> (Tree, BTreeMap<String, Vec<u8>>) {
    let long = format!("A.app/Contents/{}", "long/".repeat(25));
    let mut nodes = vec![folder("."), folder("A.app"), folder("A.app/Contents"), folder("__MACOSX")];
    nodes.extend((1..=25).map(|depth| folder(&long[..14 + depth * 5])));
    let files = BTreeMap::from([
        ("A.app/Contents/run".to_owned(), b"#!/bin/sh\n".repeat(200)),
        ("A.app/Contents/empty".to_owned(), Vec::new()),
        ("A.app/Contents/._run".to_owned(), b"\0\x05\x16\x07".to_vec()),
        (format!("{long}file"), b"deep".to_vec()),
        ("__MACOSX/x".to_owned(), b"x".to_vec()),
    ]);
    for (path, content) in &files {
        let kind = NodeKind::File { size: content.len() as u64, identity: None };
        let mode = if path.ends_with("run") { 0o755 } else { 0o640 };
        nodes.push(Node { path: path.clone(), kind, mode, uid: 7, gid: 8, mtime: 1_600_000_001 });
    }
    let kind = NodeKind::Link { target: "Contents/run".to_owned() };
    nodes.push(Node { kind, ..folder("A.app/link") });
    (Tree::new(nodes).unwrap(), files)
}

fn folder(path: &str) -> Node {
    Node { path: path.into(), kind: NodeKind::Folder, mode: 0o755, uid: 0, gid: 0, mtime: 1_600_000_000 }
}

fn all_of(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, WalkError> {
    let mut walk = Archive::open(Cursor::new(archive))?.into_walk();
    let mut found = Vec::new();
    while let Some(entry) = walk.next_entry()? {
        let mut content = Vec::new();
        walk.body().read_to_end(&mut content).map_err(|error| WalkError::failed("a body", error))?;
        assert_eq!(content.len() as u64, entry.size, "{}", entry.path.display());
        found.push((entry, content));
    }
    assert!(walk.next_entry()?.is_none());
    Ok(found)
}

fn archives() -> Vec<(ArchiveKind, Vec<u8>)> {
    let (tree, contents) = app();
    let source = Source { tree: &tree, contents: &contents };
    let mut zip = Vec::new();
    write_zip(source, &mut zip).unwrap();
    let mut archives = vec![(ArchiveKind::Zip, zip)];
    for compression in [Compression::None, Compression::Gzip, Compression::Bzip2, Compression::Xz] {
        let mut tar = Vec::new();
        write_tar(source, compression, &mut tar).unwrap();
        archives.push((ArchiveKind::Tar(compression), tar));
    }
    archives
}

#[test]
fn an_app_comes_out_of_each_kind_of_archive_as_it_went_in() {
    let (tree, contents) = app();
    for (kind, archive) in archives() {
        assert_eq!(Archive::open(Cursor::new(&archive)).unwrap().kind, kind);
        let found = all_of(&archive).unwrap();
        let left =
            |node: &&Node| node.path != "." && !node.path.contains("._") && !node.path.starts_with("__");
        let expected: Vec<&Node> = tree.nodes().iter().filter(left).collect();
        assert_eq!(found.len(), expected.len(), "{kind}");
        for ((entry, content), node) in found.iter().zip(expected) {
            assert_eq!(entry.relative().unwrap(), Path::new(&node.path), "{kind}");
            assert_eq!(
                (entry.mode, entry.mtime),
                (node.st_mode().into(), node.mtime.into()),
                "{kind} {}",
                node.path
            );
            match &node.kind {
                NodeKind::Folder => assert_eq!(entry.kind, Kind::Directory),
                NodeKind::File { .. } => {
                    assert_eq!((&entry.kind, content), (&Kind::File, &contents[&node.path]));
                }
                NodeKind::Link { target } => assert_eq!(entry.kind, Kind::Symlink { target: target.into() }),
            }
        }
    }
}

#[test]
fn an_archive_that_ends_early_is_never_taken_for_a_whole_one() {
    for (kind, archive) in archives() {
        // Two blocks of zeros end a tar archive; one is enough.
        let end =
            if kind == ArchiveKind::Tar(Compression::None) { archive.len() - 1024 } else { archive.len() };
        for length in (0..end).step_by(23) {
            assert!(all_of(&archive[..length]).is_err(), "{kind}, {length} of {} bytes", archive.len());
        }
    }
}

#[test]
fn a_zip_with_another_content_than_its_checksum_is_damaged() {
    let (_, mut zip) = archives().remove(0);
    let at = zip.windows(10).position(|window| window == b"PK\x01\x02\x14\x03\x14\0\0\x08").unwrap();
    // Of the second entry, which is a file: the first is a folder.
    let crcs: Vec<usize> = (at..zip.len() - 46).filter(|at| zip[*at..].starts_with(b"PK\x01\x02")).collect();
    crcs.iter().for_each(|at| zip[at + 16] ^= 1);
    let error = all_of(&zip).unwrap_err();
    let cause = error.source.map(|source| source.to_string()).unwrap_or_default();
    assert!(cause.contains("checksum") && cause.contains("download it again"), "{cause}");
}

#[test]
fn what_is_no_archive_or_cannot_be_read_is_named() {
    let error = |archive: &[u8]| all_of(archive).unwrap_err().to_string();
    assert!(error(b"").contains("no zip or tar"));
    assert!(error(&[b'x'; 2000]).contains("no zip or tar"));
    assert!(error(&b"PK\x03\x04".repeat(300)).contains("not downloaded to its end"));
    let (_, zip) = archives().remove(0);
    let patched = |at: usize, byte: u8| {
        let mut zip = zip.clone();
        let list: Vec<usize> =
            (0..zip.len() - 46).filter(|at| zip[*at..].starts_with(b"PK\x01\x02")).collect();
        list.iter().for_each(|entry| zip[entry + at] = byte);
        zip
    };
    assert!(error(&patched(8, 1)).contains("A.app/ needs a password"), "{}", error(&patched(8, 1)));
    assert!(error(&patched(10, 14)).contains("compressed in a way that is not known here (14)"));
}

#[test]
fn tar_dialects_are_understood() {
    let entry = |path: &str, kind: u8, target: &str, body: &[u8]| {
        let mut header = vec![0; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
        header[156] = kind;
        header[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header[257..263].copy_from_slice(b"ustar\0");
        header[345..348].copy_from_slice(if kind == b'0' { b"dir" } else { b"\0\0\0" });
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend(body);
        header.resize(header.len().next_multiple_of(512), 0);
        header
    };
    let end = vec![0; 1024];
    let pax = b"13 path=long\n16 mtime=12.750\n10 uid=99\n";
    let archive = [
        entry("one", b'0', "", b"abc"),
        entry("pax", b'x', "", pax),
        entry("short", b'7', "", b"xy"),
        entry("again", b'1', "dir/one", b""),
        entry("null", b'3', "", b""),
        entry("._one", b'0', "", b"attributes"),
        end.clone(),
    ];
    let found = all_of(&archive.concat()).unwrap();
    let paths: Vec<&str> = found.iter().map(|(entry, _)| entry.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["dir/one", "long", "again", "null"]);
    assert_eq!((found[1].0.mtime, found[1].0.uid, &*found[1].1), (12, 99, &b"xy"[..]));
    assert_eq!(found[2].0.link_to.as_deref(), Some(Path::new("dir/one")));
    assert_eq!(found[3].0.kind, Kind::Special);
    for (bad, reason) in [
        (entry("x", b'S', "", b""), "not known here"),
        (entry("x", b'x', "", b"7 path=a\n"), "another length"),
        (entry("x", b'x', "", b"21 GNU.sparse.size=1\n"), "sparse"),
    ] {
        let error = all_of(&[bad, end.clone()].concat()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn headers_without_files_come_to_an_end() {
    let mut header = vec![0; 512];
    header[124..135].copy_from_slice(b"00003777000");
    header[156] = b'g';
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    struct Endless(Vec<u8>, u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let body = 0o3777000;
            let at = self.1 % (512 + body);
            let piece: &[u8] = if at < 512 { &self.0[at as usize..] } else { &[0; 65536] };
            let left = if at < 512 { 512 - at } else { 512 + body - at };
            let count = buffer.len().min(piece.len()).min(left as usize);
            buffer[..count].copy_from_slice(&piece[..count]);
            self.1 += count as u64;
            Ok(count)
        }
    }
    let mut tar = Tar::open(Endless(header, 0)).unwrap();
    // As if all but this had been read already.
    tar.beside_left = 8 << 20;
    let error = tar.next_entry().unwrap_err().to_string();
    assert!(error.contains("far more beside its files"), "{error}");
}
