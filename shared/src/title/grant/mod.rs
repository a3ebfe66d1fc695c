//! The credential exchange with a titles service, without its effects: what is asked, and whether the answer is believed.
//!
//! ```text
//! Request ──► token ──► (the service) ──► token ──► verify ──► Proven ──► in_time ──► Grant
//!                                                   T56–T60               T61, T62
//! ```
//!
//! A [`Grant`] can be had in no other way. It is kept in memory only: nothing serialises it, and it shows nobody its
//! credential (T66).
//!
//! ```compile_fail
//! fn serialisable<T: serde::Serialize>() {}
//! serialisable::<shared::title::grant::Grant>();
//! ```

mod claims;
mod jws;
mod key;
mod moment;
mod object;
mod request;
mod verdict;

#[cfg(test)]
mod tests;

pub use key::{Algorithm, BadKey, Key, Keys};
pub use moment::{ClockPolicy, Moment};
pub use request::{Asked, Request};
pub use verdict::{Refusal, Verdict};

use crate::{digest::Digest, item::Secret, title::address::Repo};
use claims::Claims;
use jws::Jws;
use moment::Judgement;
use serde::Serialize;
use std::{fmt, time::Duration};
use time::OffsetDateTime;

/// `typ` of a request.
const REQUEST: &str = "titles-req+jwt";
/// `typ` of a grant.
const GRANT: &str = "titles+jwt";
/// No token is longer, in bytes (T52).
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// What a grant must be an answer to.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The origin of the service that was asked.
    pub service: &'a str,
    /// The hardware UUID of this Mac, upper case.
    pub device: &'a str,
    /// The id of the request.
    pub request: &'a str,
}

/// A grant that is genuine and for us; whether its time is now is not judged yet.
pub struct Proven {
    claims: Claims,
    kid: Option<String>,
    token: String,
}

/// Which repository may be read, with which credential.
#[derive(Clone)]
pub struct Grant {
    repo: Repo,
    auth: Secret,
    catalogs: Option<Vec<String>>,
    lifetime: Duration,
}

/// What becomes of a genuine grant.
#[derive(Debug)]
pub enum Timing {
    /// It is valid.
    Accepted(Grant),
    /// It is valid by the service's clock, which is ahead of ours by so many seconds; that is to be told.
    ByServer(Grant, f64),
    /// The clock of this Mac, behind that of the service by `ahead` seconds, has to be set before another grant is asked for.
    SetClock {
        /// By how much.
        ahead: f64,
        /// What is wrong with this grant until then.
        refusal: Refusal,
    },
    /// It is not valid.
    Refused(Refusal),
}

/// Verifies a token as the grant that was `expected`: everything but its time, in the order of T56–T60.
///
/// # Errors
/// The first thing that is wrong. Nothing of the token may be used then, and nothing else be tried (T64).
pub fn verify(
    token: &[u8],
    keys: &Keys,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<Proven, Refusal> {
    let mut kid = None;
    let mut verified = || {
        if token.len() > LONGEST_TOKEN {
            return Err(Verdict::Malformed("it is longer than any token"));
        }
        let jws = Jws::split(token)?;
        kid = jws.kid().filter(|kid| is_showable(kid)).map(str::to_owned);
        claims::read(jws.verified(GRANT, keys, now)?, expected)
    };
    let found = verified();
    let token = fingerprint(token);
    match found {
        Ok(claims) => Ok(Proven { claims, kid, token }),
        Err(verdict) => Err(Refusal { verdict, kid, token }),
    }
}

/// Writes a grant, as a service does; `None` with the public half of a key. For rehearsals and tests.
#[must_use]
pub fn issue(claims: &impl Serialize, key: &Key) -> Option<String> {
    jws::write(GRANT, claims, key)
}

/// Reads a request as a service does, before it lends anything: signed by one of its keys, made for `service`, and not over
/// (T53). For rehearsals and tests.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn asked(token: &[u8], keys: &Keys, service: &str, now: OffsetDateTime) -> Result<Asked, Verdict> {
    if token.len() > LONGEST_TOKEN {
        return Err(Verdict::Malformed("it is longer than any token"));
    }
    request::read(Jws::split(token)?.verified(REQUEST, keys, now)?, service, now)
}

/// What may be told of a token: the first 8 hexadecimal digits of its SHA-256 (T63).
fn fingerprint(token: &[u8]) -> String {
    Digest::of(token).to_string().chars().take(8).collect()
}

/// Whether a `kid` of a token nobody vouches for can stand in a log.
fn is_showable(kid: &str) -> bool {
    kid.len() <= 64 && kid.chars().all(|c| c.is_ascii_graphic())
}

impl Proven {
    /// What may be told of the token, in brackets (T63).
    #[must_use]
    pub fn mark(&self) -> String {
        verdict::mark(self.kid.as_deref(), &self.token)
    }

    /// Judges whether the grant is valid at this moment (T61, T62).
    #[must_use]
    pub fn in_time(self, at: &Moment) -> Timing {
        let judgement = self.claims.times.judge(at);
        let Self { claims: Claims { repo, auth, catalogs, .. }, kid, token } = self;
        let grant = |left: f64| Grant {
            repo,
            auth,
            catalogs,
            // What was accepted within the leeway may be over by its own words.
            lifetime: Duration::try_from_secs_f64(left).unwrap_or_default(),
        };
        match judgement {
            Judgement::Valid { left } => Timing::Accepted(grant(left)),
            Judgement::ByServer { left, ahead } => Timing::ByServer(grant(left), ahead),
            Judgement::SetClock { ahead, verdict } => {
                Timing::SetClock { ahead, refusal: Refusal { verdict, kid, token } }
            }
            Judgement::Refused(verdict) => Timing::Refused(Refusal { verdict, kid, token }),
        }
    }
}

impl Grant {
    /// The repository.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The value of `Authorization`, for the repository's origin only (T16).
    #[must_use]
    pub fn authorization(&self) -> &Secret {
        &self.auth
    }

    /// Whether this catalog may be read (T54).
    #[must_use]
    pub fn allows(&self, catalog: &str) -> bool {
        self.catalogs.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == catalog))
    }

    /// For how long it could be used when it was accepted (T65).
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant(<redacted>)")
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(<redacted>)")
    }
}
