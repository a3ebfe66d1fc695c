//! Where an item's content comes from, and how it is checked: `url`, `hash` and the HTTP keys (R9, R14, R85, R118).

use super::{
    Severity, choice,
    entry::Examination,
    raw::Json,
    word::{self, Coerced, Problem, quoted},
};
use crate::{
    digest::Digest,
    item::{FetchOptions, HashCheckPolicy, Secret, Source},
    user_info,
};
use std::time::Duration;
use url::{Host, Url};

/// Keys that only a download looks at.
const DOWNLOAD_KEYS: [&str; 8] = [
    "additional_headers",
    "can_resume",
    "connection_timeout",
    "follow_redirects",
    "ignore_system_proxy",
    "minimum_tls_protocol",
    "password",
    "username",
];
/// Headers that are credentials.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// More addresses of one content are surely a mistake.
const MOST_ADDRESSES: usize = 16;

/// Where the content of an item comes from: `url`, then `urls`, each address once.
///
/// Headers and credentials of the item are meant for the host of the first address, so that no other one gets them
/// (R121); an address may bring a user and a password of its own.
pub(super) fn sources(item: &mut Examination<'_, '_>) -> Vec<Source> {
    for key in ["download_only_if_changed", "cache_data"] {
        if item.has(key) {
            item.idle(key, "a file that is already right is never downloaded again");
        }
    }
    let options = options(item);
    if !item.has("url") && !item.has("urls") {
        for key in DOWNLOAD_KEYS {
            if item.has(key) {
                item.idle(key, "nothing is downloaded for an item without url");
            }
        }
    }
    let first = item.take("url", address).map(|url| ("url", url));
    let others = item.take("urls", addresses).unwrap_or_default();
    let mut sources: Vec<Source> = Vec::new();
    for (key, url) in first.into_iter().chain(others.into_iter().map(|url| ("urls", url))) {
        let (url, own) = without_user_info(item, key, url);
        if sources.iter().any(|known| known.url == url) {
            let text = format!("{} is listed twice", quoted(url.as_str()));
            item.tell(key, Problem::warning(text).hint("remove one of the two"));
            continue;
        }
        let home = sources.first().is_none_or(|first| first.url.origin() == url.origin());
        let shared = if home { options.clone() } else { anonymous(&options) };
        let options = FetchOptions { credentials: shared.credentials.or(own), ..shared };
        if url.scheme() == "http" && !is_loopback(&url) {
            warn_of_plain_http(item, key, &url, &options);
        }
        sources.push(Source { url, options });
    }
    sources
}

/// The options without what tells who asks.
fn anonymous(options: &FetchOptions) -> FetchOptions {
    FetchOptions { headers: Vec::new(), credentials: None, ..options.clone() }
}

/// `urls`: an array of addresses.
fn addresses(json: &Json<'_>) -> Coerced<Vec<Url>> {
    let elements = match json {
        Json::Array(elements) => elements,
        Json::Text(_) => {
            return address(json).then(|url| {
                let problem = Problem::warning("one text is taken as an array of one");
                Coerced::mended(vec![url], problem.hint("write [\"…\"], or use \"url\""))
            });
        }
        other => return Coerced::without(word::unexpected("an array of texts", other)),
    };
    if elements.len() > MOST_ADDRESSES {
        let text = format!("more than {MOST_ADDRESSES} addresses of one content");
        return Coerced::without(Problem::error(text));
    }
    let (mut urls, mut told) = (Vec::with_capacity(elements.len()), None);
    for element in elements {
        let Coerced { value, problem } = address(&element.open());
        match (value, problem) {
            (_, Some(problem)) if problem.severity == Severity::Error => return Coerced::without(problem),
            (value, problem) => {
                urls.extend(value);
                told = told.or(problem);
            }
        }
    }
    Coerced { value: Some(urls), problem: told }
}

/// `hash`: 64 hexadecimal digits. With the policy `Strict` a download needs one (R85): that is an error of the item,
/// but not a malformed item, because `skip_if` or a receipt may still make the download unnecessary.
pub(super) fn hash(item: &mut Examination<'_, '_>, downloaded: bool) -> Option<Digest> {
    let hash = item.take("hash", digest);
    let wanted = downloaded && item.context.hash_check == HashCheckPolicy::Strict;
    if wanted && hash.is_none() && !item.is_refused_for("hash") {
        let problem =
            Problem::error("no digest: HashCheckPolicy is Strict, so the download would be refused");
        item.tell_only("hash", problem.hint("compute it: shasum -a 256 FILE"));
    }
    hash
}

pub(super) fn digest(json: &Json<'_>) -> Coerced<Digest> {
    word::text(json).then(|text| {
        if text.is_empty() {
            return Coerced::without(Problem::warning("empty: treated as absent"));
        }
        let lower = text.to_ascii_lowercase();
        let bare = lower.strip_prefix("sha256").and_then(|rest| rest.strip_prefix(['-', ':']));
        match bare.unwrap_or(&lower).parse() {
            Ok(digest) if bare.is_none() => Coerced::exact(digest),
            Ok(digest) => {
                let problem = Problem::warning("the prefix before the digits is ignored");
                Coerced::mended(digest, problem.hint("write the 64 hexadecimal digits only"))
            }
            Err(_) => Coerced::without(not_a_digest(&text, bare.unwrap_or(&lower))),
        }
    })
}

fn not_a_digest(text: &str, bare: &str) -> Problem {
    let problem =
        Problem::error(format!("expected a SHA-256 of 64 hexadecimal digits, found {}", quoted(text)));
    let all_hex = bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    match bare.len() {
        _ if bare.trim().parse::<Digest>().is_ok() => problem.hint("remove the spaces around it"),
        32 if all_hex => problem.hint("this looks like MD5; compute it: shasum -a 256 FILE"),
        40 if all_hex => problem.hint("this looks like SHA-1; compute it: shasum -a 256 FILE"),
        128 if all_hex => problem.hint("this looks like SHA-512; compute it: shasum -a 256 FILE"),
        length if all_hex => {
            problem.hint(format!("{length} digits: was it cut off? compute it: shasum -a 256 FILE"))
        }
        _ => problem.hint("compute it: shasum -a 256 FILE"),
    }
}

fn address(json: &Json<'_>) -> Coerced<Url> {
    word::text(json).then(|text| {
        if text.trim().is_empty() {
            let problem = Problem::warning("empty: nothing is downloaded, the file must be there already");
            return Coerced::without(problem.hint("remove the key, or add the address"));
        }
        let url = match Url::parse(&text) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let problem = Problem::error("not a URL: it does not begin with https://");
                return Coerced::without(problem.hint("write the whole address"));
            }
            Err(why) => return Coerced::without(Problem::error(format!("not a usable URL: {why}"))),
        };
        match url.scheme() {
            "https" | "http" => Coerced::exact(url),
            "file" if url.host().is_none() && url.path().len() > 1 && !url.path().ends_with('/') => {
                Coerced::exact(url)
            }
            "file" => Coerced::without(
                Problem::error("a file URL must name a file on this Mac")
                    .hint("write file:///path/to/the/file"),
            ),
            other => {
                let text = format!("unknown scheme {} (expected https, http, file)", quoted(other));
                Coerced::without(Problem::error(text))
            }
        }
    })
}

/// Credentials written into a URL are used like `username` and `password`, and leave the URL.
fn without_user_info(
    item: &mut Examination<'_, '_>,
    key: &str,
    mut url: Url,
) -> (Url, Option<(String, Secret)>) {
    let taken = user_info::take(&mut url);
    if taken.is_some() {
        let problem =
            Problem::warning("a user name or password in the URL is taken as username and password");
        item.tell(key, problem.hint("move it to the keys username and password"));
    }
    (url, taken)
}

fn warn_of_plain_http(item: &mut Examination<'_, '_>, key: &str, url: &Url, options: &FetchOptions) {
    let host = url.host_str().unwrap_or_default().to_owned();
    let is_secret = |name: &str| SECRET_HEADERS.iter().any(|secret| secret.eq_ignore_ascii_case(name));
    if options.credentials.is_some() || options.headers.iter().any(|(name, _)| is_secret(name)) {
        let problem = Problem::error(format!("credentials would go to {host} unencrypted"));
        item.tell(key, problem.hint("use https"));
    } else if item.plain_hosts.insert(host.clone()) {
        let problem = Problem::warning(format!("http to {host}: others on the network can see what is sent"));
        item.tell(key, problem.hint("use https"));
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn options(item: &mut Examination<'_, '_>) -> FetchOptions {
    // Downloads are always resumed where the server allows it (R125), so the value only has to make sense.
    item.take("can_resume", word::boolean);
    FetchOptions {
        headers: item.take("additional_headers", headers).unwrap_or_default(),
        credentials: credentials(item),
        follow_redirects: item.take("follow_redirects", choice::follow_redirects),
        connection_timeout: item.take("connection_timeout", seconds),
        ignore_system_proxy: item.take("ignore_system_proxy", word::boolean).unwrap_or_default(),
        tls13_only: item.take("minimum_tls_protocol", tls13_only).unwrap_or_default(),
    }
}

fn credentials(item: &mut Examination<'_, '_>) -> Option<(String, Secret)> {
    let username = item.take("username", word::text);
    let password = item.take("password", word::text);
    for (there, missing) in [("username", "password"), ("password", "username")] {
        if item.has(there) && !item.has(missing) {
            item.idle(there, &format!("{missing} is missing"));
        }
    }
    Some((username?, Secret(password?)))
}

/// `additional_headers`. Values are secret: no message repeats one.
fn headers(json: &Json<'_>) -> Coerced<Vec<(String, Secret)>> {
    let Json::Object(members) = json else {
        return Coerced::without(word::unexpected("an object of texts", json));
    };
    let mut headers = Vec::with_capacity(members.len());
    for member in members {
        let name = quoted(&member.key);
        let refused = |text: String| Coerced::without(Problem::error(text));
        if member.key.is_empty() || !member.key.bytes().all(is_token) {
            return refused(format!("{name} is not the name of a header"));
        }
        match member.value.open() {
            Json::Text(text) if text.chars().all(|c| c == '\t' || !c.is_control()) => {
                headers.push((member.key.clone(), Secret(text)));
            }
            Json::Text(_) => return refused(format!("the value of {name} holds a control character")),
            other => return refused(format!("expected an object of texts, but {name} is {}", other.noun())),
        }
    }
    Coerced::exact(headers)
}

/// What a header's name may be made of (RFC 9110).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn seconds(json: &Json<'_>) -> Coerced<Duration> {
    let coerced = word::whole_number(json);
    coerced.then(|seconds| match seconds {
        0 => Coerced::without(Problem::error("expected a number of seconds above 0")),
        seconds => Coerced::exact(Duration::from_secs(seconds.into())),
    })
}

/// `minimum_tls_protocol` may only raise the floor, which is TLS 1.2 (R119). Both of Apple's numberings are known.
fn tls13_only(json: &Json<'_>) -> Coerced<bool> {
    word::whole_number(json).then(|version| match version {
        10 | 772 => Coerced::exact(true),
        8 | 771 => Coerced::exact(false),
        _ => {
            let text = "has no effect: TLS 1.2 is the minimum (8 means TLS 1.2, 10 means TLS 1.3)";
            Coerced::mended(false, Problem::warning(text))
        }
    })
}
