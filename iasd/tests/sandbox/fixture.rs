//! A folder with a sandbox around it, and the same test for root and for an ordinary user.

use shared::{
    exit::Ended,
    sys::{
        child::{Limits, Output, Program},
        sandbox::{Bind, Life, Processes, Sandbox, SandboxError, ids_available, probe, start_inside},
    },
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

/// A folder with a sandbox around it, next to a folder that must not be touched.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
}

impl Fixture {
    /// `None`, with a line that says so, where the kernel forbids namespaces.
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        let root = base.join("root");
        fs::create_dir(&root).unwrap();
        fs::create_dir(base.join("outside")).unwrap();
        fs::write(base.join("outside/secret"), "secret").unwrap();
        let sandbox = Sandbox {
            helper: env!("CARGO_BIN_EXE_iasd").into(),
            root,
            binds: binds(),
            network: false,
            host_name: "mac".into(),
            ids: ids_available(501),
            processes: Processes::Own,
        };
        match probe(&sandbox) {
            Ok(()) => Some(Self { folder, sandbox }),
            Err(SandboxError::SetUp(why)) => {
                eprintln!("skipped: {why}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("outside")
    }

    pub(crate) async fn start(&self, program: &Program, limits: Limits) -> (Ended, Vec<String>) {
        let (send, mut receive) = mpsc::channel(1 << 16);
        let child = match start_inside(&self.sandbox, program, Output::Lines(send), limits, Life::Tied).await
        {
            Ok(child) => child,
            Err(ended) => return (ended, Vec::new()),
        };
        let ended = child.wait().await.ended;
        let mut lines = Vec::new();
        while let Some(line) = receive.recv().await {
            lines.push(line);
        }
        (ended, lines)
    }

    pub(crate) async fn sh(&self, script: &str) -> (Ended, Vec<String>) {
        self.start(&shell(script), Limits::default()).await
    }
}

pub(crate) fn shell(script: &str) -> Program {
    let mut program = Program::new(Path::new("/bin/sh"));
    program.arguments = vec!["-c".into(), script.into()];
    program.environment = vec![("PATH".into(), "/usr/bin:/bin:/usr/sbin:/sbin".into())];
    program
}

fn binds() -> Vec<Bind> {
    let bind = |path: &str, writable| {
        let from = Path::new(path).canonicalize().ok()?;
        Some(Bind { from, to: path.into(), writable })
    };
    ["/usr", "/bin", "/sbin", "/lib", "/lib64"]
        .into_iter()
        .filter_map(|path| bind(path, false))
        .chain(["/dev/null", "/dev/zero"].into_iter().filter_map(|path| bind(path, true)))
        .collect()
}

/// Runs this test again as an ordinary user when we are root.
pub(crate) fn again_as_an_ordinary_user(test: &str) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = copy.path().join("test");
    // By another process: what this one holds open for writing, a child that another test starts meanwhile holds, too, and
    // then the copy is "busy".
    let copied = std::process::Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&program)
        .status()
        .unwrap();
    assert!(copied.success());
    let mut command = std::process::Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env("TMPDIR", "/tmp").current_dir("/");
    std::os::unix::process::CommandExt::gid(&mut command, 1000);
    std::os::unix::process::CommandExt::uid(&mut command, 1000);
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as user 1000: {text}");
    eprintln!("as user 1000: {text}");
}
