//! Reads what a child writes, without ever holding it up for long (R72).

use super::{
    Output,
    lines::{Budget, LineSplitter, Split, Tail},
};
use std::{
    io::{self, PipeWriter},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    sync::{mpsc, oneshot},
    time::Instant,
};

/// How long a child is held up by a slow reader, in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// The reading end of a child's output.
pub(super) struct Drain {
    pipe: Receiver,
    lines: mpsc::Sender<String>,
}

/// What to give the child as standard output and error, and what reads the other end.
pub(super) fn open(output: Output) -> io::Result<((Stdio, Stdio), Option<Drain>)> {
    match output {
        Output::File(file) => Ok(((file.try_clone()?.into(), file.into()), None)),
        Output::Lines(lines) => {
            let (writer, drain) = drained(lines)?;
            Ok(((writer.try_clone()?.into(), writer.into()), Some(drain)))
        }
        Output::OutputLines(lines) => {
            let (writer, drain) = drained(lines)?;
            Ok(((writer.into(), Stdio::null()), Some(drain)))
        }
    }
}

fn drained(lines: mpsc::Sender<String>) -> io::Result<(PipeWriter, Drain)> {
    let (reader, writer) = io::pipe()?;
    Ok((writer, Drain { pipe: Receiver::from_owned_fd(reader.into())?, lines }))
}

impl Drain {
    /// Reads until the last writer is gone, or until `enough`; gives the last lines (R94).
    ///
    /// A process that outlives the child may keep the pipe open: it is read on and thrown away, so that the
    /// process neither blocks nor dies from writing.
    pub(super) async fn read(mut self, mut enough: oneshot::Receiver<()>) -> Vec<String> {
        let mut sink = Sink::new(self.lines);
        let mut splitter = LineSplitter::default();
        let mut chunk = vec![0; 16 << 10];
        loop {
            let length = tokio::select! {
                biased;
                read = self.pipe.read(&mut chunk) => read.unwrap_or(0),
                _ = &mut enough => {
                    tokio::spawn(discard(self.pipe));
                    break;
                }
            };
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            for line in splitter.push(bytes) {
                sink.take(line).await;
            }
        }
        if let Some(line) = splitter.finish() {
            sink.take(line).await;
        }
        sink.finish().await
    }
}

async fn discard(mut pipe: Receiver) {
    // Ends with the last writer; an error is an end as well.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
}

/// Passes lines on within the budget and the patience.
struct Sink {
    lines: mpsc::Sender<String>,
    budget: Budget,
    patience: Duration,
    tail: Tail,
}

impl Sink {
    fn new(lines: mpsc::Sender<String>) -> Self {
        Self { lines, budget: Budget::default(), patience: PATIENCE, tail: Tail::default() }
    }

    async fn take(&mut self, line: Split) {
        self.tail.push(&line.text);
        if self.budget.take(&line) && !self.send(line.text.clone()).await {
            self.budget.refuse(&line);
        }
    }

    async fn finish(mut self) -> Vec<String> {
        if let Some(summary) = self.budget.summary() {
            // That something is missing must not get lost as well: the child has written its last, nothing is held up.
            self.patience = PATIENCE;
            self.send(summary).await;
        }
        self.tail.into_lines()
    }

    async fn send(&mut self, line: String) -> bool {
        let line = match self.lines.try_send(line) {
            Ok(()) => return true,
            Err(mpsc::error::TrySendError::Closed(_)) => return false,
            Err(mpsc::error::TrySendError::Full(line)) => line,
        };
        let began = Instant::now();
        let sent = tokio::time::timeout(self.patience, self.lines.send(line)).await;
        self.patience = self.patience.saturating_sub(began.elapsed());
        matches!(sent, Ok(Ok(())))
    }
}
