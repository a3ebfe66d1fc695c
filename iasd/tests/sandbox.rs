//! What the sandbox promises, tried with the real `iasd` as its helper.
//!
//! Each promise is kept for root and for an ordinary user: as root, the same test is started again as user 1000.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use shared::{
    exit::Ended,
    sys::{
        child::{Limits, Output, Program},
        sandbox::{Bind, Sandbox, SandboxError, ids_available, probe, start_inside},
    },
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::mpsc;

/// A folder with a sandbox around it, next to a folder that must not be touched.
struct Fixture {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
}

impl Fixture {
    /// `None`, with a line that says so, where the kernel forbids namespaces.
    fn new() -> Option<Self> {
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

    fn outside(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("outside")
    }

    async fn start(&self, program: &Program, limits: Limits) -> (Ended, Vec<String>) {
        let (send, mut receive) = mpsc::channel(1 << 16);
        let child = match start_inside(&self.sandbox, program, Output::Lines(send), limits).await {
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

    async fn sh(&self, script: &str) -> (Ended, Vec<String>) {
        self.start(&shell(script), Limits::default()).await
    }
}

fn shell(script: &str) -> Program {
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
    ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc"]
        .into_iter()
        .filter_map(|path| bind(path, false))
        .chain(["/dev/null", "/dev/zero"].into_iter().filter_map(|path| bind(path, true)))
        .collect()
}

/// Runs this test again as an ordinary user when we are root.
fn again_as_an_ordinary_user(test: &str) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = copy.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
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

#[tokio::test]
async fn p79_the_folder_is_the_root_and_the_program_is_root_in_it() {
    let Some(world) = Fixture::new() else { return };
    let (ended, lines) = world.sh("id -u; id -g; pwd; hostname; : > /made; ls /; echo $PATH").await;
    assert_eq!(ended, Ended::Exited(0), "{lines:?}");
    assert_eq!(lines[..4], ["0", "0", "/", "mac"]);
    assert!(lines.contains(&"made".into()), "{lines:?}");
    assert!(world.sandbox.root.join("made").exists());
    again_as_an_ordinary_user("p79_the_folder_is_the_root_and_the_program_is_root_in_it");
}

#[tokio::test]
async fn p79_nothing_outside_the_folder_can_be_written_or_seen() {
    let Some(world) = Fixture::new() else { return };
    let outside = world.outside();
    symlink(outside.join("secret"), world.sandbox.root.join("link")).unwrap();
    symlink(&outside, world.sandbox.root.join("folder-link")).unwrap();
    let secret = outside.join("secret");
    let path = secret.display();
    let ways = [
        format!("cat {path}; echo broken > {path}"),
        "cat /link; echo broken > /link".into(),
        "echo broken > /folder-link/secret; touch /folder-link/new".into(),
        format!("echo broken > /..{path}; echo broken > /../../..{path}"),
        format!("for p in /proc/[0-9]*; do cat $p/root{path}; echo broken > $p/root{path}; done"),
        format!("for p in /proc/[0-9]*; do cat $p/cwd/{path}; echo broken > $p/cwd{path}; done"),
        format!("for fd in /proc/self/fd/*; do echo broken > $fd/..{path}; done"),
        format!("ls /.host/.old; echo broken > /.host/.old{path}"),
        "mount -o remount,rw /usr && touch /usr/lib/broken".into(),
        "mount -o remount,rw,bind /usr/lib && touch /usr/lib/broken".into(),
        "umount -l /usr && echo unmounted".into(),
        "touch /usr/lib/broken /bin/broken /proc/sys/kernel/broken".into(),
        "echo broken > /proc/sys/kernel/core_pattern && echo core".into(),
        "echo h > /proc/sysrq-trigger && echo sysrq".into(),
        format!(
            "unshare -Urm sh -c 'mount -o remount,rw,bind /usr/lib; touch /usr/lib/broken; umount -l /proc; cat {path}'"
        ),
        "mknod /disk b 254 0 && dd if=/disk of=/copy bs=512 count=1".into(),
        "mknod /disk b 8 0 && dd if=/disk of=/copy bs=512 count=1".into(),
        format!("chroot /proc/1/root cat {path}"),
        format!("nsenter -t 1 -m cat {path}"),
        "cat /etc/shadow; ls /root /home; echo broken > /etc/broken".into(),
    ];
    for way in ways {
        let (ended, lines) = world.sh(&way).await;
        assert!(matches!(ended, Ended::Exited(_)), "{way}: {ended}");
        let said = lines.join("\n");
        for leak in ["secret\n", "unmounted", "core\n", "sysrq\n", "root:$"] {
            assert!(!format!("{said}\n").lines().any(|line| line == leak.trim_end()), "{way}: {said}");
        }
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(!Path::new("/usr/lib/broken").exists() && !Path::new("/etc/broken").exists());
    assert!(!world.sandbox.root.join("copy").exists());
    again_as_an_ordinary_user("p79_nothing_outside_the_folder_can_be_written_or_seen");
}

#[tokio::test]
async fn p79_there_is_no_network_unless_asked_for() {
    let Some(world) = Fixture::new() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut connect = shell(&format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"));
    connect.path = "/bin/bash".into();
    let (_, lines) = world.start(&connect, Limits::default()).await;
    assert!(!lines.contains(&"connected".into()), "{lines:?}");
    let mut open = world;
    open.sandbox.network = true;
    let (_, lines) = open.start(&connect, Limits::default()).await;
    assert_eq!(lines, ["connected"]);
    again_as_an_ordinary_user("p79_there_is_no_network_unless_asked_for");
}

#[tokio::test]
async fn r65_what_cannot_be_executed_says_why() {
    let Some(world) = Fixture::new() else { return };
    fs::write(world.sandbox.root.join("script"), "#!/bin/nosuch\n").unwrap();
    fs::set_permissions(world.sandbox.root.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let (ended, _) = world.start(&Program::new(Path::new("/script")), Limits::default()).await;
    let Ended::NotStarted(reason) = ended else { panic!("{ended}") };
    assert_eq!(reason, "/script: its interpreter `/bin/nosuch` does not exist on this computer");
    let (ended, _) = world.start(&Program::new(Path::new("/nothing")), Limits::default()).await;
    assert!(matches!(ended, Ended::NotStarted(reason) if reason.contains("no such file")));
    again_as_an_ordinary_user("r65_what_cannot_be_executed_says_why");
}

#[tokio::test]
async fn r73_a_timeout_ends_the_whole_group() {
    let Some(world) = Fixture::new() else { return };
    let limits = Limits { timeout: Some(Duration::from_millis(500)), kill_after: Duration::from_millis(500) };
    let fifo = "mkfifo /fifo; (trap '' TERM; exec 3<>/fifo; echo in; cat <&3) & trap '' TERM; wait; wait";
    let (ended, lines) = world.start(&shell(fifo), limits).await;
    assert_eq!(ended, Ended::TimedOut);
    assert_eq!(lines, ["in"]);
    again_as_an_ordinary_user("r73_a_timeout_ends_the_whole_group");
}

#[tokio::test]
async fn r72_ten_megabytes_and_bytes_that_are_no_text_come_through_bounded() {
    let Some(world) = Fixture::new() else { return };
    let (ended, lines) = world.sh("printf '\\377\\376 caf\\303\\251\\n'; head -c 10000000 /dev/zero | tr '\\0' x | fold -w 99; exit 3").await;
    assert_eq!(ended, Ended::Exited(3));
    assert_eq!(lines.first().unwrap(), "\u{fffd}\u{fffd} café");
    assert!(lines.iter().map(|line| line.len() + 1).sum::<usize>() < (1 << 20) + 200);
    assert!(lines.last().unwrap().contains("not shown"), "{:?}", lines.last());
    again_as_an_ordinary_user("r72_ten_megabytes_and_bytes_that_are_no_text_come_through_bounded");
}

#[tokio::test]
async fn a_process_left_behind_lives_on_and_holds_nobody_up() {
    let Some(world) = Fixture::new() else { return };
    let (ended, lines) = world.sh("mkfifo /go; (read x < /go; echo late > /left) & echo gone").await;
    assert_eq!((ended, &lines[..]), (Ended::Exited(0), &["gone".to_owned()][..]));
    let (ended, _) = world.sh("echo now > /go; while ! [ -s /left ]; do :; done").await;
    assert_eq!(ended, Ended::Exited(0));
    assert_eq!(fs::read_to_string(world.sandbox.root.join("left")).unwrap(), "late\n");
    again_as_an_ordinary_user("a_process_left_behind_lives_on_and_holds_nobody_up");
}

#[tokio::test]
async fn root_can_become_a_user_inside_where_users_exist() {
    let Some(world) = Fixture::new() else { return };
    let mut program = shell("id -u; id -g; touch /forbidden || echo denied");
    program.identity = Some((501, 20));
    let (ended, lines) = world.start(&program, Limits::default()).await;
    assert_eq!(ended, Ended::Exited(0), "{lines:?}");
    assert_eq!(lines[..2], ["501", "20"]);
    // With one id only, the folder belongs to the user as well.
    assert_eq!(world.sandbox.root.join("forbidden").exists(), !rustix::process::geteuid().is_root());
    again_as_an_ordinary_user("root_can_become_a_user_inside_where_users_exist");
}
