//! Archives of all sorts, most of them hostile, and what unpacking does with them.

use super::*;
use crate::flat_package::cpio::Cpio;
use crate::{
    corpus,
    flat_package::{
        payload::Payload,
        xar::{EntryId, Xar},
    },
    sys::on_disk::{installed, on_disk, unpack_with},
};
use cap_std::ambient_authority;
use proptest::prelude::*;
use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
};
use tempfile::TempDir;

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_755;
const DEVICE: u32 = 0o020_600;

/// Name, mode, number of names, inode, content or target.
type Line<'a> = (&'a str, u32, u32, u32, &'a str);

fn odc(lines: &[Line<'_>]) -> Vec<u8> {
    let mut archive = String::new();
    for (name, mode, links, inode, body) in lines.iter().chain([&("TRAILER!!!", 0, 1, 0, "")]) {
        archive += &format!("070707{:06o}{inode:06o}{mode:06o}{:06o}{:06o}{links:06o}{:06o}", 0, 0, 0, 0);
        archive += &format!("{:011o}{:06o}{:011o}{name}\0{body}", 1_600_000_000, name.len() + 1, body.len());
    }
    archive.into_bytes()
}

/// A root with a neighbour that must stay as it is.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/precious"), "as it was").unwrap();
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn unpack_into(&self, into: &str, archive: &[u8], rules: Rules) -> Result<Totals, UnpackError> {
        let root = Dir::open_ambient_dir(self.root(), ambient_authority()).unwrap();
        let place = Place { root: &root, folder: Path::new(into) };
        let outcome = unpack(Cpio::new(archive), place, rules, &mut |_| {});
        let outside = on_disk(&self.folder.path().join("outside"));
        assert_eq!(outside["precious"].1, b"as it was");
        assert_eq!(outside.len(), 2, "{outside:?}");
        let beside: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        assert_eq!(beside.len(), 2, "{beside:?}");
        outcome
    }

    fn unpack(&self, lines: &[Line<'_>]) -> Result<Totals, UnpackError> {
        self.unpack_into("", &odc(lines), RULES)
    }

    fn refusal(&self, lines: &[Line<'_>]) -> Refusal {
        match self.unpack(lines).unwrap_err() {
            UnpackError::Entry { source, .. } => source,
            other => panic!("{other}"),
        }
    }
}

const RULES: Rules =
    Rules { keep_special_bits: false, refuse_devices: true, max_bytes: 1 << 20, max_entries: 1000 };

#[test]
fn p41_paths_that_climb_or_are_absolute_are_refused() {
    for bad in ["../outside/precious", "/etc/x", "a/../../outside/precious", "./..", ".."] {
        let error = World::new().unpack(&[(bad, FILE, 1, 1, "x")]).unwrap_err();
        assert!(matches!(error, UnpackError::Outside(_)), "{bad}: {error}");
    }
}

#[test]
fn p41_nothing_is_written_through_a_link() {
    for target in ["../outside", "/", "real", "."] {
        let world = World::new();
        fs::create_dir(world.root().join("real")).unwrap();
        let refused = world.refusal(&[("dir", LINK, 1, 1, target), ("dir/precious", FILE, 1, 2, "x")]);
        assert!(matches!(&refused, Refusal::LinkInPath(path) if path == Path::new("dir")), "{refused}");
        let refused = world.refusal(&[("dir", FOLDER, 1, 1, ""), ("dir/precious", FILE, 1, 2, "x")]);
        assert!(matches!(&refused, Refusal::LinkInPath(_)), "{refused}");
        assert!(fs::read_dir(world.root().join("real")).unwrap().next().is_none());
    }
}

#[test]
fn p41_a_link_in_the_place_of_a_file_is_replaced_not_followed() {
    let world = World::new();
    symlink("../outside/precious", world.root().join("file")).unwrap();
    world.unpack(&[("file", FILE, 1, 1, "new")]).unwrap();
    assert!(fs::symlink_metadata(world.root().join("file")).unwrap().is_file());
}

#[test]
fn p41_other_names_are_only_given_to_files_of_the_archive() {
    let world = World::new();
    fs::hard_link(world.folder.path().join("outside/precious"), world.root().join("shared")).unwrap();
    world.unpack(&[("shared", FILE, 2, 9, "new"), ("again", FILE, 2, 9, "new")]).unwrap();
    let inode = |name: &str| fs::metadata(world.root().join(name)).unwrap().ino();
    assert_eq!(inode("shared"), inode("again"));
    let climbing = [("../outside/precious", FILE, 2, 9, ""), ("mine", FILE, 2, 9, "x")];
    assert!(matches!(world.unpack(&climbing), Err(UnpackError::Outside(_))));
}

#[test]
fn p41_content_that_comes_with_the_last_name_is_in_all_of_them() {
    let world = World::new();
    let names = [("a", FILE, 3, 9, ""), ("b", FILE, 3, 9, ""), ("c", FILE, 3, 9, "content")];
    assert_eq!(world.unpack(&names).unwrap().bytes, 7);
    let inode = |name: &str| fs::metadata(world.root().join(name)).unwrap().ino();
    assert_eq!(fs::read(world.root().join("a")).unwrap(), b"content");
    assert!(inode("a") == inode("b") && inode("b") == inode("c"));
}

#[test]
fn p41_devices_are_refused_or_left_out_by_policy() {
    let world = World::new();
    assert!(matches!(world.refusal(&[("dev", DEVICE, 1, 1, "")]), Refusal::Device(DEVICE)));
    let root = Dir::open_ambient_dir(world.root(), ambient_authority()).unwrap();
    let place = Place { root: &root, folder: Path::new("") };
    let mut remarks = Vec::new();
    let lines = [("dev", DEVICE, 1, 1, ""), ("suid", 0o104_755, 1, 2, "x"), ("plain", FILE, 1, 3, "x")];
    for keep_special_bits in [true, false] {
        let rules = Rules { refuse_devices: false, keep_special_bits, ..RULES };
        unpack(Cpio::new(odc(&lines).as_slice()), place, rules, &mut |placed| remarks.push(placed.remark))
            .unwrap();
        let mode = fs::metadata(world.root().join("suid")).unwrap().mode();
        assert_eq!(mode & 0o4000 != 0, keep_special_bits);
    }
    assert!(!world.root().join("dev").exists());
    let (device, kept, removed) =
        (Remark::DeviceLeftOut, Remark::SpecialBitsKept, Remark::SpecialBitsRemoved);
    assert_eq!(remarks, [Some(device), Some(kept), None, Some(device), Some(removed), None]);
}

#[test]
fn p41_a_file_is_not_a_folder_and_the_other_way_round() {
    let world = World::new();
    fs::write(world.root().join("file"), "x").unwrap();
    fs::create_dir_all(world.root().join("folder/inner")).unwrap();
    assert!(matches!(world.refusal(&[("file", FOLDER, 1, 1, "")]), Refusal::NotAFolder(_)));
    assert!(matches!(world.refusal(&[("file/x", FILE, 1, 1, "x")]), Refusal::NotAFolder(_)));
    assert!(matches!(world.refusal(&[("folder", FILE, 1, 1, "x")]), Refusal::FolderInTheWay));
    assert!(matches!(world.refusal(&[("folder", LINK, 1, 1, "x")]), Refusal::FolderInTheWay));
    assert!(matches!(world.refusal(&[(".", FILE, 1, 1, "x")]), Refusal::FolderInTheWay));
    // Failures leave no temporary files behind.
    assert_eq!(on_disk(&world.root()).len(), 4);
}

#[test]
fn p41_the_links_of_a_macs_root_are_followed_and_kept() {
    let world = World::new();
    fs::create_dir_all(world.root().join("private/var")).unwrap();
    symlink("private/var", world.root().join("var")).unwrap();
    symlink("../outside", world.root().join("tmp")).unwrap();
    let lines =
        [("./var", FOLDER, 1, 1, ""), ("./var/db/x", FILE, 1, 2, "x"), ("var", LINK, 1, 3, "private/var")];
    world.unpack(&lines).unwrap();
    assert_eq!(fs::read(world.root().join("private/var/db/x")).unwrap(), b"x");
    assert_eq!(fs::read_link(world.root().join("var")).unwrap(), Path::new("private/var"));
    let refused = world.refusal(&[("tmp/x", FILE, 1, 1, "x")]);
    assert!(matches!(refused, Refusal::LinkInPath(_)), "another target is not the Mac's: {refused}");
    world.unpack_into("var/folder", &odc(&[("y", FILE, 1, 1, "y")]), RULES).unwrap();
    assert!(world.root().join("private/var/folder/y").exists());
}

#[test]
fn p41_existing_folders_keep_their_permissions_and_content() {
    let world = World::new();
    fs::create_dir_all(world.root().join("Library/mine")).unwrap();
    fs::set_permissions(world.root().join("Library"), fs::Permissions::from_mode(0o711)).unwrap();
    world
        .unpack(&[(".", FOLDER, 1, 1, ""), ("Library", FOLDER, 1, 2, ""), ("Library/new", FOLDER, 1, 3, "")])
        .unwrap();
    let found = on_disk(&world.root());
    assert_eq!(found["Library"].0, 0o040_711);
    assert!(found.contains_key("Library/mine") && found.contains_key("Library/new"));
}

#[test]
fn p41_modes_and_times_are_restored_even_of_read_only_folders() {
    let world = World::new();
    world.unpack(&[("sealed", 0o040_555, 1, 1, ""), ("sealed/in", 0o100_400, 1, 2, "x")]).unwrap();
    for (path, mode) in [("sealed", 0o040_555), ("sealed/in", 0o100_400)] {
        let found = fs::metadata(world.root().join(path)).unwrap();
        assert_eq!((found.mode(), found.mtime()), (mode, 1_600_000_000), "{path}");
    }
    fs::set_permissions(world.root().join("sealed"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn who_reads_a_file_keeps_reading_the_old_one_while_it_is_replaced() {
    let world = World::new();
    world.unpack(&[("file", FILE, 1, 1, "old")]).unwrap();
    let old = File::open(world.root().join("file")).unwrap();
    world.unpack(&[("file", FILE, 1, 1, "new")]).unwrap();
    assert_eq!(std::io::read_to_string(old).unwrap(), "old");
    assert_eq!(fs::read(world.root().join("file")).unwrap(), b"new");
}

#[test]
fn more_than_was_declared_is_refused() {
    let world = World::new();
    let rules = Rules { max_bytes: 5, ..RULES };
    let archive = odc(&[("a", FILE, 1, 1, "12345"), ("b", FILE, 1, 2, "6")]);
    let error = world.unpack_into("", &archive, rules).unwrap_err();
    assert!(matches!(error, UnpackError::Entry { source: Refusal::TooMuch(_), .. }), "{error}");
    assert!(world.root().join("a").exists() && !world.root().join("b").exists());

    let names: Vec<String> = (0..6).map(|number| format!("empty-{number}")).collect();
    let empty: Vec<Line<'_>> =
        names.iter().zip(1..).map(|(name, inode)| (&**name, FILE, 1, inode, "")).collect();
    let rules = Rules { max_entries: 5, ..RULES };
    let error = world.unpack_into("", &odc(&empty), rules).unwrap_err();
    assert!(matches!(error, UnpackError::Entry { source: Refusal::TooMuch(_), .. }), "{error}");
    assert!(world.root().join("empty-4").exists() && !world.root().join("empty-5").exists());
}

#[test]
fn p41_owners_are_set_by_root_and_told_by_everybody_else() {
    let world = World::new();
    let root = Dir::open_ambient_dir(world.root(), ambient_authority()).unwrap();
    let place = Place { root: &root, folder: Path::new("") };
    let mut told = Vec::new();
    let archive = odc(&[("d", FOLDER, 1, 1, ""), ("d/f", FILE, 1, 2, "x"), ("d/l", LINK, 1, 3, "f")]);
    unpack(Cpio::new(archive.as_slice()), place, RULES, &mut |placed| told.push(placed.owner_not_set))
        .unwrap();
    let expected = (!rustix::process::geteuid().is_root()).then_some((0, 0));
    assert_eq!(told, [expected; 3]);
}

#[test]
fn p41_real_payloads_unpack_as_bsdtar_unpacks_them() {
    if !installed("bsdtar") {
        return;
    }
    for file in corpus::files("pkg") {
        let Ok(mut xar) = Xar::open(File::open(&file).unwrap()) else { continue };
        for id in (0..xar.entries().len()).map(EntryId) {
            let path = xar.entry(id).unwrap().path.clone();
            if !path.ends_with("Payload") && !path.ends_with("Scripts") {
                continue;
            }
            let world = World::new();
            let mut archive = Vec::new();
            io::Read::read_to_end(&mut Payload::new(xar.read(id).unwrap()).unwrap(), &mut archive).unwrap();
            let plain = tempfile::NamedTempFile::new().unwrap();
            fs::write(&plain, &archive).unwrap();
            let theirs = tempfile::tempdir().unwrap();
            unpack_with("bsdtar", plain.path(), &theirs.path().join("files"));
            world.unpack_into("files", &archive, RULES).unwrap();
            let ours = on_disk(&world.root().join("files"));
            assert_eq!(ours, on_disk(&theirs.path().join("files")), "{} {path}", file.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn p41_no_archive_leaves_the_root(
        lines in prop::collection::vec(
            (
                prop::collection::vec(prop::sample::select(vec!["a", "b", "..", ".", "", "outside", "precious"]), 1..4),
                prop::sample::select(vec![FOLDER, FILE, LINK, DEVICE]),
                prop::sample::select(vec!["", "..", "../outside", "/", "a", "../root/a", "precious"]),
                1..4_u32,
            ),
            1..12,
        ),
    ) {
        let world = World::new();
        let names: Vec<String> = lines.iter().map(|(name, ..)| name.join("/")).collect();
        let lines: Vec<Line<'_>> = lines
            .iter()
            .zip(&names)
            .map(|((_, mode, body, inode), name)| {
                let body = if *mode == FOLDER || *mode == DEVICE { "" } else { *body };
                (name.as_str(), *mode, 2, *inode, body)
            })
            .collect();
        // Whatever comes of it, `unpack` has looked at what must not change.
        drop(world.unpack(&lines));
    }
}
