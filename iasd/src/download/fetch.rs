//! What the download stage asks of an HTTP engine: the [`Fetch`] trait, one function, with its question and answer.

use super::portal::Portal;
use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use shared::item::{FollowRedirects, Secret};
use std::time::Duration;
use url::Url;

/// An HTTP engine.
pub(crate) trait Fetch: Send + Sync {
    /// Asks once; follows redirects and answers challenges, but never tries again after a failure.
    ///
    /// Any final status is an answer, not an error: what it means is the caller's business (R124).
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>>;
}

/// One GET, or a POST.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// An `http` or `https` URL.
    pub(crate) url: Url,
    /// What may be shown to the host of `url`, and to no other (R121).
    pub(crate) identity: Identity,
    /// Go on after what is there already (R125).
    pub(crate) resume: Option<Resume>,
    /// Send this; without it nothing is sent.
    pub(crate) post: Option<Posted>,
    /// The ETag of what is there already: the server may answer that it is still the same.
    pub(crate) known: Option<String>,
    /// Which redirects are followed (R122).
    pub(crate) follow: FollowRedirects,
    /// How long connecting may take (R123).
    pub(crate) connect: Duration,
    /// How long the server may stay silent, before and inside the body (R123).
    pub(crate) idle: Duration,
    /// Go past the system's proxy (R126).
    pub(crate) ignore_system_proxy: bool,
    /// Refuse TLS 1.2.
    pub(crate) tls13_only: bool,
}

/// What is sent to a server; it may be a secret.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// `Content-Type`.
    pub(crate) content_type: &'static str,
    /// The body.
    pub(crate) body: Secret,
}

/// Headers and credentials for one origin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    /// Sent with every request to that origin.
    pub(crate) headers: Vec<(String, Secret)>,
    /// User and password, used when the server asks (R120).
    pub(crate) credentials: Option<(String, Secret)>,
}

/// From where to go on, and how the server knows that it is still the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The first byte wanted.
    pub(crate) from: u64,
    /// Where to end: the byte behind the last one. `None`: everything.
    pub(crate) until: Option<u64>,
    /// A strong ETag or a date, for `If-Range`; `None` when another server gave the beginning, so that only the whole
    /// length and, in the end, a `hash` tell whether the rest belongs to it.
    pub(crate) validator: Option<String>,
}

/// The headers that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The final status.
    pub(crate) status: u16,
    /// `Content-Length`: of this body, not of the whole content.
    pub(crate) length: Option<u64>,
    /// `Content-Range`, as sent.
    pub(crate) content_range: Option<String>,
    /// `ETag`, as sent.
    pub(crate) etag: Option<String>,
    /// `Last-Modified`, as sent.
    pub(crate) last_modified: Option<String>,
    /// `Content-Encoding`, when it is not `identity`.
    pub(crate) content_encoding: Option<String>,
    /// `Content-Type`, without parameters, lower case.
    pub(crate) content_type: Option<String>,
    /// `Date`, in seconds since 1970.
    pub(crate) date: Option<i64>,
    /// `Retry-After`, when given in seconds or as a date in the future.
    pub(crate) retry_after: Option<Duration>,
}

/// The answer.
pub(crate) struct Response {
    /// The URL that answered, after redirects.
    pub(crate) url: Url,
    /// Its headers.
    pub(crate) head: Head,
    /// Its body; a body that ends early ends with an error.
    pub(crate) body: Body,
}

/// A body, piece by piece.
pub(crate) type Body = BoxStream<'static, Result<Bytes, FetchError>>;

/// Why there is no answer, or no whole body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// No connection: name, network, proxy or TLS.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection broke, or spoke no HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing came for too long (R123).
    #[error("nothing arrived for {} s", .0.as_secs_f32())]
    Idle(Duration),
    /// It came too slowly (R123).
    #[error("only {0} bytes arrived in {sec} s", sec = .1.as_secs())]
    TooSlow(u64, Duration),
    /// A redirect that must not be followed (R122).
    #[error("redirected to {to}: {why}")]
    Redirect {
        /// Where to, without query and user.
        to: String,
        /// Why it is not followed.
        why: &'static str,
    },
    /// A redirect that must not be followed, and that no server may have sent.
    #[error("{0}")]
    Login(Portal),
    /// Credentials would be readable on the wire (R118).
    #[error("credentials are not sent over http to {0}; use https")]
    Cleartext(String),
    /// The request could not be formed.
    #[error("{0}")]
    Request(String),
}

/// A URL as logs may show it: without user, password, query and fragment (R122).
pub(crate) fn shown(url: &Url) -> String {
    let mut plain = url.clone();
    // Neither can fail for a URL with a host, and one without a host has nothing to hide there.
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain.set_query(None);
    plain.set_fragment(None);
    plain.into()
}

/// Whether two URLs share scheme, host and port, so that what one may see the other may see too (R121).
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether `url` is out of reach without a network.
pub(crate) fn needs_network(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && !is_loopback(url)
}

/// Whether the host of `url` is this computer.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn r122_a_shown_url_hides_user_password_and_query() {
        let secret = url("https://admin:hunter2@example.com:8443/a/b.pkg?X-Amz-Signature=abc#frag");
        assert_eq!(shown(&secret), "https://example.com:8443/a/b.pkg");
    }

    #[test]
    fn r121_an_origin_is_scheme_host_and_port() {
        let home = url("https://a.example/x");
        assert!(same_origin(&home, &url("https://A.example:443/y")));
        for other in ["http://a.example/", "https://b.example/", "https://a.example:8443/"] {
            assert!(!same_origin(&home, &url(other)), "{other}");
        }
    }

    #[test]
    fn r118_loopback_is_known_by_name_and_address() {
        for here in ["http://localhost/", "http://127.1.2.3/", "http://[::1]:80/"] {
            assert!(is_loopback(&url(here)), "{here}");
        }
        for there in ["http://localhost.example.com/", "http://128.0.0.1/", "file:///x"] {
            assert!(!is_loopback(&url(there)), "{there}");
        }
    }

    #[test]
    fn r47_this_computer_and_its_files_need_no_network() {
        for (text, needs) in
            [("http://127.0.0.1/", false), ("file:///x", false), ("https://a.example/", true)]
        {
            assert_eq!(needs_network(&url(text)), needs, "{text}");
        }
    }
}
