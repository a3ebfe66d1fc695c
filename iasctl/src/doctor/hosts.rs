//! Each host a Mac will speak to, asked once: whether it answers, where it sends one, its certificates, its clock.

use super::{Line, addresses::Address};
use crate::{
    chain::chain,
    check::MOST_BYTES,
    pem, server_certificate,
    verdict::Verdict,
    web::{Answer, Request, Web},
};
use serde_json::{Value as Json, json};
use shared::flat_package::signature::Certificate;
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    path::PathBuf,
    time::{Duration, Instant},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::Url;

/// How long a server may think, or pause.
const PATIENCE: Duration = Duration::from_secs(15);
/// More than this leads nowhere.
const MOST_REDIRECTS: usize = 5;
/// More purposes are counted, not named.
const MOST_NAMED: usize = 3;

/// Asks hosts.
pub(super) struct Hosts {
    web: Web,
    added: Vec<Certificate>,
    asked: BTreeMap<String, Host>,
}

/// A host that was asked.
pub(super) struct Host {
    name: String,
    purposes: Vec<String>,
    /// Worst first, once all is judged.
    pub(super) verdicts: Vec<Verdict>,
    is_secure: bool,
    /// Its certificates, its own first.
    chain: Vec<Certificate>,
    milliseconds: Option<u128>,
    /// Seconds it is ahead of this computer.
    offset: Option<i64>,
}

impl Hosts {
    /// Trusts the system, and the authorities in these files.
    pub(super) fn new(ca: &[PathBuf]) -> Result<Self, String> {
        let extra = pem::authorities(ca)?;
        let added = extra.iter().filter_map(|der| Certificate::parse(der)).collect();
        let web = Web::new(extra, PATIENCE).map_err(|error| chain(&error))?;
        Ok(Self { web, added, asked: BTreeMap::new() })
    }

    /// Loads a control file, and judges its host on the way.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub(super) fn load(&mut self, address: &Address) -> Result<Vec<u8>, String> {
        let mut here = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            let request = Request { headers: here.headers.clone(), limit: MOST_BYTES, ..Request::default() };
            let (answer, body) =
                self.request(&here, &request).ok_or("it cannot be loaded: see its host".to_owned())?;
            match self.leads_to(&here, &answer) {
                Some(next) => here = here.at(next),
                None if answer.status == 200 => return Ok(body),
                None => return Err(format!("the server answers {}", answer.status)),
            }
        }
        Err(format!("more than {MOST_REDIRECTS} redirects"))
    }

    /// Asks the hosts of these addresses, each once, and those they lead to.
    pub(super) fn ask(&mut self, addresses: Vec<Address>) {
        let request = Request { head: true, ..Request::default() };
        for address in addresses {
            let mut next = Some(address);
            while let Some(here) = next.take() {
                if self.asked.contains_key(&name(&here.url)) {
                    self.host(&here.url, &here.purpose);
                    break;
                }
                let Some((answer, _)) = self.request(&here, &request) else { break };
                // Some servers know no HEAD.
                if here.answers && answer.status >= 400 && ![405, 501].contains(&answer.status) {
                    let problem = format!("answers {} for {}", answer.status, crate::web::shown(&here.url));
                    self.host(&here.url, &here.purpose).verdicts.push(Verdict::Warning(problem));
                }
                next = self.leads_to(&here, &answer).map(|next| here.at(next));
            }
        }
    }

    /// Asks one address, and notes what its host showed of itself; `None`: there was no answer.
    fn request(&mut self, address: &Address, request: &Request) -> Option<(Answer, Vec<u8>)> {
        let named = address.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        self.web.take_certificates(named);
        let begun = Instant::now();
        let outcome = self.web.ask(&address.url, request);
        let shown = self.web.take_certificates(named);
        let host = self.host(&address.url, &address.purpose);
        if let Some(shown) = shown {
            host.chain = shown.iter().filter_map(|der| Certificate::parse(der)).collect();
        }
        match outcome {
            Ok((answer, body)) => {
                host.answered(&answer, begun);
                Some((answer, body))
            }
            Err(error) => {
                host.verdicts.push(Verdict::Refused(error.reason()));
                None
            }
        }
    }

    /// Where an answer sends Macs on to.
    fn leads_to(&mut self, address: &Address, answer: &Answer) -> Option<Url> {
        let location = answer.header("location").filter(|_| (300..400).contains(&answer.status))?;
        let next = address.url.join(location).ok()?;
        if address.url.scheme() == "https" && next.scheme() != "https" {
            let problem = "redirects from https to http, where no Mac follows".to_owned();
            self.host(&address.url, &address.purpose).verdicts.push(Verdict::Refused(problem));
            return None;
        }
        matches!(next.scheme(), "http" | "https").then_some(next)
    }

    fn host(&mut self, url: &Url, purpose: &str) -> &mut Host {
        let name = name(url);
        let host = self.asked.entry(name.clone()).or_insert_with(|| Host {
            name,
            purposes: Vec::new(),
            verdicts: Vec::new(),
            is_secure: url.scheme() == "https",
            chain: Vec::new(),
            milliseconds: None,
            offset: None,
        });
        if !host.purposes.iter().any(|known| known == purpose) {
            host.purposes.push(purpose.to_owned());
        }
        host
    }

    /// Whether others stand between.
    pub(super) fn proxies(&self) -> Option<Line> {
        let names = ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"];
        let set =
            names.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))?;
        let note = format!("{set} is set here: hosts were asked through it, as Macs may not be");
        (!self.asked.is_empty()).then(|| Line::new("proxy", Verdict::Note(note)))
    }

    /// Everything asked, with what macOS thinks of the certificates; worst first.
    pub(super) fn judged(self) -> Vec<Host> {
        let now = OffsetDateTime::now_utc();
        let mut hosts = Vec::new();
        for mut host in self.asked.into_values() {
            let last_day = host.chain.first().map(|own| own.not_after.date());
            for verdict in server_certificate::judge(&host.chain, &self.added, now) {
                host.verdicts.push(match (verdict, last_day) {
                    (Verdict::Fits(text), Some(day)) => {
                        Verdict::Fits(format!("certificate fits macOS rules: {text}, expires {day}"))
                    }
                    (other, _) => other,
                });
            }
            if !host.is_secure {
                let note = "http: whoever is on the way can change what comes, only digests tell".to_owned();
                host.verdicts.push(Verdict::Note(note));
            }
            host.verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.weight()));
            hosts.push(host);
        }
        hosts.sort_by_key(|host| std::cmp::Reverse(host.weight()));
        hosts
    }
}

/// By how much each host that told its time is ahead of this computer.
pub(super) fn offsets(hosts: &[Host]) -> Vec<(&str, i64)> {
    hosts.iter().filter_map(|host| Some((host.name.as_str(), host.offset?))).collect()
}

impl Host {
    fn answered(&mut self, answer: &Answer, begun: Instant) {
        let took = begun.elapsed();
        self.milliseconds = Some(took.as_millis());
        let said = answer.header("date").and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
        // It was said about half way.
        let then = OffsetDateTime::now_utc() - took / 2;
        self.offset = said.map(|said| (said - then).whole_seconds());
    }

    /// That of the worst.
    pub(super) fn weight(&self) -> u8 {
        self.verdicts.first().map_or(0, Verdict::weight)
    }

    pub(super) fn as_json(&self) -> Json {
        let verdicts: Vec<Json> = self
            .verdicts
            .iter()
            .map(|verdict| json!({ "verdict": verdict.word(), "text": verdict.text() }))
            .collect();
        json!({
            "host": self.name, "for": self.purposes, "verdicts": verdicts, "milliseconds": self.milliseconds,
            "ahead_seconds": self.offset,
        })
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = self.verdicts.first().map_or("OK", Verdict::word);
        let said: Vec<&str> = self.verdicts.iter().map(Verdict::text).collect();
        write!(f, "{word:<4}  {}: {}", self.name, said.join("; "))?;
        if let Some(milliseconds) = self.milliseconds {
            write!(f, "; answered in {milliseconds} ms")?;
        }
        let named = self.purposes.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.purposes.len().saturating_sub(MOST_NAMED) {
            0 => write!(f, " (for {named})"),
            more => write!(f, " (for {named} and {more} more)"),
        }
    }
}

/// Host, and port where it is no usual one.
fn name(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
