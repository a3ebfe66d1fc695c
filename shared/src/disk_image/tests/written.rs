//! Images written here: what went in comes out.

use super::*;
use crate::disk_image::write::{ImageSpec, write_image};
use crate::disk_image::{Coding, FileSystemKind};
use crate::flat_package::write::{Node, NodeKind, Source, Tree};
use std::collections::BTreeMap;
use std::io::Cursor;

pub(super) type Files = BTreeMap<String, Vec<u8>>;

pub(super) fn node(path: &str, kind: NodeKind) -> Node {
    Node { path: path.into(), kind, mode: 0o755, uid: 0, gid: 80, mtime: 1_600_000_000 }
}

pub(super) fn file(path: &str, size: usize) -> Node {
    node(path, NodeKind::File { size: size as u64, identity: None })
}

pub(super) fn written(tree: &Tree, files: &Files, coding: Coding) -> Vec<u8> {
    let mut image = Vec::new();
    let spec = ImageSpec { name: "Acme 1.0", coding };
    write_image(spec, Source { tree, contents: files }, &mut image).unwrap();
    image
}

/// A tree with a bit of everything, and `many` files in one folder.
fn everything(many: usize) -> (Tree, Files) {
    let mut nodes = vec![node(".", NodeKind::Folder), node("Acme.app", NodeKind::Folder)];
    nodes.push(node("Acme.app/Contents", NodeKind::Folder));
    nodes.push(node("empty", NodeKind::Folder));
    nodes.push(node("Applications", NodeKind::Link { target: "/Applications".into() }));
    let large: Vec<u8> = (0..3_000_000u32).flat_map(|number| number.to_le_bytes()).take(1_100_000).collect();
    let mut files = Files::from([
        ("Acme.app/large".to_owned(), large),
        ("Acme.app/zeros".to_owned(), vec![0; 1 << 20]),
        ("Acme.app/none".to_owned(), Vec::new()),
        ("Acme.app/block".to_owned(), vec![7; 4096]),
        ("a:b".to_owned(), b"a name with a colon".to_vec()),
        ("grüße".to_owned(), b"not ASCII".to_vec()),
    ]);
    for number in 0..many {
        let name = format!("Acme.app/Contents/a file with a rather long name, number {number:05}");
        files.insert(name, format!("content of {number}").into_bytes());
    }
    nodes.extend(files.iter().map(|(path, content)| file(path, content.len())));
    for path in ["once", "twice", "Acme.app/thrice"] {
        files.insert(path.to_owned(), b"one file".to_vec());
        nodes.push(node(path, NodeKind::File { size: 8, identity: Some(4) }));
    }
    (Tree::new(nodes).unwrap(), files)
}

#[test]
fn what_went_into_an_image_of_each_format_comes_out() {
    // So many that the catalog has three levels.
    let many = 2500;
    for (coding, format, many) in [
        (Coding::Zlib, "UDZO", many),
        (Coding::Bzip2, "UDBZ", 9),
        (Coding::Lzfse, "ULFO", 9),
        (Coding::Lzma, "ULMO", 9),
        (Coding::Raw, "UDRO", 9),
    ] {
        let (tree, files) = everything(many);
        let image = written(&tree, &files, coding);
        let mut image = DiskImage::open(Cursor::new(image)).unwrap();
        assert_eq!((image.format(), image.verify().unwrap()), (format, Vec::new()));
        let [volume] = image.volumes() else { panic!("{:?}", image.volumes()) };
        assert_eq!((&*volume.name, volume.file_system), ("Acme 1.0", FileSystemKind::HfsPlus));
        let mut found: Vec<String> = listing(&mut image, 0, "").unwrap().iter().map(line).collect();
        let mut expected: Vec<String> = tree.nodes().iter().map(|node| expected_line(node, &files)).collect();
        found.sort();
        expected.sort();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{format}");
        }
    }
}

fn expected_line(node: &Node, files: &Files) -> String {
    let path = if node.path == "." { "" } else { &node.path };
    match &node.kind {
        NodeKind::Folder => format!("d 755 {path}/"),
        NodeKind::Link { target } => format!("l 755 {path} -> {target}"),
        NodeKind::File { size, .. } => {
            let digest = crate::digest::Digest::of(&files[path]).to_string();
            format!("f 755 {path} {size} {}", &digest[..8])
        }
    }
}

#[test]
fn names_of_one_file_are_told_as_such() {
    let (tree, files) = everything(50);
    let mut image = DiskImage::open(Cursor::new(written(&tree, &files, Coding::Zlib))).unwrap();
    let found = listing(&mut image, 0, "").unwrap();
    let links: Vec<_> = found.iter().filter(|(entry, _)| entry.links > 1).map(|(entry, _)| entry).collect();
    let paths: Vec<&str> = links.iter().map(|entry| entry.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["Acme.app/thrice", "once", "twice"]);
    assert_eq!(links[0].link_to, None);
    for again in &links[1..] {
        assert_eq!((again.link_to.as_deref(), again.links), (Some(Path::new("Acme.app/thrice")), 3));
    }
    // Walked from elsewhere, the first is another.
    let found = listing(&mut image, 0, "twice").unwrap();
    assert_eq!((found.len(), &found[0].0.link_to, found[0].0.size), (1, &None, 8));
}

#[test]
fn a_walk_begins_where_it_is_told_to() {
    let (tree, files) = everything(50);
    let mut image = DiskImage::open(Cursor::new(written(&tree, &files, Coding::Zlib))).unwrap();
    let found = listing(&mut image, 0, "Acme.app").unwrap();
    assert_eq!((found[0].0.path.as_os_str().len(), &found[0].0.kind), (0, &Kind::Directory));
    assert!(found.iter().any(|(entry, _)| entry.path == Path::new("large")));
    assert_eq!(found.len(), 50 + 7);
    let volume = image.volumes()[0].clone();
    for missing in ["Acme.app/None", "once/x", "nowhere/large"] {
        assert!(image.walk(&volume, Path::new(missing)).unwrap().is_none(), "{missing}");
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let (tree, files) = everything(50);
    assert_eq!(written(&tree, &files, Coding::Zlib), written(&tree, &files, Coding::Zlib));
}
