//! Sees to it that launchd has the agent's job in the session of whoever is at the screen.
//!
//! At a login launchd brings it in by itself. A session that was open before our plist came, or in which somebody
//! sent the job away, would wait for an agent for ever.

use super::{
    launchctl::{self, Domain},
    tools::Tools,
};
use crate::host::notices::Notices;
use shared::facts::ConsoleUser;
use std::{path::PathBuf, time::Duration};
use tokio::{sync::watch, time::timeout};

/// How long launchd may take at a login.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// The agent's job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Its label.
    pub(super) label: String,
    /// Its plist, on this computer; when it is gone, the job is to go too.
    pub(super) plist: PathBuf,
}

/// Looks after `job` until nobody observes the screen any more.
pub(super) async fn keep(
    tools: Tools,
    job: Job,
    mut users: watch::Receiver<Option<ConsoleUser>>,
    grace: Duration,
    notices: Notices,
) {
    loop {
        let user = users.borrow_and_update().clone().filter(ConsoleUser::is_real);
        if let Some(user) = user {
            match timeout(grace, users.changed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => return,
                Err(_) => bring_in(&tools, &job, user.uid, &notices).await,
            }
        }
        if users.changed().await.is_err() {
            return;
        }
    }
}

async fn bring_in(tools: &Tools, job: &Job, uid: u32, notices: &Notices) {
    if !job.plist.exists() {
        return;
    }
    match launchctl::ensure(tools, Domain::Session(uid), &job.label, &job.plist).await {
        // One at rest was brought in at the login, and not started; whoever runs takes no notice.
        Ok(false) => start(tools, job, uid).await,
        Ok(true) => {
            start(tools, job, uid).await;
            notices.tell(format!("brought {} into the session of user {uid}", job.label));
        }
        Err(why) => {
            notices.tell(format!("{} cannot be brought into the session of user {uid}: {why}", job.label));
        }
    }
}

async fn start(tools: &Tools, job: &Job, uid: u32) {
    // Who does not come is missed by whoever waits for the agent, with a better message.
    let _ = tools.ask(&launchctl::kickstart(Domain::Session(uid), &job.label)).await;
}
