//! Who may come in: the kernel's word before the first byte, one small message, one agent at a time
//! (R106, R109, P81).

use super::{AgentInfo, office::Office, session};
use shared::{
    event::{Category, EventKind, Level},
    facts::ConsoleUser,
    ipc::{
        frame,
        message::{CheckIn, FromDaemon, FromStranger, PROTOCOL, from_bytes, to_bytes},
        roster::{self, Refusal, Serving},
    },
    sys::link::{Arrival, Connection, Gate, Listener, Peer},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// How long a peer may take to check in.
const CHECK_IN_TIME: Duration = Duration::from_secs(5);
/// How many connections may be at any stage at once.
const CROWD: usize = 16;
/// How often strangers are worth a line in the log.
const NOTICE_EVERY: Duration = Duration::from_secs(60);

/// Lets in the processes of the user at the screen.
pub(super) fn gate(office: &Arc<Office>) -> Gate {
    let office = office.clone();
    Box::new(move |peer| look_at(peer, &office).map(drop).map_err(|why| why.to_string()))
}

/// Accepts connections for ever. Dropping it ends them all.
pub(super) async fn keep(mut listener: Box<dyn Listener>, office: Arc<Office>) {
    if let Some(caution) = listener.caution() {
        notice(&office, caution).await;
    }
    let mut inside = JoinSet::new();
    let mut strangers = Strangers::default();
    loop {
        let arrival = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = inside.join_next() => continue,
        };
        let (peer, why) = match arrival {
            Ok(Arrival::Guest(connection)) if inside.len() < CROWD => {
                inside.spawn(receive(connection, office.clone()));
                continue;
            }
            Ok(Arrival::Guest(connection)) => (connection.peer, "too many wait".into()),
            Ok(Arrival::Stranger(peer, why)) => (peer, why),
            Err(error) => {
                strangers.turned_away(&office, &format!("a connection could not be accepted: {error}")).await;
                // Out of descriptors, most likely: give others time to close some.
                sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let pid = peer.pid.unwrap_or_default();
        strangers.turned_away(&office, &format!("process {pid} was not let in: {why}")).await;
    }
}

fn look_at(peer: &Peer, office: &Office) -> Result<ConsoleUser, Refusal> {
    let user = office.screen.user();
    let wanted = office.screen.uid_of(user.as_ref());
    let user = roster::may_speak(peer.uid, user.as_ref(), wanted)?;
    roster::same_session(peer.session, office.screen.session())?;
    Ok(user.clone())
}

/// Hears the check-in and serves the agent to its end.
async fn receive(mut connection: Connection, office: Arc<Office>) {
    let Ok(claim) = timeout(CHECK_IN_TIME, hear(&mut connection)).await else {
        return notice(&office, "a connection was ended: it did not check in".into()).await;
    };
    let admitted = claim.and_then(|claim| admit(&connection, &office, &claim).map_err(|why| why.to_string()));
    let (serving, version) = match admitted {
        Ok(admitted) => admitted,
        Err(why) => {
            let pid = connection.peer.pid.unwrap_or_default();
            notice(&office, format!("process {pid} was refused as the agent: {why}")).await;
            return say(&connection, &FromDaemon::Refused { reason: why }).await;
        }
    };
    connection.receiver.set_limit(frame::LIMIT);
    let fact = EventKind::AgentCheckedIn { uid: serving.uid, pid: serving.pid };
    if office.recorder.record(fact).await.is_err() {
        office.desk().roster.lost(serving.connection);
        return;
    }
    say(&connection, &FromDaemon::Welcome { protocol: PROTOCOL }).await;
    tell_version(&office, &version).await;
    let (line, questions) = mpsc::channel(16);
    {
        let mut desk = office.desk();
        desk.seen.insert(serving.uid);
        desk.line = Some(line);
    }
    office.announce(Some(AgentInfo { uid: serving.uid, pid: serving.pid }));
    session::Session::new(office, serving, connection).run(questions).await;
}

async fn hear(connection: &mut Connection) -> Result<CheckIn, String> {
    let received = connection.receiver.receive().await.map_err(|error| error.to_string())?;
    let received = received.ok_or("it left without a word")?;
    let FromStranger::CheckIn(claim) = from_bytes(&received.body).map_err(|error| error.to_string())?;
    Ok(claim)
}

/// The user at the screen may have changed since the connection was made: everything is asked again.
fn admit(connection: &Connection, office: &Office, claim: &CheckIn) -> Result<(Serving, String), Refusal> {
    let user = look_at(&connection.peer, office)?;
    roster::believes(claim, connection.peer.uid, &user)?;
    let pid = connection.peer.pid.unwrap_or(claim.pid);
    let mut desk = office.desk();
    let (serving, replaced) = desk.roster.admit(user.uid, pid)?;
    if replaced.is_some() {
        // Its session notices that another user is at the screen, and ends.
        desk.line = None;
    }
    Ok((serving, claim.version.chars().filter(|letter| !letter.is_control()).take(40).collect()))
}

async fn say(connection: &Connection, message: &FromDaemon) {
    if let Ok(bytes) = to_bytes(message) {
        // A peer that has gone, or does not listen, need not know.
        let _ = timeout(CHECK_IN_TIME, connection.sender.send(&bytes, None)).await;
    }
}

async fn tell_version(office: &Office, version: &str) {
    let ours = env!("CARGO_PKG_VERSION");
    if version != ours {
        notice(office, format!("the agent is version {version}, the daemon version {ours}")).await;
    }
}

async fn notice(office: &Office, text: String) {
    office.recorder.notice(Level::Warning, Category::Agent, None, text).await;
}

/// Strangers cost a line in the log, and not one each (P81).
#[derive(Default)]
struct Strangers {
    told: Option<Instant>,
    untold: u64,
}

impl Strangers {
    async fn turned_away(&mut self, office: &Office, what: &str) {
        if self.told.is_some_and(|told| told.elapsed() < NOTICE_EVERY) {
            self.untold += 1;
            return;
        }
        self.told = Some(Instant::now());
        let text = match std::mem::take(&mut self.untold) {
            0 => what.to_owned(),
            others => format!("{what} (and {others} others before)"),
        };
        notice(office, text).await;
    }
}
