//! What a run without agent does for the user (R112).

use super::*;
use crate::host::UserWork;
use nix::unistd::User;
use std::os::unix::fs::MetadataExt as _;

/// Somebody else than root: whoever runs the test, or nobody.
fn somebody() -> User {
    let me = nix::unistd::geteuid();
    let found = if me.is_root() { User::from_name("nobody") } else { User::from_uid(me) };
    found.unwrap().unwrap()
}

/// `launchctl`, `sudo` and `env` that go on with what they are to start, as whoever runs the test.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.tool("/bin/launchctl", "shift 2; exec \"$@\"");
    bench.tool("/usr/bin/sudo", "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"");
    bench.tool("/usr/bin/env", "exec env \"$@\"");
    bench
}

impl Bench {
    async fn run_as(&self, work: UserWork<'_>) -> (Ended, Vec<Line>) {
        let somebody = somebody();
        let user = ConsoleUser { uid: somebody.uid.as_raw(), name: somebody.name };
        self.follow(async |launch| self.host.run_as(&user, work, launch).await).await
    }
}

#[tokio::test]
async fn r112_a_script_goes_through_the_session_and_out_of_roots_rights() {
    let (bench, somebody) = (bench(), somebody());
    bench.put("/Library/ias/script", b"#!/bin/sh\necho \"$USER $HOME $#\"; exit 4\n", 0o755);
    let script = bench.verified(ItemKind::UserScript, "/Library/ias/script").await;
    let (ended, lines) = bench.run_as(UserWork::Script(&script)).await;
    assert_eq!(ended, Ended::Exited(4), "{lines:?}");
    assert_eq!(output(&lines), [format!("{} {} 0", somebody.name, somebody.dir.display())]);
    let (uid, calls) = (somebody.uid, bench.calls());
    assert!(
        calls[0].starts_with(&format!("launchctl asuser {uid} /usr/bin/sudo -n -u #{uid} -- ")),
        "{calls:?}"
    );
    assert!(calls[1].starts_with(&format!("sudo -n -u #{uid} -- /usr/bin/env -i PATH=")), "{calls:?}");
    assert!(calls[2].ends_with(" /Library/ias/script"), "{calls:?}");
}

#[tokio::test]
async fn r112_a_file_is_written_by_a_program_of_the_users() {
    let bench = bench();
    bench.put("/Library/ias/content", b"licence", 0o644);
    let content = bench.verified(ItemKind::UserFile, "/Library/ias/content").await;
    let path = MacPath::new("/Users/ada/Acme Tools/it's here").unwrap();
    for _ in 0..2 {
        let (ended, lines) = bench.run_as(UserWork::File { content: &content, path: &path }).await;
        assert_eq!((ended, output(&lines)), (Ended::Exited(0), Vec::new()));
    }
    let placed = bench.at(path.as_str());
    assert_eq!(fs::read(&placed).unwrap(), b"licence");
    assert_eq!(fs::metadata(&placed).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(fs::read_dir(placed.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
    assert_eq!(fs::read_dir(bench.at("/private/var/run/ias/lent")).unwrap().count(), 0);
}

#[tokio::test]
async fn r115_a_link_in_the_files_place_is_replaced_and_a_folder_left_alone() {
    let bench = bench();
    bench.put("/Library/ias/content", b"licence", 0o644);
    bench.put("/Users/ada/precious", b"old", 0o644);
    std::os::unix::fs::symlink(bench.at("/Users/ada/precious"), bench.at("/Users/ada/link")).unwrap();
    let content = bench.verified(ItemKind::UserFile, "/Library/ias/content").await;
    let place = async |path: &str| {
        let path = MacPath::new(path).unwrap();
        bench.run_as(UserWork::File { content: &content, path: &path }).await
    };
    assert_eq!(place("/Users/ada/link").await.0, Ended::Exited(0));
    assert_eq!(fs::read(bench.at("/Users/ada/precious")).unwrap(), b"old");
    assert_eq!(fs::read(bench.at("/Users/ada/link")).unwrap(), b"licence");
    let (ended, lines) = place("/Users/ada").await;
    assert_eq!(ended, Ended::Exited(1));
    assert!(output(&lines)[0].ends_with("/Users/ada is a folder"), "{lines:?}");
}

#[tokio::test]
async fn r101_r112_an_application_is_opened_in_the_session() {
    let bench = bench();
    bench.tool("/usr/bin/env", "");
    let path = MacPath::new("/Applications/DEPNotify.app").unwrap();
    let arguments = ["-fullScreen".to_owned()];
    let (ended, _) = bench.run_as(UserWork::App { path: &path, arguments: &arguments }).await;
    assert_eq!(ended, Ended::Exited(0));
    let calls = bench.calls();
    assert!(
        calls[2].ends_with("/usr/bin/open -a /Applications/DEPNotify.app --args -fullScreen"),
        "{calls:?}"
    );
}
