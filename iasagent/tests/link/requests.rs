//! What the agent does when it is asked.

use crate::daemon::{Link, Place, Script, ended, holding, read, soon, welcome};
use shared::{
    digest::Digest,
    exit::Ended,
    ipc::message::{Command, FromAgent, FromDaemon, Outcome, PlaceUserFile, Request, RequestId},
    item::{ItemId, Phase},
    layout::MacPath,
    sys::link::socket::SocketListener,
};
use std::{collections::HashSet, fs, os::unix::fs::MetadataExt, time::Duration};
use tokio::process::Child;

/// A place, its daemon's end, and the agent in it.
async fn started() -> (Place, SocketListener, Child, Link) {
    started_in(Place::new()).await
}

async fn started_in(place: Place) -> (Place, SocketListener, Child, Link) {
    let mut listener = place.listen();
    let agent = place.start_agent();
    let link = welcome(&mut listener).await;
    (place, listener, agent, link)
}

#[tokio::test]
async fn r71_a_script_runs_cleanly_from_a_private_copy_that_is_gone_afterwards() {
    let (place, _listener, _agent, mut link) = started().await;
    let text = "#!/bin/sh\npwd; echo $HOME $USER $PATH; ls -l \"$0\" | cut -c1-10; echo err >&2; exit 3\n";
    let (end, tail) = ended(link.run(&Script::new(text)).await);
    assert_eq!(end, Ended::Exited(3));
    let home = place.path("home").display().to_string();
    assert_eq!(tail, ["/", &format!("{home} ada /usr/bin:/bin:/usr/sbin:/sbin"), "-rwx------", "err"]);
    assert_eq!(link.output, tail, "each line came live before the answer");
    assert_eq!(place.leftovers(), 0);
}

#[tokio::test]
async fn r71_a_script_without_an_interpreter_line_runs_under_sh() {
    let (_place, _listener, _agent, mut link) = started().await;
    assert_eq!(ended(link.run(&Script::new("exit 5\n")).await).0, Ended::Exited(5));
    assert_eq!(ended(link.run(&Script::new("kill -9 $$\n")).await).0, Ended::Signalled(9));
    let missing = ended(link.run(&Script::new("#!/no/such\n")).await).0;
    assert!(matches!(&missing, Ended::NotStarted(why) if why.contains("`/no/such`")), "{missing:?}");
}

#[tokio::test]
async fn r108_content_that_was_not_checked_is_not_run() {
    let (place, _listener, _agent, mut link) = started().await;
    let mark = place.path("home/ran");
    let mut script = Script::new(&format!("touch {}\n", mark.display()));
    script.wanted.digest = Digest::of(b"something else");
    let end = ended(link.run(&script).await).0;
    assert!(matches!(&end, Ended::NotStarted(why) if why.contains("not what the daemon checked")), "{end:?}");
    let command = script.command();
    assert!(matches!(link.ask(command, None).await, Outcome::Refused { .. }), "no content at all");
    assert!(!mark.exists());
    assert_eq!(place.leftovers(), 0);
}

#[tokio::test]
async fn r73_a_script_whose_time_is_over_is_ended() {
    let (_place, _listener, _agent, mut link) = started().await;
    let mut script = Script::new("echo before; sleep 600 & sleep 600\n");
    script.wanted.timeout_ms = Some(3000);
    assert_eq!(ended(link.run(&script).await), (Ended::TimedOut, vec!["before".into()]));
}

#[tokio::test]
async fn r72_a_flood_of_output_does_not_break_the_link() {
    let (_place, _listener, _agent, mut link) = started().await;
    let script = Script::new("yes 'a line of some length, again and again' | head -n 60000; echo last\n");
    let (end, tail) = ended(link.run(&script).await);
    assert_eq!(end, Ended::Exited(0));
    assert_eq!(tail.last().unwrap(), "last");
    assert!(link.output.last().unwrap().starts_with("[output cut"), "{:?}", link.output.last());
    assert_eq!(link.ask(Command::Ping, None).await, Outcome::Done);
}

#[tokio::test]
async fn r58_scripts_really_run_at_the_same_time() {
    let (place, _listener, _agent, mut link) = started().await;
    // Each waits for the other: one after the other they would never end.
    let meet = |mine: &str, other: &str| {
        let (mine, other) = (place.path(mine), place.path(other));
        Script::new(&format!(
            "mkfifo {0}; until [ -e {1} ]; do sleep 0.02; done\n",
            mine.display(),
            other.display()
        ))
    };
    let (one, two) = (meet("home/one", "home/two"), meet("home/two", "home/one"));
    for script in [&one, &two] {
        let request = link.request(script.command());
        link.send(&request, Some(&script.content)).await;
    }
    for _ in 0..2 {
        assert_eq!(ended(link.reply().await.outcome).0, Ended::Exited(0));
    }
}

#[tokio::test]
async fn r111_a_repeated_request_gets_the_recorded_reply_and_runs_nothing_twice() {
    let (place, _listener, _agent, mut link) = started().await;
    let log = place.path("home/log");
    let script = Script::new(&format!("echo ran >> {}; sleep 0.3; exit 6\n", log.display()));
    let request = link.request(script.command());
    for _ in 0..3 {
        link.send(&request, Some(&script.content)).await;
    }
    for _ in 0..3 {
        assert_eq!(ended(link.reply().await.outcome).0, Ended::Exited(6));
    }
    link.send(&request, Some(&script.content)).await;
    assert_eq!(ended(link.reply().await.outcome).0, Ended::Exited(6));
    assert_eq!(read(&log), "ran\n");
}

#[tokio::test]
async fn r74_in_a_dry_run_nothing_is_executed_or_written() {
    let (place, _listener, _agent, mut link) = started().await;
    let mark = place.path("home/mark");
    let script = Script::new(&format!("touch {}\n", mark.display()));
    let file = user_file(&mark, 0o644, "text");
    for command in [script.command(), file] {
        let request = Request { dry_run: true, ..link.request(command) };
        link.send(&request, Some(&script.content)).await;
        assert_eq!(link.reply().await.outcome, Outcome::DryRun);
    }
    assert!(!mark.exists());
}

fn user_file(path: &std::path::Path, mode: u32, text: &str) -> Command {
    Command::PlaceUserFile(PlaceUserFile {
        item: ItemId::new(Phase::Userland, 1),
        path: MacPath::new(path.to_str().unwrap()).unwrap(),
        mode,
        digest: Digest::of(text.as_bytes()),
        bytes: text.len() as u64,
    })
}

#[tokio::test]
async fn r113_a_user_file_is_placed() {
    let (place, _listener, _agent, mut link) = started().await;
    let path = place.path("home/Library/x.txt");
    let placed = link.ask(user_file(&path, 0o640, "text"), Some(&holding("text"))).await;
    assert_eq!(placed, Outcome::Done);
    assert_eq!(read(&path), "text");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    let failed = link.ask(user_file(&path, 0o644, "text"), Some(&holding("TEXT"))).await;
    assert!(matches!(failed, Outcome::Failed { .. }), "{failed:?}");
    assert_eq!(read(&path), "text");
}

#[tokio::test]
async fn r115_with_the_users_rights_and_no_others() {
    let Some(place) = Place::of_user(4711) else { return };
    let (place, _listener, _agent, mut link) = started_in(place).await;
    assert_eq!(link.connection.peer.uid, 4711);
    // The content is readable for root alone; the descriptor is the permission.
    let script = Script::new("id -u; id -g; id -G\n");
    assert_eq!(ended(link.run(&script).await), (Ended::Exited(0), vec!["4711".into(); 3]));
    let mine = place.path("home/mine");
    assert_eq!(link.ask(user_file(&mine, 0o644, "text"), Some(&holding("text"))).await, Outcome::Done);
    assert_eq!(fs::metadata(&mine).unwrap().uid(), 4711);
    let theirs = place.path("theirs");
    let failed = link.ask(user_file(&theirs, 0o644, "text"), Some(&holding("text"))).await;
    assert!(matches!(&failed, Outcome::Failed { error } if error.contains("theirs")), "{failed:?}");
}

#[tokio::test]
async fn r65_background_scripts_are_answered_at_once_and_their_ends_told() {
    let (place, _listener, _agent, mut link) = started().await;
    let gate = place.path("home/gate");
    let text =
        format!("echo from the background; until [ -e {} ]; do sleep 0.02; done; exit 9\n", gate.display());
    assert_eq!(link.run(&Script::background(&text, 4)).await, Outcome::Started);
    assert_eq!(link.run(&Script::background("sleep 600\n", 5)).await, Outcome::Started);
    assert_eq!(link.ask(Command::BackgroundCount, None).await, Outcome::Background(2));
    fs::write(&gate, "").unwrap();
    let item = ItemId::new(Phase::Userland, 4);
    assert_eq!(link.hear().await, FromAgent::BackgroundEnded { item, ended: Ended::Exited(9) });
    let log = place.path("home/Library/Logs/ias/userland-4.log");
    assert_eq!(read(&log), "from the background\n");
    let waited = link.ask(Command::WaitForBackground { timeout_ms: 100 }, None).await;
    assert_eq!(waited, Outcome::Background(0));
    let late = ItemId::new(Phase::Userland, 5);
    assert_eq!(link.background, [(late, Ended::TimedOut)], "ended because its time was over (R69)");
    assert_eq!(place.leftovers(), 0);
}

#[tokio::test]
async fn r65_a_background_script_that_cannot_start_is_a_failure() {
    let (_place, _listener, _agent, mut link) = started().await;
    let end = ended(link.run(&Script::background("#!/no/such\n", 0)).await).0;
    assert!(matches!(end, Ended::NotStarted(_)), "{end:?}");
    assert_eq!(link.ask(Command::BackgroundCount, None).await, Outcome::Background(0));
}

#[tokio::test]
async fn r111_what_is_not_understood_gets_an_error_reply() {
    let (_place, _listener, _agent, mut link) = started().await;
    assert!(matches!(link.ask(Command::Unknown, None).await, Outcome::Refused { .. }));
    let odd = br#"{"say":"request","id":{"daemon":1,"number":9},"command":{"do":"run_user_script"}}"#;
    link.connection.sender.send(odd, None).await.unwrap();
    let reply = link.reply().await;
    assert_eq!(reply.id, RequestId { daemon: 1, number: 9 });
    assert!(matches!(reply.outcome, Outcome::Refused { .. }));
    link.say(&FromDaemon::Unknown).await;
    link.connection.sender.send(b"noise", None).await.unwrap();
    let newer = Request { protocol: 99, ..link.request(Command::Ping) };
    link.send(&newer, None).await;
    assert!(matches!(link.reply().await.outcome, Outcome::Refused { .. }));
}

#[tokio::test]
async fn r81_shutdown_is_answered_and_obeyed() {
    let (_place, _listener, mut agent, mut link) = started().await;
    assert_eq!(link.ask(Command::Shutdown, None).await, Outcome::Done);
    assert_eq!(soon(agent.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn sigterm_ends_the_agent_and_the_scripts_it_waits_for() {
    let (place, _listener, mut agent, mut link) = started().await;
    let mark = place.path("home/ended");
    let text =
        format!("trap 'touch {}; exit 1' TERM; echo ready; while :; do sleep 0.05; done\n", mark.display());
    let script = Script::new(&text);
    let request = link.request(script.command());
    link.send(&request, Some(&script.content)).await;
    assert!(matches!(link.hear().await, FromAgent::Output { .. }));
    let pid = i32::try_from(agent.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(soon(agent.wait()).await.unwrap().code(), Some(0));
    // The agent waits for scripts no longer than a second; they have had their signal then.
    soon(async {
        while !mark.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn r111_pings_do_not_wear_the_memory_out() {
    let (_place, _listener, _agent, mut link) = started().await;
    let script = Script::new("exit 8\n");
    let first = link.request(script.command());
    link.send(&first, Some(&script.content)).await;
    link.reply().await;
    let mut ids = HashSet::new();
    for _ in 0..200 {
        let ping = link.request(Command::Ping);
        link.send(&ping, None).await;
        ids.insert(link.reply().await.id);
    }
    assert_eq!(ids.len(), 200);
    link.send(&first, Some(&script.content)).await;
    assert_eq!(ended(link.reply().await.outcome).0, Ended::Exited(8));
}
