//! What the server says: a well-behaved answer, and the faults it can be given.

use super::{
    Seen,
    auth::{Algorithm, Guard},
};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// Makes the content for one request.
type Make = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

/// Content to serve.
#[derive(Clone)]
pub enum Body {
    /// From memory.
    Bytes(Arc<[u8]>),
    /// From a file, read while it is sent.
    File(PathBuf),
    /// Made for each request.
    Made(Arc<Make>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Made(_) => f.write_str("made for each request"),
        }
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) announced: Option<u64>,
    pub(super) chunked: bool,
    pub(super) endless: bool,
    pub(super) ranges: Ranges,
    pub(super) drop_after: Option<u64>,
    pub(super) stall_after: Option<u64>,
    pub(super) slow_head: bool,
    pub(super) garbage: Option<Vec<u8>>,
    pub(super) throttle: Option<(usize, Duration)>,
    pub(super) guard: Option<Guard>,
    pub(super) etag: Option<String>,
    pub(super) after: Option<PathBuf>,
}

/// How `Range` is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ranges {
    Honoured,
    Ignored,
    /// 206 with this `Content-Range` and the whole body.
    Wrong(String),
    /// 416.
    Refused,
}

impl Reply {
    /// 200 with this body, `Content-Length`, and ranges honoured.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::body(Body::Bytes(body.into().into()))
    }

    /// 200 with the content of a file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::body(Body::File(path.into()))
    }

    /// 200 with what `make` makes of each request.
    #[must_use]
    pub fn made(make: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::body(Body::Made(Arc::new(make)))
    }

    /// The same with the content made for this request.
    pub(super) fn made_for(&self, seen: &Seen) -> Self {
        let body = match &self.body {
            Body::Made(make) => Body::Bytes(make(seen).into()),
            body => body.clone(),
        };
        Self { body, ..self.clone() }
    }

    /// Nothing but that the content is still the same.
    pub(super) fn not_modified(&self) -> Self {
        Self { status: 304, etag: self.etag.clone(), ..Self::ok("") }
    }

    fn body(body: Body) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body,
            announced: None,
            chunked: false,
            endless: false,
            ranges: Ranges::Honoured,
            drop_after: None,
            stall_after: None,
            slow_head: false,
            garbage: None,
            throttle: None,
            guard: None,
            etag: None,
            after: None,
        }
    }

    /// A status, with a short text as its body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::ok(format!("status {status}\n")) }
    }

    /// The same answer with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    /// What is no HTTP at all.
    #[must_use]
    pub fn garbage(bytes: impl Into<Vec<u8>>) -> Self {
        Self { garbage: Some(bytes.into()), ..Self::ok("") }
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this `ETag`; a range is given only to who knows it (`If-Range`), and the content only to who does not
    /// (`If-None-Match`).
    #[must_use]
    pub fn etag(mut self, etag: &str) -> Self {
        self.etag = Some(etag.to_owned());
        self
    }

    /// Announces another length than the body has.
    #[must_use]
    pub fn announcing(mut self, length: u64) -> Self {
        self.announced = Some(length);
        self
    }

    /// Sends the body in chunks, without a length.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Sends the body again and again, in chunks, until the client goes away.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.endless = true;
        self.chunked()
    }

    /// Closes the connection after so many bytes of the body.
    #[must_use]
    pub fn drop_after(mut self, bytes: u64) -> Self {
        self.drop_after = Some(bytes);
        self
    }

    /// Falls silent after so many bytes of the body, until the client goes away.
    #[must_use]
    pub fn stall_after(mut self, bytes: u64) -> Self {
        self.stall_after = Some(bytes);
        self
    }

    /// Falls silent in the middle of the headers.
    #[must_use]
    pub fn slow_head(mut self) -> Self {
        self.slow_head = true;
        self
    }

    /// Sends pieces of this size with a pause after each.
    #[must_use]
    pub fn throttle(mut self, piece: usize, pause: Duration) -> Self {
        self.throttle = Some((piece.max(1), pause));
        self
    }

    /// Answers 200 with everything, whatever range was asked for.
    #[must_use]
    pub fn ignoring_ranges(mut self) -> Self {
        self.ranges = Ranges::Ignored;
        self
    }

    /// Answers a range with 206 and this `Content-Range`, whatever was asked for.
    #[must_use]
    pub fn content_range(mut self, value: &str) -> Self {
        self.ranges = Ranges::Wrong(value.to_owned());
        self
    }

    /// Answers a range with 416.
    #[must_use]
    pub fn refusing_ranges(mut self) -> Self {
        self.ranges = Ranges::Refused;
        self
    }

    /// Answers only once this file is there.
    #[must_use]
    pub fn after(mut self, file: impl Into<PathBuf>) -> Self {
        self.after = Some(file.into());
        self
    }

    /// Wants this user and password, as Basic.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.guard = Some(Guard::basic(user, password));
        self
    }

    /// Wants this user and password, as Digest. With `stale`, the first good answer is told to use another nonce.
    #[must_use]
    pub fn digest(mut self, user: &str, password: &str, algorithm: Algorithm, stale: bool) -> Self {
        self.guard = Some(Guard::digest(user, password, algorithm, stale));
        self
    }
}
