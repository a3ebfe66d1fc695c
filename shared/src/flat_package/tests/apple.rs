//! What we write, compared field by field with what Apple's own tools wrote (P42): elements, attributes, their words.

use super::fixture::header;
use crate::{
    corpus,
    facts::Arch,
    flat_package::{
        FlatPackage,
        write::{
            Choice, Component, ComponentSpec, Compression, Node, NodeKind, ProductSpec, Source, Tree,
            write_product,
        },
    },
};
use flate2::read::ZlibDecoder;
use quick_xml::{Reader, events::Event};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Cursor, Read as _},
};

/// The documents of a package whose structure is compared.
const DOCUMENTS: [&str; 3] = ["table of contents", "PackageInfo", "Distribution"];

/// The paths of all elements, and those of attributes behind `@`, in one document.
type Shape = BTreeSet<String>;

fn shape(document: &str) -> Shape {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut found = Shape::new();
    let mut path = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push('/');
                path.push_str(start.name().as_ref());
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    found.insert(format!("{path}@{}", attribute.key.as_ref()));
                }
                found.insert(path.clone());
            }
            Event::End(_) => path.truncate(path.rfind('/').unwrap()),
            Event::Eof => return found,
            _ => {}
        }
    }
}

/// The shapes of a package's documents, by their name in [`DOCUMENTS`]; `None` unless Apple's tools made it.
fn shapes(package: &[u8], is_ours: bool) -> Option<BTreeMap<&'static str, Shape>> {
    let mut open = FlatPackage::open(Cursor::new(package)).ok()?;
    let documents: Vec<_> = ["PackageInfo", "Distribution"]
        .into_iter()
        .filter_map(|name| {
            let ids = 0..open.archive.entries().len();
            let ends = |id: &crate::flat_package::xar::EntryId| {
                open.archive.entry(*id).unwrap().path.ends_with(name)
            };
            let id = ids.map(crate::flat_package::xar::EntryId).find(ends)?;
            let text = String::from_utf8(open.archive.read_whole(id, 1 << 20).unwrap()).unwrap();
            Some((name, text))
        })
        .collect();
    let made_by_apple = documents.iter().any(|(_, text)| text.contains("generator-version=\"InstallCmds"));
    if !is_ours && !made_by_apple {
        return None;
    }
    let length = u64::from_be_bytes(package.get(8..16)?.try_into().ok()?) as usize;
    let start = header(28, 1, 0, 0, 0).len();
    let mut table = String::new();
    ZlibDecoder::new(&package[start..start + length]).read_to_string(&mut table).ok()?;
    let mut shapes = BTreeMap::from([(DOCUMENTS[0], shape(&table))]);
    shapes.extend(documents.iter().map(|(name, text)| (*name, shape(text))));
    Some(shapes)
}

/// A product as `iasctl pack` makes it: a file, a script, a minimum system, two architectures.
fn ours() -> Vec<u8> {
    let node =
        |path: &str, kind: NodeKind| Node { path: path.into(), kind, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    let file = NodeKind::File { size: 3, identity: None };
    let tree = |name: &str| Tree::new(vec![node(".", NodeKind::Folder), node(name, file.clone())]).unwrap();
    let (payload, scripts) = (tree("tool"), tree("postinstall"));
    let contents: BTreeMap<String, Vec<u8>> =
        ["tool", "postinstall"].into_iter().map(|name| (name.to_owned(), b"abc".to_vec())).collect();
    let spec = ComponentSpec {
        identifier: "com.example.tool".into(),
        version: "1".into(),
        install_location: "/".into(),
        min_os: Some("11.0".into()),
        compression: Compression::Gzip,
        time: 0,
    };
    let product = ProductSpec {
        title: "Tool".into(),
        identifier: "com.example.tool".into(),
        version: "1".into(),
        min_os: Some("11.0".into()),
        architectures: vec![Arch::Arm64, Arch::X86_64],
        time: 0,
    };
    let component = Component {
        spec: &spec,
        payload: Some(Source { tree: &payload, contents: &contents }),
        scripts: Some(Source { tree: &scripts, contents: &contents }),
    };
    let choice = Choice { title: "", selected: true, file_name: "com.example.tool", component };
    let mut package = Vec::new();
    write_product(&product, &[choice], None, Cursor::new(Vec::new()), &mut package).unwrap();
    package
}

#[test]
fn p42_we_write_nothing_that_apples_tools_do_not_and_leave_out_nothing_they_always_write() {
    let ours = shapes(&ours(), true).unwrap();
    let mut apples: BTreeMap<&str, Vec<Shape>> = BTreeMap::new();
    for file in corpus::files("pkg") {
        for (name, shape) in shapes(&fs::read(&file).unwrap(), false).unwrap_or_default() {
            apples.entry(name).or_default().push(shape);
        }
    }
    // Who made it and on which disk: of no use to an installer.
    let of_its_maker = ["generator-version", "FinderCreateTime", "deviceno", "inode", "signature"];
    // Newer than the packages of the corpus, and documented for Distribution and PackageInfo.
    let newer = ["/pkg-info@minimumSystemVersion", "/installer-gui-script/choice@start_selected"];
    for (name, shapes) in apples {
        let all: Shape = shapes.iter().flatten().cloned().collect();
        let always = all.iter().filter(|path| shapes.iter().all(|shape| shape.contains(*path)));
        let of_maker = |path: &String| of_its_maker.iter().any(|word| path.contains(word));
        let missing: Vec<&String> =
            always.filter(|path| !ours[name].contains(*path) && !of_maker(path)).collect();
        assert!(missing.is_empty(), "{name}, left out: {missing:?}");
        let strange = |path: &&String| !all.contains(*path) && !newer.contains(&path.as_str());
        let strange: Vec<&String> = ours[name].iter().filter(strange).collect();
        assert!(strange.is_empty(), "{name}, never seen: {strange:?}");
    }
}
