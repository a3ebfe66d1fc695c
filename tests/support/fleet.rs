//! A Mac and a server for it, without any of `iasctl`'s help: `iasd` is started as launchd would.

use crate::{
    Outcome, program,
    server::{Authority, Reply, Server},
};
use serde_json::{Value, json};
use shared::digest::Digest;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

const HOST: &str = "bootstrap.example.com";

/// Where the fleet's server has `path`.
#[must_use]
pub fn url(path: &str) -> String {
    format!("https://{HOST}{path}")
}

/// A Mac whose user logs in at once, and the server it trusts.
pub struct Fleet {
    /// What it serves is up to the story.
    pub server: Server,
    folder: TempDir,
}

impl Fleet {
    /// A Mac as `scenario` has it.
    ///
    /// # Panics
    /// When the server cannot be started or nothing can be written.
    #[must_use]
    pub fn new(mut scenario: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new("Acme").expect("an authority");
        let identity = authority.server(&[HOST]).expect("a server's identity");
        let server = Server::start_tls(identity).expect("a server");
        let roots = folder.path().join("roots.pem");
        authority.write_pem(&roots).expect("the root's certificate");
        scenario["network"]["resolve"] = json!({HOST: server.address().to_string()});
        scenario["network"]["extra_roots"] = json!(roots);
        scenario["user"] = json!({"login_after": 0.0});
        let fleet = Self { server, folder };
        fs::write(fleet.scenario(), scenario.to_string()).expect("the scenario");
        fleet
    }

    /// Serves a script at `path`, and gives its digest.
    #[must_use]
    pub fn script(&self, path: &str, body: &str) -> Digest {
        let text = format!("#!/bin/sh\n{body}\n");
        self.server.serve(path, [Reply::ok(text.clone())]);
        Digest::of(text.as_bytes())
    }

    /// Gives the Mac a profile for a preference domain; the Mac must have been started before.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn manage(&self, domain: &str, profile: &plist::Dictionary) {
        let folder = self.root().join("Library/Managed Preferences");
        fs::create_dir_all(&folder).expect("a folder for profiles");
        plist::to_file_binary(folder.join(format!("{domain}.plist")), profile).expect("the profile");
    }

    /// Runs `iasd` with these arguments to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(program("iasd"));
        command.arg("--root").arg(self.root()).arg("--scenario").arg(self.scenario()).args(arguments);
        let mut output = command.stdin(Stdio::null()).output().expect("iasd can be started");
        // Nobody asked for events, so the record of the run has to do.
        let record = self.root().join("Library/Application Support/ias/last-run.ndjson");
        output.stdout = fs::read(record).unwrap_or_default();
        Outcome::of(&output, &self.root(), None)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("mac")
    }

    fn scenario(&self) -> PathBuf {
        self.folder.path().join("scenario.json")
    }
}
