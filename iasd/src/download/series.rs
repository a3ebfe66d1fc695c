//! The attempts for one item, until its content is accepted or the budget is used up (R27–R30).

use super::{
    Downloader,
    attempt::{Failed, Job, Received, is_placed},
    error::{Cause, DownloadError},
    fetch::{Request, is_loopback, needs_network, shown},
    gate::Permit,
    identity::identity,
    partial::{Partial, forget, key},
    place::Place,
    portal::Portal,
    store::{Content, Store},
    verify::{Verdict, VerifiedArtifact, judge},
};
use crate::{chance::chance, engine::recorder::Recorder};
use shared::{
    event::{AcceptedBecause, Category, EventKind, Level},
    item::{HashCheckPolicy, Item, RetryKeys, Source},
    plan::retry::{AttemptFailure, LONGEST_OFFLINE, RetrySchedule},
};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use url::Url;

/// R123.
const CONNECT: Duration = Duration::from_secs(30);
/// R123.
const IDLE: Duration = Duration::from_secs(60);

/// Why a failed attempt is not counted.
const OFFLINE: &str = "; there is no network: this attempt does not count";

/// What came of one attempt.
#[derive(Debug)]
pub(crate) enum Step {
    /// The content is in its place.
    Done(VerifiedArtifact),
    /// It failed; the next attempt begins after this time.
    Wait(Duration),
    /// It failed because there is no network; the next one begins when there is one.
    CutOff,
    /// It was held for others until it let go: it goes on when it is its turn again, and nothing failed.
    LetGo,
}

/// The attempts for one item.
pub(crate) struct Series<'a> {
    downloader: &'a Downloader,
    item: &'a Item,
    job: Job,
    /// How to ask at each address; the schedule says which one is next.
    requests: Vec<Request>,
    place: Place,
    schedule: RetrySchedule,
    budget: u32,
    /// What is left of `download_timeout`: transfers and the waits between them count, a missing network does not.
    pub(super) left: Option<Duration>,
    previous: Option<Content>,
    partial: Option<Partial>,
    /// The last failure that passes by itself, and the round in which it came.
    passing: Option<(u32, Cause)>,
    /// Whether other content than `hash` says is taken where no address has better (R86).
    takes_anything: bool,
    /// The first address that gave such content.
    mismatched: Option<Request>,
    fresh: bool,
}

impl Downloader {
    /// The attempts for an item, none made yet.
    pub(super) fn series<'a>(&'a self, item: &'a Item, source: &Source) -> Series<'a> {
        let policy = &self.policy;
        let key = key(item, source);
        let requests: Vec<Request> =
            std::iter::once(source).chain(&item.mirrors).map(|source| self.request(source)).collect();
        let schedule = RetrySchedule::new(item.retry, policy.redownloads, policy.retry_delay)
            .with_addresses(requests.len())
            .with_patience(policy.portal_patience);
        let check = self.hash_check(item);
        let attempts = item.retry.retries.unwrap_or(policy.redownloads).saturating_add(1);
        Series {
            downloader: self,
            item,
            place: self.place_for(item, &key),
            job: Job {
                id: item.id,
                may_be_held: item.retry.within_seconds.is_none(),
                kind: item.kind,
                request: self.request(source),
                key,
                compared: item.hash.is_some() && check != HashCheckPolicy::Ignore,
                page: is_page(item),
            },
            schedule,
            budget: attempts.saturating_mul(u32::try_from(requests.len()).unwrap_or(u32::MAX)),
            takes_anything: attempts == 1 && check == HashCheckPolicy::Warning,
            mismatched: None,
            requests,
            left: item.retry.within_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            previous: None,
            partial: None,
            passing: None,
            fresh: true,
        }
    }

    /// How to ask for `source`.
    pub(crate) fn request(&self, source: &Source) -> Request {
        let (http, options) = (&self.policy.http, &source.options);
        Request {
            url: source.url.clone(),
            identity: identity(&source.url, http, options),
            resume: None,
            post: None,
            known: None,
            follow: options.follow_redirects.unwrap_or(http.follow_redirects),
            connect: options.connection_timeout.unwrap_or(CONNECT),
            idle: options.connection_timeout.unwrap_or(IDLE),
            ignore_system_proxy: options.ignore_system_proxy,
            tls13_only: options.tls13_only,
        }
    }

    /// Warns once for each host that is asked over plain http (R118).
    pub(super) async fn warn_of_http(&self, url: &Url, recorder: &Recorder) {
        let host = url.host_str().unwrap_or_default();
        if url.scheme() != "http" || is_loopback(url) {
            return;
        }
        let first = self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
        if first {
            let text =
                format!("{host} is asked over http: anybody on the way can read and change what it sends");
            recorder.notice(Level::Warning, Category::Main, None, text).await;
        }
    }
}

impl Series<'_> {
    /// Makes the next attempt and tells about it.
    ///
    /// # Errors
    /// When it failed and was the last one, or the run is being stopped.
    pub(super) async fn step(
        &mut self,
        turn: &mut Permit,
        recorder: &Recorder,
    ) -> Result<Step, DownloadError> {
        self.choose_address();
        self.downloader.warn_of_http(&self.job.request.url, recorder).await;
        let time_before = self.left;
        let result = self.attempt_in_time(turn, recorder).await;
        if matches!(result, Err(Cause::LetGo)) {
            return Ok(Step::LetGo);
        }
        let (attempt, round) = (self.schedule.attempt(), self.schedule.round());
        self.downloader.hosts.note(&self.job.request.url, result.as_ref().err());
        let cause = match result {
            Ok(artifact) => {
                self.downloader
                    .finished(self.item, &artifact, recorder)
                    .await
                    .map_err(|cause| self.failed(cause))?;
                return Ok(Step::Done(artifact));
            }
            Err(Cause::Cancelled) => return Err(self.failed(Cause::Cancelled)),
            Err(cause) => cause,
        };
        let cut_off = matches!(cause, Cause::Fetch(_) | Cause::Late { .. }) && self.is_cut_off();
        if cut_off {
            self.left = time_before;
        }
        let failure = if cut_off { AttemptFailure::Offline } else { cause.failure() };
        let passes = matches!(
            failure,
            AttemptFailure::Transient | AttemptFailure::RetryAfter(_) | AttemptFailure::Portal
        );
        if passes || cause.is_want_of_room() {
            self.passing = Some((round, cause.clone()));
        }
        let wait = self.schedule.next_wait(failure, chance()).or_else(|| self.last_resort());
        let (cause, wait) = if cut_off { (cause, wait) } else { self.in_time(cause, wait) };
        let fact = EventKind::DownloadAttemptFailed {
            id: self.item.id,
            attempt,
            error: format!("{}: {cause}{}", shown(&self.job.request.url), if cut_off { OFFLINE } else { "" }),
            retry_in_ms: wait.map(|wait| wait.as_millis().try_into().unwrap_or(u64::MAX)),
        };
        recorder.record(fact).await.map_err(|_| self.failed(Cause::Cancelled))?;
        match wait {
            Some(_) if cut_off => Ok(Step::CutOff),
            Some(wait) => Ok(Step::Wait(wait)),
            None => {
                self.forget();
                let cause = self.most_hopeful(cause, round);
                Err(self.failed(cause))
            }
        }
    }

    /// What came of content that no `hash` vouches for serves no later run.
    fn forget(&mut self) {
        if !self.job.compared {
            // The failure of the series is what counts.
            let _ = self.partial.take().map(Partial::discard);
            let _ = self.downloader.at_once(|store| forget(store, &self.job.key));
        }
    }

    /// Of one address the first content would have been taken, whatever it is (R86). So it is where there are more and none
    /// has what `hash` says: an address more must not make a download fail.
    fn last_resort(&mut self) -> Option<Duration> {
        let request = self.mismatched.take()?;
        self.requests = vec![request];
        self.budget = 1;
        let once = RetryKeys { retries: Some(0), ..self.item.retry };
        self.schedule = RetrySchedule::new(once, 0, Duration::ZERO);
        Some(Duration::ZERO)
    }

    /// Why the last round failed: a server that is down counts before one that does not have the content.
    fn most_hopeful(&mut self, last: Cause, round: u32) -> Cause {
        let passes = self.passing.take().filter(|(passed, _)| *passed == round).map(|(_, cause)| cause);
        match (passes, &last) {
            (_, Cause::Late { .. }) => last,
            (Some(passes), last) if last.failure() != AttemptFailure::Permanent => passes,
            _ => last,
        }
    }

    /// Takes the address the schedule names, which at the beginning of a round is one whose host answered last time.
    fn choose_address(&mut self) {
        let (hosts, requests) = (&self.downloader.hosts, &self.requests);
        self.schedule.prefer(|place| requests.get(place).is_some_and(|request| hosts.is_good(&request.url)));
        if let Some(request) = self.requests.get(self.schedule.address()) {
            self.job.request = request.clone();
        }
    }

    /// Whether the content cannot be reached because there is no network.
    fn is_cut_off(&self) -> bool {
        self.downloader.connectivity.is_down()
            && self.requests.iter().all(|request| needs_network(&request.url))
    }

    /// Waits until there is a network, or it is time to see whether there is one all the same (R47).
    pub(super) async fn until_connected(&self) {
        if self.is_cut_off() {
            self.downloader.connectivity.restored(LONGEST_OFFLINE).await;
        }
    }

    /// Waits before the next attempt; not longer than until the network is back.
    pub(super) async fn pause(&mut self, wait: Duration) {
        let begun = Instant::now();
        self.downloader.connectivity.pause(wait).await;
        self.spend(begun.elapsed());
    }

    /// Whether there is time for another attempt after `wait`.
    fn in_time(&self, cause: Cause, wait: Option<Duration>) -> (Cause, Option<Duration>) {
        match (wait, self.left, self.item.retry.within_seconds) {
            (Some(wait), Some(left), Some(limit)) if wait >= left => match cause {
                Cause::Late { .. } => (cause, None),
                cause => (Cause::Late { limit, last: Some(Box::new(cause)) }, None),
            },
            _ => (cause, wait),
        }
    }

    fn spend(&mut self, time: Duration) {
        self.left = self.left.map(|left| left.saturating_sub(time));
    }

    /// The run is being stopped.
    pub(super) fn cancelled(&self) -> DownloadError {
        self.failed(Cause::Cancelled)
    }

    fn failed(&self, cause: Cause) -> DownloadError {
        DownloadError { what: shown(&self.job.request.url), attempts: self.schedule.attempt(), cause }
    }

    /// An attempt that is cut off when `download_timeout` is over; what came is kept as after any other failure.
    async fn attempt_in_time(
        &mut self,
        turn: &mut Permit,
        recorder: &Recorder,
    ) -> Result<VerifiedArtifact, Cause> {
        let (Some(left), Some(limit)) = (self.left, self.item.retry.within_seconds) else {
            return self.attempt(turn, recorder).await;
        };
        let begun = Instant::now();
        let result = timeout(left, self.attempt(turn, recorder)).await;
        self.spend(begun.elapsed());
        result.unwrap_or_else(|_| {
            self.left = Some(Duration::ZERO);
            // The attempt has gone with what it held; the disk has it.
            self.fresh = true;
            Err(Cause::Late { limit, last: None })
        })
    }

    async fn attempt(&mut self, turn: &mut Permit, recorder: &Recorder) -> Result<VerifiedArtifact, Cause> {
        let left = self.left_over().await?;
        let resume =
            left.as_ref().and_then(|partial| partial.resume(self.job.compared, &self.job.request.url));
        let fact = EventKind::DownloadStarted {
            id: self.item.id,
            url: shown(&self.job.request.url),
            attempt: self.schedule.attempt(),
            resumed_at: resume.map_or(0, |resume| resume.from),
        };
        recorder.record(fact).await.map_err(|_| Cause::Cancelled)?;
        match self.downloader.attempt(&self.job, left, turn, |news| recorder.progress(news)).await {
            Ok(received) => {
                if let Some(other) = &received.answered_by {
                    let text = format!("answered by {}", shown(other));
                    recorder.notice(Level::Debug, Category::Item, Some(self.item.id), text).await;
                }
                self.judge(received).await
            }
            Err(Failed { cause, partial }) => {
                self.partial = partial;
                Err(cause)
            }
        }
    }

    /// What came in the attempt before, or in an earlier run.
    ///
    /// What an earlier run left counts only where a `hash` decides: a power cut may have eaten its end.
    async fn left_over(&mut self) -> Result<Option<Partial>, Cause> {
        if !std::mem::take(&mut self.fresh) || !self.job.compared {
            return Ok(self.partial.take());
        }
        let addresses: Vec<Url> = self.requests.iter().map(|request| request.url.clone()).collect();
        Ok(self.downloader.at_once(|store| Partial::left_over(store, &self.job.key, &addresses))?)
    }

    async fn judge(&mut self, received: Received) -> Result<VerifiedArtifact, Cause> {
        let Received { partial, content, resumed, hint, page, .. } = received;
        let verdict =
            judge(self.downloader.hash_check(self.item), self.item.hash, content, self.previous, self.budget);
        let page = page.filter(|page| self.is_page_instead(page, verdict));
        let cause = match (verdict, page, self.item.hash) {
            // No policy takes it for the content, however lenient.
            (_, Some(page), _) => {
                self.downloader.at_once(|_| partial.discard())?;
                return Err(page);
            }
            (Verdict::Accepted(accepted), None, _) => {
                let (place, brought) = (self.place.clone(), Arc::clone(&self.downloader.brought));
                let near = self.downloader.store.is_near(&place);
                let placed = move |store: &Store| {
                    let opened = partial.place(store, content, &place)?;
                    brought.lock().unwrap_or_else(PoisonError::into_inner).insert(place.path);
                    VerifiedArtifact::new(opened, content, accepted, false)
                };
                return Ok(if near {
                    self.downloader.at_once(placed)?
                } else {
                    self.downloader.on_disk(placed).await?
                });
            }
            (_, None, None) => Cause::NoHash,
            (_, None, Some(expected)) => {
                Cause::Mismatch { expected, found: content.digest, bytes: content.bytes, hint, resumed }
            }
        };
        if self.takes_anything && self.mismatched.is_none() {
            self.mismatched = Some(self.job.request.clone());
        }
        // Put together from two answers it proves nothing about what the server has now.
        self.previous = (!resumed).then_some(content).or(self.previous);
        self.downloader.at_once(|_| partial.discard())?;
        Err(cause)
    }

    /// Whether what looks like a page in the content's place is one, and not the content. Where a web page is wanted, a
    /// wrong digest does not make another one of it, unless it comes from elsewhere.
    fn is_page_instead(&self, page: &Cause, verdict: Verdict) -> bool {
        let proven = matches!(verdict, Verdict::Accepted(accepted) if accepted.because() == AcceptedBecause::HashEqual);
        let from_elsewhere =
            matches!(page, Cause::Portal(Portal::Elsewhere(_)) | Cause::Page { elsewhere: Some(_) });
        let wanted = self.job.page && (!self.job.compared || !from_elsewhere);
        !proven && !wanted
    }
}

/// Whether the content of an item may well be a web page.
fn is_page(item: &Item) -> bool {
    let name = item.file.file_name().to_ascii_lowercase();
    is_placed(item.kind) && [".html", ".htm", ".xhtml"].iter().any(|end| name.ends_with(end))
}
