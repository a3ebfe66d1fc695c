//! HTTP for the admin's tool: one request at a time, with the system's trust, honest about what went wrong.
//!
//! What may be secret is sent to the asked origin only, and over https only, unless that is this computer.

use crate::{
    chain::chain,
    witness::{Shown, Witness},
};
use bytes::Bytes;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use rustls::{ClientConfig, crypto::ring, pki_types::CertificateDer, version::TLS12, version::TLS13};
use rustls_platform_verifier::Verifier;
use std::{
    io::Write,
    net::IpAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::runtime::Runtime;
use url::Url;

/// More than this leads nowhere.
const MOST_REDIRECTS: usize = 5;

/// A line that takes fewer bytes in a second than this is as good as none.
const SLOWEST: u64 = 32 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// It cannot be asked at all.
    #[error("{url}: this cannot be requested: {why}")]
    Request {
        /// What was asked, without user and query.
        url: String,
        /// Why not.
        why: String,
    },
    /// No connection, or no trust in who answered.
    #[error("{url}: no connection: {why}")]
    Connect {
        /// What was asked.
        url: String,
        /// The causes.
        why: String,
    },
    /// Nothing came for too long.
    #[error("{url}: nothing came for {seconds} s")]
    Silence {
        /// What was asked.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The connection, or the answer, broke.
    #[error("{url}: the answer broke off: {why}")]
    Broken {
        /// What was asked.
        url: String,
        /// The causes.
        why: String,
    },
    /// The answer is longer than allowed.
    #[error("{url}: the answer is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// What came could not be kept.
    #[error("{url}: what came cannot be written")]
    Keep {
        /// What was asked.
        url: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The tool itself cannot use the network.
    #[error("the network cannot be used: {0}")]
    Unusable(String),
}

impl WebError {
    /// The causes without the address, for whoever has said it already.
    pub(crate) fn reason(&self) -> String {
        let text = chain(self);
        match text.split_once(": ") {
            Some((url, why)) if url.contains("://") => why.to_owned(),
            _ => text,
        }
    }
}

/// What to do when an answer says where else to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Follow {
    /// The redirect is the answer.
    #[default]
    Never,
    /// Up to five times, never from https to http; headers stay with the first origin.
    Redirects,
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Names and values; they are treated as secrets.
    pub(crate) headers: Vec<(String, String)>,
    /// What to send, and what it is; without it the request is a GET, unless `post` says otherwise.
    pub(crate) body: Option<(String, Bytes)>,
    /// POST, also without a body.
    pub(crate) post: bool,
    /// HEAD: what would be said about the content, without it.
    pub(crate) head: bool,
    /// What to do with redirects.
    pub(crate) follow: Follow,
    /// The longest answer that is taken, in bytes.
    pub(crate) limit: u64,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status, whatever it is: 404 is an answer, no error.
    pub(crate) status: u16,
    /// Where it came from in the end.
    pub(crate) url: Url,
    /// Everything said about it.
    pub(crate) headers: HeaderMap,
    /// The length of the body.
    pub(crate) bytes: u64,
}

impl Answer {
    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Asks.
pub(crate) struct Web {
    runtime: Runtime,
    client: reqwest::Client,
    patience: Duration,
    shown: Shown,
}

impl Web {
    /// With the roots of this system, and `extra_roots` in DER.
    ///
    /// # Errors
    /// This system has no usable roots, or no threads left.
    pub(crate) fn new(
        extra_roots: Vec<CertificateDer<'static>>,
        patience: Duration,
    ) -> Result<Self, WebError> {
        let unusable = |why: &dyn std::fmt::Display| WebError::Unusable(why.to_string());
        let provider = Arc::new(ring::default_provider());
        let shown = Shown::default();
        let verifier = Verifier::new_with_extra_roots(extra_roots, Arc::clone(&provider));
        let tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| unusable(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Witness::new(
                verifier.map_err(|error| unusable(&error))?,
                Shown::clone(&shown),
            )))
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .connect_timeout(patience)
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("iasctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unusable(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { runtime: runtime.map_err(|error| unusable(&error))?, client, patience, shown })
    }

    /// The certificates a host has shown, in DER, its own first; also where it was not trusted.
    pub(crate) fn certificates(&self, host: &str) -> Option<Vec<Vec<u8>>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// As [`Web::certificates`], which then waits for the host's next greeting: hosts are known by their name alone, whatever the
    /// port.
    pub(crate) fn take_certificates(&self, host: &str) -> Option<Vec<Vec<u8>>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).remove(host)
    }

    /// Asks, and keeps the answer in memory.
    ///
    /// # Errors
    /// [`WebError`]; no status is one.
    pub(crate) fn ask(&self, url: &Url, request: &Request) -> Result<(Answer, Vec<u8>), WebError> {
        let mut body = Vec::new();
        let answer = self.fetch(url, request, &mut body)?;
        Ok((answer, body))
    }

    /// Asks, and writes the body to `sink` as it comes.
    ///
    /// # Errors
    /// [`WebError`]; no status is one.
    pub(crate) fn fetch(
        &self,
        url: &Url,
        request: &Request,
        sink: &mut dyn Write,
    ) -> Result<Answer, WebError> {
        self.runtime.block_on(async {
            let (mut here, mut private) = (url.clone(), true);
            for _ in 0..=MOST_REDIRECTS {
                let response = self.send(&here, request, private).await?;
                let location = response.headers().get("location").and_then(|value| value.to_str().ok());
                let moved = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
                match location.filter(|_| moved && request.follow == Follow::Redirects) {
                    Some(location) => {
                        let next = next(&here, location)?;
                        private = private && here.origin() == next.origin();
                        here = next;
                    }
                    None => return self.keep(here, response, request.limit, sink).await,
                }
            }
            Err(refused(&here, format!("more than {MOST_REDIRECTS} redirects")))
        })
    }

    async fn send(&self, url: &Url, request: &Request, private: bool) -> Result<reqwest::Response, WebError> {
        let method = match (request.head, request.post || request.body.is_some()) {
            (true, _) => Method::HEAD,
            (false, true) => Method::POST,
            (false, false) => Method::GET,
        };
        let mut asked = self.client.request(method, url.clone());
        if private && !request.headers.is_empty() {
            if url.scheme() != "https" && !is_this_computer(url) {
                return Err(refused(url, "what may be secret is sent over https only".to_owned()));
            }
            asked = asked.headers(headers(url, &request.headers)?);
        }
        if let Some((kind, body)) = &request.body {
            asked = asked.header("content-type", kind).body(body.clone());
        }
        let length = request.body.as_ref().map_or(0, |(_, body)| body.len());
        let patience = self.patience + sending(length);
        match tokio::time::timeout(patience, asked.send()).await {
            Ok(sent) => sent.map_err(|error| self.failed(url, &error)),
            Err(_) => Err(WebError::Silence { url: shown(url), seconds: patience.as_secs() }),
        }
    }

    /// The next piece of an answer.
    async fn piece(&self, url: &Url, response: &mut reqwest::Response) -> Result<Option<Bytes>, WebError> {
        match tokio::time::timeout(self.patience, response.chunk()).await {
            Ok(piece) => piece.map_err(|error| self.failed(url, &error)),
            Err(_) => Err(WebError::Silence { url: shown(url), seconds: self.patience.as_secs() }),
        }
    }

    async fn keep(
        &self,
        url: Url,
        mut response: reqwest::Response,
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<Answer, WebError> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut bytes = 0;
        while let Some(piece) = self.piece(&url, &mut response).await? {
            bytes += piece.len() as u64;
            if bytes > limit {
                return Err(WebError::TooLong { url: shown(&url), limit });
            }
            sink.write_all(&piece).map_err(|source| WebError::Keep { url: shown(&url), source })?;
        }
        Ok(Answer { status, url, headers, bytes })
    }

    fn failed(&self, url: &Url, error: &reqwest::Error) -> WebError {
        let (url, why) = (shown(url), causes(error));
        if error.is_timeout() {
            WebError::Silence { url, seconds: self.patience.as_secs() }
        } else if error.is_builder() {
            WebError::Request { url, why }
        } else if error.is_connect() {
            WebError::Connect { url, why }
        } else {
            WebError::Broken { url, why }
        }
    }
}

/// How long a body of `length` bytes may be on its way: nobody sees how far it has come.
fn sending(length: usize) -> Duration {
    Duration::from_secs(length as u64 / SLOWEST)
}

/// Whether nobody but this computer hears what is said.
pub(crate) fn is_this_computer(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// A URL as it may be shown: without user and query.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

fn refused(url: &Url, why: String) -> WebError {
    WebError::Request { url: shown(url), why }
}

fn next(here: &Url, location: &str) -> Result<Url, WebError> {
    let next = here.join(location).map_err(|error| refused(here, format!("its redirect: {error}")))?;
    if here.scheme() == "https" && next.scheme() != "https" {
        return Err(refused(here, format!("it redirects from https to {}", shown(&next))));
    }
    Ok(next)
}

fn headers(url: &Url, wanted: &[(String, String)]) -> Result<HeaderMap, WebError> {
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        let unusable =
            || refused(url, format!("the value of header {name} has characters HTTP does not allow"));
        let mut value = HeaderValue::from_str(value).map_err(|_| unusable())?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused(url, format!("{} is no name of a header", name.escape_debug())))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The causes of an error, outermost first, without the engine's own wrapping, which would repeat the URL.
fn causes(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last() != Some(&text) && !text.starts_with("client error (") {
            causes.push(text);
        }
        next = cause.source();
    }
    if causes.is_empty() { "the request could not be sent".to_owned() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn secrets_go_over_https_or_stay_on_this_computer() {
        let web = Web::new(Vec::new(), Duration::from_secs(5)).unwrap();
        let request =
            Request { headers: vec![("x-apikey".to_owned(), "secret".to_owned())], ..Request::default() };
        let refused = web.ask(&url("http://example.com/?key=1"), &request).unwrap_err().to_string();
        assert_eq!(
            refused,
            "http://example.com/: this cannot be requested: what may be secret is sent over https only"
        );
        assert!(is_this_computer(&url("http://127.0.0.1:1/")) && is_this_computer(&url("http://[::1]/")));
        assert!(!is_this_computer(&url("http://127.0.0.1.example.com/")));
    }

    #[test]
    fn a_redirect_never_leads_from_https_to_http() {
        assert!(next(&url("https://a.example/x"), "http://a.example/x").is_err());
        assert_eq!(next(&url("https://a.example/x/y"), "../z").unwrap().as_str(), "https://a.example/z");
    }

    #[test]
    fn silence_ends_a_request_and_a_long_upload_is_none() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let web = Web::new(Vec::new(), Duration::from_millis(50)).unwrap();
        let error = web.ask(&url(&format!("http://127.0.0.1:{port}/")), &Request::default()).unwrap_err();
        assert!(matches!(error, WebError::Silence { .. }), "{error}");
        assert!(sending(650 << 20) > Duration::from_secs(5 * 60 * 60), "of the largest file for VirusTotal");
        assert_eq!(sending(0), Duration::ZERO);
    }

    #[test]
    fn what_nobody_serves_is_told_without_user_and_query() {
        let web = Web::new(Vec::new(), Duration::from_secs(5)).unwrap();
        let error =
            web.ask(&url("http://user:secret@127.0.0.1:9/x?token=1"), &Request::default()).unwrap_err();
        assert!(matches!(error, WebError::Connect { .. }), "{error}");
        let told = error.to_string();
        assert!(
            told.starts_with("http://127.0.0.1:9/x: no connection: ") && !told.contains("secret"),
            "{told}"
        );
    }
}
