//! The headers of an answer, read leniently into a [`Head`], and what the answer means for the file being fetched (R124).

use super::fetch::{Head, Resume};
use reqwest::header::HeaderMap;
use std::{ops::Range, time::Duration};
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The whole content, of this length when it is known.
    Whole(Option<u64>),
    /// What follows the bytes we have; the content's whole length.
    Rest(u64),
    /// Not what we have the beginning of: ask again, from zero.
    StartOver,
    /// Not the content.
    Failure,
}

/// What an answer to a request, with or without `Range`, means (R124, R125, P14).
///
/// Only a 206 whose range begins where ours does and reaches to the end of the content continues it.
pub(crate) fn meaning(head: &Head, asked: Option<&Resume>) -> Meaning {
    match (head.status, asked) {
        (200, _) => Meaning::Whole(head.length),
        (206, Some(resume)) => match head.content_range.as_deref().and_then(whole_range) {
            Some((first, last, total))
                if first == resume.from
                    && last.checked_add(1) == Some(total)
                    && head.length.is_none_or(|length| first.checked_add(length) == Some(total)) =>
            {
                Meaning::Rest(total)
            }
            _ => Meaning::StartOver,
        },
        (416 | 412, Some(_)) => Meaning::StartOver,
        _ => Meaning::Failure,
    }
}

/// Whether an answer is this `part` of a content of `total` bytes, and nothing else (P14).
pub(crate) fn is_part(head: &Head, part: &Range<u64>, total: u64) -> bool {
    let wanted = Some((part.start, part.end.saturating_sub(1), total));
    head.status == 206
        && head.content_encoding.is_none()
        && head.content_range.as_deref().and_then(whole_range) == wanted
        && head.length.is_none_or(|length| length == part.end - part.start)
}

/// `bytes 5-9/10` as (5, 9, 10).
fn whole_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, total.trim().parse().ok()?))
}

/// Reads the headers that matter; an unreadable one counts as absent.
pub(crate) fn read(status: u16, headers: &HeaderMap) -> Head {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    Head {
        status,
        length: text("content-length").and_then(|value| value.parse().ok()),
        content_range: text("content-range"),
        etag: text("etag"),
        last_modified: text("last-modified"),
        content_encoding: text("content-encoding").filter(|value| !value.eq_ignore_ascii_case("identity")),
        content_type: text("content-type")
            .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()),
        date: text("date").and_then(|value| http_date(&value)).map(OffsetDateTime::unix_timestamp),
        retry_after: text("retry-after").and_then(|value| retry_after(&value, OffsetDateTime::now_utc())),
    }
}

/// Seconds, or the time until an HTTP date.
fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Duration::try_from(http_date(value)? - now).ok()
}

/// A date as HTTP writes it.
fn http_date(value: &str) -> Option<OffsetDateTime> {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    PrimitiveDateTime::parse(value, format).ok().map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    fn head(status: u16, range: Option<&str>, length: Option<u64>) -> Head {
        Head { status, content_range: range.map(str::to_owned), length, ..Head::default() }
    }

    #[test]
    fn p14_a_part_is_exactly_what_was_asked_for() {
        let cases = [
            (206, Some("bytes 4-7/10"), Some(4), true),
            (206, Some("bytes 4-7/10"), None, true),
            (200, None, Some(10), false),
            (206, Some("bytes 4-7/11"), Some(4), false),
            (206, Some("bytes 4-9/10"), Some(6), false),
            (206, Some("bytes 0-3/10"), Some(4), false),
            (206, Some("bytes 4-7/10"), Some(5), false),
            (206, Some("bytes 4-7/*"), Some(4), false),
            (206, None, Some(4), false),
        ];
        for (status, range, length, fits) in cases {
            assert_eq!(
                is_part(&head(status, range, length), &(4..8), 10),
                fits,
                "{status} {range:?} {length:?}"
            );
        }
        let packed = Head { content_encoding: Some("gzip".into()), ..head(206, Some("bytes 4-7/10"), None) };
        assert!(!is_part(&packed, &(4..8), 10));
    }

    #[test]
    fn r124_r125_only_a_range_that_fits_continues() {
        let asked = Some(Resume { from: 4, until: None, validator: Some("\"e\"".into()) });
        let cases = [
            (200, None, Some(10), Meaning::Whole(Some(10))),
            (200, None, None, Meaning::Whole(None)),
            (206, Some("bytes 4-9/10"), Some(6), Meaning::Rest(10)),
            (206, Some("bytes 4-9/10"), None, Meaning::Rest(10)),
            (206, Some("bytes 0-9/10"), Some(10), Meaning::StartOver),
            (206, Some("bytes 4-8/10"), Some(5), Meaning::StartOver),
            (206, Some("bytes 4-9/*"), Some(6), Meaning::StartOver),
            (206, Some("bytes 4-9/10"), Some(7), Meaning::StartOver),
            (206, Some("bytes 4-18446744073709551615/0"), None, Meaning::StartOver),
            (206, None, Some(6), Meaning::StartOver),
            (416, None, None, Meaning::StartOver),
            (404, None, None, Meaning::Failure),
            (304, None, None, Meaning::Failure),
        ];
        for (status, range, length, expected) in cases {
            assert_eq!(meaning(&head(status, range, length), asked.as_ref()), expected, "{status} {range:?}");
        }
    }

    #[test]
    fn r124_a_206_nobody_asked_for_is_a_failure() {
        assert_eq!(meaning(&head(206, Some("bytes 0-9/10"), Some(10)), None), Meaning::Failure);
        assert_eq!(meaning(&head(416, None, None), None), Meaning::Failure);
        assert_eq!(meaning(&head(204, None, Some(0)), None), Meaning::Failure);
    }

    #[test]
    fn r29_retry_after_is_seconds_or_a_date() {
        let now = datetime!(2026-11-22 02:00:00 UTC);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 02:01:30 GMT", now), Some(Duration::from_secs(90)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 01:00:00 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn headers_are_read_leniently() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-length", "12"),
            ("etag", "\"x\""),
            ("content-type", "Text/HTML; charset=utf-8"),
            ("content-encoding", "identity"),
            ("last-modified", " "),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let head = read(200, &headers);
        assert_eq!(head.length, Some(12));
        assert_eq!(head.content_type.as_deref(), Some("text/html"));
        assert_eq!((head.content_encoding, head.last_modified), (None, None));
    }

    proptest! {
        #[test]
        fn any_content_range_is_read_without_harm(text in "(bytes)?[ 0-9*/-]{0,30}") {
            let _ = meaning(&head(206, Some(&text), None), Some(&Resume { from: 1, until: None, validator: None }));
        }
    }
}
