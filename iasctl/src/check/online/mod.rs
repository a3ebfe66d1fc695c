//! Asks the servers for what a control file names, as a Mac would, and compares what comes with what the items say.

mod judge;
mod seen;

pub(in crate::check) use self::seen::Seen;

use self::{
    judge::{Notes, judge},
    seen::told,
};
use crate::{
    inspect::{
        report::Report,
        survey::{Wanted, survey},
    },
    server_certificate,
    verdict::Verdict,
    web::{Follow, Request, Web, WebError},
};
use rustls::pki_types::CertificateDer;
use shared::{
    control::{ControlFile, Entry, Finding, Whereabouts},
    digest::{Digest, Digester},
    flat_package::{
        FlatPackage,
        signature::{Certificate, TrustRoots, Verdict as Signed},
    },
    item::ItemKind,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Seek as _, Write},
    rc::Rc,
    time::Duration,
};
use time::OffsetDateTime;
use url::Url;

/// How long a server may think, or pause.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than this leads nowhere.
const MOST_REDIRECTS: usize = 5;
/// So much of the beginning is kept, to see what it is.
const BEGINNING: usize = 512;

/// Asks servers; each address once.
pub(super) struct Online {
    web: Web,
    roots: TrustRoots,
    most: u64,
    /// Whether a certificate leads to one of the authorities that were given.
    added: Vec<Certificate>,
    /// Whose certificates were looked at, by name and port.
    hosts: BTreeSet<(String, Option<u16>)>,
    known: BTreeMap<Url, Fetched>,
}

/// What came from an address.
#[derive(Clone)]
struct Fetched {
    addresses: Vec<String>,
    outcome: Result<Content, String>,
}

#[derive(Clone)]
struct Content {
    status: u16,
    bytes: u64,
    digest: Digest,
    resumable: bool,
    page: bool,
    /// A redirect from http to http, which Macs follow only when told to.
    plain_redirect: Option<String>,
    report: Option<Rc<Judged>>,
}

/// A package that was taken apart.
struct Judged {
    report: Report,
    /// What verifying its signature said, once for all who ask.
    verdict: Option<Signed>,
}

impl Online {
    /// Trusts the system, and `extra_roots` in DER; takes no more than `most` bytes from an address.
    pub(super) fn new(extra_roots: Vec<CertificateDer<'static>>, most: u64) -> Result<Self, WebError> {
        let added = extra_roots.iter().filter_map(|der| Certificate::parse(der)).collect();
        let (web, hosts) = (Web::new(extra_roots, PATIENCE)?, BTreeSet::new());
        Ok(Self { web, roots: TrustRoots::apple(), most, added, hosts, known: BTreeMap::new() })
    }

    /// Looks at everything a control file names.
    pub(super) fn look(
        &mut self,
        file: &str,
        text: &[u8],
        control: &ControlFile,
    ) -> (Vec<Finding>, Vec<Seen>) {
        let mut notes = Notes { file, places: Whereabouts::of(text), findings: Vec::new() };
        let mut seen = Vec::new();
        for entry in control.entries() {
            let Entry::Item(item) = entry else { continue };
            let sources = item.source.iter().map(|source| (source, "url"));
            for (source, key) in sources.chain(item.mirrors.iter().map(|source| (source, "mirrors"))) {
                if !matches!(source.url.scheme(), "http" | "https") {
                    continue;
                }
                let fetched = self.fetch(&source.url, item.kind);
                judge(&mut notes, (item, source, key), &fetched);
                // Each host once, where it is named first.
                let host = source.url.host_str().filter(|_| source.url.scheme() == "https");
                let port = source.url.port_or_known_default();
                if let Some(host) = host.filter(|host| self.hosts.insert(((*host).to_owned(), port))) {
                    notes.certificate((item, key), host, self.certificates(host));
                }
                seen.push(told(item, &fetched));
            }
        }
        (notes.findings, seen)
    }

    /// What macOS thinks of a host's certificates.
    fn certificates(&self, host: &str) -> Vec<Verdict> {
        let shown = self.web.certificates(host).unwrap_or_default();
        let chain: Vec<Certificate> = shown.iter().filter_map(|der| Certificate::parse(der)).collect();
        server_certificate::judge(&chain, &self.added, OffsetDateTime::now_utc())
    }

    fn fetch(&mut self, url: &Url, kind: ItemKind) -> Fetched {
        if let Some(known) = self.known.get(url) {
            return known.clone();
        }
        let mut addresses = Vec::new();
        let outcome = self.content(url, kind, &mut addresses);
        let fetched = Fetched { addresses, outcome };
        self.known.insert(url.clone(), fetched.clone());
        fetched
    }

    fn content(&self, url: &Url, kind: ItemKind, addresses: &mut Vec<String>) -> Result<Content, String> {
        let (mut here, mut plain_redirect) = (url.clone(), None);
        loop {
            addresses.push(shown(&here));
            let file = tempfile::tempfile().map_err(|error| format!("no temporary file: {error}"))?;
            let mut sink = Sink { file, digester: Digester::default(), beginning: Vec::new() };
            let request = Request { follow: Follow::Never, limit: self.most, ..Request::default() };
            let answer = self.web.fetch(&here, &request, &mut sink).map_err(|error| error.reason())?;
            if let (301 | 302 | 303 | 307 | 308, Some(location)) = (answer.status, answer.header("location"))
            {
                let next = here
                    .join(location)
                    .map_err(|_| format!("it redirects to `{location}`, which is no address"))?;
                if next.scheme() != "https" {
                    if here.scheme() == "https" {
                        return Err(format!(
                            "it redirects from https to {}, where no Mac follows",
                            shown(&next)
                        ));
                    }
                    plain_redirect = Some(shown(&next));
                }
                if addresses.len() > MOST_REDIRECTS {
                    return Err(format!("more than {MOST_REDIRECTS} redirects"));
                }
                here = next;
                continue;
            }
            let validator = answer.header("etag").or_else(|| answer.header("last-modified")).is_some();
            let resumable =
                validator && answer.header("accept-ranges").is_some_and(|ranges| ranges.contains("bytes"));
            let beginning = sink.beginning.trim_ascii_start().to_ascii_lowercase();
            let page = beginning.starts_with(b"<!doctype html") || beginning.starts_with(b"<html");
            let is_package = kind == ItemKind::Package && answer.status == 200 && !page;
            let report = if is_package { Some(self.package(sink.file, answer.bytes).into()) } else { None };
            let (status, digest) = (answer.status, sink.digester.finish());
            return Ok(Content {
                status,
                bytes: answer.bytes,
                digest,
                resumable,
                page,
                plain_redirect,
                report,
            });
        }
    }

    fn package(&self, mut file: File, size: u64) -> Judged {
        let now = OffsetDateTime::now_utc();
        let verdict = file.rewind().ok().and_then(|()| file.try_clone().ok()).and_then(|copy| {
            FlatPackage::open(copy).ok().map(|mut package| package.verify(&self.roots, now))
        });
        // Both share one offset; where it cannot be set back, the survey says what is wrong.
        let _ = file.rewind();
        let wanted = Wanted { files: false, scripts: false, roots: self.roots.clone(), now };
        Judged { report: survey(String::new(), file, size, &wanted), verdict }
    }
}

/// Without user and query, which may be secret.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // An address without a host has no user either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

/// Where a body goes: a file, a digest, and its beginning.
struct Sink {
    file: File,
    digester: Digester,
    beginning: Vec<u8>,
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.file.write_all(piece)?;
        self.digester.update(piece);
        let more = BEGINNING.saturating_sub(self.beginning.len()).min(piece.len());
        self.beginning.extend_from_slice(piece.get(..more).unwrap_or_default());
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
