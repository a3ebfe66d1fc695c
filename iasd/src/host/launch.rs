//! A started child as an effect of the run: where its output goes, and how its end is told. The same in every world.

use super::{Hear, HostError, Line, Output, Running};
use crate::download::VerifiedArtifact;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use shared::{
    exit::Ended,
    layout::MacPath,
    sys::child::{self, Child, Finished, Program},
};
use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// How many lines may wait for a reader.
const LINES_WAITING: usize = 64;

/// A stream of lines that passes on what a child writes; `None` when that goes to a file.
pub(super) type Forwarding = Option<JoinHandle<()>>;

/// What a line that a child wrote means; `None` drops it.
pub(super) trait Reader: FnMut(String) -> Option<Line> + Send + 'static {}

impl<R: FnMut(String) -> Option<Line> + Send + 'static> Reader for R {}

/// Nothing but text.
pub(super) fn as_it_is(line: String) -> Option<Line> {
    Some(Line::Output(line))
}

/// Where a child is to write, so that it arrives at `output`; a log file below `root` gets lines as they are.
///
/// # Errors
/// When the log file cannot be opened.
pub(super) fn output(
    root: &Dir,
    output: Output,
    reader: impl Reader,
) -> io::Result<(child::Output, Forwarding)> {
    match output {
        Output::LogFile(path) => Ok((child::Output::File(log_file(root, &path)?), None)),
        Output::Lines(lines) => {
            let (output, forwarding) = forward(lines, reader);
            Ok((output, Some(forwarding)))
        }
    }
}

/// The same for a script of which only so much is heard; what goes to a log file goes there whole.
///
/// # Errors
/// As [`output`].
pub(super) fn heard(root: &Dir, output: Output, hear: Hear) -> io::Result<(child::Output, Forwarding)> {
    let (output, forwarding) = self::output(root, output, as_it_is)?;
    let output = match (hear, output) {
        (Hear::Output, child::Output::Lines(lines)) => child::Output::OutputLines(lines),
        (_, output) => output,
    };
    Ok((output, forwarding))
}

/// Passes on to `lines` what `reader` makes of them.
pub(super) fn forward(lines: mpsc::Sender<Line>, mut reader: impl Reader) -> (child::Output, JoinHandle<()>) {
    let (send, mut receive) = mpsc::channel(LINES_WAITING);
    let forwarding = tokio::spawn(async move {
        while let Some(line) = receive.recv().await {
            let Some(line) = reader(line) else { continue };
            if lines.send(line).await.is_err() {
                break;
            }
        }
    });
    (child::Output::Lines(send), forwarding)
}

/// Waits until everything was passed on.
pub(super) async fn finish(forwarding: Forwarding) {
    if let Some(forwarding) = forwarding {
        // It does not panic, and nobody aborts it.
        let _ = forwarding.await;
    }
}

/// The effect that `child` is.
pub(super) fn running(child: Child, forwarding: Forwarding) -> Running {
    let (finished, stop) = child.split();
    Running {
        ended: Box::pin(async move {
            let finished = finished.await;
            finish(forwarding).await;
            finished
        }),
        stop: Box::new(|| stop.stop()),
        begun: true,
    }
}

/// An effect that ended before it began.
pub(super) fn never(ended: Ended) -> Running {
    let finished = Finished { ended, tail: Vec::new() };
    Running { ended: Box::pin(async { finished }), stop: Box::new(|| {}), begun: false }
}

/// Opens the log of a process that outlives the run (R66).
pub(super) fn log_file(root: &Dir, path: &MacPath) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        root.create_dir_all(folder.relative())?;
    }
    let options = OpenOptions::new().create(true).append(true).mode(0o600).clone();
    Ok(root.open_with(path.relative(), &options)?.into_std())
}

/// Whether what lies at `path` still is the file that was verified: what is executed must be what was digested (R89).
///
/// # Errors
/// When it is another file, or cannot be looked at.
pub(super) fn unreplaced(verified: &File, root: &Dir, path: &MacPath) -> io::Result<()> {
    let (verified, found) = (verified.metadata()?, root.open(path.relative())?.into_std().metadata()?);
    if (verified.dev(), verified.ino()) == (found.dev(), found.ino()) {
        return Ok(());
    }
    Err(io::Error::other("the file was replaced after it was checked"))
}

/// How many KiB of the volume with the Mac's `/` are free for those who are not root.
///
/// # Errors
/// When the system does not say.
pub(super) fn free_kib(root: &Dir) -> Result<u64, HostError> {
    let volume = rustix::fs::fstatvfs(root).map_err(HostError::failed("ask for free space".to_owned()))?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize) / 1024)
}

/// How much of a script is read to see how it is to be started.
const HEAD: usize = 512;

/// What executes a checked script (R71); `dir` is the Mac's `/`, which the script sees as `root`.
///
/// # Errors
/// When it was replaced after it was checked, or cannot be read.
pub(super) fn checked_script(artifact: &VerifiedArtifact, dir: &Dir, root: &Path) -> io::Result<Program> {
    unreplaced(artifact.file(), dir, artifact.path())?;
    let mut head = [0; HEAD];
    // At a position of its own: the offset is shared by all who hold the file.
    let length = artifact.file().read_at(&mut head, 0)?;
    Ok(child::script(&artifact.path().under(root), head.get(..length).unwrap_or_default()))
}
