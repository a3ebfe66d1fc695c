//! The package itself: what is installed, the scripts, and the product around them (R136, R140, P70).

use super::{
    input::Input,
    names::{Names, as_xml},
    programs::Program,
    seed::Seed,
};
use plist::Value;
use shared::{
    facts::Arch,
    flat_package::write::{
        BadTree, Choice, Component, ComponentSpec, Compression, Contents, Node, NodeKind, PackageSigner,
        ProductSpec, Source, Tree, write_product,
    },
    sys::packing::{Draft, PackError},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The time recorded for everything, 2020-01-01: what is packed twice is the same twice.
const TIME: u32 = 1_577_836_800;
const PREINSTALL: &str = include_str!("../../../launchd/scripts/preinstall");
const POSTINSTALL: &str = include_str!("../../../launchd/scripts/postinstall");
const JOBS: &str = include_str!("../../../launchd/scripts/jobs");

/// Everything that goes into a package.
#[derive(Debug)]
pub(super) struct Content {
    /// What is installed below `/`.
    payload: Files,
    scripts: Files,
    architectures: Vec<Arch>,
    min_os: String,
}

/// What people and MDMs call the package.
#[derive(Debug, Clone)]
pub(super) struct Title {
    /// Its name for people.
    pub(super) title: String,
    /// The identifier of product and receipt.
    pub(super) identifier: String,
    /// Its version.
    pub(super) version: String,
}

/// Why there is no content to pack.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadContent {
    /// A plist cannot be written.
    #[error("cannot write a plist of the package")]
    Plist(#[from] plist::Error),
    /// Paths contradict each other.
    #[error("the files of the package do not fit together")]
    Tree(#[from] BadTree),
}

impl Content {
    /// Gathers what is installed; the settings go along if `with_settings` says so.
    ///
    /// # Errors
    /// When a plist cannot be written, or `InstallPath` collides with a job.
    pub(super) fn new(
        input: &Input,
        (daemon, agent): (Program, Program),
        with_settings: bool,
        seed: Seed,
    ) -> Result<Self, BadContent> {
        let names = Names(&input.settings);
        let architectures = shown(&daemon, &agent);
        let min_os = daemon.min_os.max(agent.min_os).to_string();
        let mut payload = vec![
            (names.program("iasd"), 0o755, Body::Held(daemon.bytes)),
            (names.program("iasagent"), 0o755, Body::Held(agent.bytes)),
            (names.daemon_job_path(), 0o644, Body::Held(names.daemon_job()?)),
            (names.agent_job_path(), 0o644, Body::Held(names.agent_job()?)),
        ];
        let seeded =
            |(path, (file, size)): (String, _)| (names.program(&path), 0o600, Body::OnDisk { file, size });
        payload.extend(seed.files.into_iter().map(seeded));
        if with_settings {
            let settings = as_xml(&Value::Dictionary(input.values.clone()))?;
            // It may hold a password.
            payload.push((names.program("iasd.plist"), 0o600, Body::Held(settings)));
        }
        let scripts = [
            ("preinstall", 0o755, PREINSTALL.to_owned()),
            ("postinstall", 0o755, POSTINSTALL.to_owned()),
            ("jobs", 0o644, JOBS.to_owned()),
            ("names", 0o644, names.for_scripts()),
        ];
        let scripts =
            scripts.map(|(path, mode, text)| (path.to_owned(), mode, Body::Held(text.into_bytes())));
        Ok(Self { payload: Files::new(payload)?, scripts: Files::new(scripts)?, architectures, min_os })
    }

    /// Paths on the Mac, modes and lengths of the installed files.
    pub(super) fn installed(&self) -> impl Iterator<Item = (String, u16, u64)> {
        let files = self.payload.tree.nodes().iter().filter(|node| node.kind != NodeKind::Folder);
        files.map(|node| (format!("/{}", node.path), node.mode, node.size()))
    }

    /// Processors on which all programs run.
    pub(super) fn architectures(&self) -> &[Arch] {
        &self.architectures
    }

    /// The oldest macOS on which all programs run.
    pub(super) fn min_os(&self) -> &str {
        &self.min_os
    }

    /// Writes the package to `path`, in place of what is there, when it is complete.
    ///
    /// # Errors
    /// When it cannot be written or signed.
    pub(super) fn write(
        &self,
        path: &Path,
        title: &Title,
        compression: Compression,
        signer: Option<&dyn PackageSigner>,
    ) -> Result<(), PackError> {
        let spec = ComponentSpec {
            identifier: title.identifier.clone(),
            version: title.version.clone(),
            install_location: "/".to_owned(),
            min_os: Some(self.min_os.clone()),
            compression,
            time: TIME,
        };
        let product = ProductSpec {
            title: title.title.clone(),
            identifier: title.identifier.clone(),
            version: title.version.clone(),
            min_os: Some(self.min_os.clone()),
            architectures: self.architectures.clone(),
            time: TIME,
        };
        let component = Component {
            spec: &spec,
            payload: Some(self.payload.source()),
            scripts: Some(self.scripts.source()),
        };
        let choice = Choice { title: "", selected: true, file_name: &title.identifier, component };
        let mut draft = Draft::beside(path)?;
        let scratch = draft.scratch()?;
        let written = write_product(&product, &[choice], signer, scratch, draft.file());
        written.map_err(|source| PackError::Pack { path: path.to_owned(), source })?;
        draft.publish()
    }
}

/// The architectures both programs have, in the order of Apple's tools.
fn shown(daemon: &Program, agent: &Program) -> Vec<Arch> {
    let both = |arch: &Arch| daemon.architectures.contains(arch) && agent.architectures.contains(arch);
    [Arch::Arm64, Arch::X86_64].into_iter().filter(both).collect()
}

/// The content of one file.
#[derive(Debug)]
enum Body {
    /// Made here.
    Held(Vec<u8>),
    /// The admin's own file, read when it is packed.
    OnDisk { file: PathBuf, size: u64 },
}

impl Body {
    fn size(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::OnDisk { size, .. } => *size,
        }
    }
}

/// Bodies by path.
#[derive(Debug, Default)]
struct Bodies(BTreeMap<String, Body>);

impl Contents for Bodies {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        match self.0.get(path) {
            Some(Body::Held(bytes)) => Ok(Box::new(bytes.as_slice())),
            Some(Body::OnDisk { file, .. }) => Ok(Box::new(File::open(file)?)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Files, with the folders they are in.
#[derive(Debug)]
struct Files {
    tree: Tree,
    contents: Bodies,
}

impl Files {
    /// Everything belongs to root and wheel, and folders are 0755, whatever the umask is (R140).
    fn new(files: impl IntoIterator<Item = (String, u16, Body)>) -> Result<Self, BadTree> {
        let node = |path: &str, kind: NodeKind, mode: u16| Node {
            path: path.to_owned(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: TIME,
        };
        let mut nodes = Vec::new();
        let mut folders = BTreeSet::from([".".to_owned()]);
        let mut contents = Bodies::default();
        for (path, mode, body) in files {
            let path = path.trim_start_matches('/').to_owned();
            folders.extend(path.match_indices('/').filter_map(|(at, _)| path.get(..at).map(str::to_owned)));
            nodes.push(node(&path, NodeKind::File { size: body.size(), identity: None }, mode));
            contents.0.insert(path, body);
        }
        nodes.extend(folders.iter().map(|folder| node(folder, NodeKind::Folder, 0o755)));
        Ok(Self { tree: Tree::new(nodes)?, contents })
    }

    fn source(&self) -> Source<'_> {
        Source { tree: &self.tree, contents: &self.contents }
    }
}
