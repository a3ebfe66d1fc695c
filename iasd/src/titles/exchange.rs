//! The exchange with the service: a signed request, one answer, and the verdict about it (T52–T66).

use super::{Titles, TitlesUnavailable};
use crate::download::{Cause, Document, DownloadError, FetchError, Posted, Request, random_token};
use futures::FutureExt as _;
use shared::{
    event::{Category, Level},
    item::{FetchOptions, FollowRedirects, Source},
    title::grant::{self, Expected, Grant, Key, Keys, LONGEST_TOKEN, Moment, Refusal, Timing},
};
use std::net::{IpAddr, UdpSocket};
use time::OffsetDateTime;
use url::Url;

/// What a token is sent as.
const TOKEN: &str = "application/jwt";

/// There is no grant.
pub(super) enum NoGrant {
    /// Nobody answered; later somebody may.
    Unreachable(TitlesUnavailable),
    /// The answer is not believed, we are not entitled, or no request can be made. This is the end of it (T64).
    Refused(String),
}

/// What a request is made of.
struct Asker<'a> {
    url: &'a Url,
    service: String,
    device: String,
    keys: Keys,
}

/// An answer and the id of the request it must be one to.
struct Answer {
    id: String,
    document: Document,
}

impl Titles {
    /// Asks the service for a grant; a second time only where the clock of this Mac had to be set first (T62).
    pub(super) async fn exchange(&self, service: &Url) -> Result<Grant, NoGrant> {
        let asker = self.asker(service).await?;
        let mut was_set = false;
        loop {
            let answer = self.ask(&asker).await?;
            let (proven, moment) = match self.believe(&asker, &answer, was_set) {
                Ok(proven) => proven,
                Err(refusal) => return Err(refused(&refusal)),
            };
            let mark = proven.mark();
            let (grant, text) = match proven.in_time(&moment) {
                Timing::Accepted(grant) => (grant, format!("grant: valid {mark}")),
                Timing::ByServer(grant, ahead) => {
                    (grant, format!("grant: valid {mark} by the clock of the service; {}", off(ahead)))
                }
                Timing::Refused(refusal) => return Err(refused(&refusal)),
                Timing::SetClock { ahead, refusal } if self.dry_run => {
                    let text = format!("grant: {refusal}; {}, which a dry run does not mend", off(ahead));
                    self.tell(Level::Warning, text).await;
                    return Err(refused(&refusal));
                }
                Timing::SetClock { ahead, refusal } => {
                    self.tell(Level::Warning, format!("grant: {refusal}; {}, setting it", off(ahead))).await;
                    if let Err(error) = self.host.set_clock().await {
                        self.tell(Level::Warning, error.to_string()).await;
                    }
                    was_set = true;
                    continue;
                }
            };
            self.tell(Level::Info, text).await;
            return Ok(grant);
        }
    }

    /// Who asks, once for all attempts.
    async fn asker<'a>(&self, url: &'a Url) -> Result<Asker<'a>, NoGrant> {
        let device = self.host.hardware_uuid().await.map_err(|error| {
            // A tool that failed; nobody has refused anything.
            NoGrant::Unreachable(TitlesUnavailable { reason: error.to_string(), transient: true })
        })?;
        let keys = self.keys().await.map_err(NoGrant::Refused)?;
        if keys.is_empty() {
            let why = "grant: unknown key: neither TitleKeyFile nor TitleKeys holds one";
            return Err(NoGrant::Refused(why.to_owned()));
        }
        let service = url.origin().ascii_serialization();
        Ok(Asker { url, service, device: device.to_ascii_uppercase(), keys })
    }

    /// One answer, in a series of attempts.
    async fn ask(&self, asker: &Asker<'_>) -> Result<Answer, NoGrant> {
        let Some(key) = asker.keys.for_requests(OffsetDateTime::now_utc()) else {
            let why = "no key can sign a request: none is for HS256 and has not expired";
            return Err(NoGrant::Refused(why.to_owned()));
        };
        let ask = || self.ask_once(asker, key).boxed();
        self.downloader.insist(asker.url, ask, &self.recorder).await.map_err(|error| match error.cause {
            Cause::NotEntitled(_) => NoGrant::Refused(format!("this Mac is not entitled: {error}")),
            _ => NoGrant::Unreachable(error.into()),
        })
    }

    /// Each attempt is a request of its own: an old one may have expired meanwhile.
    async fn ask_once(&self, asker: &Asker<'_>, key: &Key) -> Result<Answer, Cause> {
        let id = random_token()?;
        let local_address = if self.settings.send_local_address { local_address() } else { None };
        let request = grant::Request {
            service: &asker.service,
            device: &asker.device,
            id: &id,
            now: OffsetDateTime::now_utc(),
            local_address,
        };
        let unsigned = || FetchError::Request(format!("the key {} cannot sign", key.kid()));
        let body = request.token(key).ok_or_else(unsigned)?;
        let follow_redirects = Some(FollowRedirects::None);
        let options = FetchOptions { follow_redirects, ..FetchOptions::default() };
        let plain = self.downloader.request(&Source { url: asker.url.clone(), options });
        let request = Request { post: Some(Posted { content_type: TOKEN, body }), ..plain };
        let document = self.downloader.document(&request, LONGEST_TOKEN as u64).await;
        Ok(Answer { id, document: document.map_err(entitled)? })
    }

    /// Everything but the time of the answer, and what is known of the time.
    fn believe(
        &self,
        asker: &Asker<'_>,
        answer: &Answer,
        was_set: bool,
    ) -> Result<(grant::Proven, Moment), Refusal> {
        let now = OffsetDateTime::now_utc();
        let expected = Expected { service: &asker.service, device: &asker.device, request: &answer.id };
        let proven = grant::verify(&answer.document.content, &asker.keys, &expected, now)?;
        let moment = Moment {
            local: now.unix_timestamp_nanos() as f64 / 1e9,
            server: answer.document.head.date.map(|seconds| seconds as f64),
            leeway: self.settings.clock_leeway.as_secs_f64(),
            policy: self.settings.clock_policy,
            was_set,
        };
        Ok((proven, moment))
    }

    /// Tells something about the titles as a whole.
    pub(super) async fn tell(&self, level: Level, text: String) {
        self.recorder.notice(level, Category::Main, None, format!("titles: {text}")).await;
    }
}

fn refused(refusal: &Refusal) -> NoGrant {
    NoGrant::Refused(format!("grant: {refusal}"))
}

/// Whoever is refused by name does not ask again (T52, T65).
pub(super) fn entitled(cause: Cause) -> Cause {
    match cause {
        Cause::Status { status: status @ (401 | 403), .. } => Cause::NotEntitled(status),
        cause => cause,
    }
}

/// How far the clock of this Mac is off.
fn off(ahead: f64) -> String {
    let side = if ahead > 0.0 { "behind" } else { "ahead" };
    format!("the clock is off by {:.0} s ({side})", ahead.abs())
}

/// The address of the interface that leads to the rest of the world (T69). Nothing is sent: an address for documentation
/// is only looked up in the table of routes.
fn local_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

impl From<DownloadError> for TitlesUnavailable {
    fn from(error: DownloadError) -> Self {
        Self { transient: error.is_transient(), reason: error.to_string() }
    }
}
