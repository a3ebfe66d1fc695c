//! One file over several connections, where one does not fill the line: parts of it come beside what comes in order, and
//! are digested when it is their turn.
//!
//! Only content that a `hash` decides about is divided, and only where the server vouches by a validator that all parts
//! are of the same.

use super::{
    attempt::NEWS_EVERY,
    busy::Busy,
    error::Cause,
    fetch::{Fetch, FetchError, Request, Resume},
    gate::{Companion, Permit, Told},
    head::is_part,
    partial::{Intake, SharedFile},
};
use futures::StreamExt as _;
use shared::plan::transfers::Parts;
use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
    time::Instant,
};

/// What must not happen.
const LOST: &str = "a part of the content was lost sight of";

/// Where parts come from.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) fetch: Arc<dyn Fetch>,
    /// How to ask for the file; without a range.
    pub(super) request: Request,
    /// What proves that a part is of the same content (P14).
    pub(super) validator: String,
    pub(super) length: u64,
    pub(super) busy: Busy,
}

/// A transfer that can be divided, if it has an origin of parts, and may be already.
pub(super) struct Division {
    origin: Option<Origin>,
    split: Option<Split>,
}

impl Division {
    /// Of what comes whole so far.
    pub(super) fn new(origin: Option<Origin>) -> Self {
        Self { origin, split: None }
    }

    /// Whether it can be divided.
    pub(super) fn is_possible(&self) -> bool {
        self.origin.is_some()
    }

    /// How many bytes may still come in order, where everything up to `front` is there; and how many are there behind.
    pub(super) fn room(&self, front: u64) -> (u64, u64) {
        let Some(split) = &self.split else { return (u64::MAX, 0) };
        let (limit, ahead) = split.reached(front);
        (limit.saturating_sub(front), ahead)
    }

    /// Begins as many companions as may run beside what comes in order.
    ///
    /// # Errors
    /// When the disk refuses, or the program has lost a part.
    pub(super) fn widen(&mut self, intake: &mut Intake, turn: &Permit, front: u64) -> Result<(), Cause> {
        if self.split.is_none()
            && turn.may_have_more()
            && let Some(origin) = &self.origin
            && let Some(file) = intake.share().map_err(Cause::Store)?
        {
            // Before the first byte lies behind a gap.
            intake.mark(Some(front)).map_err(Cause::Store)?;
            self.split = Some(Split::new(origin.clone(), file, front));
        }
        if let Some(split) = &mut self.split {
            split.look()?;
            split.widen(turn);
        }
        Ok(())
    }

    /// Fetches the rest by parts, if it was divided.
    ///
    /// # Errors
    /// As [`Split::gather`].
    pub(super) async fn gather(
        &mut self,
        intake: &mut Intake,
        turn: &mut Permit,
        tell: impl Fn(u64),
    ) -> Result<(), Cause> {
        match &mut self.split {
            Some(split) => split.gather(intake, turn, tell).await,
            None => Ok(()),
        }
    }

    /// Ends all connections for parts; nothing is written any more. Gives whether there were any.
    pub(super) async fn end(self) -> bool {
        match self.split {
            Some(mut split) => {
                split.tasks.shutdown().await;
                true
            }
            None => false,
        }
    }
}

/// The parts of a file that is being received, and the connections for them.
struct Split {
    shared: Arc<Shared>,
    tasks: JoinSet<(Connection, Result<(), Cause>)>,
    /// Whether the file's own connection fetches parts now.
    own: bool,
    /// Whether a companion got nothing: then there are no others.
    failed: bool,
}

/// Whose a connection for parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// In place of the file's own.
    Own,
    /// One besides it.
    Companion,
}

struct Shared {
    from: Origin,
    file: SharedFile,
    board: Mutex<Board>,
    news: Notify,
}

#[derive(Debug)]
struct Board {
    parts: Parts,
    /// How far everything is there.
    front: u64,
    /// Whether the file's own connection brings what follows.
    flows: bool,
}

impl Split {
    /// No part yet of what comes from `from`, of which everything up to `front` is in `file`.
    fn new(from: Origin, file: SharedFile, front: u64) -> Self {
        let board = Mutex::new(Board { parts: Parts::new(from.length), front, flows: true });
        let shared = Arc::new(Shared { from, file, board, news: Notify::new() });
        Self { shared, tasks: JoinSet::new(), own: false, failed: false }
    }

    /// What comes in order has come so far; gives how far it may go, and how much is there behind.
    fn reached(&self, front: u64) -> (u64, u64) {
        let mut board = self.shared.board();
        board.front = front;
        (board.parts.limit(front), board.parts.ahead())
    }

    /// Takes note of connections that have ended.
    ///
    /// # Errors
    /// Why the file's own one failed, if it fetched parts.
    fn look(&mut self) -> Result<(), Cause> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended)?;
        }
        Ok(())
    }

    /// As many companions as may run, where there are parts for them.
    fn widen(&mut self, turn: &Permit) {
        if self.failed && self.tasks.is_empty() {
            // It can be had in one piece only: its own connection brings all of it.
            let mut board = self.shared.board();
            if board.flows {
                board.parts = Parts::new(self.shared.from.length);
            }
        }
        while !self.failed && turn.may_have_more() {
            let Some(companion) = turn.companion(false) else { return };
            match self.shared.take() {
                Some(part) => self.spawn(Connection::Companion, companion, part),
                None => return companion.done(),
            }
        }
    }

    /// Fetches what is missing by parts only: the file's own connection has reached one that is there, or comes.
    ///
    /// # Errors
    /// Why its own connection could not go on. What is in front then can be gone on with.
    async fn gather(
        &mut self,
        intake: &mut Intake,
        turn: &mut Permit,
        tell: impl Fn(u64),
    ) -> Result<(), Cause> {
        self.shared.board().flows = false;
        loop {
            while let Some(there) = self.shared.advance() {
                intake.absorb(there.end).await.map_err(Cause::Store)?;
                intake.mark(Some(there.end)).map_err(Cause::Store)?;
            }
            let front = self.shared.board().front;
            tell(front + self.shared.board().parts.ahead());
            if front == self.shared.from.length {
                return Ok(());
            }
            turn.goes().await.map_err(|_| Cause::LetGo)?;
            self.look()?;
            if !self.own
                && let Some(own) = turn.companion(true)
                && let Some(part) = self.shared.take()
            {
                self.own = true;
                self.spawn(Connection::Own, own, part);
            }
            self.widen(turn);
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => self.ended(ended)?,
                    // Nobody brings anything, and nothing is left to be brought: that cannot be.
                    None => return Err(FetchError::Broken(LOST.to_owned()).into()),
                },
                () = self.shared.news.notified() => {}
                () = turn.ordered() => {}
            }
        }
    }

    fn spawn(&mut self, connection: Connection, companion: Companion, part: Range<u64>) {
        let (shared, working) = (Arc::clone(&self.shared), self.shared.from.busy.enter());
        self.tasks.spawn(async move {
            let result = shared.run(companion, part).await;
            drop(working);
            (connection, result)
        });
    }

    /// Takes note of a connection's end.
    ///
    /// # Errors
    /// As [`Split::look`].
    fn ended(&mut self, ended: Result<(Connection, Result<(), Cause>), JoinError>) -> Result<(), Cause> {
        let (connection, result) = ended.map_err(|_| FetchError::Broken(LOST.to_owned()))?;
        if connection == Connection::Own {
            self.own = false;
            return result;
        }
        self.failed |= result.is_err();
        Ok(())
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Range<u64>> {
        let mut board = self.board();
        let (front, flows) = (board.front, board.flows);
        board.parts.take(front, flows)
    }

    /// What is there behind the front, which it belongs to from now on.
    fn advance(&self) -> Option<Range<u64>> {
        let mut board = self.board();
        let front = board.front;
        let there = board.parts.advance(front)?;
        board.front = there.end;
        Some(there)
    }

    /// Fetches part after part.
    async fn run(&self, mut companion: Companion, mut part: Range<u64>) -> Result<(), Cause> {
        loop {
            let mut reached = part.start;
            let result = self.bring(&part, &mut reached, &mut companion).await;
            self.board().parts.leave(part.start, reached);
            self.news.notify_one();
            match result {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(cause) => {
                    companion.failed();
                    return Err(cause);
                }
            }
            match self.take() {
                Some(next) => part = next,
                None => {
                    companion.done();
                    return Ok(());
                }
            }
        }
    }

    /// Fetches one part; gives whether it may go on with the next.
    async fn bring(
        &self,
        part: &Range<u64>,
        reached: &mut u64,
        companion: &mut Companion,
    ) -> Result<bool, Cause> {
        let from = &self.from;
        let resume =
            Resume { from: part.start, until: Some(part.end), validator: Some(from.validator.clone()) };
        let request = Request { resume: Some(resume), ..from.request.clone() };
        let response = from.fetch.fetch(request).await?;
        if !is_part(&response.head, part, from.length) {
            return Err(match response.head.status {
                200 | 206 => FetchError::Broken("the content changed while it came".to_owned()).into(),
                status => Cause::Status { status, retry_after: response.head.retry_after },
            });
        }
        let (mut body, mut told) = (response.body, Instant::now());
        // To the very end, so that the connection can be used again.
        while let Some(piece) = body.next().await {
            let piece = piece?;
            if *reached + piece.len() as u64 > part.end {
                return Err(FetchError::Broken("more came than was asked for".to_owned()).into());
            }
            self.file.write_at(&piece, *reached).map_err(Cause::Store)?;
            *reached += piece.len() as u64;
            self.board().parts.come(part.start, *reached);
            if told.elapsed() >= NEWS_EVERY {
                told = Instant::now();
                self.news.notify_one();
            }
            if let Err(Told) = companion.received(piece.len()) {
                return Ok(false);
            }
        }
        if *reached == part.end {
            return Ok(true);
        }
        Err(Cause::Length { received: *reached - part.start, announced: part.end - part.start })
    }
}
