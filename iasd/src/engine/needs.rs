//! What the engine needs of the stages around it: content that was checked, and an agent that runs user items.
//!
//! The engine knows these traits and [`Host`](crate::host::Host); `wiring` alone names what is behind them.

use crate::{download::VerifiedArtifact, host::Line};
use futures::future::BoxFuture;
use shared::{
    digest::Digest,
    exit::Ended,
    item::{Item, ItemId, SignerId},
    layout::MacPath,
    sys::child::Finished,
};
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::{mpsc, watch};

/// Content could not be had: why, and whether waiting may help (R47).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Unavailable {
    /// What was tried, where, and what went wrong.
    pub(crate) reason: String,
    /// The network or the server may recover by itself.
    pub(crate) transient: bool,
    /// The server wants another credential (401, 403).
    pub(crate) refused: bool,
}

impl Unavailable {
    /// Something that may pass by itself.
    pub(crate) fn for_now(reason: String) -> Self {
        Self { reason, transient: true, refused: false }
    }

    /// Something that does not pass by itself.
    pub(crate) fn for_good(reason: String) -> Self {
        Self { reason, transient: false, refused: false }
    }
}

/// There is no control file to go on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoControlFile {
    /// Network, server or clock may recover by themselves (R47).
    #[error("{why}")]
    Later {
        /// What went wrong.
        why: String,
        /// When the server wants to be asked again (R29).
        after: Option<Duration>,
    },
    /// It could not be had, and waiting alone does not help.
    #[error("{0}")]
    Failed(String),
    /// It could be had, but must not be used: its signature is missing, wrong, or forbids it.
    #[error("{0}")]
    Refused(String),
}

/// The download stage.
pub(crate) trait Contents: Send + Sync {
    /// Fetches the control file in one series of attempts (R27), checks `digest` and, where keys are configured, its
    /// signature, and stores it (R7, R90).
    fn control_file<'a>(
        &'a self,
        url: &'a url::Url,
        digest: Option<Digest>,
    ) -> BoxFuture<'a, Result<Vec<u8>, NoControlFile>>;

    /// The control file an earlier run left; an error when there is none that can be trusted (R43, R116).
    fn kept_control_file<'a>(&'a self, url: &'a url::Url) -> BoxFuture<'a, Result<Vec<u8>, NoControlFile>>;

    /// The control file that came with the package; an error when there is none that can be trusted (R116).
    fn seeded_control_file<'a>(&'a self, url: &'a url::Url) -> BoxFuture<'a, Result<Vec<u8>, NoControlFile>>;

    /// Begins to download these items, in this order, and resets the ramp (R54, R55).
    fn start(&self, items: Vec<Item>);

    /// Waits for the content of one item; from now on it comes first (R55).
    fn take(&self, id: ItemId) -> BoxFuture<'_, Result<VerifiedArtifact, Unavailable>>;

    /// Fetches one item anew, beside everything else.
    fn again<'a>(&'a self, item: &'a Item) -> BoxFuture<'a, Result<VerifiedArtifact, Unavailable>>;

    /// The content of one item, if it has come; does not wait.
    fn arrived(&self, id: ItemId) -> Option<VerifiedArtifact>;

    /// The files that downloads of this start put in place, also those whose end nobody was told; complete once they
    /// were cancelled.
    fn brought(&self) -> BTreeSet<MacPath>;

    /// Checks the content of an item without `url`, just before it runs (R32, R33).
    fn local<'a>(&'a self, item: &'a Item) -> BoxFuture<'a, Result<VerifiedArtifact, Unavailable>>;

    /// The digest of what lies at `path` now, if it is a plain file; whose file it is does not matter.
    fn placed<'a>(&'a self, path: &'a MacPath) -> BoxFuture<'a, Option<Digest>>;

    /// Checks that the content is still what was verified, right before it is used (R89).
    fn confirm<'a>(&'a self, artifact: &'a VerifiedArtifact) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Checks, right before a package is installed, that one of `wanted` has signed these very bytes, and confirms them
    /// as [`Self::confirm`] does. Where nobody is wanted, nothing is asked.
    fn signed_by<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        wanted: &'a [SignerId],
    ) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Puts a root file, whose turn has come, under its final name; confirms it as [`Self::confirm`] does.
    fn place<'a>(
        &'a self,
        item: &'a Item,
        artifact: &'a VerifiedArtifact,
    ) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Puts root files, whose turn has come, under their final names, in this order and up to the first one that cannot
    /// be; gives how many are there, and on the disk.
    fn place_together<'a>(&'a self, files: &'a [(&'a Item, VerifiedArtifact)]) -> BoxFuture<'a, usize>;

    /// Puts away a file that a download put in place and nobody needs any more: what the cache does not want is removed.
    /// That it is gone already is no error.
    ///
    /// # Errors
    /// What could not be removed and why, in one line.
    fn discard<'a>(&'a self, path: &'a MacPath) -> BoxFuture<'a, Result<(), String>>;

    /// Moves such a file into the cache, if a later run may want it; gives whether it is there now.
    ///
    /// # Errors
    /// Why it could not be moved, in one line.
    fn keep<'a>(&'a self, path: &'a MacPath) -> BoxFuture<'a, Result<bool, String>>;

    /// Lets the cache give way until so many bytes more are free, as far as it can.
    fn make_room(&self, bytes: u64);

    /// Ends every transfer, and waits until nothing touches the disk any more.
    fn cancel(&self) -> BoxFuture<'_, ()>;
}

/// The agent that checked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentInfo {
    /// Its user's uid on the Mac, whatever uid its process has here.
    pub(crate) uid: u32,
}

/// A user script to run.
#[derive(Debug)]
pub(crate) struct UserScript<'a> {
    /// Which item.
    pub(crate) id: ItemId,
    /// Its name, for the agent's log.
    pub(crate) name: &'a str,
    /// Its content.
    pub(crate) script: &'a VerifiedArtifact,
    /// Answer as soon as it has started.
    pub(crate) donotwait: bool,
    /// Kill it after this time.
    pub(crate) timeout: Option<Duration>,
}

/// The request was not carried out and may be repeated with another agent.
#[derive(Debug, thiserror::Error)]
#[error("the agent did not take the request: {0}")]
pub(crate) struct NotTaken(pub(crate) String);

/// The link to the agent.
pub(crate) trait AgentLink: Send + Sync {
    /// Which verified agent is there; changes as agents come and go.
    fn connected(&self) -> watch::Receiver<Option<AgentInfo>>;

    /// From now on, this control file's scripts are asked for. Asked for one that still runs since an earlier daemon of
    /// the run asked, an agent tells its end, and does not run it again (R111).
    fn carry_out(&self, control: Digest) {
        let _ = control;
    }

    /// Runs a script as the user. An agent lost on the way gives `Ended::Lost` (R64). Where lines may be lost on their
    /// way, the last ones come with the end.
    fn run_script<'a>(
        &'a self,
        script: UserScript<'a>,
        lines: mpsc::Sender<Line>,
    ) -> BoxFuture<'a, Result<Finished, NotTaken>>;

    /// Writes a file with the user's rights (R113, R115).
    fn place_file<'a>(
        &'a self,
        id: ItemId,
        content: &'a VerifiedArtifact,
        path: &'a MacPath,
    ) -> BoxFuture<'a, Result<Ended, NotTaken>>;

    /// Opens an application in the user's session (R101).
    fn open_app<'a>(
        &'a self,
        path: &'a MacPath,
        arguments: &'a [String],
    ) -> BoxFuture<'a, Result<(), NotTaken>>;

    /// Waits for background scripts of the agent, then ends them; gives how each ended (R69).
    fn settle_background(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<(ItemId, Ended)>, NotTaken>>;

    /// The program files of background scripts that still run from where they were downloaded (R67).
    fn files_in_use(&self) -> Vec<MacPath> {
        // An agent executes copies of its own (R108).
        Vec::new()
    }

    /// Asks the agent to end, and waits this long for it (R81).
    fn shutdown(&self, wait: Duration) -> BoxFuture<'_, ()>;

    /// The users whose agents were here (R81).
    fn uids_seen(&self) -> Vec<u32>;
}
