//! A short question to a program: its whole answer, standard output apart from standard error, within bounds.

use super::{Limits, Program, not_started, spawn, supervise};
use crate::exit::Ended;
use std::{io, process::Stdio};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, sync::oneshot, task::JoinHandle};

/// The most that is usually kept of either stream, in bytes.
pub const ANSWER_LIMIT: usize = 1 << 20;

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub ended: Ended,
    /// Its standard output, at most [`ANSWER_LIMIT`] bytes or as many as were wanted.
    pub output: Vec<u8>,
    /// Its standard error, within the same limit.
    pub errors: Vec<u8>,
}

impl Answer {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Why it failed: the first line of standard error, or of standard output, or how it ended.
    #[must_use]
    pub fn reason(&self) -> String {
        let first = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
        };
        match first(&self.errors).or_else(|| first(&self.output)) {
            Some(line) => format!("{line} ({})", self.ended),
            None => self.ended.to_string(),
        }
    }
}

/// Runs `program` to its end and keeps what it says.
pub async fn ask(program: &Program, limits: Limits) -> Answer {
    ask_at_most(program, limits, ANSWER_LIMIT).await
}

/// The same, and keeps `most` bytes of either stream.
pub async fn ask_at_most(program: &Program, limits: Limits, most: usize) -> Answer {
    match started(program, limits, most).await {
        Ok(answer) => answer,
        Err(error) => Answer { ended: not_started(program, &error), output: Vec::new(), errors: Vec::new() },
    }
}

async fn started(program: &Program, limits: Limits, most: usize) -> io::Result<Answer> {
    let ((out, output), (err, errors)) = (open()?, open()?);
    let child = spawn(program, (out, err)).await?;
    let pid = child.id().unwrap_or_default();
    let (output, errors) = (Reading::begin(output, most), Reading::begin(errors, most));
    // Nobody stops a question: it has a time limit.
    let (_, stop) = oneshot::channel();
    let ended = supervise::to_the_end(child, pid, None, limits, stop).await.ended;
    Ok(Answer { ended, output: output.end().await, errors: errors.end().await })
}

fn open() -> io::Result<(Stdio, Receiver)> {
    let (reader, writer) = io::pipe()?;
    Ok((writer.into(), Receiver::from_owned_fd(reader.into())?))
}

/// One stream on its way.
struct Reading {
    task: JoinHandle<Vec<u8>>,
    enough: oneshot::Sender<()>,
}

impl Reading {
    fn begin(pipe: Receiver, most: usize) -> Self {
        let (enough, cut) = oneshot::channel();
        Self { task: tokio::spawn(collect(pipe, cut, most)), enough }
    }

    /// What was written; a process left behind may keep the stream open, and is not waited for.
    async fn end(self) -> Vec<u8> {
        supervise::settle(self.task, self.enough).await
    }
}

async fn collect(mut pipe: Receiver, mut enough: oneshot::Receiver<()>, most: usize) -> Vec<u8> {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        let length = tokio::select! {
            biased;
            read = pipe.read(&mut chunk) => read.unwrap_or(0),
            _ = &mut enough => return kept,
        };
        let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { return kept };
        let room = most.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::child::Account;
    use std::{path::Path, time::Duration};

    async fn sh(text: &str) -> Answer {
        let program = Program {
            arguments: vec!["-c".into(), text.into()],
            environment: Account::root().environment(),
            ..Program::new(Path::new("/bin/sh"))
        };
        ask(&program, Limits { timeout: Some(Duration::from_secs(5)), ..Limits::default() }).await
    }

    #[tokio::test]
    async fn p74_an_answer_keeps_its_streams_apart() {
        let answer = sh("echo yes; echo 'x: no\nmore' >&2; exit 3").await;
        assert_eq!(
            (answer.text().as_str(), answer.errors.as_slice()),
            ("yes\n", b"x: no\nmore\n".as_slice())
        );
        assert_eq!(answer.reason(), "x: no (exit status 3)");
    }

    #[tokio::test]
    async fn an_answer_is_bounded_and_what_asks_too_much_does_not_block() {
        let answer = sh("head -c 3000000 /dev/zero; echo end >&2").await;
        assert_eq!((answer.output.len(), answer.errors.as_slice()), (ANSWER_LIMIT, b"end\n".as_slice()));
        assert_eq!(answer.ended, Ended::Exited(0));
    }

    #[tokio::test]
    async fn a_process_left_behind_does_not_hold_up_the_answer() {
        let answer = sh("echo $$; sleep 30 & exit 0").await;
        assert_eq!(answer.ended, Ended::Exited(0));
        let group = rustix::process::Pid::from_raw(answer.text().trim().parse().unwrap()).unwrap();
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn a_question_to_nobody_says_so() {
        let answer = ask(&Program::new(Path::new("/no/such")), Limits::default()).await;
        assert_eq!(answer.reason(), "could not be started: /no/such: there is no such file");
    }
}
