//! Who is at the other end is known before anything of it is read (R106, R107, P29, P81): with the stand-in's hands
//! on users, sessions and signatures.

use crate::{
    sys::{
        link::{Arrival, Closed, LinkError},
        xpc::requirement::Signature,
    },
    world::{World, soon},
};
use std::io::ErrorKind;
use xpc_stand_in::{Identity, become_};

const TEAM: &str = "ABCDE12345";

fn signed(program: &str) -> Signature {
    Signature { identifier: Some(format!("cz.macadmin.{program}")), team: Some(TEAM.into()) }
}

fn identity(team: &str, program: &str) -> Identity {
    Identity { team: team.into(), identifier: format!("cz.macadmin.{program}"), ..Identity::default() }
}

fn open() -> crate::sys::link::Gate {
    Box::new(|_| Ok(()))
}

#[tokio::test]
async fn p81_a_stranger_is_refused_before_anything_is_read() {
    let world = World::new().await;
    let gate = Box::new(|peer: &crate::sys::link::Peer| Err(format!("uid {} may not", peer.uid)));
    let mut daemon = world.daemon_with(gate, &Signature::default());
    become_(Identity { uid: Some(4711), ..Identity::default() });
    let (refused, arrival) = soon(async { tokio::join!(world.agent(), daemon.listener.accept()) }).await;
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::ConnectionRefused);
    let Arrival::Stranger(peer, why) = arrival.unwrap() else { panic!("let in") };
    assert_eq!((peer.uid, why.as_str()), (4711, "uid 4711 may not"));
}

#[tokio::test]
async fn r106_user_process_and_session_are_the_kernels_word() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    become_(Identity { session: 100_003, ..Identity::default() });
    let (guest, agent) = world.pair(&mut daemon).await;
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!((guest.peer.uid, guest.peer.session), (uid, Some(100_003)));
    assert_eq!(guest.peer.pid, Some(std::process::id()));
    assert_eq!(agent.peer.uid, uid, "R107: known once the daemon has answered");
}

#[tokio::test]
async fn r106_r107_both_programs_of_one_team_find_each_other() {
    let world = World::new().await;
    become_(identity(TEAM, "iasd"));
    let mut daemon = world.daemon_with(open(), &signed("iasd"));
    assert_eq!(daemon.listener.caution(), None);
    become_(identity(TEAM, "iasagent"));
    let knock = async {
        let agent = world.agent_signed(&signed("iasagent")).await.unwrap();
        agent.sender.send(b"hello", None).await.unwrap();
    };
    let answer = async {
        let mut guest = daemon.guest().await;
        assert_eq!(guest.receiver.receive().await.unwrap().unwrap().body, b"hello");
    };
    soon(async { tokio::join!(knock, answer) }).await;
}

#[tokio::test]
async fn r106_a_process_with_another_signature_is_not_the_agent() {
    let world = World::new().await;
    become_(identity(TEAM, "iasd"));
    let mut daemon = world.daemon_with(open(), &signed("iasd"));
    for impostor in [identity("ZZZZZ99999", "iasagent"), identity(TEAM, "other"), Identity::default()] {
        become_(impostor);
        let knock = world.agent();
        let answer = async {
            let mut guest = daemon.guest().await;
            guest.receiver.receive().await
        };
        let (refused, heard) = soon(async { tokio::join!(knock, answer) }).await;
        assert!(refused.is_err());
        assert!(matches!(heard, Err(LinkError::Closed(Closed::WrongSignature))), "{heard:?}");
    }
}

#[tokio::test]
async fn r107_a_process_with_another_signature_is_not_the_daemon() {
    let world = World::new().await;
    become_(identity("ZZZZZ99999", "iasd"));
    let mut daemon = world.daemon();
    become_(identity(TEAM, "iasagent"));
    let own = signed("iasagent");
    let knock = world.agent_signed(&own);
    let answer = async {
        let mut guest = daemon.guest().await;
        guest.receiver.receive().await
    };
    let (refused, heard) = soon(async { tokio::join!(knock, answer) }).await;
    assert_eq!(refused.err().unwrap().kind(), ErrorKind::PermissionDenied);
    assert!(heard.unwrap().is_none(), "nothing was said to it");
}
