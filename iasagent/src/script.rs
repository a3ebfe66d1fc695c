//! Starts one user script: a private checked copy, a clean environment, no shell in between (R71, R108).

use crate::content::{Expected, PrivateCopy};
use shared::{
    exit::Ended,
    ipc::message::RunUserScript,
    item::ItemId,
    sys::child::{self, Account, Child, Limits, Output, Program},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};
use tokio::sync::mpsc;

/// Where background scripts of a user write, below the user's home (R66).
const LOGS: &str = "Library/Logs/ias";

/// Starts the script. Its output goes to `lines`, or, without, to a log file of its own.
pub(crate) async fn start(
    wanted: &RunUserScript,
    content: File,
    account: &Account,
    lines: Option<mpsc::Sender<String>>,
) -> Result<(Child, PrivateCopy), Ended> {
    let expected = Expected { digest: wanted.digest, bytes: wanted.bytes };
    let (temporary, name) = (account.temporary.clone(), file_name(wanted.item));
    let copied = tokio::task::spawn_blocking(move || {
        PrivateCopy::make(&content, expected, &temporary, &name).map_err(|error| error.to_string())
    });
    let copied = copied.await.unwrap_or_else(|error| Err(error.to_string()));
    let copy = copied.map_err(Ended::NotStarted)?;
    let program = Program { environment: account.environment(), ..child::script(copy.path(), copy.head()) };
    let output = match lines {
        Some(lines) => Output::Lines(lines),
        None => Output::File(log_file(&account.home, wanted.item).map_err(not_started)?),
    };
    let limits = Limits { timeout: wanted.timeout_ms.map(Duration::from_millis), ..Limits::default() };
    let child = child::start(&program, output, limits).await?;
    Ok((child, copy))
}

fn not_started(error: io::Error) -> Ended {
    Ended::NotStarted(error.to_string())
}

fn file_name(item: ItemId) -> String {
    format!("{}-{}", item.phase, item.index)
}

/// The log of one item, begun anew; a home that cannot be written to costs the log, not the script.
fn log_file(home: &Path, item: ItemId) -> io::Result<File> {
    let folder = home.join(LOGS);
    let own = || -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(format!("{}.log", file_name(item)));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    };
    own().or_else(|_| OpenOptions::new().write(true).open("/dev/null"))
}
