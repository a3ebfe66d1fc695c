//! A publisher's days: a repository of titles, through the real `iasctl publish`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod gate;
mod keeping;
mod repository;
mod trust;

use plist::{Dictionary, Value};
use std::{fs, path::PathBuf, process::Command};
use support::program;
use tempfile::TempDir;

/// A publisher's folder, with a repository in it.
struct Publisher(TempDir);

/// What a command told.
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

impl Publisher {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["pkgs", "pkgsinfo", "icons", "catalogs"] {
            fs::create_dir_all(folder.path().join("repo").join(kind)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, place: &str) -> PathBuf {
        self.0.path().join(place)
    }

    fn write(&self, place: &str, content: impl AsRef<[u8]>) {
        let path = self.path(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, place: &str) -> String {
        fs::read_to_string(self.path(place)).unwrap()
    }

    fn pkginfo(&self, name: &str, entries: &[(&str, Value)]) {
        let entries: Dictionary =
            entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let mut bytes = Vec::new();
        Value::Dictionary(entries).to_writer_xml(&mut bytes).unwrap();
        self.write(&format!("repo/pkgsinfo/{name}"), bytes);
    }

    fn publish(&self, arguments: &[&str]) -> Told {
        let mut command = Command::new(program("iasctl"));
        let output = command.current_dir(self.0.path()).arg("publish").args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Told { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

fn words(words: &[&str]) -> Value {
    Value::Array(words.iter().map(|word| Value::from(*word)).collect())
}
