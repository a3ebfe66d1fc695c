//! Looks for what installed titles leave on a Mac: applications, bundles, property lists, files (T39).
//!
//! It reads below an open folder that is the Mac's `/`, the same in every world, and changes nothing. Links are followed
//! as the Mac would follow them. Nothing here fails: what is missing, unreadable or no property list is not there, as for
//! Munki.
//!
//! Where applications are looked for by name is [`apps`]' business. On a Mac one could ask Spotlight for the whole disk;
//! but on the first day it has indexed little, and an answer must not depend on that.

mod apps;
mod links;
mod texts;

pub(super) use links::resolve;

use cap_std::fs::{Dir, File};
use md5::{Digest as _, Md5};
use shared::title::{Found, Trace};
use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::Path,
};
use texts::{MAX_BYTES, texts};

/// What there is of each of `traces` on the Mac whose `/` is `root`. It blocks.
pub(super) fn probe(root: &Dir, traces: &[Trace]) -> BTreeMap<Trace, Found> {
    // Applications are listed once, and only if somebody wants one by name.
    let mut named = None;
    let look = |trace: &Trace| {
        let found = match trace {
            Trace::AppAt(path) => plists(info(root, path)),
            Trace::BundleAt(path) => plists(info(root, path).or_else(|| resources(root, path))),
            Trace::PlistAt(path) => plists(property_list(root, Path::new(path))),
            Trace::FileAt { path, md5 } => file(root, path, md5.as_deref()),
            Trace::AppNamed { id, name } => {
                let apps = named.get_or_insert_with(|| apps::all(root));
                plists(
                    apps.iter()
                        .filter(|app| app.is_called(id.as_deref(), name.as_deref()))
                        .map(|app| app.info.clone()),
                )
            }
        };
        (trace.clone(), found)
    };
    traces.iter().map(look).collect()
}

/// The texts of a property list.
type Texts = BTreeMap<String, String>;

fn plists(found: impl IntoIterator<Item = Texts>) -> Found {
    let found: Vec<Texts> = found.into_iter().collect();
    if found.is_empty() { Found::Nothing } else { Found::Plists(found) }
}

/// What the bundle at `path` says of itself.
fn info(root: &Dir, path: &str) -> Option<Texts> {
    property_list(root, &Path::new(path).join("Contents/Info.plist"))
}

fn resources(root: &Dir, path: &str) -> Option<Texts> {
    property_list(root, &Path::new(path).join("Resources/Info.plist"))
}

fn property_list(root: &Dir, path: &Path) -> Option<Texts> {
    let mut bytes = Vec::new();
    let read = open(root, path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.ok().and_then(|_| texts(&bytes))
}

/// Opens an ordinary file; a pipe that somebody put there would never end.
fn open(root: &Dir, path: &Path) -> io::Result<File> {
    let path = resolve(root, path)?;
    if !root.symlink_metadata(&path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    root.open(path)
}

fn file(root: &Dir, path: &str, wanted: Option<&str>) -> Found {
    let Ok(path) = resolve(root, Path::new(path)) else { return Found::Nothing };
    let Some(wanted) = wanted else { return Found::Same };
    // Munki takes what has no digest, such as a folder, for a file that is another one.
    match open(root, &path).and_then(md5) {
        Ok(found) if found.eq_ignore_ascii_case(wanted) => Found::Same,
        _ => Found::Different,
    }
}

fn md5(mut file: File) -> io::Result<String> {
    let (mut digest, mut piece) = (Md5::new(), vec![0; 64 << 10]);
    loop {
        let read = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::{fs, os::unix::fs::symlink};

    struct Mac {
        folder: tempfile::TempDir,
        root: Dir,
    }

    impl Mac {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
            Self { folder, root }
        }

        fn put(&self, path: &str, content: &[u8]) {
            let path = self.folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn app(&self, path: &str, id: &str, version: &str) {
            let keys = [
                ("CFBundleIdentifier", id),
                ("CFBundleShortVersionString", version),
                ("CFBundleName", "Acme"),
            ];
            self.put(&format!("{path}/Contents/Info.plist"), &xml(&keys));
        }

        fn look(&self, trace: Trace) -> Found {
            probe(&self.root, std::slice::from_ref(&trace)).remove(&trace).unwrap()
        }

        fn versions(&self, trace: Trace) -> Vec<String> {
            match self.look(trace) {
                Found::Plists(found) => {
                    found.into_iter().map(|texts| texts["CFBundleShortVersionString"].clone()).collect()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn xml(keys: &[(&str, &str)]) -> Vec<u8> {
        let dictionary: plist::Dictionary =
            keys.iter().map(|(key, text)| ((*key).to_owned(), plist::Value::from(*text))).collect();
        let mut bytes = Vec::new();
        plist::Value::Dictionary(dictionary).to_writer_xml(&mut bytes).unwrap();
        bytes
    }

    fn named(id: Option<&str>, name: Option<&str>) -> Trace {
        Trace::AppNamed { id: id.map(str::to_owned), name: name.map(str::to_owned) }
    }

    #[test]
    fn t39_an_application_is_what_its_info_says() {
        let mac = Mac::new();
        assert_eq!(mac.look(Trace::AppAt("/Applications/Acme.app".into())), Found::Nothing);
        mac.app("/Applications/Acme.app", "com.acme", "2.4");
        assert_eq!(mac.versions(Trace::AppAt("/Applications/Acme.app".into())), ["2.4"]);
        mac.put("/Applications/Broken.app/Contents/Info.plist", b"<plist><dict><key>");
        assert_eq!(mac.look(Trace::AppAt("/Applications/Broken.app".into())), Found::Nothing);
    }

    #[test]
    fn t39_a_bundle_may_keep_its_info_elsewhere() {
        let mac = Mac::new();
        mac.put("/Library/A.plugin/Resources/Info.plist", &xml(&[("CFBundleShortVersionString", "1")]));
        assert_eq!(mac.versions(Trace::BundleAt("/Library/A.plugin".into())), ["1"]);
        assert_eq!(
            mac.look(Trace::AppAt("/Library/A.plugin".into())),
            Found::Nothing,
            "an application may not"
        );
        mac.put("/Library/A.plugin/Contents/Info.plist", &xml(&[("CFBundleShortVersionString", "2")]));
        assert_eq!(mac.versions(Trace::BundleAt("/Library/A.plugin".into())), ["2"]);
    }

    #[test]
    fn t39_links_are_followed_as_on_the_mac_and_a_dangling_one_is_absent() {
        let mac = Mac::new();
        mac.put("/Library/real.plist", &xml(&[("CFBundleShortVersionString", "3")]));
        let link = |target: &str, name: &str| symlink(target, mac.folder.path().join(name)).unwrap();
        link("/Library/real.plist", "absolute");
        link("Library/real.plist", "relative");
        link("/nowhere", "dangling");
        link("circle", "circle");
        link("../../../../../etc/passwd", "outside");
        for name in ["/absolute", "/relative"] {
            assert_eq!(mac.versions(Trace::PlistAt(name.into())), ["3"]);
            assert_eq!(mac.look(Trace::FileAt { path: name.into(), md5: None }), Found::Same);
        }
        // Above `/` there is nothing, on a Mac too: the last one means /etc/passwd, and this Mac has none.
        for name in ["/dangling", "/circle", "/outside", "/absolute/x", ""] {
            assert_eq!(mac.look(Trace::FileAt { path: name.into(), md5: None }), Found::Nothing, "{name}");
        }
    }

    #[test]
    fn t39_a_file_is_compared_by_its_md5() {
        let mac = Mac::new();
        mac.put("/opt/tool", b"abc");
        let look =
            |path: &str, md5: &str| mac.look(Trace::FileAt { path: path.into(), md5: Some(md5.into()) });
        assert_eq!(look("/opt/tool", "900150983cd24fb0d6963f7d28e17f72"), Found::Same);
        assert_eq!(look("/opt/tool", "900150983CD24FB0D6963F7D28E17F72"), Found::Same);
        assert_eq!(look("/opt/tool", "d41d8cd98f00b204e9800998ecf8427e"), Found::Different);
        assert_eq!(look("/opt", "900150983cd24fb0d6963f7d28e17f72"), Found::Different, "a folder has none");
        assert_eq!(look("/opt/none", "900150983cd24fb0d6963f7d28e17f72"), Found::Nothing);
    }

    #[test]
    fn t39_applications_are_found_by_identifier_or_name_but_not_in_homes() {
        let mac = Mac::new();
        for (path, version) in [
            ("/Applications/Acme.app", "1"),
            ("/Applications/Utilities/Acme.app", "2"),
            ("/Applications/Suite/Parts/Acme.app", "3"),
            ("/Library/Application Support/Acme/Acme.app", "4"),
            ("/Users/Shared/Acme.app", "5"),
            ("/Users/ada/Applications/Acme.app", "6"),
            ("/Applications/Other.app/Contents/Helpers/Acme.app", "7"),
        ] {
            mac.app(path, "com.acme", version);
        }
        let mut found = mac.versions(named(Some("com.acme"), None));
        found.sort();
        assert_eq!(found, ["1", "2", "3", "4", "5"]);
        assert_eq!(mac.versions(named(None, Some("Acme"))).len(), 5);
        assert_eq!(mac.look(named(Some("com.acme.other"), Some("Acme 2"))), Found::Nothing);
        assert_eq!(mac.versions(named(Some("com.other"), Some("Acme"))).len(), 5, "either of them is enough");
        assert_eq!(mac.look(named(None, None)), Found::Nothing);
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_holds_nobody_up() {
        let mac = Mac::new();
        let path = mac.folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(mac.look(Trace::PlistAt("/pipe".into())), Found::Nothing);
        assert_eq!(mac.look(Trace::FileAt { path: "/pipe".into(), md5: Some("x".into()) }), Found::Different);
    }
}
