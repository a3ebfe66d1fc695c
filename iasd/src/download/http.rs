//! [`Fetch`] over reqwest: connections, TLS, proxies, redirects and challenges of one request.
//!
//! What is sent to whom is decided here (R118–R123, R126): headers and credentials go to the first origin only and
//! never over plain http, unless that is this computer. The engine would send what stands in a URL unasked, so no URL
//! with a user reaches it. The decisions themselves are pure (`redirect`, `auth`).

use super::{
    auth::{self, Answer, Tried},
    fetch::{Fetch, FetchError, Identity, Posted, Request, Response, is_loopback, same_origin},
    head, pace,
    redirect::Trail,
    tls::{Network, Tls},
};
use futures::{FutureExt as _, future::BoxFuture};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use shared::{item::Secret, user_info};
use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use url::Url;

/// The HTTP engine of every world.
pub(crate) struct Http {
    tls: Tls,
    network: Network,
    clients: Mutex<HashMap<Shape, reqwest::Client>>,
}

/// What is fixed for all requests of one client, and so needs a client of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    secure: bool,
    tls13_only: bool,
    direct: bool,
    connect: Duration,
}

impl Http {
    /// An engine for `network`.
    pub(crate) fn new(network: Network) -> Self {
        Self { tls: Tls::new(), network, clients: Mutex::default() }
    }

    async fn ask(&self, mut request: Request) -> Result<Response, FetchError> {
        user_info::take(&mut request.url);
        self.network.reach(&request.url)?;
        let mut trail = Trail::new(request.url.clone(), request.follow);
        let (mut here, mut tried, mut answer) = (request.url.clone(), Tried::Nothing, None);
        let mut identity = Some(&request.identity);
        loop {
            let got = self.send(&here, &request, identity, answer.take()).await?;
            let headers = got.headers();
            if got.status().as_u16() == 401
                && let Some(next) = reply_to_challenge(&here, headers, identity, tried)?
            {
                (answer, tried) = (Some(next.0), next.1);
            } else if matches!(got.status().as_u16(), 301 | 302 | 303 | 307 | 308)
                && let Some(location) = headers.get("location").and_then(|value| value.to_str().ok())
            {
                let next = trail.next(&here, location)?;
                // Once dropped they stay dropped, even if the trail leads back (R121).
                identity = identity.filter(|_| same_origin(&here, &next));
                (here, tried) = (next, Tried::Nothing);
            } else {
                let head = head::read(got.status().as_u16(), headers);
                let body = self.network.carry(&here, pace::paced(got.bytes_stream(), request.idle));
                return Ok(Response { url: here, head, body });
            }
        }
    }

    async fn send(
        &self,
        to: &Url,
        request: &Request,
        identity: Option<&Identity>,
        answer: Option<Answer>,
    ) -> Result<reqwest::Response, FetchError> {
        let shape = self.shape(to, request);
        let client = self.client(shape)?;
        let mut ask = match &request.post {
            None => client.get(to.clone()),
            Some(Posted { content_type, body: Secret(body) }) => {
                client.post(to.clone()).header(CONTENT_TYPE, *content_type).body(body.clone())
            }
        };
        let mut headers = match identity {
            Some(identity) => own_headers(to, identity)?,
            None => HeaderMap::new(),
        };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(resume) = &request.resume {
            let last = resume.until.map(|until| until.saturating_sub(1).to_string()).unwrap_or_default();
            headers.insert(RANGE, value("Range", &format!("bytes={}-{last}", resume.from))?);
            if let Some(validator) = &resume.validator {
                headers.insert(IF_RANGE, value("If-Range", validator)?);
            }
        }
        if let Some(known) = &request.known {
            headers.insert(IF_NONE_MATCH, value("If-None-Match", known)?);
        }
        if let Some(Answer::Digest(authorization)) = &answer {
            headers.insert(AUTHORIZATION, value("Authorization", authorization)?);
        }
        ask = ask.headers(headers);
        if let (Some(Answer::Basic), Some((user, Secret(password)))) =
            (&answer, identity.and_then(|identity| identity.credentials.as_ref()))
        {
            ask = ask.basic_auth(user, Some(password));
        }
        let patience = request.connect + request.idle;
        match timeout(patience, ask.send()).await {
            Ok(result) => result.map_err(|error| self.noted(shape, broken(&error))),
            Err(_) => Err(FetchError::Idle(patience)),
        }
    }

    fn shape(&self, to: &Url, request: &Request) -> Shape {
        Shape {
            secure: to.scheme() == "https",
            tls13_only: request.tls13_only,
            direct: request.ignore_system_proxy || is_loopback(to) || self.network.overrides(to),
            connect: request.connect,
        }
    }

    /// A client keeps the proxies that the system had when it was made. Where nothing could be reached the next one is
    /// made anew: this Mac may be in another network by now (R126).
    fn noted(&self, shape: Shape, failure: FetchError) -> FetchError {
        if matches!(failure, FetchError::Connect(_)) {
            self.clients().remove(&shape);
        }
        failure
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<Shape, reqwest::Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, shape: Shape) -> Result<reqwest::Client, FetchError> {
        let mut clients = self.clients();
        if let Some(client) = clients.get(&shape) {
            return Ok(client.clone());
        }
        let client = self.build(shape)?;
        clients.insert(shape, client.clone());
        Ok(client)
    }

    fn build(&self, shape: Shape) -> Result<reqwest::Client, FetchError> {
        let tls = self.tls.config(&self.network, shape.secure, shape.tls13_only)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .connect_timeout(shape.connect)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("ias/", env!("CARGO_PKG_VERSION")));
        for (host, address) in &self.network.resolve {
            builder = builder.resolve(host, *address);
        }
        if shape.direct {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|error| FetchError::Request(chain(&error)))
    }
}

impl Fetch for Http {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.ask(request).boxed()
    }
}

/// The configured headers, where they may be shown (R121).
fn own_headers(to: &Url, identity: &Identity) -> Result<HeaderMap, FetchError> {
    let private = to.scheme() == "https" || is_loopback(to);
    if !private && names_authorization(identity) {
        return Err(FetchError::Cleartext(to.host_str().unwrap_or_default().to_owned()));
    }
    let mut headers = HeaderMap::new();
    for (name, Secret(secret)) in identity.headers.iter().filter(|_| private) {
        let refused = |_| FetchError::Request(format!("`{name}` is not a usable header name"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(refused)?;
        headers.insert(header, value(name, secret)?);
    }
    Ok(headers)
}

fn names_authorization(identity: &Identity) -> bool {
    identity.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
}

fn value(name: &str, text: &str) -> Result<HeaderValue, FetchError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        FetchError::Request(format!("the value of header `{name}` has characters HTTP does not allow"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What to answer to a 401, if there is anything left to say.
fn reply_to_challenge(
    here: &Url,
    headers: &HeaderMap,
    identity: Option<&Identity>,
    tried: Tried,
) -> Result<Option<(Answer, Tried)>, FetchError> {
    // An explicit Authorization header wins over user and password (R120).
    let Some(identity) = identity.filter(|identity| !names_authorization(identity)) else { return Ok(None) };
    let Some(credentials) = &identity.credentials else { return Ok(None) };
    if here.scheme() == "http" && !is_loopback(here) {
        return Err(FetchError::Cleartext(here.host_str().unwrap_or_default().to_owned()));
    }
    let offered: Vec<String> = headers
        .get_all("www-authenticate")
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let target = match here.query() {
        Some(query) => format!("{}?{query}", here.path()),
        None => here.path().to_owned(),
    };
    Ok(auth::answer(&offered, credentials, &target, (&random_token()?, tried)))
}

/// 128 random bits, in hexadecimal digits.
///
/// # Errors
/// When the system has none.
pub(crate) fn random_token() -> Result<String, FetchError> {
    let mut bytes = [0; 16];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| FetchError::Request("the system has no randomness".into()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Sorts a failure of the engine.
pub(super) fn broken(error: &reqwest::Error) -> FetchError {
    if error.is_builder() {
        FetchError::Request(chain(error))
    } else if error.is_connect() {
        FetchError::Connect(chain(error))
    } else {
        FetchError::Broken(chain(error))
    }
}

/// The causes of an error, outermost first, without the engine's own wrapping, which adds nothing and would repeat the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
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
    use shared::item::FollowRedirects;
    use support::server::{Reply, Server};

    async fn ask(http: &Http, url: &str) -> Result<u16, FetchError> {
        let request = Request {
            url: Url::parse(url).unwrap(),
            identity: Identity::default(),
            resume: None,
            post: None,
            known: None,
            follow: FollowRedirects::All,
            connect: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            ignore_system_proxy: false,
            tls13_only: false,
        };
        http.fetch(request).await.map(|response| response.head.status)
    }

    #[tokio::test]
    async fn r126_a_client_whose_network_is_gone_is_made_anew() {
        let (http, server) = (Http::new(Network::default()), Server::start().unwrap());
        server.serve("/x", [Reply::ok("x"), Reply::garbage("")]);
        assert_eq!(ask(&http, &server.url("/x")).await, Ok(200));
        assert!(matches!(ask(&http, &server.url("/x")).await, Err(FetchError::Broken(_))));
        assert_eq!(http.clients().len(), 1, "a server that breaks off says nothing of the network");
        assert!(matches!(ask(&http, "http://127.0.0.1:9/x").await, Err(FetchError::Connect(_))));
        assert!(http.clients().is_empty());
    }
}
