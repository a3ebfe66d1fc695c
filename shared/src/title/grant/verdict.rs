//! Why a token is not believed, in the words that logs and the status line use (T63).

use std::fmt;

/// The first thing that is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Verdict {
    /// It is not written as such a token is; what exactly is for developers.
    #[error("malformed")]
    Malformed(&'static str),
    /// It is a token for something else, such as a request sent back (J20).
    #[error("wrong type")]
    WrongType,
    /// No configured key has its `kid`, or that key has expired (T68).
    #[error("unknown key")]
    UnknownKey,
    /// Its `alg` is not that of the key (T58).
    #[error("algorithm not allowed")]
    AlgorithmNotAllowed,
    /// Nobody who holds the key has signed it.
    #[error("bad signature")]
    BadSignature,
    /// It was made for another computer.
    #[error("not for this Mac")]
    NotForThisMac,
    /// It answers another request, or another service answered.
    #[error("not an answer to our request")]
    NotOurAnswer,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not begun.
    #[error("not valid yet")]
    NotValidYet,
    /// It wants to be valid for more than 15 minutes.
    #[error("lifetime too long")]
    LifetimeTooLong,
    /// A claim that every grant has is not there.
    #[error("missing claim {0}")]
    MissingClaim(&'static str),
}

/// A token that is not believed, with all that may be told of it (T63).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first thing that is wrong.
    pub verdict: Verdict,
    /// The `kid` it names, when that can be shown.
    pub kid: Option<String>,
    /// The first 8 hexadecimal digits of its SHA-256.
    pub token: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        if let Verdict::Malformed(what) = self.verdict {
            write!(f, ": {what}")?;
        }
        write!(f, " {}", mark(self.kid.as_deref(), &self.token))
    }
}

/// Which token it is.
pub(super) fn mark(kid: Option<&str>, token: &str) -> String {
    match kid {
        Some(kid) => format!("(key {kid}, token {token})"),
        None => format!("(token {token})"),
    }
}

impl std::error::Error for Refusal {}
