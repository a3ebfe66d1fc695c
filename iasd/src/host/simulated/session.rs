//! Who is at the screen of the simulated Mac, and when: the scenario's person coming and going.

use super::{
    accounts,
    faults::{Faults, Spell},
    inside::{Inside, Seen},
    scenario::{Person, seconds},
};
use cap_std::fs::Dir;
use shared::{facts::ConsoleUser, fault::Mishap, sys::sandbox::Ids};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Whether somebody is logged in `elapsed` after the first start, and when that changes next. `away` are times when the
/// person is not there on top of what the scenario says.
fn presence(person: &Person, away: &[Spell], elapsed: Duration) -> (bool, Option<Duration>) {
    let mut changes = vec![seconds(person.login_after)];
    changes.extend(person.logout_after.map(seconds));
    if person.logout_after.is_some() {
        changes.extend(person.login_again_after.map(seconds));
    }
    // A logout cannot come before the login: what is out of order happens at once, in order.
    let passed = changes.iter().take_while(|change| **change <= elapsed).count();
    let next = changes.get(passed).map(|change| change.saturating_sub(elapsed));
    let is_away = away.iter().any(|spell| spell.covers(elapsed));
    let edges = away.iter().flat_map(Spell::edges).filter(|edge| *edge > elapsed);
    let next = edges.map(|edge| edge.saturating_sub(elapsed)).chain(next).min();
    (passed % 2 == 1 && !is_away, next)
}

/// The login window of one simulated Mac.
pub(super) struct LoginWindow {
    /// The Mac.
    pub(super) root: Arc<Dir>,
    /// Its side folder.
    pub(super) side: PathBuf,
    /// Who comes; `None`: nobody.
    pub(super) person: Option<Person>,
    /// What happens to the Mac on demand, and when it was first started.
    pub(super) faults: Arc<Faults>,
    /// What the stand-ins know.
    pub(super) inside: Inside,
    /// Who else is told.
    pub(super) tell: watch::Sender<Option<ConsoleUser>>,
    /// Where trouble is told.
    pub(super) notices: super::Notices,
}

impl LoginWindow {
    /// Lets the person come and go for ever.
    pub(super) async fn open(mut self) {
        if let Some(person) = self.person.take() {
            self.admit(&person).await;
        }
        // Whoever waits for the user must not see the sender go.
        self.tell.closed().await;
    }

    async fn admit(&mut self, person: &Person) {
        let mut spells = self.faults.spells();
        loop {
            let mut away = spells.borrow_and_update().clone();
            away.retain(|spell| matches!(spell.mishap, Mishap::Logout { .. }));
            let elapsed = self.faults.elapsed();
            let (present, next) = presence(person, &away, elapsed);
            if !present && presence(person, &[], elapsed).0 {
                for spell in away.iter().filter(|spell| spell.covers(elapsed)) {
                    self.faults.happens(spell.fault);
                }
            }
            if present != self.tell.borrow().is_some() {
                let changed = if present { self.login(person) } else { self.logout() };
                if let Err(error) = changed {
                    self.notices.tell(format!("the simulated login of {} failed: {error}", person.name));
                }
            }
            let change = async {
                match next {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = change => {}
                begun = spells.changed() => if begun.is_err() {
                    break;
                }
            }
        }
    }

    fn login(&mut self, person: &Person) -> io::Result<()> {
        accounts::create(&self.root, person, self.inside.ids)?;
        accounts::own(&self.root, "dev/console", person.uid, self.inside.ids)?;
        self.inside.user = Some(Seen { name: person.name.clone(), uid: person.uid });
        self.inside.publish(&self.side)?;
        self.tell.send_replace(Some(ConsoleUser { uid: person.uid, name: person.name.clone() }));
        Ok(())
    }

    fn logout(&mut self) -> io::Result<()> {
        self.tell.send_replace(None);
        self.inside.user = None;
        accounts::own(&self.root, "dev/console", 0, self.inside.ids)?;
        self.inside.publish(&self.side)
    }
}

/// The uid under which a process of `uid` appears to the daemon.
pub(super) fn uid_seen(ids: Ids, uid: u32) -> u32 {
    match ids {
        Ids::All => uid,
        Ids::One => rustix::process::geteuid().as_raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_and_go_as_the_scenario_says() {
        let person = Person {
            login_after: 2.0,
            logout_after: Some(5.0),
            login_again_after: Some(9.0),
            ..Person::default()
        };
        let at = |time| presence(&person, &[], Duration::from_secs(time));
        assert_eq!(at(0), (false, Some(Duration::from_secs(2))));
        assert_eq!(at(2), (true, Some(Duration::from_secs(3))));
        assert_eq!(at(5), (false, Some(Duration::from_secs(4))));
        assert_eq!(at(100), (true, None));
    }

    #[test]
    fn a_fault_takes_the_user_away_and_back() {
        let person = Person { login_after: 2.0, ..Person::default() };
        let second = Duration::from_secs;
        let mishap = Mishap::Logout { seconds: Some(3.0) };
        let away = [Spell { fault: 0, mishap, from: second(5), until: Some(second(8)) }];
        let at = |time| presence(&person, &away, second(time));
        assert_eq!(at(0), (false, Some(second(2))));
        assert_eq!(at(4), (true, Some(second(1))));
        assert_eq!(at(5), (false, Some(second(3))));
        assert_eq!(at(8), (true, None));
    }
}
