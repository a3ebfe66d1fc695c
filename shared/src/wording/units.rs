//! Amounts and moments as people read them.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A count of bytes, in decimal units: `999 B`, `12.3 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut amount = count as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be written as 1000.0.
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS.get(unit).unwrap_or(&"PB"))
}

/// A length of time: `0.4 s`, `3 min 05 s`, `2 h 10 min`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A moment, given in milliseconds since 1970, to the second: `2026-03-01T10:15:30Z`.
#[must_use]
pub fn moment(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    // A clock beyond year 9999 has no such text; the epoch is as wrong as anything else.
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

/// A moment to the millisecond: `2026-03-01T10:15:30.042Z`.
#[must_use]
pub fn exact_moment(ms: u64) -> String {
    let moment = moment(ms);
    format!("{}.{:03}Z", moment.trim_end_matches('Z'), ms % 1000)
}

/// `text` on one line: every control character and line separator becomes a space (R100).
///
/// U+2028 and U+2029 end a line for the programs that read such text, though they are no control characters.
#[must_use]
pub fn one_line(text: &str) -> String {
    let ends_or_controls = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if ends_or_controls(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
        assert_eq!(duration(0), "0.0 s");
        assert_eq!(duration(59_999), "59.9 s");
        assert_eq!(duration(185_000), "3 min 05 s");
        assert_eq!(duration(7_800_000), "2 h 10 min");
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(exact_moment(1_772_360_130_042), "2026-03-01T10:15:30.042Z");
        assert_eq!(moment(u64::MAX), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn r100_nothing_ends_the_line() {
        assert_eq!(one_line("a\r\nb\u{85}c\u{2028}d\te"), "a  b c d e");
    }
}
