//! How the agent finds a daemon, and whom it takes for one (R107, R110).

use crate::daemon::{Place, Script, ended, guest, read, soon, welcome};
use shared::{
    exit::Ended,
    ipc::message::{FromAgent, FromDaemon, Outcome},
};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn r110_a_daemon_that_comes_late_or_again_is_found() {
    let place = Place::new();
    let mut agent = place.start_agent();
    let mut told = BufReader::new(agent.stderr.take().unwrap()).lines();
    let line = soon(told.next_line()).await.unwrap().unwrap();
    assert!(line.contains("cannot be reached"), "{line}");
    let mut listener = place.listen();
    let mut link = welcome(&mut listener).await;
    assert_eq!(ended(link.run(&Script::new("exit 0\n")).await).0, Ended::Exited(0));
    drop((link, listener));
    let mut listener = place.listen();
    let mut link = welcome(&mut listener).await;
    assert_eq!(ended(link.run(&Script::new("exit 2\n")).await).0, Ended::Exited(2));
}

#[tokio::test]
async fn r64_a_script_goes_on_when_the_daemon_dies_and_its_answer_is_kept() {
    let place = Place::new();
    let mut listener = place.listen();
    let _agent = place.start_agent();
    let mut link = welcome(&mut listener).await;
    let (gate, log) = (place.path("home/gate"), place.path("home/log"));
    let text = format!(
        "echo ran >> {}; echo begun; until [ -e {} ]; do sleep 0.02; done; exit 4\n",
        log.display(),
        gate.display()
    );
    let script = Script::new(&text);
    let request = link.request(script.command());
    link.send(&request, Some(&script.content)).await;
    assert!(matches!(link.hear().await, FromAgent::Output { .. }));
    drop(link);
    let mut link = welcome(&mut listener).await;
    link.send(&request, Some(&script.content)).await;
    std::fs::write(&gate, "").unwrap();
    assert_eq!(ended(link.reply().await.outcome).0, Ended::Exited(4));
    assert_eq!(read(&log), "ran\n");
}

#[tokio::test]
async fn r69_an_end_nobody_heard_is_told_to_the_next_daemon() {
    let place = Place::new();
    let mut listener = place.listen();
    let _agent = place.start_agent();
    let mut link = welcome(&mut listener).await;
    let gate = place.path("home/gate");
    let text = format!("until [ -e {} ]; do sleep 0.02; done; exit 3\n", gate.display());
    let script = Script::background(&text, 7);
    assert_eq!(link.run(&script).await, Outcome::Started);
    drop(link);
    let mut link = welcome(&mut listener).await;
    std::fs::write(&gate, "").unwrap();
    let end = FromAgent::BackgroundEnded { item: script.wanted.item, ended: Ended::Exited(3) };
    assert_eq!(link.hear().await, end);
}

#[tokio::test]
async fn r107_who_is_not_the_daemon_is_told_nothing() {
    let mut place = Place::new();
    place.daemon_uid += 1;
    let mut listener = place.listen();
    let mut agent = place.start_agent();
    let mut impostor = guest(&mut listener).await;
    assert!(soon(impostor.receiver.receive()).await.unwrap().is_none(), "not a word");
    let mut told = BufReader::new(agent.stderr.take().unwrap()).lines();
    let line = soon(told.next_line()).await.unwrap().unwrap();
    assert!(line.contains("not listened to"), "{line}");
}

#[tokio::test]
async fn r109_an_agent_that_is_refused_tries_again() {
    let place = Place::new();
    let mut listener = place.listen();
    let _agent = place.start_agent();
    let mut connection = guest(&mut listener).await;
    soon(connection.receiver.receive()).await.unwrap().unwrap();
    let refusal = FromDaemon::Refused { reason: "another is here".into() };
    let bytes = shared::ipc::message::to_bytes(&refusal).unwrap();
    connection.sender.send(&bytes, None).await.unwrap();
    drop(connection);
    let mut link = welcome(&mut listener).await;
    assert_eq!(ended(link.run(&Script::new("exit 0\n")).await).0, Ended::Exited(0));
}

#[tokio::test]
async fn what_a_command_line_can_ask_is_answered() {
    let ask = async |argument: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_iasagent"));
        let output = command.arg(argument).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = ask("--version").await;
    assert_eq!((code, text), (Some(0), format!("iasagent {}\n", env!("CARGO_PKG_VERSION"))));
    assert!(ask("--help").await.1.contains("--daemon-uid"));
    assert_eq!(ask("--nonsense").await.0, Some(64));
}
