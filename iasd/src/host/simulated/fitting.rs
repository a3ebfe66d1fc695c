//! Lays the programs out beside the run: only what starts one waits for them, and the first request does not.

use super::programs;
use crate::host::notices::Notices;
use shared::exit::Ended;
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};
use tokio::sync::watch;

/// Whether the programs are there; `None` while they are being laid out.
#[derive(Debug, Clone)]
pub(super) struct Laid(watch::Receiver<Option<Result<(), String>>>);

impl Laid {
    /// Where nothing has to be laid out.
    pub(super) fn out() -> Self {
        Self(watch::channel(Some(Ok(()))).1)
    }

    /// Waits until the programs are there.
    ///
    /// # Errors
    /// Why they are not.
    pub(super) async fn wait(&self) -> Result<(), Ended> {
        let mut laid = self.0.clone();
        let found = laid.wait_for(Option::is_some).await.map(|found| (*found).clone());
        match found {
            Ok(Some(Err(why))) => Err(Ended::NotStarted(why)),
            Ok(_) => Ok(()),
            Err(_) => Err(Ended::NotStarted("the programs of the simulated Mac were not laid out".into())),
        }
    }
}

/// The work, ended when it is dropped.
#[derive(Debug)]
pub(super) struct Fitting {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fitting {
    /// Begins to lay the programs out in `side`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn begin(side: &Path, notices: Notices) -> io::Result<(Self, Laid)> {
        let (tell, laid) = watch::channel(None);
        let over = Arc::new(AtomicBool::new(false));
        let (side, wanted) = (side.to_owned(), Arc::clone(&over));
        let work = move || {
            tell.send_replace(Some(lay_out(&side, &wanted, &notices)));
        };
        let thread = Builder::new().name("programs".into()).spawn(work)?;
        Ok((Self { over, thread: Some(thread) }, Laid(laid)))
    }
}

fn lay_out(side: &Path, over: &AtomicBool, notices: &Notices) -> Result<(), String> {
    let laid = programs::lay_out(side, || !over.load(Ordering::Relaxed));
    let told = laid.map_err(|error| format!("the side folder {}: {error}", side.display()))?;
    told.into_iter().for_each(|notice| notices.tell(notice));
    Ok(())
}

impl Drop for Fitting {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}
