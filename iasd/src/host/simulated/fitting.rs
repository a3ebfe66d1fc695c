//! Makes the sandbox, and lays the programs out in it, when the first of them is wanted: a run that starts none does
//! without both.

use super::programs;
use crate::host::notices::Notices;
use shared::{
    exit::Ended,
    sys::sandbox::{Ids, Processes, Sandbox, SandboxError, probe},
};
use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::watch;

/// The sandbox to be.
#[derive(Debug, Clone)]
pub(super) struct Fitting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    planned: Sandbox,
    side: PathBuf,
    notices: Notices,
    made: OnceLock<Result<Arc<Sandbox>, String>>,
    wanted: watch::Sender<bool>,
    over: AtomicBool,
}

/// Ends the work when it is dropped.
#[derive(Debug)]
pub(super) struct WhileNeeded(Fitting);

impl Fitting {
    /// Makes nothing yet; the programs are to be laid out in `side`.
    pub(super) fn new(planned: Sandbox, side: PathBuf, notices: Notices) -> (Self, WhileNeeded) {
        let (made, wanted, over) = (OnceLock::new(), watch::Sender::new(false), AtomicBool::new(false));
        let fitting = Self(Arc::new(Inner { planned, side, notices, made, wanted, over }));
        (fitting.clone(), WhileNeeded(fitting))
    }

    /// The sandbox, with its programs; made by whoever asks first.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn sandbox(&self) -> Result<Arc<Sandbox>, Ended> {
        self.0.wanted.send_replace(true);
        let made = match self.0.made.get() {
            Some(made) => made.clone(),
            None => {
                let inner = Arc::clone(&self.0);
                let gone = |_| Err("the runtime is shutting down".to_owned());
                tokio::task::spawn_blocking(move || inner.now()).await.unwrap_or_else(gone)
            }
        };
        made.map_err(Ended::NotStarted)
    }

    /// The same, while the caller waits.
    ///
    /// # Errors
    /// Why there is none.
    #[cfg(test)]
    pub(super) fn now(&self) -> Result<Arc<Sandbox>, String> {
        self.0.wanted.send_replace(true);
        self.0.now()
    }

    /// Waits until somebody wants it.
    pub(super) async fn wanted(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.0.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }
}

impl Inner {
    fn now(&self) -> Result<Arc<Sandbox>, String> {
        self.made.get_or_init(|| self.make()).clone()
    }

    fn make(&self) -> Result<Arc<Sandbox>, String> {
        let sandbox = allowed(self.planned.clone(), &self.notices).map_err(|error| error.to_string())?;
        let laid = programs::lay_out(&self.side, || !self.over.load(Ordering::Relaxed));
        let told = laid.map_err(|error| format!("the side folder {}: {error}", self.side.display()))?;
        told.into_iter().for_each(|notice| self.notices.tell(notice));
        Ok(Arc::new(sandbox))
    }
}

impl Drop for WhileNeeded {
    fn drop(&mut self) {
        self.0.0.over.store(true, Ordering::Relaxed);
    }
}

/// The sandbox as the kernel allows it, with a notice where it cannot keep processes apart.
fn allowed(sandbox: Sandbox, tell: &Notices) -> Result<Sandbox, SandboxError> {
    let Err(why) = probe(&sandbox) else { return Ok(sandbox) };
    let sandbox = Sandbox { processes: Processes::Shared, ..sandbox };
    probe(&sandbox)?;
    let whose = match sandbox.ids {
        Ids::All => ALL_PROCESSES,
        Ids::One => "all processes of the same user",
    };
    tell.tell(format!("scripts write in the simulated Mac only, but can see and signal {whose}: {why}"));
    Ok(sandbox)
}

const ALL_PROCESSES: &str = "every process of this computer (`kill -9 -1` ends them all; rehearse what you do not trust \
    as an ordinary user, or in a virtual machine)";
