//! A world to run the real programs in: what the admin wrote, what the Mac is like, what happens on it.
//!
//! ```no_run
//! use serde_json::json;
//! use support::World;
//! let outcome = World::new().script("userland", "Hello", "echo hello", json!({})).run(&[]);
//! outcome.exits(0);
//! ```

use crate::{outcome::Outcome, programs::program};
use serde_json::{Value, json};
use shared::{digest::Digest, minisign::SecretKey};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The host that serves everything.
pub const HOST: &str = "https://bootstrap.example.com";
/// Where IAS installs to by default.
pub const INSTALL_PATH: &str = "/Library/installapplications";
/// What a script does to be under way still when the failure of another item is judged: the journal says that it failed.
pub const AFTER_A_FAILURE: &str = "until grep -q item_finished '/Library/Application Support/ias/last-run.ndjson'; \
    do sleep 0.1 || exit 9; done; sleep 1";

/// How the control file is signed.
#[derive(Debug)]
struct Signing {
    key: SecretKey,
    comment: String,
    changed_afterwards: bool,
}

/// A world, being built.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    control: Value,
    scenario: Value,
    settings: plist::Dictionary,
    signature: Option<Signing>,
    seeded: bool,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// An empty control file, and a Mac whose user logs in at once.
    ///
    /// # Panics
    /// When there is no room for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("site")).expect("a folder for the site");
        let settings = [
            ("JSONURL", plist::Value::from(format!("{HOST}/bootstrap.json"))),
            ("RetryDelay", plist::Value::from(0)),
            ("MaximumRedownloads", plist::Value::from(1)),
        ];
        Self {
            folder,
            control: json!({"preflight": [], "setupassistant": [], "userland": []}),
            scenario: json!({"user": {"login_after": 0.0}, "serve": {format!("{HOST}/"): "."}}),
            settings: settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            signature: None,
            seeded: false,
        }
    }

    /// A control file signed with `key`, whose owner says `comment` about it. Whose signature is wanted, the setting
    /// `ControlFileKeys` says.
    #[must_use]
    pub fn signed(mut self, key: SecretKey, comment: &str) -> Self {
        self.signature = Some(Signing { key, comment: comment.to_owned(), changed_afterwards: false });
        self
    }

    /// The package brought everything along that is served, the control file as well.
    #[must_use]
    pub fn seeded(mut self) -> Self {
        self.seeded = true;
        self
    }

    /// What lies in the seed is left as it is from now on.
    #[must_use]
    pub fn unseeded(mut self) -> Self {
        self.seeded = false;
        self
    }

    /// The control file is changed after it was signed.
    #[must_use]
    pub fn changed_afterwards(mut self) -> Self {
        if let Some(signing) = &mut self.signature {
            signing.changed_afterwards = true;
        }
        self
    }

    /// A script that runs as root; in userland as the user if `keys` say `"type": "userscript"`.
    #[must_use]
    pub fn script(self, phase: &str, name: &str, body: &str, keys: Value) -> Self {
        let item = json!({"name": name, "type": "rootscript"});
        self.served(phase, item, "sh", format!("#!/bin/sh\n{body}\n").as_bytes(), keys)
    }

    /// A script with exactly this content, which may be no script at all.
    #[must_use]
    pub fn program(self, phase: &str, name: &str, content: &[u8], keys: Value) -> Self {
        self.served(phase, json!({"name": name, "type": "rootscript"}), "sh", content, keys)
    }

    /// A file to be placed at `file` for root.
    #[must_use]
    pub fn file(self, phase: &str, name: &str, file: &str, content: &str) -> Self {
        let item = json!({"name": name, "type": "rootfile"});
        self.served(phase, item, "txt", content.as_bytes(), json!({"file": file}))
    }

    /// The same with further keys.
    #[must_use]
    pub fn served_file(self, phase: &str, name: &str, file: &str, mut keys: Value) -> Self {
        keys["file"] = json!(file);
        self.served(phase, json!({"name": name, "type": "rootfile"}), "txt", b"content", keys)
    }

    /// A package that installs the one file `/usr/local/share/<id>`, and runs `postinstall`.
    ///
    /// # Panics
    /// When the package cannot be built.
    #[must_use]
    pub fn package(self, phase: &str, name: &str, id: &str, postinstall: &str, keys: Value) -> Self {
        self.package_with(phase, name, (id, &[("postinstall", postinstall)]), keys)
    }

    /// The same, with scripts by name.
    ///
    /// # Panics
    /// When the package cannot be built.
    #[must_use]
    pub fn package_with(
        self,
        phase: &str,
        name: &str,
        (id, scripts): (&str, &[(&str, &str)]),
        keys: Value,
    ) -> Self {
        let content = component((id, "1.0"), scripts);
        self.packed(phase, name, (id, "1.0"), &content, keys)
    }

    /// A file that the host serves, at this path.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn hosted(self, path: &str, content: &[u8]) -> Self {
        let path = self.folder.path().join("site").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the site");
        fs::write(path, content).expect("a file of the site");
        self
    }

    /// A package that was made elsewhere, with its identifier and version.
    #[must_use]
    pub fn packed(self, phase: &str, name: &str, id: (&str, &str), content: &[u8], keys: Value) -> Self {
        let item = json!({"name": name, "type": "package", "packageid": id.0, "version": id.1});
        self.served(phase, item, "pkg", content, keys)
    }

    /// An application in an archive that was made elsewhere.
    #[must_use]
    pub fn app(self, phase: &str, app: &str, archive: &[u8], keys: Value) -> Self {
        let name = app.trim_end_matches(".app");
        self.served(phase, json!({"name": name, "type": "app", "app": app}), "zip", archive, keys)
    }

    /// An item exactly as given, whatever is wrong with it.
    ///
    /// # Panics
    /// When `phase` is none.
    #[must_use]
    pub fn item(mut self, phase: &str, item: Value) -> Self {
        self.control[phase].as_array_mut().expect("a phase").push(item);
        self
    }

    /// The admin gives an item another name.
    ///
    /// # Panics
    /// When a phase is no list.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        let phases = ["preflight", "setupassistant", "userland"];
        for phase in phases {
            let items = self.control[phase].as_array_mut().expect("a phase");
            items.iter_mut().filter(|item| item["name"] == from).for_each(|item| item["name"] = json!(to));
        }
        self
    }

    /// A setting.
    #[must_use]
    pub fn setting(mut self, key: &str, value: impl Into<plist::Value>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    /// A key of the scenario.
    #[must_use]
    pub fn scenario(mut self, key: &str, value: Value) -> Self {
        self.scenario[key] = value;
        self
    }

    /// The folder that is the Mac's `/`.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("mac")
    }

    /// Runs it to its end, with further arguments for `iasctl simulate`.
    ///
    /// # Panics
    /// When the programs cannot be started.
    #[must_use]
    pub fn run(self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().expect("iasctl can be started");
        let root = self.root();
        Outcome::of(&output, &root, Some(self.folder))
    }

    /// Runs it to its end, and leaves the Mac for another run.
    ///
    /// # Panics
    /// When the programs cannot be started.
    #[must_use]
    pub fn again(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().expect("iasctl can be started");
        Outcome::of(&output, &self.root(), None)
    }

    /// Starts it, and comes back at once; its events go to standard output.
    ///
    /// # Panics
    /// When the programs cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("iasctl can be started")
    }

    /// The command that runs it.
    ///
    /// # Panics
    /// When the world cannot be written down.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let site = self.folder.path().join("site");
        let write = |name: &str, text: String| fs::write(site.join(name), text).expect("a file of the site");
        let control = format!("{:#}", self.control);
        if let Some(Signing { key, comment, changed_afterwards }) = &self.signature {
            let signed = if *changed_afterwards { format!("{control}\n") } else { control.clone() };
            write("bootstrap.json.sig", key.sign(signed.as_bytes(), comment).expect("a signature"));
        }
        write("bootstrap.json", control);
        write("scenario.json", self.scenario.to_string());
        plist::to_file_xml(site.join("iasd.plist"), &self.settings).expect("the settings");
        if self.seeded {
            self.seed(&site).expect("the seed");
        }
        simulate(&site, &self.root(), arguments)
    }

    /// Puts what is served where a package would have left it.
    fn seed(&self, site: &Path) -> std::io::Result<()> {
        let mut folder = self.root();
        if !folder.exists() {
            fs::create_dir(&folder)?;
            fs::write(folder.join(".ias-simulated-mac"), "")?;
        }
        for part in ["", "Library", "installapplications", "seed"] {
            folder.push(part);
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        }
        for file in fs::read_dir(site)? {
            let path = file?.path();
            let (file, content) = (path.file_name().unwrap_or_default(), fs::read(&path)?);
            let keeps_its_name = file.to_string_lossy().starts_with("bootstrap.json");
            let name = if keeps_its_name {
                PathBuf::from(file)
            } else {
                PathBuf::from(Digest::of(&content).to_string())
            };
            fs::write(folder.join(&name), content)?;
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600))?;
        }
        Ok(())
    }

    fn served(mut self, phase: &str, mut item: Value, kind: &str, content: &[u8], keys: Value) -> Self {
        let items = self.control[phase].as_array_mut().expect("a phase");
        let file = format!("{phase}-{}.{kind}", items.len());
        fs::write(self.folder.path().join("site").join(&file), content).expect("a file of the site");
        item["url"] = json!(format!("{HOST}/{file}"));
        item["file"] = json!(format!("{INSTALL_PATH}/{file}"));
        item["hash"] = json!(Digest::of(content));
        for (key, value) in keys.as_object().expect("keys are an object") {
            item[key] = value.clone();
        }
        items.push(item);
        self
    }
}

/// A package that installs the one file `/usr/local/share/<id>`, with these scripts by name.
///
/// # Panics
/// When the package cannot be built.
#[must_use]
pub fn component((id, version): (&str, &str), scripts: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, package) = (folder.path().join("source"), folder.path().join("package.pkg"));
    let write = |path: &str, text: &str| {
        let path = source.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the package");
        fs::write(path, text).expect("a file of the package");
    };
    write("package.json", &json!({"identifier": id, "version": version}).to_string());
    write(&format!("payload/usr/local/share/{id}"), id);
    for (script, body) in scripts {
        write(&format!("scripts/{script}"), &format!("#!/bin/sh\n{body}\n"));
    }
    shared::sys::packing::build_component(&source, &package).expect("the package can be built");
    fs::read(&package).expect("the package is there")
}

/// `iasctl simulate SOURCE --root ROOT --json …`.
#[must_use]
pub fn simulate(source: &Path, root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("iasctl"));
    command.arg("simulate").arg(source).arg("--root").arg(root).arg("--json").args(arguments);
    command
}

/// Runs the folder `source` as the Mac `root`, to its end.
///
/// # Panics
/// When the programs cannot be started.
#[must_use]
pub fn rehearse(source: &Path, root: &Path, arguments: &[&str]) -> Outcome {
    let output = simulate(source, root, arguments).output().expect("iasctl can be started");
    Outcome::of(&output, root, None)
}
