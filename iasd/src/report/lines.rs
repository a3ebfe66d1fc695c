//! Lines written by a thread of their own, so that a slow reader or disk never holds the run up (R98).

use super::Troubles;
use crate::gathered::{Receiver, Sender, channel};
use std::{
    io::{self, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Lines that wait for a reader that has stopped reading; beyond this they are dropped.
const MOST_WAITING: usize = 65_536;
/// Beyond this many waiting lines, those that may be lost are dropped.
const MOST_BEFORE_LOSSY: usize = 256;
/// How long a line may wait for more, to be written with them.
const GATHERED: Duration = Duration::from_millis(10);
/// How long the end of the run waits for a reader.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hands lines to the writing thread.
#[derive(Debug)]
pub(super) struct Lines {
    what: String,
    sender: Option<Sender<String>>,
    ended: mpsc::Receiver<()>,
    troubles: Troubles,
}

impl Lines {
    /// Writes to `writer`; `what` names it in troubles.
    pub(super) fn new(writer: Box<dyn Write + Send>, what: String, troubles: Troubles) -> Self {
        let (sender, lines) = channel();
        let (end, ended) = mpsc::channel();
        let thread = Thread { writer, lines, end };
        let (name, to) = (what.clone(), troubles.clone());
        let started = thread::Builder::new().name("report".to_owned()).spawn(move || thread.run(&name, &to));
        if let Err(error) = started {
            troubles.tell(format!("{what} is not written: {error}"));
        }
        Self { what, sender: Some(sender), ended, troubles }
    }

    /// Writes a line; `lossy` ones are dropped when nobody keeps up.
    pub(super) fn write(&self, line: String, lossy: bool) {
        let most = if lossy { MOST_BEFORE_LOSSY } else { MOST_WAITING };
        let Some(sender) = &self.sender else { return };
        if sender.waiting() >= most {
            if !lossy {
                self.troubles.tell(format!("{}: nobody reads it; lines are dropped", self.what));
            }
            return;
        }
        // Gone: the thread has told why.
        sender.send(line, false);
    }

    /// Waits until everything is written, though not for ever.
    pub(super) fn finish(&mut self) {
        if self.sender.take().is_some() {
            // The thread's end drops its sender; a reader that reads nothing is left behind.
            let _ = self.ended.recv_timeout(PATIENCE);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Thread {
    writer: Box<dyn Write + Send>,
    lines: Receiver<String>,
    end: mpsc::Sender<()>,
}

impl Thread {
    fn run(mut self, what: &str, troubles: &Troubles) {
        while let Some(lines) = self.lines.take(GATHERED) {
            let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            match self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) => troubles.tell(format!("{what}: {error}")),
            }
        }
        // The other side may have stopped waiting.
        let _ = self.end.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Read as _, os::unix::net::UnixStream};

    #[test]
    fn r98_a_reader_that_does_not_read_holds_nobody_up_and_loses_progress_only() {
        let (writer, mut reader) = UnixStream::pair().unwrap();
        let mut lines = Lines::new(Box::new(writer), "events".to_owned(), Troubles::default());
        let long = "x".repeat(1000);
        for number in 0..2000 {
            lines.write(format!("event {number} {long}"), false);
            lines.write(format!("progress {number} {long}"), true);
        }
        let read = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        lines.finish();
        drop(lines);
        let text = read.join().unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("event ")).count(), 2000);
        assert!(text.lines().filter(|line| line.starts_with("progress ")).count() < 2000);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_trouble() {
        let (writer, reader) = UnixStream::pair().unwrap();
        drop(reader);
        let troubles = Troubles::default();
        let mut lines = Lines::new(Box::new(writer), "events".to_owned(), troubles.clone());
        lines.write("a".to_owned(), false);
        lines.finish();
        assert!(troubles.take().is_empty());
    }
}
