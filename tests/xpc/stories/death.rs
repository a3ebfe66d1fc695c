//! Ends that only another process, or launchd, can bring about: killed agents, restarted daemons, missing services.

use crate::{
    sys::{
        link::{Closed, LinkError},
        xpc,
    },
    world::{World, soon},
};
use std::{
    io::ErrorKind,
    process::{Child, Command, Stdio},
};

/// Where a process of a story is told its service.
const SERVICE: &str = "XPC_STORY_SERVICE";

/// Not a story of its own: the agent in another process, which the stories below kill.
#[tokio::test]
async fn an_agent_in_a_process_of_its_own() {
    let Some(service) = std::env::var_os(SERVICE) else { return };
    let mut agent = xpc::connect(service.to_str().unwrap()).await.unwrap();
    agent.sender.send(b"here", None).await.unwrap();
    assert!(agent.receiver.receive().await.is_err());
}

/// Killed when dropped.
struct Agent(Child);

impl Agent {
    fn start(world: &World) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "death::an_agent_in_a_process_of_its_own"]).env(SERVICE, world.name());
        command.env(xpc_stand_in::FOLDER, xpc_stand_in::folder()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn r109_a_dead_agent_is_noticed_and_the_next_one_heard() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    for _ in 0..2 {
        let agent = Agent::start(&world);
        let mut guest = daemon.guest().await;
        assert_eq!(soon(guest.receiver.receive()).await.unwrap().unwrap().body, b"here");
        assert_eq!(guest.peer.pid, Some(agent.0.id()));
        drop(agent);
        assert!(soon(guest.receiver.receive()).await.unwrap().is_none());
        assert!(soon(guest.sender.send(b"anybody?", None)).await.is_err());
    }
}

#[tokio::test]
async fn r110_an_interrupted_agent_connects_again() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (guest, mut agent) = world.pair(&mut daemon).await;
    drop((guest, daemon));
    let end = soon(agent.receiver.receive()).await;
    assert!(matches!(end, Err(LinkError::Closed(Closed::Interrupted))), "{end:?}");
    drop(agent);
    // launchd keeps who knocks waiting until the daemon is back.
    let (mut again, agent) = {
        let mut daemon = world.daemon();
        world.pair(&mut daemon).await
    };
    let (sent, heard) =
        soon(async { tokio::join!(agent.sender.send(b"x", None), again.receiver.receive()) }).await;
    sent.unwrap();
    heard.unwrap().unwrap();
}

#[tokio::test]
async fn p24_a_service_that_launchd_does_not_know_is_an_error_at_both_ends() {
    let world = World::new().await;
    let unknown = format!("{}.unknown", world.name());
    let agent = soon(xpc::connect(&unknown)).await.err().unwrap();
    assert_eq!(agent.kind(), ErrorKind::NotFound, "{agent}");
    let mut daemon = xpc::listen(&unknown, Box::new(|_| Ok(()))).await.unwrap();
    let told = soon(daemon.accept()).await.err().unwrap();
    assert_eq!(told.kind(), ErrorKind::NotFound, "{told}");
    // A listener lets go of its handler behind its last event: then all has been told.
    assert_eq!(xpc_stand_in::settled(1), 1, "the listener is left");
    tokio::select! {
        biased;
        again = daemon.accept() => panic!("told twice: {:?}", again.err()),
        () = tokio::task::yield_now() => {}
    }
    for name in ["", "a\0b"] {
        assert_eq!(xpc::connect(name).await.err().unwrap().kind(), ErrorKind::InvalidInput);
    }
}
