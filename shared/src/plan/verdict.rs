//! What a failure means for the run: the matrix of failure policies, and the verdict of preflight.

use crate::{
    event::ItemEnd,
    exit::Ended,
    item::{FailPolicy, ItemKind},
};

/// The ways in which an item can fail, as far as policies tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its content could not be had, its local file is missing, the item is malformed (R15, R32), or its package is not
    /// signed as its `team_ids` want.
    Download,
    /// It ran and failed, could not be started, or its end was not seen (R50, R64).
    Execution,
    /// Its file could not be put in place.
    Placement,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The failure is reported, the run goes on.
    Continue,
    /// The run ends after the running siblings (R57, R93).
    Abort,
}

/// What `failure` means under `policy`, outside preflight (R92).
#[must_use]
pub fn consequence(failure: Failure, policy: FailPolicy) -> Consequence {
    use Consequence::{Abort, Continue};
    use FailPolicy::{Failable, FailableExecution, FailureIsNotAnOption};
    match (failure, policy) {
        (_, Failable) => Continue,
        (Failure::Execution, FailableExecution) => Continue,
        (Failure::Download | Failure::Placement, FailableExecution) => Abort,
        (_, FailureIsNotAnOption) => Abort,
    }
}

/// What the end of an item means under its policy, outside preflight.
#[must_use]
pub fn after(end: &ItemEnd, policy: FailPolicy) -> Consequence {
    match failure_of(end) {
        Some(failure) => consequence(failure, policy),
        None => Consequence::Continue,
    }
}

/// What the late end of a background process means: only the strictest policy ends the run (R69).
#[must_use]
pub fn after_background(ended: &Ended, policy: FailPolicy) -> Consequence {
    if ended.is_success() { Consequence::Continue } else { consequence(Failure::Execution, policy) }
}

fn failure_of(end: &ItemEnd) -> Option<Failure> {
    match end {
        ItemEnd::DownloadFailed(_) | ItemEnd::SignatureRefused(_) => Some(Failure::Download),
        ItemEnd::ExecutionFailed(_) => Some(Failure::Execution),
        ItemEnd::PlacementFailed(_) => Some(Failure::Placement),
        ItemEnd::Done | ItemEnd::Skipped(_) | ItemEnd::Background | ItemEnd::NotStarted => None,
    }
}

/// What all preflight scripts together mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightVerdict {
    /// Nothing to do on this Mac: finish.
    Pass,
    /// Go on with the other phases.
    Continue,
    /// A failure policy ends the run (R51).
    Abort,
}

/// Judges preflight once every script has ended (R49–R53).
///
/// Pass needs at least one participant, and every participant to have exited with status 0: a failed download, a
/// malformed or ignored item is a participant that did not pass; one skipped by `skip_if` takes no part (R23).
#[must_use]
pub fn preflight<'a>(ends: impl IntoIterator<Item = (&'a ItemEnd, FailPolicy)>) -> PreflightVerdict {
    use crate::event::SkipReason;
    let mut participants = 0;
    let mut passed = 0;
    let mut verdict = PreflightVerdict::Continue;
    for (end, policy) in ends {
        match end {
            ItemEnd::Skipped(SkipReason::SkipIf(_)) => continue,
            ItemEnd::Done => passed += 1,
            failed if after(failed, policy) == Consequence::Abort => verdict = PreflightVerdict::Abort,
            _ => {}
        }
        participants += 1;
    }
    match verdict {
        PreflightVerdict::Abort => PreflightVerdict::Abort,
        _ if participants > 0 && participants == passed => PreflightVerdict::Pass,
        _ => PreflightVerdict::Continue,
    }
}

/// Which failure an unsuccessful effect of `kind` is.
#[must_use]
pub fn failed(kind: ItemKind, ended: Ended) -> ItemEnd {
    if matches!(ended, Ended::Lost(_)) {
        // Interrupted: an execution failure whatever it was doing (R64).
        return ItemEnd::ExecutionFailed(ended);
    }
    match kind {
        ItemKind::Package | ItemKind::RootScript | ItemKind::UserScript | ItemKind::App | ItemKind::Title => {
            ItemEnd::ExecutionFailed(ended)
        }
        ItemKind::RootFile | ItemKind::UserFile => ItemEnd::PlacementFailed(ended.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SkipReason;
    use FailPolicy::{Failable, FailableExecution, FailureIsNotAnOption};

    #[test]
    fn r92_the_policy_matrix() {
        let went = |text: &str| ItemEnd::DownloadFailed(text.into());
        let ran = |ended| ItemEnd::ExecutionFailed(ended);
        let rows = [
            ("download failed", went("404"), [false, true, true]),
            ("local file missing", went("no such file"), [false, true, true]),
            ("malformed item", went("malformed"), [false, true, true]),
            ("wrong signer", ItemEnd::SignatureRefused("not signed".into()), [false, true, true]),
            ("script non-zero", ran(Ended::Exited(1)), [false, false, true]),
            ("script killed by a signal", ran(Ended::Signalled(9)), [false, false, true]),
            ("script timed out", ran(Ended::TimedOut), [false, false, true]),
            ("package install non-zero", failed(ItemKind::Package, Ended::Exited(1)), [false, false, true]),
            ("cannot start", ran(Ended::NotStarted("no such file".into())), [false, false, true]),
            ("agent reply lost", ran(Ended::Lost("the agent went away".into())), [false, false, true]),
            ("root file placement", failed(ItemKind::RootFile, Ended::Exited(1)), [false, true, true]),
            ("user file placement", failed(ItemKind::UserFile, Ended::Exited(1)), [false, true, true]),
            (
                "user file, agent lost",
                failed(ItemKind::UserFile, Ended::Lost("gone".into())),
                [false, false, true],
            ),
            ("done", ItemEnd::Done, [false; 3]),
            ("in the background", ItemEnd::Background, [false; 3]),
            ("skipped", ItemEnd::Skipped(SkipReason::DryRun), [false; 3]),
        ];
        for (event, end, aborts) in rows {
            for (policy, abort) in FailPolicy::ALL.into_iter().zip(aborts) {
                let expected = if abort { Consequence::Abort } else { Consequence::Continue };
                assert_eq!(after(&end, policy), expected, "{event} under {}", policy.key());
            }
        }
    }

    #[test]
    fn r69_a_background_failure_ends_the_run_only_where_failure_is_not_an_option() {
        for policy in FailPolicy::ALL {
            let expected =
                if policy == FailureIsNotAnOption { Consequence::Abort } else { Consequence::Continue };
            assert_eq!(after_background(&Ended::Exited(1), policy), expected);
            assert_eq!(after_background(&Ended::Exited(0), policy), Consequence::Continue);
        }
    }

    #[test]
    fn r49_preflight_passes_only_when_every_participant_exited_with_0() {
        let done = (&ItemEnd::Done, FailableExecution);
        let failed = ItemEnd::ExecutionFailed(Ended::Exited(1));
        let skipped = ItemEnd::Skipped(SkipReason::SkipIf("intel".into()));
        assert_eq!(preflight([]), PreflightVerdict::Continue);
        assert_eq!(preflight([done]), PreflightVerdict::Pass);
        assert_eq!(preflight([done, (&failed, FailableExecution)]), PreflightVerdict::Continue);
        assert_eq!(preflight([done, (&skipped, FailableExecution)]), PreflightVerdict::Pass);
        assert_eq!(preflight([(&skipped, FailableExecution)]), PreflightVerdict::Continue);
    }

    #[test]
    fn r50_nothing_but_an_exit_with_0_ever_passes() {
        let ends = [
            ItemEnd::ExecutionFailed(Ended::Signalled(15)),
            ItemEnd::ExecutionFailed(Ended::NotStarted("bad interpreter".into())),
            ItemEnd::ExecutionFailed(Ended::TimedOut),
            ItemEnd::DownloadFailed("404".into()),
            ItemEnd::Skipped(SkipReason::Ignored("a package cannot stand in preflight".into())),
            ItemEnd::Skipped(SkipReason::DryRun),
            ItemEnd::Background,
            ItemEnd::NotStarted,
        ];
        for end in ends {
            assert_eq!(preflight([(&end, Failable)]), PreflightVerdict::Continue, "{end:?}");
            assert_eq!(preflight([(&ItemEnd::Done, Failable), (&end, Failable)]), PreflightVerdict::Continue);
        }
    }

    #[test]
    fn r51_preflight_failures_end_the_run_by_their_policy() {
        let download = ItemEnd::DownloadFailed("404".into());
        let script = ItemEnd::ExecutionFailed(Ended::Exited(2));
        assert_eq!(preflight([(&download, Failable)]), PreflightVerdict::Continue);
        assert_eq!(preflight([(&download, FailableExecution)]), PreflightVerdict::Abort);
        assert_eq!(preflight([(&script, FailableExecution)]), PreflightVerdict::Continue);
        assert_eq!(preflight([(&script, FailureIsNotAnOption)]), PreflightVerdict::Abort);
    }
}
