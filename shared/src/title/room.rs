//! How much room titles need on the volume (T33).

use super::Step;

/// Room that is left on the volume, in KiB.
const SPARE_KIB: u64 = 102_400;

/// What must be free, in KiB, before a title is touched whose content has come: what it takes once it is installed, and what
/// all titles of its phase that are not over yet take with their content, unless that has come (`true`), and a little more.
pub fn needed_kib<'s>(step: &Step, unfinished: impl Iterator<Item = (&'s Step, bool)>) -> u64 {
    let others = unfinished.map(|(step, has_come)| {
        let content = step.download.as_ref().and_then(|download| download.kib).filter(|_| !has_come);
        step.installed_kib.saturating_add(content.unwrap_or_default())
    });
    others.fold(step.installed_kib.saturating_add(SPARE_KIB), u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::Digest,
        title::{Download, Place},
    };

    fn step(installed_kib: u64, content: Option<u64>) -> Step {
        let download = Download { place: Place::Below("a".into()), digest: Digest::of(b"a"), kib: content };
        Step { download: content.is_some().then_some(download), installed_kib, ..Step::sample() }
    }

    #[test]
    fn t33_a_title_needs_its_own_room_and_a_little_more() {
        assert_eq!(needed_kib(&step(1000, Some(400)), std::iter::empty()), 103_400, "its content is there");
    }

    #[test]
    fn t33_what_is_still_to_come_in_the_phase_counts() {
        let (large, script) = (step(5000, Some(2000)), step(10, None));
        let unfinished = [(&large, false), (&large, true), (&script, false)];
        assert_eq!(needed_kib(&step(1000, Some(400)), unfinished.into_iter()), 103_400 + 7000 + 5000 + 10);
        let endless = step(u64::MAX, None);
        assert_eq!(needed_kib(&large, [(&endless, false)].into_iter()), u64::MAX);
    }
}
