//! Spans of time as settings write them: `90`, `90s`, `2h30m`, `1.5h`.

use std::time::Duration;

/// The longest span a setting may ask for: a year.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Units, longest spelling first where one is the beginning of another; in nanoseconds.
const UNITS: [(&str, u128); 9] = [
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Reads a span; `None` when the text is none, is negative or is longer than [`LONGEST`].
///
/// A bare number is seconds. With units, any number of parts follow one another, each with an optional fraction.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let (unit, left) =
            match UNITS.iter().find_map(|(name, size)| Some((*size, after.strip_prefix(name)?))) {
                Some(found) => found,
                None if after.is_empty() && number.len() == text.len() => (1_000_000_000, after),
                None => return None,
            };
        nanos = nanos.checked_add(scaled(number, unit)?)?;
        rest = left;
    }
    let span = Duration::from_nanos(u64::try_from(nanos).ok()?);
    (span <= LONGEST).then_some(span)
}

/// A decimal number times a unit.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let mut total = if whole.is_empty() { 0 } else { whole.parse::<u128>().ok()?.checked_mul(unit)? };
    let mut size = unit;
    for digit in fraction.chars() {
        size /= 10;
        total += u128::from(digit.to_digit(10)?) * size;
    }
    Some(total)
}

/// The span for people: `2h 30m`, `90s` as `1m 30s`, `1.5s`.
#[must_use]
pub fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m")];
    let mut words: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    let rest = seconds % 60;
    match span.subsec_millis() {
        0 if rest == 0 && !words.is_empty() => {}
        0 => words.push(format!("{rest}s")),
        ms => words.push(format!("{rest}.{ms:03}s")),
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_read_with_and_without_units() {
        let cases = [
            ("90", 90_000),
            ("90s", 90_000),
            ("2h30m", 9_000_000),
            ("1.5h", 5_400_000),
            (" 300ms ", 300),
            ("1h0m.5s", 3_600_500),
            ("0", 0),
            ("1d", 86_400_000),
            ("+5s", 5_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in
            ["", " ", "-5s", "5x", "s", "1.2.3s", "5m3", "999999999999999999999h", "9000d", ".", "5 s", "+"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_span_is_shown_in_words_people_use() {
        let shown = |ms| show(Duration::from_millis(ms));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(90_000), "1m 30s");
        assert_eq!(shown(86_400_000), "24h");
        assert_eq!(shown(1_500), "1.500s");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_shown_can_be_read_back(seconds in 0u64..30_000_000) {
            let span = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&show(span).replace(' ', "")), Some(span));
        }
    }
}
