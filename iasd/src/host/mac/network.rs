//! Whether the real Mac is online, as it changes (R47).

use super::{
    changes::{Changes, Rhythm},
    scutil,
    tools::Tools,
};
use std::time::Duration;
use tokio::{sync::watch, time::sleep};

/// Keys that are there while there is a default route.
const KEYS: &[&str] = &["State:/Network/Global/IPv4", "State:/Network/Global/IPv6"];
/// Each look starts a process.
const RHYTHM: Rhythm = Rhythm { poll: Duration::from_secs(5), safety: Duration::from_secs(30) };
/// A change comes in several steps.
const SETTLE: Duration = Duration::from_millis(300);

/// Tells whether the Mac is online, now and whenever that changes, until nobody listens.
pub(super) async fn observe(tools: Tools, tell: watch::Sender<bool>) {
    let mut changes = Changes::of(KEYS, RHYTHM);
    while !tell.is_closed() {
        let is_up = is_online(&tools).await;
        tell.send_if_modified(|known| std::mem::replace(known, is_up) != is_up);
        changes.next().await;
        sleep(SETTLE).await;
    }
}

/// A tool that fails tells nothing: then the attempts will show.
async fn is_online(tools: &Tools) -> bool {
    tools.text(&scutil::network()).await.map_or(true, |answer| !scutil::says_down(&answer))
}
