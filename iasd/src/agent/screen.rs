//! Who is at the screen, and how that user's processes look from here: all the door must know of the computer.

use crate::host::Host;
use shared::facts::ConsoleUser;
use std::sync::Arc;
use tokio::sync::watch;

/// The part of a [`Host`] that decides who may be the agent (R61, R106).
pub(crate) struct Screen {
    user: watch::Receiver<Option<ConsoleUser>>,
    seen_as: Box<dyn Fn(&ConsoleUser) -> u32 + Send + Sync>,
    session: Box<dyn Fn() -> Option<i32> + Send + Sync>,
}

impl Screen {
    /// That of `host`.
    pub(crate) fn of(host: Arc<dyn Host>) -> Self {
        let user = host.console_user();
        let same = host.clone();
        Self {
            user,
            seen_as: Box::new(move |user| host.uid_seen_for(user)),
            session: Box::new(move || same.console_session()),
        }
    }

    /// One for tests: processes of any user are seen as the uid that is in `uid` when somebody looks.
    #[cfg(test)]
    pub(super) fn seen_as(
        user: watch::Receiver<Option<ConsoleUser>>,
        uid: Arc<std::sync::atomic::AtomicU32>,
    ) -> Self {
        let seen_as = move |_: &ConsoleUser| uid.load(std::sync::atomic::Ordering::SeqCst);
        Self { user, seen_as: Box::new(seen_as), session: Box::new(|| None) }
    }

    /// Who is there now; asked anew each time (R61).
    pub(super) fn user(&self) -> Option<ConsoleUser> {
        self.user.borrow().clone()
    }

    /// Tells when somebody else is there.
    pub(super) fn watch(&self) -> watch::Receiver<Option<ConsoleUser>> {
        self.user.clone()
    }

    /// The audit session at the screen, where the system tells.
    pub(super) fn session(&self) -> Option<i32> {
        (self.session)()
    }

    /// The uid under which the kernel shows us that user's processes.
    pub(super) fn uid_of(&self, user: Option<&ConsoleUser>) -> u32 {
        user.map_or(u32::MAX, |user| (self.seen_as)(user))
    }
}
