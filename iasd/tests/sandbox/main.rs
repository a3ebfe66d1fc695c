//! What the sandbox promises, tried with the real `iasd` as its helper.
//!
//! Each promise is kept for root and for an ordinary user: as root, the same test is started again as user 1000.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod fixture;
mod processes;

use fixture::{Fixture, again_as_an_ordinary_user, shell};
use shared::{
    exit::Ended,
    sys::child::{Limits, Program},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

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
