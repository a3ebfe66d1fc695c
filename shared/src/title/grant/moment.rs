//! Whether a grant is valid now, by the clock of a Mac that may not have been set yet (T61, T62): a pure decision.
//!
//! ```text
//! valid by our clock ───────────────────────────────────────────► accept
//! not, and the service's Date says our clock is wrong and the
//! grant valid: policy `server` ─────────────────────────────────► accept, and tell by how much the clock is off
//!              policy `strict`, the clock was not set yet ──────► set the clock, ask for another grant
//! anything else ────────────────────────────────────────────────► refuse
//! ```

use super::verdict::Verdict;

/// What decides when the clock of this Mac and that of the service differ (T62).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockPolicy {
    /// The clock is set and another grant is asked for, once.
    #[default]
    Strict,
    /// The service's clock counts: that a grant is fresh is proven by the request it answers.
    Server,
}

impl ClockPolicy {
    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Server => "server",
        }
    }

    /// The policy of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Strict, Self::Server].into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

/// What is known of the time. Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// What the clock of this Mac says.
    pub local: f64,
    /// The `Date` of the response that brought the grant.
    pub server: Option<f64>,
    /// How far clocks may differ (`TitleClockLeeway`).
    pub leeway: f64,
    /// `TitleClockPolicy`.
    pub policy: ClockPolicy,
    /// Whether the clock was set on account of an earlier grant, so that it is not set again.
    pub was_set: bool,
}

/// When a grant is valid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// `iat`.
    pub(super) issued: f64,
    /// `nbf`.
    pub(super) begins: f64,
    /// `exp`.
    pub(super) expires: f64,
}

/// What T61 and T62 make of a grant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Judgement {
    /// Valid, for so many seconds more.
    Valid { left: f64 },
    /// Valid by the service's clock, which is ahead of ours by `ahead` seconds.
    ByServer { left: f64, ahead: f64 },
    /// Our clock has to be set, since the service's is ahead of it by `ahead` seconds.
    SetClock { ahead: f64, verdict: Verdict },
    /// Not valid.
    Refused(Verdict),
}

impl Times {
    /// T61.
    pub(super) fn hold(&self, now: f64, leeway: f64) -> Result<(), Verdict> {
        if now >= self.expires + leeway {
            Err(Verdict::Expired)
        } else if now < self.begins - leeway || now < self.issued - leeway {
            Err(Verdict::NotValidYet)
        } else {
            Ok(())
        }
    }

    /// T62.
    pub(super) fn judge(&self, at: &Moment) -> Judgement {
        let Err(verdict) = self.hold(at.local, at.leeway) else {
            return Judgement::Valid { left: self.expires - at.local };
        };
        let Some(server) = at.server.filter(|server| (at.local - server).abs() > at.leeway) else {
            return Judgement::Refused(verdict);
        };
        let ahead = server - at.local;
        match (self.hold(server, at.leeway), at.policy) {
            (Ok(()), ClockPolicy::Server) => Judgement::ByServer { left: self.expires - server, ahead },
            (Ok(()), ClockPolicy::Strict) if !at.was_set => Judgement::SetClock { ahead, verdict },
            _ => Judgement::Refused(verdict),
        }
    }
}
