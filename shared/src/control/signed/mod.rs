//! Whether a control file may be used where only certain keys may speak: who signed it, is it the newest, is it still valid.
//!
//! Nothing of the file is read for that but its bytes. What [`judge`] accepts is to be remembered before it is used
//! ([`Endorsement::remember`]), so that no older edition passes later.

mod terms;

#[cfg(test)]
mod tests;

pub use terms::{BadTerms, Terms, moment};

use crate::minisign::{Forged, KeyId, Malformed, PublicKey, Signature};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::{OffsetDateTime, macros::datetime};

/// No clock that is right shows an earlier time: there was no version of this program yet.
pub const EARLIEST: OffsetDateTime = datetime!(2026-11-25 00:00 UTC);

/// The newest edition this Mac has accepted by each key: the key as minisign shows it, and the highest serial.
///
/// Each key has its own: where the key of the newest edition is withdrawn, those of the others still hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Newest(BTreeMap<String, u64>);

impl Newest {
    /// The same, with an edition of `key` accepted.
    #[must_use]
    pub fn with(mut self, key: KeyId, serial: u64) -> Self {
        let highest = self.0.entry(key.to_string()).or_insert(serial);
        *highest = serial.max(*highest);
        self
    }

    /// The highest serial of all editions by `keys`.
    #[must_use]
    pub fn highest(&self, keys: &[PublicKey]) -> Option<u64> {
        keys.iter().filter_map(|key| self.0.get(&key.id().to_string())).copied().max()
    }
}

/// A control file that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsement {
    /// Who signed it.
    pub key: KeyId,
    /// What they said about it.
    pub terms: Terms,
    /// What has to be remembered from now on, before it is used; `None` when that is remembered already.
    pub remember: Option<Newest>,
}

/// Why a control file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What should be the signature is none.
    #[error("its signature cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// Somebody else signed it.
    #[error("it was signed with the key {found}, which is not among ControlFileKeys ({})", list(.wanted))]
    Foreign {
        /// Whose key it is said to be.
        found: KeyId,
        /// Whose would do.
        wanted: Vec<KeyId>,
    },
    /// The signature is of something else.
    #[error("{0}: the control file or its signature was changed, or only one of the two was uploaded")]
    Forged(#[from] Forged),
    /// What was signed cannot be understood.
    #[error("its signature says what cannot be understood: {0}; sign it again")]
    Terms(#[from] BadTerms),
    /// A newer one was used before.
    #[error("its serial is {found}, but this Mac has used {newest} already; sign it again with a higher one")]
    Older {
        /// The serial in the signature.
        found: u64,
        /// The highest one so far.
        newest: u64,
    },
    /// One with a serial was used before.
    #[error("it has no serial, but this Mac has used {0} already; sign it again with a higher one")]
    NoSerial(u64),
    /// Its time is over.
    #[error("it expired at {}, and it is {} now; sign it again with a later expiry", terms::shown(*.at), terms::shown(*.now))]
    Expired {
        /// When.
        at: OffsetDateTime,
        /// By the clock of this Mac.
        now: OffsetDateTime,
    },
    /// Nobody can know whether its time is over.
    #[error("it expires at {}, but the clock of this Mac is wrong ({}): waiting until it is set", terms::shown(*.at), terms::shown(*.now))]
    Clock {
        /// When.
        at: OffsetDateTime,
        /// By the clock of this Mac.
        now: OffsetDateTime,
    },
}

impl Refusal {
    /// Whether it passes by itself.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Clock { .. })
    }
}

/// Judges `content` by the signature file beside it.
///
/// `newest` is what earlier runs remembered. An edition counts as long as its key is among `keys`: once an administrator
/// has withdrawn the key, whoever stole it cannot block later editions with a serial nobody can exceed.
///
/// # Errors
/// When it must not be used, with the first reason found.
pub fn judge(
    content: &[u8],
    signature: &[u8],
    keys: &[PublicKey],
    newest: &Newest,
    now: OffsetDateTime,
) -> Result<Endorsement, Refusal> {
    let signature = Signature::parse(signature)?;
    let terms = Terms::read(verified(&signature, keys, content)?)?;
    match (terms.serial, newest.highest(keys)) {
        (Some(found), Some(newest)) if found < newest => return Err(Refusal::Older { found, newest }),
        (None, Some(newest)) => return Err(Refusal::NoSerial(newest)),
        _ => {}
    }
    match terms.expires {
        Some(at) if at <= EARLIEST.max(now) => return Err(Refusal::Expired { at, now }),
        Some(at) if now < EARLIEST => return Err(Refusal::Clock { at, now }),
        _ => {}
    }
    let key = signature.key();
    let remember = terms.serial.map(|serial| newest.clone().with(key, serial));
    Ok(Endorsement { key, terms, remember: remember.filter(|editions| editions != newest) })
}

/// The trusted comment, proven by one of `keys`.
fn verified<'a>(signature: &'a Signature, keys: &[PublicKey], content: &[u8]) -> Result<&'a str, Refusal> {
    let found = signature.key();
    let mut refusal = Refusal::Foreign { found, wanted: keys.iter().map(PublicKey::id).collect() };
    for key in keys.iter().filter(|key| key.id() == found) {
        match signature.verify(key, content) {
            Ok(comment) => return Ok(comment),
            Err(forged) => refusal = forged.into(),
        }
    }
    Err(refusal)
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}
