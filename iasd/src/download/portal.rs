//! Whether a page came in the content's place: the login page of a network, a captive portal (R47), or one of the
//! server's own. A pure rule.
//!
//! Over https nobody but the server, or somebody without its certificate, can answer; then there is no connection at all.
//! So a web page that comes that way is the server's answer, as a 404 is, and nothing that passes.

use super::{
    error::Cause,
    fetch::{FetchError, Head, shown},
};
use std::fmt;
use url::Url;

/// How many bytes of a body are looked at.
pub(crate) const LOOKED_AT: usize = 512;

/// "Network authentication required" (RFC 6585): what a portal should say, and few do.
const LOGIN_WANTED: u16 = 511;

/// How a page may begin.
const PAGES: [&[u8]; 2] = [b"<!doctype html", b"<html"];
/// How what is downloaded begins, whatever its server calls it: packages, scripts, control files and their signatures,
/// profiles, pictures.
const NO_PAGES: [&[u8]; 7] = [b"xar!", b"#!", b"{", b"untrusted comment:", b"<?xml", b"<plist", b"<svg"];
/// What may stand before the beginning of a page.
const BEFORE: [(&[u8], &[u8]); 2] = [(b"<?xml", b"?>"), (b"<!--", b"-->")];

/// What is known of an answer that claims to be the content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// Who was asked.
    pub(crate) asked: &'a Url,
    /// Who answered, after redirects.
    pub(crate) answered: &'a Url,
    /// `Content-Type`, without parameters, lower case.
    pub(crate) content_type: Option<&'a str>,
    /// How the body begins.
    pub(crate) first: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The answer with this head to what was asked.
    pub(crate) fn new(asked: &'a Url, (answered, head): (&'a Url, &'a Head), first: &'a [u8]) -> Self {
        Self { status: head.status, asked, answered, content_type: head.content_type.as_deref(), first }
    }
}

/// What speaks for a login page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Portal {
    /// The status says so.
    Status,
    /// A redirect to another host ended at a web page; this one, without query and user.
    Elsewhere(String),
    /// The answer is a web page.
    Page,
    /// A redirect to another host, which `FollowRedirects` forbids.
    Redirect {
        /// Where to, without query and user.
        to: String,
        /// Why it is not followed.
        why: &'static str,
    },
}

impl fmt::Display for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this looks like the login page of a network (captive portal): ")?;
        match self {
            Self::Status => write!(f, "the answer was {LOGIN_WANTED} (network authentication required)"),
            Self::Elsewhere(page) => write!(f, "redirected to the web page {page}"),
            Self::Page => f.write_str("the answer is a web page"),
            Self::Redirect { to, why } => write!(f, "redirected to {to}: {why}"),
        }
    }
}

/// What `answer` is instead of the content, if anything speaks for that: [`Cause::Portal`] or [`Cause::Page`]. Where a
/// web page is wanted, only a wrong digest makes it one.
pub(crate) fn recognise(answer: &Answer<'_>) -> Option<Cause> {
    if !matches!(answer.asked.scheme(), "http" | "https") {
        return None;
    }
    match answer.status {
        LOGIN_WANTED => Some(Cause::Portal(Portal::Status)),
        200 if is_page(answer.content_type, answer.first) => {
            let moved = answer.asked.host_str() != answer.answered.host_str();
            let elsewhere = moved.then(|| shown(answer.answered));
            if [answer.asked, answer.answered].iter().all(|url| url.scheme() == "https") {
                return Some(Cause::Page { elsewhere });
            }
            Some(Cause::Portal(elsewhere.map_or(Portal::Page, Portal::Elsewhere)))
        }
        _ => None,
    }
}

/// The failure to tell for a redirect from `here` to `to` that the policy forbids: over plain http anybody on the way
/// can have sent it, and a network that wants a login does.
pub(crate) fn forbidden(here: &Url, to: &Url, why: &'static str) -> FetchError {
    let to_elsewhere = here.host_str() != to.host_str();
    if here.scheme() == "http" && to_elsewhere {
        return FetchError::Login(Portal::Redirect { to: shown(to), why });
    }
    FetchError::Redirect { to: shown(to), why }
}

fn is_page(content_type: Option<&str>, first: &[u8]) -> bool {
    let called_page = matches!(content_type, Some("text/html" | "application/xhtml+xml"));
    is_html(first) || (called_page && !NO_PAGES.iter().any(|start| beginning(first).starts_with(start)))
}

/// Whether bytes begin as a web page does.
pub(crate) fn is_html(first: &[u8]) -> bool {
    let mut rest = beginning(first);
    while let Some((open, close)) = BEFORE.iter().find(|(open, _)| begins_with(rest, open)) {
        let end = rest.get(open.len()..).and_then(|inner| {
            let at = inner.windows(close.len()).position(|bytes| bytes == *close)?;
            inner.get(at + close.len()..)
        });
        let Some(end) = end else { return false };
        rest = end.trim_ascii_start();
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    PAGES.iter().any(|page| begins_with(rest, page) && !rest.get(page.len()).is_some_and(is_word))
}

/// Without byte order mark and white space.
fn beginning(first: &[u8]) -> &[u8] {
    first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start()
}

fn begins_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_web_page_is_known_by_its_first_bytes() {
        for page in [
            "<!doctype html><p>",
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
            "<html>",
            "<HTML lang=de>",
            "<html",
            "\u{feff}\r\n\t <HtMl\n>",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html>",
            "<!-- hotel --><!-- wifi -->\n<html>",
        ] {
            assert!(is_html(page.as_bytes()), "{page}");
        }
        for other in [
            "",
            " ",
            "<",
            "<htm",
            "<html5-test>",
            "<htmlx>",
            "#!/bin/sh\necho '<html>'",
            "{\"userland\": []}",
            "xar!\0\x1c",
            "<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC>",
            "<?xml version=\"1.0\"",
            "<!-- <html>",
            "<!--><html>",
        ] {
            assert!(!is_html(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn r47_a_login_page_is_known_by_status_host_type_and_bytes() {
        const PAGE: &str = "<html>Welcome to the hotel";
        let login = |portal| Some(Cause::Portal(portal));
        let elsewhere = login(Portal::Elsewhere("http://login.hotel.example/".into()));
        let (here, moved) = ("http://files.example/x", "http://login.hotel.example/?back=x");
        let cases = [
            (511, here, None, "", login(Portal::Status)),
            (200, here, None, PAGE, login(Portal::Page)),
            (200, here, Some("application/octet-stream"), PAGE, login(Portal::Page)),
            (200, here, Some("text/html"), "Please log in", login(Portal::Page)),
            (200, here, Some("text/html"), "", login(Portal::Page)),
            (200, moved, Some("text/html"), PAGE, elsewhere),
            (200, moved, Some("text/plain"), "#!/bin/sh", None),
            // Servers that do not know what they serve.
            (200, here, Some("text/html"), "#!/bin/sh\n", None),
            (200, here, Some("text/html"), "xar!\0\x1c", None),
            (200, here, Some("text/html"), "\u{feff} {\"userland\": []}", None),
            (200, here, Some("text/html"), "untrusted comment: minisign", None),
            (200, here, Some("text/html"), "<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC", None),
            (200, here, Some("text/html"), "<plist version=\"1.0\">", None),
            (200, here, Some("text/html"), "<svg xmlns=", None),
            (
                200,
                here,
                Some("application/xhtml+xml"),
                "<?xml version=\"1.0\"?>\n<html>",
                login(Portal::Page),
            ),
            (200, here, Some("text/plain"), "Please log in", None),
            (404, here, Some("text/html"), PAGE, None),
            (503, here, Some("text/html"), PAGE, None),
            (206, here, Some("text/html"), PAGE, None),
        ];
        for (status, answered, content_type, first, expected) in cases {
            let (asked, answered) = (url(here), url(answered));
            let answer =
                Answer { status, asked: &asked, answered: &answered, content_type, first: first.as_bytes() };
            assert_eq!(recognise(&answer), expected, "{answer:?}");
        }
        let file = url("file:///private/page.html");
        let answer =
            Answer { status: 200, asked: &file, answered: &file, content_type: None, first: PAGE.as_bytes() };
        assert_eq!(recognise(&answer), None, "nobody stands between us and our own disk");
    }

    #[test]
    fn a_page_that_comes_over_https_is_the_servers_own() {
        let (plain, safe) = ("http://files.example/x", "https://files.example/x");
        let (sso, hotel) = ("https://sso.example/login", "http://hotel.example/");
        let own = |elsewhere: Option<&str>| Some(Cause::Page { elsewhere: elsewhere.map(str::to_owned) });
        let moved = |to: &str| Some(Cause::Portal(Portal::Elsewhere(to.to_owned())));
        for (status, asked, answered, expected) in [
            (200, safe, safe, own(None)),
            (200, safe, sso, own(Some(sso))),
            (200, safe, hotel, moved(hotel)),
            (200, plain, sso, moved(sso)),
            (200, plain, safe, Some(Cause::Portal(Portal::Page))),
            (511, safe, safe, Some(Cause::Portal(Portal::Status))),
            (404, safe, safe, None),
        ] {
            let (asked, answered) = (url(asked), url(answered));
            let answer =
                Answer { status, asked: &asked, answered: &answered, content_type: None, first: b"<html>" };
            assert_eq!(recognise(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn r122_a_forbidden_redirect_may_be_a_login_only_where_anybody_can_have_sent_it() {
        for (here, to, login) in [
            ("http://files.example/x", "http://login.hotel.example/?back=x", true),
            ("http://files.example/x", "https://login.hotel.example/", true),
            ("http://files.example/x", "http://files.example/y", false),
            ("https://files.example/x", "https://cdn.example/x", false),
        ] {
            let failure = forbidden(&url(here), &url(to), "it is not allowed");
            assert_eq!(matches!(failure, FetchError::Login(_)), login, "{here} {to}");
            assert!(!failure.to_string().contains("back"), "{failure}");
        }
    }

    #[test]
    fn every_sign_is_named() {
        let redirect = Portal::Redirect { to: "http://login.example/".into(), why: "it is not allowed" };
        for (portal, word) in [
            (Portal::Status, "511"),
            (Portal::Page, "web page"),
            (Portal::Elsewhere("http://login.example/".into()), "login.example"),
            (redirect, "not allowed"),
        ] {
            let text = portal.to_string();
            let named = text.starts_with("this looks like the login page of a network (captive portal): ");
            assert!(named && text.contains(word), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "(<!--|<\\?xml|-->|\\?>|<html| ){0,8}") {
            let _ = is_html(&bytes);
            let _ = is_html(text.as_bytes());
        }
    }
}
