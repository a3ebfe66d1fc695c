//! Product packages: components, default selection, packages inside packages.

use super::archive::chain;
use super::fixture::*;
use crate::flat_package::cpio::Kind;
use crate::flat_package::distribution::Condition;
use crate::flat_package::selection::Target;
use crate::flat_package::{FlatPackage, PackageError};
use std::io::Cursor;

fn info(id: &str) -> String {
    format!("<pkg-info identifier='{id}' version='1.{}'><payload numberOfFiles='1'/></pkg-info>", id.len())
}

fn component(fixture: Fixture, id: &str) -> Fixture {
    fixture
        .plain("Payload", &gzip(&small_odc()))
        .plain("Bom", b"BOMStore")
        .plain("PackageInfo", info(id).as_bytes())
}

fn nested() -> Vec<u8> {
    component(Fixture::new(), "inner").finish()
}

fn product() -> Vec<u8> {
    let distribution = br##"<installer-gui-script><choices-outline>
        <line choice="second"/><line choice="first"/><line choice="off"/><line choice="inner"/><line choice="odd"/></choices-outline>
        <choice id="first"><pkg-ref id="a"/></choice><choice id="second" selected="f()"><pkg-ref id="b"/></choice>
        <choice id="off" start_selected="false"><pkg-ref id="c"/></choice><choice id="inner"><pkg-ref id="n"/></choice>
        <choice id="odd"><pkg-ref id="lost"/><pkg-ref id="far"/><pkg-ref id="a"/><pkg-ref id="bare"/></choice>
        <pkg-ref id="a">#A.pkg</pkg-ref><pkg-ref id="b">#B%20b.pkg</pkg-ref><pkg-ref id="c">file:./C.pkg</pkg-ref>
        <pkg-ref id="n">Inner.pkg</pkg-ref><pkg-ref id="lost">#Lost.pkg</pkg-ref>
        <pkg-ref id="far">https://example.com/Far.pkg</pkg-ref></installer-gui-script>"##;
    let nested = nested();
    Fixture::new()
        .file("Distribution", &zlib(distribution), distribution, "x-gzip")
        .folder("A.pkg", |folder| component(folder, "a"))
        .folder("B b.pkg", |folder| component(folder, "b"))
        .folder("C.pkg", |folder| component(folder, "c"))
        .plain("Inner.pkg", &nested)
        .finish()
}

#[test]
fn what_is_installed_by_default_follows_the_outline() {
    let package = FlatPackage::open(Cursor::new(product())).unwrap();
    let nested = package.archive.find("Inner.pkg").unwrap();
    let missing = Target::Missing("Lost.pkg".into());
    let external = Target::External("https://example.com/Far.pkg".into());
    let expected = [
        &Target::Component(1),
        &Target::Component(0),
        &Target::Nested(nested),
        &missing,
        &external,
        &Target::Nothing,
    ];
    assert_eq!(package.installs(), expected);
    assert_eq!(package.selections[0].selected, Condition::Script("f()".into()));
    assert_eq!(
        (package.selections[2].selected.clone(), package.selections[2].target.clone()),
        (Condition::No, Target::Component(2))
    );
}

#[test]
fn r133_the_first_component_of_the_archive_names_the_package() {
    let identity = FlatPackage::open(Cursor::new(product())).unwrap().identity().unwrap();
    assert_eq!((identity.identifier.as_str(), identity.version.as_str()), ("a", "1.1"));
    assert_eq!(identity.others, [("b".to_owned(), "1.1".to_owned()), ("c".to_owned(), "1.1".to_owned())]);
}

#[test]
fn a_package_inside_a_package_is_opened_in_place() {
    let mut package = FlatPackage::open(Cursor::new(product())).unwrap();
    let id = package.archive.find("Inner.pkg").unwrap();
    let mut inner = package.nested(id).unwrap();
    assert_eq!(inner.identity().unwrap().identifier, "inner");
    assert_eq!(inner.installs(), [&Target::Component(0)]);
    let payload = inner.components[0].payload.unwrap();
    let mut files = inner.files(payload).unwrap();
    let mut kinds = Vec::new();
    while let Some(entry) = files.next_entry().unwrap() {
        kinds.push(entry.kind);
    }
    assert_eq!(kinds, [Kind::Directory, Kind::File, Kind::Symlink { target: "tool".into() }]);
    let packed = package.archive.find("Distribution").unwrap();
    assert!(chain(&package.nested(packed).err().unwrap()).contains("stored compressed"));
}

#[test]
fn p39_a_payload_that_was_altered_is_found_when_its_last_entry_has_been_read() {
    let payload = small_odc();
    let good = Fixture::new().plain("PackageInfo", info("a").as_bytes()).plain("Payload", &payload).finish();
    let mut bad = good.clone();
    let body = good.windows(9).rposition(|window| window == b"exit 0\n07").unwrap();
    bad[body + 5] = b'1';
    for (bytes, intact) in [(good, true), (bad, false)] {
        let mut package = FlatPackage::open(Cursor::new(bytes)).unwrap();
        let payload = package.components[0].payload.unwrap();
        let mut files = package.files(payload).unwrap();
        let outcome = std::iter::from_fn(|| files.next_entry().transpose()).find_map(Result::err);
        assert_eq!(outcome.is_none(), intact);
        assert!(outcome.is_none_or(|error| chain(&error).contains("checksum")));
    }
}

#[test]
fn an_archive_without_descriptions_or_with_a_broken_one_is_no_package() {
    let open = |fixture: Fixture| FlatPackage::open(Cursor::new(fixture.finish())).err().unwrap();
    assert!(matches!(open(Fixture::new().plain("readme", b"x")), PackageError::NoDescription));
    let broken = chain(&open(Fixture::new().plain("Distribution", b"<installer-gui-script>")));
    assert!(
        broken.contains("entry Distribution cannot be understood") && broken.contains("at byte"),
        "{broken}"
    );
    let many = (0..1001).fold(Fixture::new(), |fixture, n| {
        fixture.folder(&format!("{n}.pkg"), |f| f.plain("PackageInfo", b"<a/>"))
    });
    assert!(matches!(open(many), PackageError::TooMany(1001)));
}
