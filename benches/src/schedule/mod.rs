//! How long a run takes by the policies of several tools, simulated: the order and the number of downloads, the package
//! lane, the groups.

mod bound;
pub(crate) mod load;
pub(crate) mod policy;
mod simulate;

pub(crate) use self::simulate::makespan;
use self::{
    bound::bound,
    load::{Line, Load},
    policy::{MOST, Policy},
};
use crate::Failure;

/// How far from the best fixed number we may be, on each line.
pub(crate) const PROMISED: [(&str, Line, f64); 2] = [
    ("each request 4.8 MiB/s", Line::LIMITED_REQUESTS, 1.03),
    ("one line of 100 Mbit/s", Line::SHARED, 1.05),
];

/// Prints the table; an error where a promise is broken.
pub(crate) fn run() -> Result<(), Failure> {
    let load = Load::onboarding();
    let mut broken = Vec::new();
    for (name, line, promised) in PROMISED {
        let floor = bound(&load, line, MOST);
        let at_once = |count| makespan(&load, line, Policy::Fixed(count));
        let best = (1..=4).map(at_once).fold(f64::INFINITY, f64::min);
        println!("{name}: {best:.2} s with the best fixed number; no run is faster than {floor:.2} s");
        let ways = [
            ("ours", Policy::Measuring),
            ("one download at a time", Policy::Fixed(1)),
            ("four downloads at a time", Policy::Fixed(4)),
            ("InstallApplications, Swiftly; without its sleep", Policy::Counting),
            ("go-installapplications", Policy::PhaseByPhase),
            ("InstallApplications", Policy::OneByOne),
        ];
        for (tool, policy) in ways {
            let seconds = makespan(&load, line, policy);
            println!("  {:>6.2} s  {:>5.2} x  {tool}", seconds, seconds / best);
            if tool == "ours" && seconds > best * promised {
                broken.push(format!("{name}: {:.3} instead of {promised}", seconds / best));
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(format!("broken promises: {}", broken.join("; ")).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

    #[test]
    fn the_promises_are_kept() {
        run().unwrap();
    }

    /// The policy of InstallApplications, Swiftly, is taken without the five seconds it sleeps before it begins.
    #[test]
    fn of_a_thousand_runs_few_take_longer_than_with_counting_and_none_longer_than_with_its_sleep() {
        let mut runner = TestRunner::deterministic();
        let (mut behind, mut behind_its_sleep, mut logarithms) = (0, 0, 0.0);
        for _ in 0..1000 {
            let (load, line) =
                (load::any::load(), load::any::line()).new_tree(&mut runner).unwrap().current();
            let ours = makespan(&load, line, Policy::Measuring);
            let counting = makespan(&load, line, Policy::Counting);
            behind += u32::from(ours > counting * 1.01);
            behind_its_sleep += u32::from(ours > counting + 5.0);
            logarithms += (ours / counting).ln();
        }
        let mean = (logarithms / 1000.0).exp();
        println!(
            "{mean:.3} of the time; {behind} more than a hundredth longer; {behind_its_sleep} with its sleep"
        );
        assert!(mean < 0.98, "{mean}");
        assert!(behind < 60, "{behind}");
        assert_eq!(behind_its_sleep, 0);
    }

    proptest! {
        #[test]
        fn no_run_is_faster_than_the_bound(load in load::any::load(), line in load::any::line()) {
            for policy in [Policy::Measuring, Policy::Counting, Policy::Fixed(2), Policy::PhaseByPhase] {
                prop_assert!(makespan(&load, line, policy) + 1e-3 >= bound(&load, line, MOST), "{policy:?}");
            }
        }
    }
}
