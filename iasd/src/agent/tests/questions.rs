//! What is asked of an agent, and what comes of it (R64, R69, R81, R108, R110, R111).

use super::*;
use crate::agent::office::Office;
use shared::ipc::message::RunUserScript;

#[tokio::test]
async fn r108_a_script_travels_as_a_descriptor_and_its_end_comes_back() {
    let mut daemon = Daemon::start().await;
    let mut agent = Agent::welcome(&mut daemon).await;
    assert_eq!(daemon.agents.connected().borrow().unwrap().pid, std::process::id());
    assert_eq!(daemon.agents.uids_seen(), BTreeSet::from([501]));
    let script = file("echo hello");
    let (sender, mut lines) = lines();
    let run = daemon.agents.run(content(&script, "echo hello"), SCRIPT, sender);
    let serve = async {
        let (request, descriptor) = agent.request().await;
        let Command::RunUserScript(wanted) = &request.command else { panic!("{request:?}") };
        assert_eq!((wanted.name.as_str(), wanted.item, wanted.bytes), ("Dock", ITEM, 10));
        let mut bytes = [0; 10];
        File::from(descriptor.unwrap()).read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(Digest::of(&bytes), wanted.digest);
        agent.say(&FromAgent::Output { id: request.id, line: "hello".into() }).await;
        agent
            .say(&FromAgent::Output { id: RequestId { number: 999, ..request.id }, line: "alien".into() })
            .await;
        agent.answer(request.id, Outcome::ended(Ended::Exited(3), vec!["hello".into()])).await;
    };
    let (ran, ()) = tokio::join!(run, serve);
    assert_eq!(ran.unwrap(), Ran::Ended(Ended::Exited(3), vec!["hello".into()]));
    assert_eq!(lines.recv().await, Some(Line::Output("hello".into())));
    assert_eq!(lines.recv().await, None);
}

#[tokio::test]
async fn r64_what_was_sent_is_lost_with_the_agent_and_what_was_not_may_be_asked_again() {
    let mut daemon = Daemon::start().await;
    let script = file("x");
    let absent = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0).await;
    assert!(matches!(absent, Err(AgentError::Absent)));
    let mut agent = Agent::welcome(&mut daemon).await;
    let run = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0);
    let die = async {
        agent.request().await;
        drop(agent);
    };
    let (ran, ()) = tokio::join!(run, die);
    assert!(matches!(ran.unwrap(), Ran::Ended(Ended::Lost(_), _)));
    daemon.lost().await;
    assert!(daemon.agents.connected().borrow().is_none());
}

#[tokio::test]
async fn r61_when_the_user_changes_what_runs_may_end_and_nothing_new_begins() {
    let mut daemon = Daemon::start().await;
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let run = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0);
    let mut connected = daemon.agents.connected();
    let switch = async {
        let (request, _) = agent.request().await;
        daemon.user.send_replace(Some(ConsoleUser { uid: 502, name: "bob".into() }));
        connected.wait_for(Option::is_none).await.unwrap();
        let other = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0).await;
        assert!(matches!(other, Err(AgentError::Absent)));
        agent.answer(request.id, Outcome::ended(Ended::Exited(0), Vec::new())).await;
        // A ping may have been on its way; then the connection ends.
        while agent.0.receiver.receive().await.is_ok_and(|received| received.is_some()) {}
    };
    let (ran, ()) = tokio::join!(run, switch);
    assert_eq!(ran.unwrap(), Ran::Ended(Ended::Exited(0), Vec::new()));
    daemon.lost().await;
}

#[tokio::test]
async fn r110_an_agent_that_hangs_is_lost_within_five_seconds() {
    let mut daemon = Daemon::start().await;
    let _agent = Agent::welcome(&mut daemon).await;
    let began = std::time::Instant::now();
    daemon.lost().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn r69_background_ends_are_recorded_as_they_come_and_given_once() {
    let mut daemon = Daemon::start().await;
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let background = UserScript { donotwait: true, ..SCRIPT };
    let run = daemon.agents.run(content(&script, "x"), background, lines().0);
    let other = UserScript { id: ItemId { index: 3, ..ITEM }, ..background };
    let run_other = daemon.agents.run(content(&script, "x"), other, lines().0);
    let serve = async {
        for _ in 0..2 {
            let (request, _) = agent.request().await;
            agent.answer(request.id, Outcome::Started).await;
        }
        agent.say(&FromAgent::BackgroundEnded { item: ITEM, ended: Ended::Exited(4) }).await;
    };
    let (first, second, ()) = tokio::join!(run, run_other, serve);
    assert_eq!((first.unwrap(), second.unwrap()), (Ran::Background, Ran::Background));
    daemon.fact(|fact| *fact == EventKind::BackgroundEnded { id: ITEM, ended: Ended::Exited(4) }).await;
    drop(agent);
    daemon.lost().await;
    let ends = daemon.agents.wait_for_background(Duration::from_secs(1)).await.unwrap();
    assert_eq!(ends[0], (ITEM, Ended::Exited(4)));
    assert!(matches!(&ends[1], (id, Ended::Lost(_)) if *id == other.id));
    assert!(daemon.agents.wait_for_background(Duration::from_secs(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn r69_only_what_runs_in_the_background_can_end_there_and_once() {
    let mut daemon = Daemon::start().await;
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let background = UserScript { donotwait: true, ..SCRIPT };
    let run = daemon.agents.run(content(&script, "x"), background, lines().0);
    let serve = async {
        let (request, _) = agent.request().await;
        agent.answer(request.id, Outcome::Started).await;
    };
    let (ran, ()) = tokio::join!(run, serve);
    assert_eq!(ran.unwrap(), Ran::Background);

    let ended = |item, code| FromAgent::BackgroundEnded { item, ended: Ended::Exited(code) };
    let package = ItemId::new(Phase::SetupAssistant, 0);
    for (item, code) in [(package, 1), (ITEM, 0), (ITEM, 1), (EARLIER, 2), (EARLIER, 3)] {
        agent.say(&ended(item, code)).await;
    }
    // Answered in order: when this is, all of that was heard.
    let script_over = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0);
    let serve = async {
        let (request, _) = agent.request().await;
        agent.answer(request.id, Outcome::ended(Ended::Exited(0), Vec::new())).await;
    };
    let (ran, ()) = tokio::join!(script_over, serve);
    ran.unwrap();
    let mut told = Vec::new();
    while let Ok(fact) = daemon.facts.try_recv() {
        match fact {
            EventKind::BackgroundEnded { id, ended } => told.push((id, ended)),
            EventKind::Notice { id, text, .. } if text.contains("was not given") => {
                told.push((id.unwrap(), Ended::Lost(String::new())));
            }
            _ => {}
        }
    }
    let refused = |id| (id, Ended::Lost(String::new()));
    let expected = [refused(package), (ITEM, Ended::Exited(0)), (EARLIER, Ended::Exited(2))];
    assert_eq!(told, expected, "a doubt is told once");
    let ends = daemon.agents.wait_for_background(Duration::from_secs(1));
    let serve = async {
        let (request, _) = agent.request().await;
        agent.answer(request.id, Outcome::Background(0)).await;
    };
    let (ends, ()) = tokio::join!(ends, serve);
    assert_eq!(ends.unwrap(), [(EARLIER, Ended::Exited(2)), (ITEM, Ended::Exited(0))]);
}

#[tokio::test]
async fn r65_an_answer_that_does_not_fit_the_question_is_no_success() {
    for outcome in [Outcome::Started, Outcome::DryRun, Outcome::Done, Outcome::Background(0)] {
        let mut daemon = Daemon::start().await;
        let mut agent = Agent::welcome(&mut daemon).await;
        let script = file("x");
        let run = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0);
        let serve = async {
            let (request, _) = agent.request().await;
            agent.answer(request.id, outcome.clone()).await;
        };
        let (ran, ()) = tokio::join!(run, serve);
        assert!(matches!(ran, Err(AgentError::Refused(_))), "{outcome:?}: {ran:?}");
    }
}

#[tokio::test]
async fn r81_shutdown_waits_until_the_agent_is_gone_but_not_for_ever() {
    let mut daemon = Daemon::start().await;
    daemon.agents.shutdown(Duration::from_secs(600)).await;
    let mut agent = Agent::welcome(&mut daemon).await;
    let obey = async {
        let (request, _) = agent.request().await;
        assert_eq!(request.command, Command::Shutdown);
        agent.answer(request.id, Outcome::Done).await;
        drop(agent);
    };
    tokio::join!(daemon.agents.shutdown(Duration::from_secs(600)), obey);
    assert!(daemon.agents.connected().borrow().is_none());
    let mut next = Agent::connect(&daemon).await;
    next.check_in(my_uid()).await;
    let coming_or_going =
        |fact: &EventKind| matches!(fact, EventKind::AgentCheckedIn { .. } | EventKind::AgentLost { .. });
    let fact = daemon.fact(coming_or_going).await;
    assert!(matches!(fact, EventKind::AgentCheckedIn { .. }), "that it left when it was told to is no news");
}

#[tokio::test]
async fn r108_a_file_open_for_writing_is_not_handed_over() {
    let daemon = Daemon::start().await;
    let writable = tempfile::tempfile().unwrap();
    let refused = daemon.agents.run(content(&writable, ""), SCRIPT, lines().0).await;
    assert!(matches!(refused, Err(AgentError::Content(_))));
}

#[tokio::test]
async fn r111_an_agent_may_send_the_longest_line() {
    let mut daemon = Daemon::start().await;
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let (sender, mut lines) = lines();
    let run = daemon.agents.run(content(&script, "x"), SCRIPT, sender);
    let long = "\u{1}".repeat(4096);
    let serve = async {
        let (request, _) = agent.request().await;
        let message = FromAgent::Output { id: request.id, line: long.clone() };
        assert!(to_bytes(&message).unwrap().len() <= frame::LIMIT);
        agent.say(&message).await;
        agent.answer(request.id, Outcome::ended(Ended::Exited(0), Vec::new())).await;
    };
    let (ran, ()) = tokio::join!(run, serve);
    assert_eq!(ran.unwrap(), Ran::Ended(Ended::Exited(0), Vec::new()));
    assert_eq!(lines.recv().await, Some(Line::Output(long)));
}

/// What a daemon of `run` that carries out `control` asks when it wants `item` to run the script `text`.
fn asked(run: &str, control: &str, item: ItemId, text: &str) -> RequestId {
    let (_, users) = watch::channel(None);
    let screen = Screen::seen_as(users, Arc::new(my_uid().into()));
    let of_run = OfRun { run: run.to_owned(), ..OfRun::default() };
    let office = Office::new(screen, Recorder::new().0, None, of_run);
    office.desk().control = Some(Digest::of(control.as_bytes()));
    let script = RunUserScript {
        item,
        name: "Dock".to_owned(),
        digest: Digest::of(text.as_bytes()),
        bytes: text.len() as u64,
        donotwait: false,
        timeout_ms: None,
    };
    office.request(Command::RunUserScript(script), false).id
}

#[test]
fn r111_a_script_has_the_same_name_for_every_daemon_of_a_run_and_for_no_other() {
    let name = asked("7f3a", "{}", ITEM, "true");
    assert_eq!(asked("7f3a", "{}", ITEM, "true"), name, "so the agent does not run it twice");
    for other in [
        asked("7f3b", "{}", ITEM, "true"),
        asked("7f3a", "{ }", ITEM, "true"),
        asked("7f3a", "{}", EARLIER, "true"),
        asked("7f3a", "{}", ITEM, "false"),
    ] {
        assert_ne!(other, name);
    }
}
