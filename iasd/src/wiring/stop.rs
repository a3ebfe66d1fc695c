//! The end of a start that somebody asks for: launchd, somebody at a terminal, or a journal that cannot be kept.
//!
//! ```text
//! SIGTERM ─► nothing begins any more ─► the package that is being installed ends, or its time is over ─► exit 75
//!                                       anything else that works is stopped at once; the next start repeats it
//! ```

use crate::{
    engine::{Deadline, Ending, recorder::Recorder},
    journal::Trouble,
    watched::found,
};
use shared::event::{Category, Level};
use std::{sync::Arc, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, watch},
    time::timeout,
};

/// How long a package may go on: launchd sends SIGKILL 20 s after SIGTERM (P48), and the journal needs its moment.
const FOR_A_PACKAGE: Duration = Duration::from_secs(15);

/// What has to be told, and waited for.
pub(super) struct Stop {
    /// Tells the run that nothing may begin any more.
    pub(super) pausing: Deadline,
    /// Taken while a package is being installed, also in the background, and until its end is on the disk.
    pub(super) packages: Arc<Mutex<()>>,
    /// Says what is waited for.
    pub(super) recorder: Recorder,
}

impl Stop {
    /// Resolves when the run has to end at once; the same signal a second time does not wait for a package.
    pub(super) async fn requested(self, mut trouble: watch::Receiver<Trouble>) -> Ending {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return std::future::pending().await;
        };
        let broken = async {
            let why = found(&mut trouble, |trouble| match trouble {
                Trouble::Broken(why) => Some(why.clone()),
                Trouble::None | Trouble::Waiting(_) => None,
            });
            match why.await {
                Some(why) => why,
                None => std::future::pending().await,
            }
        };
        let name = tokio::select! {
            name = either(&mut terminate, &mut interrupt) => name,
            why = broken => return Ending::Temporary(format!("the journal cannot be written: {why}")),
        };
        let why = format!("stopped by {name}");
        self.pausing.pause(why.clone());
        if self.packages.try_lock().is_err() {
            let text =
                format!("{name}: nothing begins any more; the package that is being installed may end");
            self.recorder.notice(Level::Info, Category::Main, None, text).await;
        }
        package_ended(&self.packages, either(&mut terminate, &mut interrupt)).await;
        Ending::Temporary(why)
    }
}

/// Waits until no package is being installed, until the time for that is over, or until `again` resolves.
async fn package_ended<T>(packages: &Mutex<()>, again: impl Future<Output = T>) {
    tokio::select! {
        biased;
        // In vain or not: there is no more time.
        _ = timeout(FOR_A_PACKAGE, packages.lock()) => {}
        _ = again => {}
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn p48_a_package_is_waited_for_and_not_longer_than_launchd_waits() {
        let packages = Mutex::new(());
        let waited = async |again: bool, installs: Option<Duration>| {
            let (begun, installing) = (Instant::now(), packages.try_lock().unwrap());
            let install = async {
                match installs {
                    Some(time) => sleep(time).await,
                    None => pending().await,
                }
                drop(installing);
            };
            let asked = async { if again { ready(()).await } else { pending().await } };
            tokio::select! {
                () = package_ended(&packages, asked) => {}
                () = async { install.await; pending().await } => {}
            }
            begun.elapsed()
        };
        assert_eq!(waited(false, Some(Duration::from_secs(3))).await, Duration::from_secs(3));
        assert_eq!(waited(false, None).await, FOR_A_PACKAGE);
        assert_eq!(waited(true, None).await, Duration::ZERO);
    }
}
