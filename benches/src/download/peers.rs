//! Who downloads: `iasd`, the floor, and the peers, each as a script would call it.

use super::load::{Files, Load, Promise};
use crate::{
    Failure,
    measure::{Cost, cost},
    web::{Scheme, Web},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where the files go, below a Mac's `/`.
const PLACE: &str = "/Library/Seed";

/// Somebody who downloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contender {
    /// `iasd`, as a whole: settings, control file, journal, flushes, cleanup.
    Ours(PathBuf),
    /// Four threads that do only what must be done.
    Floor,
    /// `curl --parallel`, then `openssl dgst -sha256`.
    CurlAndOpenssl,
    /// `aria2c` with as many connections, and digests to check.
    Aria2,
    /// A bootstrap installer in Go, with the same control file.
    Go(PathBuf),
}

impl Contender {
    /// Everybody that can take part in `load`.
    pub(super) fn all(iasd: PathBuf, go: Option<&PathBuf>, load: &Load) -> Vec<Self> {
        let mut all = vec![Self::Ours(iasd)];
        if matches!(load.promise, Promise::Ratio { .. }) {
            all.push(Self::CurlAndOpenssl);
            all.extend((load.scheme == Scheme::Http).then_some(Self::Floor));
            all.extend(is_installed("aria2c").then_some(Self::Aria2));
        }
        all.extend(go.cloned().map(Self::Go));
        all
    }

    /// As the table has it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "iasd",
            Self::Floor => "floor",
            Self::CurlAndOpenssl => "curl, openssl",
            Self::Aria2 => "aria2c",
            Self::Go(_) => "go",
        }
    }

    /// Downloads `files` into the new folder `into`, and tells what that cost.
    pub(super) fn run(
        &self,
        into: &Path,
        files: &Files,
        (web, scheme): (&Web, Scheme),
    ) -> Result<Cost, Failure> {
        fs::create_dir(into)?;
        match self {
            Self::Ours(program) => ours(program, into, files, (web, scheme)),
            Self::Floor => {
                let mut floor = Command::new(std::env::current_exe()?);
                cost(floor.arg(super::FLOOR).arg(into).args(urls(files, (web, scheme))))
            }
            Self::CurlAndOpenssl => {
                let mut curl = Command::new("curl");
                curl.args(["--silent", "--fail", "--parallel", "--remote-name-all", "--noproxy", "*"]);
                curl.arg("--cacert").arg(web.roots()).args(urls(files, (web, scheme))).current_dir(into);
                let mut openssl = Command::new("openssl");
                openssl.args(["dgst", "-sha256"]).args(&files.names).current_dir(into);
                Ok(cost(&curl)?.then(cost(&openssl)?))
            }
            Self::Aria2 => aria2(into, files, (web, scheme)),
            Self::Go(program) => go(program, into, files, (web, scheme)),
        }
    }
}

fn urls(files: &Files, (web, scheme): (&Web, Scheme)) -> impl Iterator<Item = String> {
    files.names.iter().map(move |name| web.url(scheme, name))
}

fn ours(program: &Path, into: &Path, files: &Files, (web, scheme): (&Web, Scheme)) -> Result<Cost, Failure> {
    files.control_file("ours.json", (web, scheme), Path::new(PLACE))?;
    let (scenario, root) = (into.join("scenario.json"), into.join("mac"));
    fs::create_dir(&root)?;
    let mut command = Command::new(program);
    command.arg("--root").arg(&root).args(["--jsonurl", &web.url(scheme, "ours.json")]);
    if scheme == Scheme::Https {
        fs::write(&scenario, serde_json::json!({ "network": { "extra_roots": web.roots() } }).to_string())?;
        command.arg("--scenario").arg(scenario);
    }
    let cost = cost(&command)?;
    files.check(&root.join(PLACE.trim_start_matches('/')))?;
    Ok(cost)
}

fn aria2(into: &Path, files: &Files, (web, scheme): (&Web, Scheme)) -> Result<Cost, Failure> {
    let mut list = String::new();
    for (name, digest) in files.each() {
        writeln!(list, "{}\n checksum=sha-256={digest}", web.url(scheme, name))?;
    }
    let file = into.join("list");
    fs::write(&file, list)?;
    let mut command = Command::new("aria2c");
    command.args(["--quiet", "--no-conf", "--max-concurrent-downloads=4", "--file-allocation=none"]);
    command.arg(format!("--ca-certificate={}", web.roots().display()));
    cost(command.arg("--input-file").arg(file).arg("--dir").arg(into))
}

/// It removes the folder of its own program, so it gets a copy of its own; its files it removes itself.
fn go(program: &Path, into: &Path, files: &Files, (web, scheme): (&Web, Scheme)) -> Result<Cost, Failure> {
    files.control_file("go.json", (web, scheme), &into.join("files"))?;
    let own = into.join("program");
    fs::create_dir(&own)?;
    let copy = own.join("installer");
    fs::copy(program, &copy)?;
    let mut command = Command::new(copy);
    command.args(["--mode", "standalone", "--jsonurl", &web.url(scheme, "go.json")]);
    command.arg("--installpath").arg(into.join("install")).arg("--log-file").arg(into.join("log"));
    cost(command.env("SSL_CERT_FILE", web.roots()))
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}
