//! What a download is, told by its content, and where in it an application lies.

use cap_std::fs::Dir;
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Component, Path, PathBuf},
};

/// What a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A disk image.
    Image,
    /// A zip archive.
    Zip,
    /// A tar archive, compressed or not.
    Tar,
}

/// What to say of a download that is none of these.
pub(super) const NONE: &str = "it is no disk image, zip or tar archive";

/// The last block of a disk image of today begins so.
const TRAILER: (&[u8], u64) = (b"koly", 512);
/// Where a tar archive says that it is one, and how.
const TAR: (usize, &[u8]) = (257, b"ustar");
/// How compressed archives begin.
const COMPRESSED: [&[u8]; 3] = [b"BZh", b"\x1f\x8b", b"\xfd7zXZ\0"];

impl Kind {
    /// Looks at `file`, whose name is `name`; `None` when it is none of these. A disk image may begin like a compressed
    /// archive, and an old one has no trailer, only its name.
    pub(super) fn of(file: &File, name: &str) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        let (mut tail, mut head) = ([0; 4], [0; 512]);
        if let Some(at) = length.checked_sub(TRAILER.1) {
            file.read_exact_at(&mut tail, at)?;
        }
        let read = file.read_at(&mut head, 0)?;
        let head = head.get(..read).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        Ok(if tail == TRAILER.0 || name.ends_with(".dmg") || name.ends_with(".iso") {
            Some(Self::Image)
        } else if head.starts_with(b"PK\x03\x04") {
            Some(Self::Zip)
        } else if COMPRESSED.iter().any(|magic| head.starts_with(magic))
            || head.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1))
        {
            Some(Self::Tar)
        } else {
            None
        })
    }
}

/// Where the application `app` lies in `folder`: at that very path; else, where it is named by its name alone, in the only
/// folder at the top that holds it.
///
/// # Errors
/// Why not, with the applications there are.
pub(super) fn application(folder: &Dir, app: &str) -> Result<PathBuf, String> {
    let path = Path::new(app);
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_below || app.is_empty() {
        return Err(format!("`{app}` does not name something in the archive"));
    }
    let is_folder = |path: &Path| folder.symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if is_folder(path) && folder.canonicalize(path).is_ok_and(|real| real == path) {
        return Ok(path.to_owned());
    }
    let top = names(folder, Path::new("."));
    let deeper: Vec<PathBuf> =
        top.iter().filter(|name| is_folder(name)).map(|name| name.join(path)).collect();
    let found: Vec<&PathBuf> = deeper.iter().filter(|path| is_folder(path)).collect();
    match found.as_slice() {
        [only] if path.components().count() == 1 => Ok((*only).clone()),
        [_, _, ..] => Err(format!("`{app}` is there more than once; name the folder it is in, too")),
        _ => {
            let is_app = |name: &&PathBuf| name.extension().is_some_and(|extension| extension == "app");
            let apps: Vec<String> =
                top.iter().filter(is_app).map(|name| name.display().to_string()).collect();
            let there = if apps.is_empty() { "no application".to_owned() } else { apps.join(", ") };
            Err(format!("there is no `{app}` in it; at its top there is {there}"))
        }
    }
}

/// Names in a folder, sorted, without what Macs put beside files for other systems.
fn names(folder: &Dir, path: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.retain(|name| name != Path::new("__MACOSX") && !name.to_string_lossy().starts_with('.'));
    names.sort();
    names
}

/// The package in an image: the one at `path`, or the only one at its top (T35).
///
/// # Errors
/// Why there is none that could be meant.
pub(super) fn package(image: &Dir, path: Option<&str>) -> Result<PathBuf, String> {
    if let Some(path) = path {
        return inside(image, path);
    }
    let has = |name: &Path, wanted: &[&str]| {
        name.extension().is_some_and(|found| wanted.iter().any(|wanted| found.eq_ignore_ascii_case(wanted)))
    };
    let top = names(image, Path::new("."));
    let packages: Vec<&PathBuf> = top.iter().filter(|name| has(name, &["pkg", "mpkg"])).collect();
    match packages.as_slice() {
        [only] => inside(image, &only.to_string_lossy()),
        [] => Err(match top.iter().find(|name| has(name, &["dmg", "iso"])) {
            Some(nested) => format!("there is no package in it, only another image, {}", nested.display()),
            None => "there is no package at the top of it".to_owned(),
        }),
        several => {
            let names: Vec<String> = several.iter().map(|name| name.display().to_string()).collect();
            Err(format!(
                "it holds several packages ({}); its pkginfo has to name one (package_path)",
                names.join(", ")
            ))
        }
    }
}

/// The path without links that `path` leads to in an image or archive, which it does not leave, nor name as a whole.
///
/// # Errors
/// When it does, or is not there.
pub(super) fn inside(folder: &Dir, path: &str) -> Result<PathBuf, String> {
    match folder.canonicalize(path.trim_start_matches('/')) {
        Ok(found) if found.components().any(|part| matches!(part, Component::Normal(_))) => Ok(found),
        Ok(_) => Err(format!("`{path}` names all of it")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("there is no `{path}` in it")),
        Err(error) => Err(format!("`{path}` cannot be used: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::{fs, os::unix::fs::symlink};

    fn folder(entries: &[&str]) -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        for entry in entries {
            let path = folder.path().join(entry);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if entry.ends_with('/') {
                fs::create_dir_all(path).unwrap()
            } else {
                fs::write(path, "x").unwrap()
            }
        }
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        (folder, dir)
    }

    #[test]
    fn content_tells_what_a_download_is() {
        let of = |content: &[u8], name: &str| {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(content, 0).unwrap();
            Kind::of(&file, name).unwrap()
        };
        let image = [b"BZh91AY".as_slice(), &[0; 600], b"koly", &[0; 508]].concat();
        let tar = [[0; 257].as_slice(), b"ustar\x0000", &[0; 300]].concat();
        assert_eq!(of(&image, "a.bin"), Some(Kind::Image), "compressed by bzip2, it begins like an archive");
        assert_eq!(of(b"BZh91AY&SY", "a.dmg.tbz"), Some(Kind::Tar));
        assert_eq!(of(b"PK\x03\x04....", "a"), Some(Kind::Zip));
        assert_eq!(of(&tar, "a"), Some(Kind::Tar));
        assert_eq!(of(b"\x1f\x8b\x08", "a.tgz"), Some(Kind::Tar));
        assert_eq!(of(&[0; 2048], "Old.DMG"), Some(Kind::Image));
        assert_eq!(of(b"<html>", "a.zip"), None);
        assert_eq!(of(b"", "a"), None);
    }

    #[test]
    fn an_application_is_found_where_it_is_named_or_in_the_only_folder_that_holds_it() {
        let (here, dir) = folder(&[
            "Acme.app/",
            "__MACOSX/Acme.app/",
            "Acme 2/Other.app/",
            "A/Twice.app/",
            "B/Twice.app/",
            "File.app",
        ]);
        symlink("/Applications", here.path().join("Link.app")).unwrap();
        let find = |app: &str| application(&dir, app);
        assert_eq!(find("Acme.app").unwrap(), Path::new("Acme.app"));
        assert_eq!(find("Other.app").unwrap(), Path::new("Acme 2/Other.app"));
        assert_eq!(find("A/Twice.app").unwrap(), Path::new("A/Twice.app"));
        assert!(find("Twice.app").unwrap_err().contains("more than once"));
        assert!(find("None.app").unwrap_err().contains("at its top there is Acme.app"));
        for bad in ["../Acme.app", "/Acme.app", "", ".", "File.app", "Link.app"] {
            assert!(find(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn t35_the_only_package_or_the_one_that_is_named() {
        let (_one, one) = folder(&["Acme.pkg", "._Acme.pkg", "Read me.txt"]);
        assert_eq!(package(&one, None).unwrap(), Path::new("Acme.pkg"));
        let (_two, two) = folder(&["a.pkg", "b.MPKG", "Extra/c.pkg"]);
        let error = package(&two, None).unwrap_err();
        assert!(error.contains("a.pkg, b.MPKG") && error.contains("package_path"), "{error}");
        assert_eq!(package(&two, Some("Extra/c.pkg")).unwrap(), Path::new("Extra/c.pkg"));
        assert_eq!(package(&two, Some("d.pkg")).unwrap_err(), "there is no `d.pkg` in it");
        let (_nested, nested) = folder(&["Inner.dmg"]);
        assert!(package(&nested, None).unwrap_err().contains("another image, Inner.dmg"));
        let (_none, none) = folder(&[]);
        assert!(package(&none, None).is_err());
    }

    #[test]
    fn t36_nothing_leads_out_of_an_image() {
        let (here, dir) = folder(&["Acme.app/Contents/file", "deep/x"]);
        let link = |target: &str, name: &str| symlink(target, here.path().join(name)).unwrap();
        link("/Applications", "Applications");
        link("../..", "up");
        link("Acme.app", "Current.app");
        link(".", "here");
        assert_eq!(inside(&dir, "Current.app").unwrap(), Path::new("Acme.app"));
        assert_eq!(inside(&dir, "deep/../Acme.app").unwrap(), Path::new("Acme.app"));
        for bad in ["Applications", "up/etc", "../x", "", ".", "/", "here", "deep/.."] {
            assert!(inside(&dir, bad).is_err(), "{bad}");
        }
    }
}
