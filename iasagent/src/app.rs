//! Opens an application in the user's session (R101).

use shared::{
    exit::Ended,
    ipc::message::Outcome,
    layout::MacPath,
    sys::child::{self, Account, Limits, Output, Program},
};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long `open` may take: it returns once the application was launched.
const LIMIT: Duration = Duration::from_secs(60);

/// Opens the application.
pub(crate) async fn open(path: &MacPath, arguments: &[String], account: &Account) -> Outcome {
    let program = Program { environment: account.environment(), ..child::open_app(path, arguments) };
    let limits = Limits { timeout: Some(LIMIT), ..Limits::default() };
    // Only its last lines are of interest, and they come with its end.
    let (lines, _) = mpsc::channel(1);
    let (ended, tail) = match child::start(&program, Output::Lines(lines), limits).await {
        Ok(child) => {
            let finished = child.wait().await;
            (finished.ended, finished.tail)
        }
        Err(ended) => (ended, Vec::new()),
    };
    if ended == Ended::Exited(0) {
        return Outcome::Done;
    }
    Outcome::Failed { error: format!("open {path}: {ended} {}", tail.join("; ")).trim_end().to_owned() }
}
