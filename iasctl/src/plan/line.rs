//! How fast a line is, as people say it.

use std::{fmt, str::FromStr};

/// Bytes in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line(f64);

/// Units, in bits per second.
const UNITS: [(&str, f64); 8] = [
    ("bit/s", 1.0),
    ("kbit/s", 1e3),
    ("mbit/s", 1e6),
    ("gbit/s", 1e9),
    ("b/s", 8.0),
    ("kb/s", 8e3),
    ("mb/s", 8e6),
    ("gb/s", 8e9),
];

impl Line {
    /// How long so many bytes take.
    pub(super) fn seconds(self, bytes: u64) -> f64 {
        bytes as f64 / self.0
    }

    /// Bytes in a second.
    pub(super) fn bytes_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a rate such as 100Mbit/s or 12.5MB/s, found {text:?}");
        let text = text.trim();
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(expected)?;
        let (number, unit) = text.split_at(unit_at);
        let unit = unit.trim().to_ascii_lowercase().replace("bps", "bit/s");
        let unit = if unit.ends_with("/s") { unit } else { format!("{unit}/s") };
        let bits =
            UNITS.iter().find_map(|(known, bits)| (*known == unit).then_some(bits)).ok_or_else(expected)?;
        let rate = number.parse::<f64>().map_err(|_| expected())? * bits / 8.0;
        if rate >= 1.0 && rate.is_finite() { Ok(Self(rate)) } else { Err(expected()) }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabits = self.0 * 8.0 / 1e6;
        if megabits >= 1.0 { write!(f, "{megabits} Mbit/s") } else { write!(f, "{} kbit/s", megabits * 1e3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_as_people_say_them() {
        let vectors = [
            ("100Mbit/s", 12.5e6),
            ("100 mbit/s", 12.5e6),
            ("100Mbps", 12.5e6),
            ("12.5MB/s", 12.5e6),
            ("1Gbit", 125e6),
            ("500kbit/s", 62_500.0),
        ];
        for (text, rate) in vectors {
            assert_eq!(text.parse(), Ok(Line(rate)), "{text}");
        }
        for refused in ["", "fast", "100", "0Mbit/s", "1.2.3MB/s", "Mbit/s", "10 furlongs"] {
            assert!(refused.parse::<Line>().is_err(), "{refused}");
        }
        assert_eq!(Line(12.5e6).to_string(), "100 Mbit/s");
        assert_eq!(Line(62_500.0).to_string(), "500 kbit/s");
    }
}
