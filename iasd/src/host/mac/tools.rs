//! The system's tools: a [`Request`] says exactly what is asked, [`Tools`] asks it (P74).
//!
//! Each tool has a file of its own beside this one, with its requests and the parsers of its answers. Both are pure,
//! so they are tested wherever the tests run; what is here is all that is left to be trusted on a Mac.

use crate::host::{HostError, launch};
use shared::sys::child::{Account, Answer, Finished, Limits, Output, Program, ask, ask_at_most, start};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::mpsc;

/// How long a tool may take to answer; those that work, not answer, have no limit.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer of a tool that has much to say.
const LONG_ANSWER: usize = 64 << 20;

/// One call of a system tool. Standard input is `/dev/null`, unless its file says what else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The tool, where a Mac has it.
    pub(super) tool: &'static str,
    /// Its arguments, without `argv[0]`.
    pub(super) arguments: Vec<OsString>,
}

impl Request {
    /// `tool` with `arguments`.
    pub(super) fn new<A: Into<OsString>>(tool: &'static str, arguments: impl IntoIterator<Item = A>) -> Self {
        Self { tool, arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// The call in words, for errors.
    pub(super) fn what(&self) -> String {
        let mut what = self.tool.rsplit('/').next().unwrap_or_default().to_owned();
        for argument in &self.arguments {
            what.push(' ');
            what.push_str(&argument.to_string_lossy());
        }
        what
    }
}

/// The tools of the Mac whose `/` is `root`.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    root: PathBuf,
}

impl Tools {
    /// Those below `root`: `/` on a Mac, a folder with stand-ins in tests.
    pub(super) fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where what a Mac has at `path` is on this computer.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What to execute for `request`: in root's own environment, which badly made packages want too (P57).
    pub(super) fn program(&self, request: &Request) -> Program {
        Program {
            arguments: request.arguments.clone(),
            environment: Account::root().environment(),
            ..Program::new(&self.place(request.tool))
        }
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, request: &Request) -> Answer {
        let limits = Limits { timeout: Some(PATIENCE), ..Limits::default() };
        ask(&self.program(request), limits).await
    }

    /// Asks for an answer that may be long, and is whole or none.
    ///
    /// # Errors
    /// When the tool cannot be started, fails, or says more than anybody expects.
    pub(super) async fn long_answer(&self, request: &Request) -> Result<Vec<u8>, HostError> {
        let limits = Limits { timeout: Some(PATIENCE), ..Limits::default() };
        let answer = ask_at_most(&self.program(request), limits, LONG_ANSWER).await;
        let failed = |why| Err(HostError { what: request.what(), why });
        match answer.ended.is_success() {
            true if answer.output.len() < LONG_ANSWER => Ok(answer.output),
            true => failed("the answer is too long".to_owned()),
            false => failed(answer.reason()),
        }
    }

    /// Has something done, however long it takes. Where this is no longer awaited, it is ended.
    ///
    /// # Errors
    /// When the tool cannot be started, or says that it failed: in its last words.
    pub(super) async fn work(&self, request: &Request) -> Result<(), HostError> {
        let failed = |why| HostError { what: request.what(), why };
        // Nobody reads the lines but the last.
        let (lines, _) = mpsc::channel(1);
        let started = start(&self.program(request), Output::Lines(lines), Limits::default()).await;
        let child = started.map_err(|ended| failed(ended.to_string()))?;
        let Finished { ended, tail } = launch::running(child, None).finish().await;
        match tail.last() {
            _ if ended.is_success() => Ok(()),
            Some(words) => Err(failed(format!("{words} ({ended})"))),
            None => Err(failed(ended.to_string())),
        }
    }

    /// Asks for something that must be known.
    ///
    /// # Errors
    /// When the tool cannot be started, or says that it failed.
    pub(super) async fn text(&self, request: &Request) -> Result<String, HostError> {
        let answer = self.ask(request).await;
        if answer.ended.is_success() {
            return Ok(answer.text());
        }
        Err(HostError { what: request.what(), why: answer.reason() })
    }
}
