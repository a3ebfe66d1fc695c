//! One connection: checks in, takes requests, sends what comes of them (R104, R111).

use crate::worker::Worker;
use shared::{
    ipc::{
        message::{
            CheckIn, Command, FromAgent, FromDaemon, FromStranger, Outcome, PROTOCOL, Reply, Request,
            from_bytes, id_of, to_bytes,
        },
        replay::Verdict,
    },
    sys::link::{Connection, Received, Sender},
};
use std::{fs::File, process, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// How long the daemon may take to greet.
const WELCOME_TIME: Duration = Duration::from_secs(30);
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How a connection ended.
pub(crate) enum End {
    /// The daemon needs no agent any more.
    Shutdown,
    /// It was never accepted, with the reason.
    NotWelcome(String),
    /// It broke after it had been accepted, with the reason.
    Lost(String),
}

/// What goes to the daemon, in order.
pub(crate) type Outbox = mpsc::Sender<FromAgent>;

/// Serves a daemon that proved to be one.
pub(crate) async fn serve(mut connection: Connection, worker: &Arc<Worker>) -> End {
    match timeout(WELCOME_TIME, check_in(&mut connection)).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return End::NotWelcome(why),
        Err(_) => return End::NotWelcome("the daemon does not answer".into()),
    }
    let (outbox, outgoing) = mpsc::channel(64);
    let (leave, leaving) = oneshot::channel();
    let mut writer = tokio::spawn(write(connection.sender.clone(), outgoing, leaving));
    worker.report_to(outbox.clone()).await;
    let end = loop {
        let received = tokio::select! {
            received = connection.receiver.receive() => received,
            why = &mut writer => break End::Lost(why.unwrap_or_else(|error| error.to_string())),
        };
        match received {
            Ok(Some(received)) => {
                if take(received, worker, &outbox) {
                    break End::Shutdown;
                }
            }
            Ok(None) => break End::Lost("the daemon ended the connection".into()),
            Err(error) => break End::Lost(error.to_string()),
        }
    };
    if let End::Shutdown = end {
        drop(leave);
        // A daemon that does not read them does not need them.
        let _ = timeout(LAST_WORDS, writer).await;
    }
    connection.sender.close();
    end
}

async fn check_in(connection: &mut Connection) -> Result<(), String> {
    let claim = CheckIn {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").into(),
        uid: rustix::process::geteuid().as_raw(),
        pid: process::id(),
    };
    let bytes = to_bytes(&FromStranger::CheckIn(claim)).map_err(|error| error.to_string())?;
    let not_let_in = "the daemon does not let this process in; is this the user at the screen?";
    connection.sender.send(&bytes, None).await.map_err(|_| not_let_in)?;
    let received = connection.receiver.receive().await.map_err(|_| not_let_in)?.ok_or(not_let_in)?;
    match from_bytes(&received.body) {
        Ok(FromDaemon::Welcome { protocol: PROTOCOL }) => Ok(()),
        Ok(FromDaemon::Refused { reason }) => Err(format!("the daemon refuses: {reason}")),
        Ok(other) => Err(format!("the daemon does not greet: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Sends until the connection breaks, or until it is time to leave and all has been said.
async fn write(
    sender: Arc<dyn Sender>,
    mut outgoing: mpsc::Receiver<FromAgent>,
    mut leaving: oneshot::Receiver<()>,
) -> String {
    loop {
        let message = tokio::select! {
            message = outgoing.recv() => message,
            _ = &mut leaving, if !outgoing.is_closed() => {
                outgoing.close();
                continue;
            }
        };
        let Some(message) = message else { return "all was said".into() };
        let sent = match to_bytes(&message) {
            Ok(bytes) => sender.send(&bytes, None).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = sent {
            return why;
        }
    }
}

/// Takes one message, without waiting for what comes of it; tells whether it was the last.
fn take(received: Received, worker: &Arc<Worker>, outbox: &Outbox) -> bool {
    let request = match from_bytes(&received.body) {
        Ok(FromDaemon::Request(request)) => request,
        Ok(_) => return false,
        Err(error) => {
            if let Some(id) = id_of(&received.body) {
                answer(outbox.clone(), Reply::new(id, Outcome::Refused { error: error.to_string() }));
            }
            return false;
        }
    };
    let id = request.id;
    if let Some(outcome) = at_once(&request, worker) {
        answer(outbox.clone(), Reply::new(id, outcome));
        return request.command == Command::Shutdown;
    }
    let content = received.descriptor.map(File::from);
    let (worker, outbox) = (worker.clone(), outbox.clone());
    match worker.ask(id) {
        Verdict::Run => {
            tokio::spawn(async move { worker.run(request, content, outbox).await });
        }
        Verdict::Underway => {
            tokio::spawn(async move { answer(outbox, worker.answered(id).await) });
        }
        Verdict::Repeat(reply) => answer(outbox, reply),
        Verdict::Stale => {
            let error = format!("request {id} is too old: its answer is forgotten, and nothing runs twice");
            answer(outbox, Reply::new(id, Outcome::Refused { error }));
        }
    }
    false
}

/// What needs no work, has no effect, and may therefore be asked as often as one likes.
fn at_once(request: &Request, worker: &Worker) -> Option<Outcome> {
    let refused = |error: &str| Some(Outcome::Refused { error: error.into() });
    if request.protocol != PROTOCOL {
        return refused("another version of the protocol");
    }
    match &request.command {
        Command::Ping | Command::Shutdown => Some(Outcome::Done),
        Command::BackgroundCount => Some(Outcome::Background(worker.background_count())),
        Command::Unknown => refused("unknown command"),
        _ => None,
    }
}

/// Sends an answer, from a task of its own when there is no room at once: requests must go on being read.
fn answer(outbox: Outbox, reply: Reply) {
    if let Err(mpsc::error::TrySendError::Full(message)) = outbox.try_send(FromAgent::Reply(reply)) {
        // A connection that ended takes its answers along.
        tokio::spawn(async move { outbox.send(message).await.is_ok() });
    }
}
