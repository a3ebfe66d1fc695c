//! One attempt: an answer from the server, its pieces written and digested as they come (R123–R125).

use super::{
    Downloader,
    error::Cause,
    fetch::{Body, Head, Request, Response, Resume},
    gate::{LetGo, Permit},
    head::{Meaning, meaning},
    partial::{Intake, Note, Partial},
    peek::peek,
    portal::{Answer, is_html, recognise},
    split::{Division, Origin},
    store::Content,
};
use futures::StreamExt as _;
use shared::{
    event::Progress,
    item::{ItemId, ItemKind},
    plan::{
        room::LOOK_EVERY,
        transfers::{Incoming, Parts},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use url::Url;

/// The answer goes on after what is there already.
const PARTIAL_CONTENT: u16 = 206;
/// No more news of progress than this.
pub(super) const NEWS_EVERY: Duration = Duration::from_millis(100);

/// What may explain a wrong digest, and where nothing compares the content, makes it unusable.
const COMPRESSED: &str = "; the server sent it compressed, although that was not asked for";

/// What one content is fetched for.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Which item.
    pub(crate) id: ItemId,
    /// What it is.
    pub(crate) kind: ItemKind,
    /// How to ask for it; without a range.
    pub(crate) request: Request,
    /// The name of its parts in the work folder.
    pub(crate) key: String,
    /// Whether a `hash` decides in the end.
    pub(crate) compared: bool,
    /// Whether it may well be a web page.
    pub(crate) page: bool,
    /// Whether nothing limits the time it may take.
    pub(crate) may_be_held: bool,
}

/// Content that is there as a whole, not judged yet.
#[derive(Debug)]
pub(crate) struct Received {
    /// The file.
    pub(crate) partial: Partial,
    /// What it holds.
    pub(crate) content: Content,
    /// Whether part of it came from an earlier attempt.
    pub(crate) resumed: bool,
    /// What may explain a wrong digest.
    pub(crate) hint: Option<&'static str>,
    /// Which page it is instead of the content, if anything speaks for that; a right digest speaks louder.
    pub(crate) page: Option<Cause>,
    /// The URL that answered, when that is another one than was asked.
    pub(crate) answered_by: Option<Url>,
}

/// A failed attempt, and what it leaves for the next one.
pub(crate) struct Failed {
    /// Why.
    pub(crate) cause: Cause,
    /// What came so far.
    pub(crate) partial: Option<Partial>,
}

impl<E: Into<Cause>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { cause: error.into(), partial: None }
    }
}

impl Downloader {
    /// Makes one attempt, going on after `left` if that can be.
    pub(super) async fn attempt(
        &self,
        job: &Job,
        left: Option<Partial>,
        turn: &mut Permit,
        news: impl Fn(Progress),
    ) -> Result<Received, Failed> {
        let (answer, left) = match left {
            Some(whole) if whole.is_whole() => {
                let nothing_more = (futures::stream::empty().boxed(), whole.length());
                return self.receive((job, turn), whole, nothing_more, news).await;
            }
            left => self.ask(job, left).await?,
        };
        let Response { url, head, body } = answer;
        let hint = head.content_encoding.is_some().then_some(COMPRESSED);
        if let Some(why) = hint.filter(|_| !job.compared) {
            return Err(Failed { cause: Cause::Suspicious(why), partial: left });
        }
        let (partial, body, page) = match left {
            Some(partial) if head.status == PARTIAL_CONTENT => (partial, body, None),
            left => {
                let (first, body) = peek(body).await;
                let page = recognise(&Answer::new(&job.request.url, (&url, &head), &first))
                    .filter(|_| is_believed(job, &first));
                if let Some(cause) = page.clone().filter(|_| is_certain(job, &first)) {
                    // What came before is the beginning of the content all the same.
                    return Err(Failed { cause, partial: left });
                }
                let (note, key) = (Note::new(&job.request.url, &head), job.key.clone());
                (self.at_once(|store| Partial::new(store, &key, note))?, body, page)
            }
        };
        let length = partial.length();
        let received = self.receive((job, turn), partial, (body, length), news).await?;
        let answered_by = (url != job.request.url).then_some(url);
        Ok(Received { hint, page, answered_by, ..received })
    }

    /// Asks until the answer is the content, or the rest of what is `left`: at most twice, the second time for everything.
    async fn ask(&self, job: &Job, left: Option<Partial>) -> Result<(Response, Option<Partial>), Failed> {
        let mut left = left;
        loop {
            let resume = left.as_ref().and_then(|partial| partial.resume(job.compared, &job.request.url));
            let response = match self.answer(job, resume.clone()).await {
                Ok(response) => response,
                Err(cause) => return Err(Failed { cause, partial: left }),
            };
            match meaning(&response.head, resume.as_ref()) {
                Meaning::Whole(_) => return Ok((response, left)),
                Meaning::Rest(total) if fits(left.as_ref(), total) => return Ok((response, left)),
                Meaning::Rest(_) | Meaning::StartOver => left = None,
                Meaning::Failure => {
                    return Err(Failed { cause: refused(&job.request.url, &response), partial: left });
                }
            }
        }
    }

    async fn answer(&self, job: &Job, resume: Option<Resume>) -> Result<Response, Cause> {
        match job.request.url.scheme() {
            "http" | "https" => Ok(self.fetch.fetch(Request { resume, ..job.request.clone() }).await?),
            "file" => self.open_url(&job.request.url).await,
            _ => Err(Cause::Scheme),
        }
    }

    /// Writes and digests the body as it comes.
    ///
    /// A piece is at most a few hundred KiB, and the runtime has a thread for each processor: handing pieces to
    /// another thread costs more than it saves.
    async fn receive(
        &self,
        (job, turn): (&Job, &mut Permit),
        partial: Partial,
        (body, length): (Body, Option<u64>),
        news: impl Fn(Progress),
    ) -> Result<Received, Failed> {
        let (before, goes_on) = (partial.have(), partial.may_go_on(job.compared));
        let origin = self.origin(job, &partial);
        let mut intake = if before == 0 {
            self.at_once(|store| partial.begin(store))?
        } else {
            self.on_disk(move |store| partial.begin(store)).await?
        };
        let tell = |received| news(Progress::Bytes { id: job.id, received, total: length });
        let mut division = Division::new(origin);
        turn.receives(Incoming {
            length: length.map(|length| length.saturating_sub(before)),
            may_be_held: job.may_be_held && goes_on,
            divisible: division.is_possible(),
        });
        let arrived = self.arrive((body, turn), (&mut intake, &mut division), (before, length), tell).await;
        let divided = division.end().await;
        if divided {
            // What came counts; what lies behind a gap is cut off, or a note says how far it is in order.
            let _ = intake.is_alone();
        }
        let (partial, content) = intake.finish();
        let cause = match (arrived, length) {
            (Err(cause), _) => cause,
            (Ok(()), Some(announced)) if announced != content.bytes => {
                Cause::Length { received: content.bytes, announced }
            }
            (Ok(()), _) => {
                // What was put together is not believed to be wrong as a whole.
                let resumed = before > 0 || divided;
                return Ok(Received { partial, content, resumed, hint: None, page: None, answered_by: None });
            }
        };
        // A disk that refuses gets back what it gave, and a body without end is the beginning of nothing.
        let hopeless = matches!(cause, Cause::Store(_) | Cause::Endless { .. });
        if hopeless || !partial.is_of_use(job.compared) {
            // The failure is what counts.
            let _ = self.at_once(|_| partial.discard());
            return Err(cause.into());
        }
        Err(Failed { cause, partial: Some(partial) })
    }

    /// Where parts of the content may come from, if it is worth more than one connection and may be divided.
    fn origin(&self, job: &Job, partial: &Partial) -> Option<Origin> {
        let length = partial.length()?;
        let is_web = matches!(job.request.url.scheme(), "http" | "https");
        if !is_web || !Parts::are_worth_it(length.saturating_sub(partial.have())) {
            return None;
        }
        let validator = partial.divisible_by(job.compared, &job.request.url)?;
        let (fetch, request) = (Arc::clone(&self.fetch), job.request.clone());
        Some(Origin { fetch, request, validator, length, busy: self.busy.clone() })
    }

    /// Takes pieces until the body ends, or more came than was announced, or than a body without a length may have; or until
    /// it reaches a part that comes over another connection: then the rest comes in parts.
    async fn arrive(
        &self,
        (mut body, turn): (Body, &mut Permit),
        (intake, division): (&mut Intake, &mut Division),
        (before, length): (u64, Option<u64>),
        tell: impl Fn(u64),
    ) -> Result<(), Cause> {
        let (mut received, mut told) = (before, None::<Instant>);
        let mut look_at = received.saturating_add(LOOK_EVERY);
        while let Some(piece) = body.next().await {
            let mut piece = piece?;
            let (room, ahead) = division.room(received);
            piece.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            received = received.saturating_add(piece.len() as u64);
            intake.take(&piece).map_err(Cause::Store)?;
            if length.is_some_and(|length| received > length) {
                break;
            }
            if length.is_none() && received > self.policy.longest_unannounced {
                return Err(Cause::Endless { received, room: None });
            }
            if length.is_none() && received >= look_at {
                look_at = received.saturating_add(LOOK_EVERY);
                let full = |error| Cause::Endless { received, room: Some(error) };
                intake.look_at_the_disk(&self.store).map_err(full)?;
            }
            if told.is_none_or(|at| at.elapsed() >= NEWS_EVERY) {
                told = Some(Instant::now());
                tell(received + ahead);
            }
            turn.received(piece.len()).await.map_err(|LetGo| Cause::LetGo)?;
            division.widen(intake, turn, received)?;
            if length.is_some_and(|length| received < length) && division.room(received).0 == 0 {
                drop(body);
                return division.gather(intake, turn, tell).await;
            }
        }
        tell(received);
        Ok(())
    }
}

/// A rest belongs to what is there only if both agree about the whole.
fn fits(left: Option<&Partial>, total: u64) -> bool {
    left.is_some_and(|partial| partial.length().is_none_or(|length| length == total))
}

/// What a status that gives no content means.
pub(super) fn refused(asked: &Url, response: &Response) -> Cause {
    let Head { status, retry_after, .. } = response.head;
    let page = recognise(&Answer::new(asked, (&response.url, &response.head), &[]));
    page.unwrap_or(Cause::Status { status, retry_after })
}

/// Whether what the server says of the content counts. Many call everything a web page that they do not know; a file of
/// any kind, which no digest will speak for, is one only if its bytes say so, too.
fn is_believed(job: &Job, first: &[u8]) -> bool {
    job.compared || !is_placed(job.kind) || is_html(first)
}

/// Whether what looks like such a page can be nothing else: no digest will speak for it, or the bytes are a web page,
/// which no package and no script is.
fn is_certain(job: &Job, first: &[u8]) -> bool {
    if job.compared { !is_placed(job.kind) && is_html(first) } else { !job.page }
}

/// Whether such content is a file that is put somewhere, and so may be anything.
pub(super) fn is_placed(kind: ItemKind) -> bool {
    matches!(kind, ItemKind::RootFile | ItemKind::UserFile)
}
