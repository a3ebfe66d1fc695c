//! Just enough of HTTP/1.1 to serve files as a good web server does: requests, ranges, validators. Pure.

use std::fmt::Write as _;

/// The longest request head that is read.
pub(super) const LONGEST_HEAD: usize = 16 * 1024;

/// The part of a request that matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Request {
    /// `GET`, `HEAD`, or something we do not do.
    pub(super) method: String,
    /// The host asked for, lower case, without a port.
    pub(super) host: String,
    /// The path, percent-decoded, always beginning with `/`, without query.
    pub(super) path: String,
    /// Whether the connection stays open.
    pub(super) keep_alive: bool,
    /// What is shown to be let in.
    pub(super) authorization: Option<String>,
    /// How many bytes follow.
    pub(super) content_length: Option<usize>,
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<String>,
}

impl Request {
    /// Reads a request head, without the empty line at its end; `None` when it is not one.
    pub(super) fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let mut request =
            Self { method: method.to_owned(), keep_alive: version == "HTTP/1.1", ..Self::default() };
        let target = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => target,
        };
        request.path = percent_decoded(target.split(['?', '#']).next()?)?;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "host" => request.host = host(value),
                "connection" if value.eq_ignore_ascii_case("close") => request.keep_alive = false,
                "authorization" => request.authorization = Some(value.to_owned()),
                "content-length" => request.content_length = value.parse().ok(),
                "range" => request.range = Some(value.to_owned()),
                "if-range" => request.if_range = Some(value.to_owned()),
                "if-none-match" => request.if_none_match = Some(value.to_owned()),
                _ => {}
            }
        }
        request.path.starts_with('/').then_some(request)
    }

    /// What to answer about a file of `length` bytes with this `etag`.
    pub(super) fn answer(&self, length: u64, etag: &str) -> Answer {
        if self.if_none_match.as_deref() == Some(etag) {
            return Answer::NotModified;
        }
        // A range of another version of the file would be glued to the wrong beginning.
        let same = self.if_range.as_deref().is_none_or(|known| known == etag);
        match self.range.as_deref().and_then(|range| span(range, length)) {
            Some(Span::Unsatisfiable) if same => Answer::Unsatisfiable,
            Some(Span::Bytes { first, last }) if same => Answer::Part { first, last },
            _ => Answer::Whole,
        }
    }
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Whole,
    /// 206: these bytes, both included.
    Part { first: u64, last: u64 },
    /// 304.
    NotModified,
    /// 416.
    Unsatisfiable,
}

impl Answer {
    /// The status line and headers, and which bytes follow: first and count.
    pub(super) fn head(self, length: u64, etag: &str, keep_alive: bool) -> (String, u64, u64) {
        let (status, first, count) = match self {
            Self::Whole => ("200 OK", 0, length),
            Self::Part { first, last } => ("206 Partial Content", first, last - first + 1),
            Self::NotModified => ("304 Not Modified", 0, 0),
            Self::Unsatisfiable => ("416 Range Not Satisfiable", 0, 0),
        };
        let mut head = format!("HTTP/1.1 {status}\r\nETag: {etag}\r\nAccept-Ranges: bytes\r\n");
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Part { first, last } => write!(head, "Content-Range: bytes {first}-{last}/{length}\r\n"),
            Self::Unsatisfiable => write!(head, "Content-Range: bytes */{length}\r\n"),
            Self::Whole | Self::NotModified => Ok(()),
        };
        if self != Self::NotModified {
            let _ = write!(head, "Content-Length: {count}\r\nContent-Type: application/octet-stream\r\n");
        }
        head.push_str(if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" });
        (head, first, count)
    }
}

/// A whole answer of a server that fails on demand.
pub(super) fn failure(status: u16, retry_after: Option<u64>, keep_alive: bool) -> String {
    let retry_after = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    refusal(&format!("{status} Rehearsed"), keep_alive).replacen("\r\n", &format!("\r\n{retry_after}"), 1)
}

/// A whole answer without a file.
pub(super) fn refusal(status: &str, keep_alive: bool) -> String {
    let connection = if keep_alive { "" } else { "Connection: close\r\n" };
    let body = format!("{status}\n");
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{connection}\r\n{body}", body.len())
}

/// The head of an answer that is a token of `length` bytes.
pub(super) fn token_head(length: usize, keep_alive: bool) -> String {
    let connection = if keep_alive { "" } else { "Connection: close\r\n" };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\nContent-Length: {length}\r\n{connection}\r\n"
    )
}

enum Span {
    Bytes { first: u64, last: u64 },
    Unsatisfiable,
}

/// One range of bytes; several, or another unit, count as no range at all, as RFC 9110 allows.
fn span(range: &str, length: u64) -> Option<Span> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1);
    let (first, last) = match (first, last) {
        ("", count) => (length.saturating_sub(count.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, end.min(Some(last.parse().ok()?))),
    };
    match last {
        Some(last) if first <= last => Some(Span::Bytes { first, last }),
        _ => Some(Span::Unsatisfiable),
    }
}

fn host(value: &str) -> String {
    let name = value.rsplit_once(':').map_or(value, |(name, _)| name);
    name.to_ascii_lowercase()
}

/// `%41` as `A`; `None` for text that is not UTF-8 or ends within an escape.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &str) -> Request {
        Request::parse(&format!("GET /a%20b?x=1 HTTP/1.1\r\nHost: Example.com:8443{headers}")).unwrap()
    }

    #[test]
    fn a_request_names_host_and_path() {
        let request = request("");
        assert_eq!((request.host.as_str(), request.path.as_str()), ("example.com", "/a b"));
        assert!(request.keep_alive);
        for bad in ["", "GET", "GET  HTTP/1.1", "GET a HTTP/1.1", "GET /%4 HTTP/1.1", "GET / HTTP/1.1\r\nx"] {
            assert_eq!(Request::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_are_served_and_strange_ones_are_not() {
        let answer = |range: &str, length| request(&format!("\r\nRange: {range}")).answer(length, "\"e\"");
        assert_eq!(answer("bytes=2-", 10), Answer::Part { first: 2, last: 9 });
        assert_eq!(answer("bytes=2-99", 10), Answer::Part { first: 2, last: 9 });
        assert_eq!(answer("bytes=-3", 10), Answer::Part { first: 7, last: 9 });
        assert_eq!(answer("bytes=10-", 10), Answer::Unsatisfiable);
        assert_eq!(answer("bytes=0-", 0), Answer::Unsatisfiable);
        assert_eq!(answer("bytes=1-2,4-5", 10), Answer::Whole);
        assert_eq!(answer("lines=1-2", 10), Answer::Whole);
    }

    #[test]
    fn validators_decide_before_ranges() {
        let part = request("\r\nRange: bytes=5-\r\nIf-Range: \"old\"");
        assert_eq!(part.answer(10, "\"new\""), Answer::Whole);
        assert_eq!(part.answer(10, "\"old\""), Answer::Part { first: 5, last: 9 });
        assert_eq!(request("\r\nIf-None-Match: \"e\"").answer(10, "\"e\""), Answer::NotModified);
    }
}
