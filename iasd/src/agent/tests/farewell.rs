//! An agent that answers and leaves at once, and a system that is slow to say so.

use super::*;
use crate::agent::{
    office::{Ask, Office},
    session::Session,
};
use shared::{
    ipc::roster::Serving,
    sys::link::{Closed, Doing, LinkError, Peer, Received, Receiver, Sender},
};
use std::{
    os::fd::BorrowedFd,
    sync::{Mutex, PoisonError},
};

/// What was sent, and whether the agent is gone.
#[derive(Default)]
struct Wire(Mutex<(Vec<Request>, bool)>);

/// Passes the first request on; then the agent has left.
impl Sender for Wire {
    fn send<'a>(&'a self, body: &'a [u8], _: Option<BorrowedFd<'a>>) -> Doing<'a, Result<(), LinkError>> {
        let mut wire = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let FromDaemon::Request(request) = from_bytes(body).unwrap() else { panic!("no request") };
        let sent = if wire.1 { Err(LinkError::Closed(Closed::Interrupted)) } else { Ok(()) };
        wire.0.push(request);
        wire.1 = true;
        Box::pin(async { sent })
    }

    fn close(&self) {}
}

/// Says of the agent's answer only when asked again after a sending has failed.
struct Slow(Arc<Wire>, bool);

impl Receiver for Slow {
    fn receive(&mut self) -> Doing<'_, Result<Option<Received>, LinkError>> {
        Box::pin(async {
            let requests = self.0.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
            if requests.len() < 2 {
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
            if std::mem::replace(&mut self.1, true) {
                return Ok(None);
            }
            let reply = FromAgent::Reply(Reply::new(requests[0].id, Outcome::Done));
            Ok(Some(Received { body: to_bytes(&reply).unwrap(), descriptor: None }))
        })
    }

    fn set_limit(&mut self, _: usize) {}
}

#[tokio::test]
async fn r64_an_answer_that_the_system_tells_late_still_counts() {
    let (_user, users) = watch::channel(Some(ada()));
    let (recorder, mut messages) = Recorder::new();
    let screen = Screen::seen_as(users, Arc::new(my_uid().into()));
    let office = Arc::new(Office::new(screen, recorder, None, OfRun::default()));
    let (line, questions) = mpsc::channel(1);
    office.desk().line = Some(line);
    let wire = Arc::new(Wire::default());
    let peer = Peer { uid: my_uid(), gid: 0, pid: None, session: None };
    let receiver = Box::new(Slow(wire.clone(), false));
    let connection = Connection { peer, sender: wire, receiver };
    let serving = Serving { connection: 1, uid: 501, pid: 1 };
    let session = Session::new(office.clone(), serving, connection);
    let ask = office.ask(Ask::short(Command::Shutdown), None);
    let facts = async {
        while let Some(message) = messages.recv().await {
            if let Message::Fact(fact, kept) = message {
                assert!(!matches!(fact, EventKind::AgentLost { .. }), "it was told to leave, and said so");
                let _ = kept.send(());
            }
        }
    };
    let told = async { tokio::join!(ask, session.run(questions)).0 };
    let outcome = tokio::select! {
        outcome = told => outcome,
        () = facts => panic!("the recorder is gone"),
    };
    assert_eq!(outcome.unwrap(), Outcome::Done);
}
