//! A small answer as a whole, in memory: asked for once, or again and again until the schedule is used up.

use super::{
    Downloader,
    attempt::refused,
    error::{Cause, DownloadError},
    fetch::{Head, Request, Response, shown},
    head::{Meaning, meaning},
    peek::peek,
    portal::{Answer, recognise},
};
use crate::{chance::chance, engine::recorder::Recorder};
use futures::{StreamExt as _, future::BoxFuture};
use shared::{
    event::{Category, Level},
    item::RetryKeys,
    plan::retry::RetrySchedule,
};
use std::time::Duration;
use url::Url;

/// What the asker knows is still the same.
const NOT_MODIFIED: u16 = 304;

/// An answer.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its headers.
    pub(crate) head: Head,
    /// Its body.
    pub(crate) content: Vec<u8>,
}

impl Document {
    /// Whether it says that what the asker knows is still the same.
    pub(crate) fn is_the_same(&self) -> bool {
        self.head.status == NOT_MODIFIED
    }
}

impl Downloader {
    /// Asks once for a body of at most `longest` bytes.
    ///
    /// # Errors
    /// When there is no answer, or it is no body of this length.
    pub(crate) async fn document(&self, request: &Request, longest: u64) -> Result<Document, Cause> {
        let response = match request.url.scheme() {
            "http" | "https" => self.fetch.fetch(request.clone()).await?,
            "file" => self.open_url(&request.url).await?,
            _ => return Err(Cause::Scheme),
        };
        if response.head.status == NOT_MODIFIED && request.known.is_some() {
            return Ok(Document { head: response.head, content: Vec::new() });
        }
        if meaning(&response.head, None) == Meaning::Failure {
            return Err(refused(&request.url, &response));
        }
        let (first, body) = peek(response.body).await;
        if let Some(page) = recognise(&Answer::new(&request.url, (&response.url, &response.head), &first)) {
            return Err(page);
        }
        collect(Response { body, ..response }, longest).await
    }

    /// Asks as often and with such waits as for an item without retry keys (R27); going on for longer is the caller's
    /// business, who asks [`DownloadError::is_transient`]. `url` is what is told of each failure.
    ///
    /// # Errors
    /// When every attempt failed, or another could not help.
    pub(crate) async fn insist<'a, T>(
        &self,
        url: &Url,
        mut ask: impl FnMut() -> BoxFuture<'a, Result<T, Cause>>,
        recorder: &Recorder,
    ) -> Result<T, DownloadError> {
        let mut schedule =
            RetrySchedule::new(RetryKeys::default(), self.policy.redownloads, self.policy.retry_delay)
                // Whoever asks goes on asking anyway.
                .with_patience(Duration::ZERO);
        loop {
            let cause = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(cause) => cause,
            };
            let attempts = schedule.attempt();
            let Some(wait) = schedule.next_wait(cause.failure(), chance()) else {
                return Err(DownloadError { what: shown(url), attempts, cause });
            };
            let text = format!("{}: {cause}; asking again in {:.1} s", shown(url), wait.as_secs_f32());
            recorder.notice(Level::Warning, Category::Main, None, text).await;
            tokio::time::sleep(wait).await;
        }
    }
}

async fn collect(response: Response, longest: u64) -> Result<Document, Cause> {
    if response.head.length.is_some_and(|length| length > longest) {
        return Err(Cause::TooLong(longest));
    }
    let (mut content, mut body) = (Vec::new(), response.body);
    while let Some(piece) = body.next().await {
        content.extend_from_slice(&piece?);
        if content.len() as u64 > longest {
            return Err(Cause::TooLong(longest));
        }
    }
    match response.head.length {
        Some(announced) if announced != content.len() as u64 => {
            Err(Cause::Length { received: content.len() as u64, announced })
        }
        _ => Ok(Document { head: response.head, content }),
    }
}
