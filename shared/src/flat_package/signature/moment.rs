//! The moments that certificates and signatures name: UTC, to the second (P39).

use super::der::{Element, GENERALIZED_TIME, UTC_TIME};
use time::{Date, Month, OffsetDateTime, Time};

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmss[.fraction]Z`; the fraction is dropped.
pub(super) fn parse(element: Element<'_>) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    let text = text.split_once('.').map_or(text, |(seconds, _)| seconds);
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (element.tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |place: usize| rest.get(place..place + 2)?.parse::<u8>().ok();
    let month = Month::try_from(part(0)?).ok()?;
    let date = Date::from_calendar_date(year, month, part(2)?).ok()?;
    let time = Time::from_hms(part(4)?, part(6)?, part(8)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::super::der::{Reader, encode};
    use super::*;
    use time::macros::datetime;

    #[test]
    fn both_spellings_are_read_and_others_are_not() {
        let read = |tag, text: &str| parse(Reader::new(&encode(tag, text.as_bytes())).next().unwrap());
        assert_eq!(read(UTC_TIME, "240103154826Z"), Some(datetime!(2024-01-03 15:48:26 UTC)));
        assert_eq!(read(UTC_TIME, "500103154826Z"), Some(datetime!(1950-01-03 15:48:26 UTC)));
        assert_eq!(read(GENERALIZED_TIME, "20510203040506.789Z"), Some(datetime!(2051-02-03 4:05:06 UTC)));
        for (tag, text) in [
            (UTC_TIME, "2401031548Z"),
            (UTC_TIME, "240103154826"),
            (UTC_TIME, "240103154826+0100"),
            (UTC_TIME, "241303154826Z"),
            (UTC_TIME, "240230154826Z"),
            (GENERALIZED_TIME, "240103154826Z"),
            (UTC_TIME, "+40103154826Z"),
            (4, "240103154826Z"),
        ] {
            assert_eq!(read(tag, text), None, "{text}");
        }
    }
}
