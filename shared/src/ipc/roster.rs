//! The daemon's side of the door: who may be the agent now, and what the agent owes (R61, R106, R109, R111).

use super::message::{CheckIn, FromAgent, Outcome, PROTOCOL, RequestId};
use crate::{exit::Ended, facts::ConsoleUser, item::ItemId};
use std::collections::BTreeMap;

/// Why a peer is not accepted as the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is at the screen.
    #[error("nobody is logged in at the screen")]
    NobodyThere,
    /// The kernel says it is somebody else.
    #[error("it runs as uid {found}, the user at the screen is seen as uid {wanted}")]
    WrongUser {
        /// What the kernel says.
        found: u32,
        /// What it should say.
        wanted: u32,
    },
    /// It belongs to another login of the same user, such as one over the network.
    #[error("it belongs to audit session {found}, the screen to session {wanted}")]
    WrongSession {
        /// What the kernel says.
        found: i32,
        /// What it should say.
        wanted: i32,
    },
    /// It says to be somebody else than the kernel says.
    #[error("it claims uid {claimed} but runs as uid {found}")]
    FalseClaim {
        /// What it says.
        claimed: u32,
        /// What the kernel says.
        found: u32,
    },
    /// It speaks another version.
    #[error("it speaks version {0} of the protocol, this program version {PROTOCOL}")]
    Protocol(u32),
    /// There is a living agent for this user already.
    #[error("an agent for this user is connected already (process {0})")]
    Second(u32),
}

/// Whether a peer's kernel-supplied uid is that of the user at the screen; asked before a byte is read (P81).
///
/// # Errors
/// When nobody real is there, or somebody else.
pub fn may_speak(found: u32, user: Option<&ConsoleUser>, wanted: u32) -> Result<&ConsoleUser, Refusal> {
    let user = user.filter(|user| user.is_real()).ok_or(Refusal::NobodyThere)?;
    if found == wanted { Ok(user) } else { Err(Refusal::WrongUser { found, wanted }) }
}

/// Whether a peer's kernel-supplied audit session is the one at the screen, as far as both are known.
///
/// # Errors
/// When it is another.
pub fn same_session(found: Option<i32>, wanted: Option<i32>) -> Result<(), Refusal> {
    match (found, wanted) {
        (Some(found), Some(wanted)) if found != wanted => Err(Refusal::WrongSession { found, wanted }),
        _ => Ok(()),
    }
}

/// Whether a check-in is acceptable from a peer that [`may_speak`].
///
/// # Errors
/// When its claim or its version do not fit. In a simulation an agent may see itself under the uid that the user
/// has on the Mac rather than under the one the daemon sees.
pub fn believes(claim: &CheckIn, found: u32, user: &ConsoleUser) -> Result<(), Refusal> {
    if claim.protocol != PROTOCOL {
        return Err(Refusal::Protocol(claim.protocol));
    }
    if claim.uid != found && claim.uid != user.uid {
        return Err(Refusal::FalseClaim { claimed: claim.uid, found });
    }
    Ok(())
}

/// The agent that serves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// Which connection.
    pub connection: u64,
    /// The user's uid on the Mac.
    pub uid: u32,
    /// The agent's process.
    pub pid: u32,
}

/// At most one agent serves (R109).
#[derive(Debug, Default)]
pub struct Roster {
    serving: Option<Serving>,
    last: u64,
}

impl Roster {
    /// Takes a verified agent of `uid`; gives its connection's number and whom it replaces.
    ///
    /// # Errors
    /// When a living agent serves the same user.
    pub fn admit(&mut self, uid: u32, pid: u32) -> Result<(Serving, Option<Serving>), Refusal> {
        if let Some(other) = self.serving.filter(|other| other.uid == uid) {
            return Err(Refusal::Second(other.pid));
        }
        self.last += 1;
        let serving = Serving { connection: self.last, uid, pid };
        Ok((serving, self.serving.replace(serving)))
    }

    /// A connection ended; tells whether it was the one that serves.
    pub fn lost(&mut self, connection: u64) -> bool {
        let was = self.serving.is_some_and(|serving| serving.connection == connection);
        if was {
            self.serving = None;
        }
        was
    }

    /// Who serves.
    #[must_use]
    pub fn serving(&self) -> Option<Serving> {
        self.serving
    }
}

/// What a message of the agent means.
#[derive(Debug, PartialEq, Eq)]
pub enum News<T> {
    /// A question was answered; with what was kept for it.
    Answered(T, Outcome),
    /// A script wrote a line.
    Line(RequestId, String),
    /// A background process ended.
    BackgroundEnded(ItemId, Ended),
    /// Nothing: an answer to no question, or words of a later version.
    Nothing,
}

/// The questions of one connection that wait for an answer, each with something kept for it.
#[derive(Debug)]
pub struct Outstanding<T>(BTreeMap<RequestId, T>);

impl<T> Default for Outstanding<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Outstanding<T> {
    /// A question was sent.
    pub fn asked(&mut self, id: RequestId, keep: T) {
        self.0.insert(id, keep);
    }

    /// What is kept for a question that waits.
    #[must_use]
    pub fn get_mut(&mut self, id: RequestId) -> Option<&mut T> {
        self.0.get_mut(&id)
    }

    /// Gives a question up; an answer that still comes means nothing.
    pub fn give_up(&mut self, id: RequestId) -> Option<T> {
        self.0.remove(&id)
    }

    /// Gives all questions up, in the order in which they were asked.
    pub fn give_up_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.0).into_values()
    }

    /// The agent said something.
    pub fn heard(&mut self, message: FromAgent) -> News<T> {
        match message {
            FromAgent::Reply(reply) => match self.0.remove(&reply.id) {
                Some(kept) => News::Answered(kept, reply.outcome),
                None => News::Nothing,
            },
            FromAgent::Output { id, line } if self.0.contains_key(&id) => News::Line(id, line),
            FromAgent::BackgroundEnded { item, ended } => News::BackgroundEnded(item, ended),
            FromAgent::Output { .. } | FromAgent::Unknown => News::Nothing,
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::message::Reply;
    use proptest::prelude::*;

    fn ada() -> ConsoleUser {
        ConsoleUser { uid: 501, name: "ada".into() }
    }

    fn claim(uid: u32) -> CheckIn {
        CheckIn { protocol: PROTOCOL, version: "1".into(), uid, pid: 9 }
    }

    #[test]
    fn r106_only_the_user_at_the_screen_may_speak() {
        assert!(may_speak(501, Some(&ada()), 501).is_ok());
        assert_eq!(may_speak(0, Some(&ada()), 501), Err(Refusal::WrongUser { found: 0, wanted: 501 }));
        assert_eq!(may_speak(501, None, 501), Err(Refusal::NobodyThere));
        let setup = ConsoleUser { uid: 248, name: "_mbsetupuser".into() };
        assert_eq!(may_speak(248, Some(&setup), 248), Err(Refusal::NobodyThere));
    }

    #[test]
    fn r106_another_login_of_the_same_user_may_not_speak() {
        let refusal = Refusal::WrongSession { found: 100_022, wanted: 100_003 };
        assert_eq!(same_session(Some(100_022), Some(100_003)), Err(refusal));
        assert!(same_session(Some(100_003), Some(100_003)).is_ok());
        assert!(same_session(None, Some(100_003)).is_ok(), "a socket does not tell");
        assert!(same_session(Some(100_003), None).is_ok(), "the system does not tell");
    }

    #[test]
    fn r106_a_claim_that_differs_from_the_kernel_is_rejected() {
        assert!(believes(&claim(501), 501, &ada()).is_ok());
        assert!(believes(&claim(501), 1000, &ada()).is_ok(), "an unprivileged simulation");
        assert!(matches!(believes(&claim(502), 501, &ada()), Err(Refusal::FalseClaim { .. })));
        let newer = CheckIn { protocol: PROTOCOL + 1, ..claim(501) };
        assert_eq!(believes(&newer, 501, &ada()), Err(Refusal::Protocol(PROTOCOL + 1)));
    }

    #[test]
    fn r109_a_second_living_agent_is_refused_and_a_dead_one_replaced() {
        let mut roster = Roster::default();
        let (first, replaced) = roster.admit(501, 10).unwrap();
        assert_eq!(replaced, None);
        assert_eq!(roster.admit(501, 11), Err(Refusal::Second(10)));
        assert!(roster.lost(first.connection));
        let (second, _) = roster.admit(501, 12).unwrap();
        assert!(!roster.lost(first.connection), "an old connection's end is no news");
        assert_eq!(roster.serving(), Some(second));
    }

    #[test]
    fn r109_another_user_at_the_screen_brings_another_agent() {
        let mut roster = Roster::default();
        let (first, _) = roster.admit(501, 10).unwrap();
        assert_eq!(roster.admit(502, 11).unwrap().1, Some(first));
    }

    proptest! {
        #[test]
        fn r111_each_question_is_answered_once_whatever_the_agent_says(numbers in proptest::collection::vec(0u64..20, 0..100)) {
            let id = |number| RequestId { daemon: 5, number };
            let mut outstanding = Outstanding::default();
            (0..10).for_each(|number| outstanding.asked(id(number), number));
            let mut answered = Vec::new();
            for number in numbers {
                match outstanding.heard(FromAgent::Reply(Reply::new(id(number), Outcome::Done))) {
                    News::Answered(kept, _) => { prop_assert_eq!(kept, number); answered.push(number); }
                    News::Nothing => prop_assert!(number >= 10 || answered.contains(&number)),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            answered.sort_unstable();
            let before = answered.len();
            answered.dedup();
            prop_assert_eq!(before, answered.len());
        }
    }
}
