//! The gate at VirusTotal (T80–T86): asks its API, version 3, what it thinks of a file.

mod judge;

use super::publisher::{Exception, Unknown, VirusTotal};
use crate::{
    chain::chain,
    web::{Request, Web},
};
use bytes::Bytes;
use judge::{Judgement, Report, judge};
use serde::Deserialize;
use std::{
    cell::Cell,
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};
use time::OffsetDateTime;
use url::Url;

/// The longest answer of the API that is read.
const LONGEST: u64 = 8 << 20;
/// Files up to this size are posted at once; larger ones need an address of their own.
const SMALL: u64 = 32 << 20;
/// VirusTotal takes no larger ones.
const LARGEST: u64 = 650 << 20;

/// What the gate says.
#[derive(Debug)]
pub(super) enum Said {
    /// It may pass; why.
    Passed(String),
    /// It may have passed once, and nobody may ask for a new analysis now; why.
    Old(String),
    /// Somebody has to decide; why.
    Held(String),
    /// It must not pass, or nobody can tell; why.
    Refused(String),
}

/// A file to ask about.
pub(super) struct Asked<'a> {
    pub(super) sha256: &'a str,
    pub(super) title: &'a str,
    /// How far asking may go.
    pub(super) means: Means<'a>,
}

/// How far asking may go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means<'a> {
    /// What is known already.
    Looking,
    /// A new analysis of what it has.
    Analysing,
    /// The file may be handed over, if the settings say so.
    HandingOver(&'a Path),
}

/// A door to the API.
pub(super) struct Gate<'a> {
    web: &'a Web,
    settings: &'a VirusTotal,
    exceptions: &'a [Exception],
    key: String,
    last: Cell<Option<Instant>>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<Data<T>>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Data<T> {
    id: String,
    attributes: Option<T>,
}

#[derive(Deserialize)]
struct Failure {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct Analysis {
    status: String,
}

impl<'a> Gate<'a> {
    /// With the key in the file that the settings name.
    ///
    /// # Errors
    /// There is none: then titles are held (T122 j).
    pub(super) fn new(
        web: &'a Web,
        settings: &'a VirusTotal,
        exceptions: &'a [Exception],
        key_file: Option<&Path>,
    ) -> Result<Self, String> {
        let file = key_file.ok_or(
            "no vt_key_file in publish.json: VirusTotal cannot be asked; a company needs a premium key, or skips this step with a reason",
        )?;
        let key = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { web, settings, exceptions, key: key.trim().to_owned(), last: Cell::new(None) })
    }

    /// What becomes of a file.
    pub(super) fn ask(&self, asked: &Asked<'_>) -> Said {
        self.verdict(asked).unwrap_or_else(Said::Refused)
    }

    fn verdict(&self, asked: &Asked<'_>) -> Result<Said, String> {
        let place = format!("files/{}", asked.sha256);
        let Some(report) = self.report(&place, asked.sha256)? else { return self.unknown(asked, &place) };
        match self.judge(&report, asked) {
            Judgement::Passed(why) => Ok(Said::Passed(why)),
            Judgement::Refused(why) => Ok(Said::Refused(why)),
            Judgement::Stale(why) if matches!(asked.means, Means::Looking) => Ok(Said::Old(why)),
            Judgement::Stale(_) => {
                let analysis = self.call::<Analysis>(
                    &format!("{place}/analyse"),
                    &Request { post: true, ..Request::default() },
                )?;
                let id = analysis.ok_or("VirusTotal begins no new analysis: it does not know the file")?.id;
                self.settled(&id, &place, asked)
            }
        }
    }

    fn judge(&self, report: &Report, asked: &Asked<'_>) -> Judgement {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        judge(report, (asked.sha256, asked.title), self.settings, self.exceptions, now)
    }

    fn unknown(&self, asked: &Asked<'_>, place: &str) -> Result<Said, String> {
        let told = "VirusTotal has never seen it";
        match (self.settings.vt_unknown, asked.means) {
            (Unknown::Fail, _) => Ok(Said::Refused(format!("{told}, and vt_unknown = fail"))),
            (Unknown::Hold, _) => Ok(Said::Held(format!("{told}, and vt_unknown = hold"))),
            (Unknown::Submit, Means::Looking | Means::Analysing) => {
                Ok(Said::Held(format!("{told}, and it is not handed over")))
            }
            (Unknown::Submit, Means::HandingOver(file)) => {
                let id = self.submit(file, asked.sha256)?;
                self.settled(&id, place, asked)
            }
        }
    }

    /// Waits for an analysis to end, and judges what came of it.
    fn settled(&self, id: &str, place: &str, asked: &Asked<'_>) -> Result<Said, String> {
        let until = Instant::now() + Duration::from_secs(60 * self.settings.vt_wait_minutes);
        loop {
            let analysis = self.call::<Analysis>(&format!("analyses/{id}"), &Request::default())?;
            let status = analysis.and_then(|data| data.attributes).map(|analysis| analysis.status);
            if status.as_deref() == Some("completed") {
                break;
            }
            if Instant::now() >= until {
                return Ok(Said::Held(format!(
                    "its analysis takes longer than vt_wait_minutes = {}",
                    self.settings.vt_wait_minutes
                )));
            }
        }
        let report =
            self.report(place, asked.sha256)?.ok_or("VirusTotal does not know what it has just analysed")?;
        Ok(match self.judge(&report, asked) {
            Judgement::Passed(why) => Said::Passed(format!("{why}, analysed anew")),
            Judgement::Refused(why) => Said::Refused(why),
            Judgement::Stale(why) => Said::Refused(format!("analysed anew, and still {why}")),
        })
    }

    /// The report of a file; `None`: never seen.
    fn report(&self, place: &str, sha256: &str) -> Result<Option<Report>, String> {
        let Some(data) = self.call::<Report>(place, &Request::default())? else { return Ok(None) };
        if !data.id.eq_ignore_ascii_case(sha256) {
            return Err(format!("VirusTotal answered for another file: {}", data.id));
        }
        data.attributes.map(Some).ok_or_else(|| "VirusTotal's report has no attributes".to_owned())
    }

    /// Hands a file over; the analysis that began.
    fn submit(&self, file: &Path, sha256: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", file.display());
        let size = fs::metadata(file).map_err(failed)?.len();
        if size > LARGEST {
            return Err(format!("{}: larger than VirusTotal takes", file.display()));
        }
        let mut opened = fs::File::open(file).map_err(failed)?;
        let body = form(&mut opened, size, sha256).map_err(failed)?;
        let kind = format!("multipart/form-data; boundary={sha256}");
        let request = Request { body: Some((kind, body)), ..Request::default() };
        let analysis = if size <= SMALL {
            self.call::<Analysis>("files", &request)?
        } else {
            // The one answer whose data is a text.
            let (_, answer) = self.send(&self.place("files/upload_url")?, &Request::default())?;
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
            let address = answer.get("data").and_then(|data| data.as_str());
            let address = address.ok_or("VirusTotal gives no address for large files")?;
            self.call_at::<Analysis>(&parsed(address)?, &request)?
        };
        Ok(analysis.ok_or("VirusTotal took the file and knows nothing of it")?.id)
    }

    fn call<T: for<'de> Deserialize<'de>>(
        &self,
        place: &str,
        request: &Request,
    ) -> Result<Option<Data<T>>, String> {
        self.call_at(&self.place(place)?, request)
    }

    fn place(&self, place: &str) -> Result<Url, String> {
        parsed(&format!("{}/{place}", self.settings.vt_api.trim_end_matches('/')))
    }

    /// `None`: it knows of no such thing.
    fn call_at<T: for<'de> Deserialize<'de>>(
        &self,
        url: &Url,
        request: &Request,
    ) -> Result<Option<Data<T>>, String> {
        let (status, body) = self.send(url, request)?;
        let envelope: Envelope<T> = serde_json::from_slice(&body).map_err(|error| {
            format!("VirusTotal's answer (status {status}) cannot be understood: {error}")
        })?;
        match (status, envelope) {
            (404, Envelope { error: Some(Failure { code, .. }), .. }) if code == "NotFoundError" => Ok(None),
            (200, Envelope { data: Some(data), error: None }) => Ok(Some(data)),
            (_, Envelope { error: Some(Failure { code, message }), .. }) => {
                let hint = match status {
                    401 | 403 => "; look at vt_key_file",
                    429 => "; the quota of the key is used up",
                    _ => "",
                };
                Err(format!("VirusTotal refuses (status {status}): {code}: {message}{hint}"))
            }
            _ => Err(format!("VirusTotal answers with status {status} and neither data nor error")),
        }
    }

    /// No faster than the key allows.
    fn send(&self, url: &Url, request: &Request) -> Result<(u16, Vec<u8>), String> {
        let pause = Duration::from_secs(60) / self.settings.vt_requests_per_minute.max(1);
        if let Some(since) = self.last.get().map(|last| last.elapsed()).filter(|since| *since < pause) {
            thread::sleep(pause - since);
        }
        self.last.set(Some(Instant::now()));
        let request = Request {
            headers: vec![("x-apikey".to_owned(), self.key.clone())],
            body: request.body.clone(),
            post: request.post,
            limit: LONGEST,
            ..Request::default()
        };
        let (answer, body) = self.web.ask(url, &request).map_err(|error| chain(&error))?;
        Ok((answer.status, body))
    }
}

fn parsed(url: &str) -> Result<Url, String> {
    Url::parse(url).map_err(|error| format!("vt_api: {url}: {error}"))
}

/// A file as the one field of a form, in memory once. Its own digest is in no file but by chance of 2^-256, so that it can be the boundary.
fn form(file: &mut impl io::Read, size: u64, boundary: &str) -> io::Result<Bytes> {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let mut body = Vec::with_capacity(head.len() + size as usize + tail.len());
    body.extend_from_slice(head.as_bytes());
    file.read_to_end(&mut body)?;
    body.extend_from_slice(tail.as_bytes());
    Ok(body.into())
}
