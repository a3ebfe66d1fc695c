//! What the tests of packing and unpacking compare: trees on the disk, and what other programs unpack.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

/// Relative path to type and permission bits, and content or target.
pub(crate) type Listing = BTreeMap<String, (u32, Vec<u8>)>;

/// Path to what is there: type and permissions, size, and target or content.
pub(crate) fn on_disk(folder: &Path) -> Listing {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        let kind = metadata.mode() & 0o170_000;
        let mode = if metadata.is_symlink() { kind } else { metadata.mode() & 0o177_777 };
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        found.insert(name, (mode, content));
    }
    found
}

/// Whether `program` is installed; says so if it is not.
pub(crate) fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--help").output().is_ok();
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

pub(crate) fn unpack_with(program: &str, archive: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    let mut command = Command::new(program);
    match program {
        "bsdtar" => command.arg("-xpf").arg(archive).arg("-C").arg(into),
        _ => command.args(["x", "-y", "-bd", "-snld20"]).arg(format!("-o{}", into.display())).arg(archive),
    };
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
