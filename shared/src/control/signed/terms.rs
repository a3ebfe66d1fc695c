//! What the signer of a control file says about it, in the trusted comment: `serial:7 expires:2027-03-01`.
//!
//! Words are separated by blanks. Those other tools write (`timestamp:…`, `file:…`, `hashed`) mean nothing here.

use std::fmt;
use time::{
    Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset, format_description::well_known::Rfc3339,
    macros::format_description,
};

/// The terms under which a control file may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// Grows with each edition; an edition older than one that was used already is refused.
    pub serial: Option<u64>,
    /// From then on the file is refused.
    pub expires: Option<OffsetDateTime>,
}

/// A term that cannot be understood. The file is refused: ignoring it would make the signature say less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTerms {
    /// The serial is no number.
    #[error("`serial:{0}` is no whole number")]
    Serial(String),
    /// The expiry is no date.
    #[error("`expires:{0}` is no date such as 2027-03-01 or 2027-03-01T12:00:00Z")]
    Expires(String),
    /// Nobody can know which one counts.
    #[error("`{0}:` is given twice")]
    Twice(&'static str),
}

impl Terms {
    /// Reads a trusted comment.
    ///
    /// # Errors
    /// When a term is given that cannot be understood.
    pub fn read(comment: &str) -> Result<Self, BadTerms> {
        let mut terms = Self::default();
        for word in comment.split([' ', '\t']) {
            if let Some(serial) = word.strip_prefix("serial:") {
                let digits = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_digit());
                let number = serial.parse().ok().filter(|_| digits);
                let number = number.ok_or_else(|| BadTerms::Serial(serial.to_owned()))?;
                if terms.serial.replace(number).is_some() {
                    return Err(BadTerms::Twice("serial"));
                }
            } else if let Some(expires) = word.strip_prefix("expires:") {
                let moment = moment(expires).ok_or_else(|| BadTerms::Expires(expires.to_owned()))?;
                if terms.expires.replace(moment).is_some() {
                    return Err(BadTerms::Twice("expires"));
                }
            }
        }
        Ok(terms)
    }
}

impl fmt::Display for Terms {
    /// As [`Terms::read`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serial = self.serial.map(|serial| format!("serial:{serial}"));
        let expires = self.expires.map(|at| format!("expires:{}", shown(at)));
        let words: Vec<String> = serial.into_iter().chain(expires).collect();
        f.write_str(&words.join(" "))
    }
}

/// A date, which is valid to its end in UTC, or an RFC 3339 date and time.
#[must_use]
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Some(PrimitiveDateTime::new(date.next_day()?, Time::MIDNIGHT).assume_utc());
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    moment.replace_nanosecond(0).ok()
}

/// A moment in UTC, to the second.
pub(super) fn shown(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let utc = moment.checked_to_offset(UtcOffset::UTC).unwrap_or(moment);
    utc.format(format).unwrap_or_default()
}
