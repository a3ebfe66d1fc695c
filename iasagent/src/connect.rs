//! Keeps a connection to the daemon for as long as the session lives (R107, R110).

use crate::{serve, worker::Worker};
use shared::sys::link::{self, Address, Connection};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How long the daemon may take to be there at all.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// Where the daemon is, and how it proves to be the daemon.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    /// Where it listens.
    pub(crate) address: Address,
    /// The user it must run as.
    pub(crate) uid: u32,
}

/// Connects again and again; returns when the daemon says that all is done.
pub(crate) async fn stay_connected(daemon: &Daemon, worker: &Arc<Worker>) {
    let mut backoff = Backoff::default();
    let mut told = String::new();
    loop {
        let end = match connect(daemon).await {
            Ok(connection) => serve::serve(connection, worker).await,
            Err(why) => serve::End::NotWelcome(why),
        };
        let why = match end {
            serve::End::Shutdown => return,
            serve::End::NotWelcome(why) => why,
            serve::End::Lost(why) => {
                backoff = Backoff::default();
                why
            }
        };
        if why != told {
            eprintln!("iasagent: {why}; trying again");
            told = why;
        }
        sleep(backoff.next_wait()).await;
    }
}

/// Nothing is read from, or said to, a peer that is not the daemon.
async fn connect(daemon: &Daemon) -> Result<Connection, String> {
    let address = &daemon.address;
    let connection = timeout(CONNECT_TIME, link::connect(address))
        .await
        .map_err(|_| format!("the daemon does not answer at {address}"))?
        .map_err(|error| format!("the daemon cannot be reached at {address}: {error}"))?;
    if connection.peer.uid != daemon.uid {
        let (found, wanted) = (connection.peer.uid, daemon.uid);
        return Err(format!(
            "who listens at {address} runs as uid {found}, the daemon as {wanted}: not listened to"
        ));
    }
    Ok(connection)
}

/// How long to wait before the next attempt: 1 s, doubled up to 30 s.
#[derive(Debug)]
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(Duration::from_secs(1))
    }
}

impl Backoff {
    fn next_wait(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(Duration::from_secs(30));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r110_attempts_are_between_one_and_thirty_seconds_apart() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next_wait().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }
}
