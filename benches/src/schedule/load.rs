//! What a simulated run has to do, and the lines it comes over.

/// What is carried out side by side before anything after it.
pub(crate) type Batch = Vec<Work>;

/// A run: phases of batches.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// In their order.
    pub(crate) phases: Vec<Vec<Batch>>,
}

/// One item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Its size.
    pub(crate) bytes: f64,
    /// How long it takes once it is there.
    pub(crate) seconds: f64,
    /// Where it takes that time.
    pub(crate) lane: Lane,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Packages: one after the other (R59).
    Package,
    /// Scripts and files: beside everything of their batch.
    Beside,
}

/// Bytes a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// For each transfer.
    pub(crate) each: f64,
    /// For all together.
    pub(crate) all: f64,
}

/// A mebibyte.
pub(crate) const MIB: f64 = 1024.0 * 1024.0;

impl Load {
    /// All items in the order they are carried out in.
    pub(crate) fn items(&self) -> impl Iterator<Item = Work> + '_ {
        self.phases.iter().flatten().flatten().copied()
    }

    /// Three items in Setup Assistant and nine at the user's, 86 MiB, two parallel groups.
    pub(crate) fn onboarding() -> Self {
        let package = |mib: f64, seconds| Work { bytes: mib * MIB, seconds, lane: Lane::Package };
        let script = |seconds| Work { bytes: 4096.0, seconds, lane: Lane::Beside };
        Self {
            phases: vec![
                vec![vec![package(2.0, 0.9)], vec![script(0.5)], vec![package(6.0, 1.0)]],
                vec![
                    vec![package(9.0, 0.8), package(11.0, 0.9), script(1.0)],
                    vec![package(8.0, 0.7)],
                    vec![package(14.0, 0.9), script(0.8), script(0.5)],
                    vec![package(24.0, 1.0)],
                    vec![package(11.98, 0.6)],
                ],
            ],
        }
    }
}

impl Line {
    /// Each request gets 4.8 MiB/s, however many there are.
    pub(crate) const LIMITED_REQUESTS: Self = Self { each: 4.8 * MIB, all: f64::INFINITY };
    /// All requests together get 100 Mbit/s.
    pub(crate) const SHARED: Self = Self { each: f64::INFINITY, all: 12_500_000.0 };

    /// What each of `count` transfers gets.
    pub(crate) fn share(self, count: usize) -> f64 {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        self.each.min(self.all / f64::from(count))
    }
}

#[cfg(test)]
pub(super) mod any {
    //! Loads and lines by chance.

    use super::{Lane, Line, Load, MIB, Work};
    use proptest::prelude::*;

    fn work() -> impl Strategy<Value = Work> {
        // From kilobytes to gigabytes, each size as likely as one of ten times that.
        let sizes = (-2.0_f64..2.5).prop_map(|exponent| 10_f64.powf(exponent) * MIB);
        (sizes, 0.0_f64..8.0, any::<bool>()).prop_map(|(bytes, seconds, package)| {
            if package {
                Work { bytes, seconds, lane: Lane::Package }
            } else {
                Work { bytes: bytes.min(65_536.0), seconds: seconds / 4.0, lane: Lane::Beside }
            }
        })
    }

    pub(crate) fn load() -> impl Strategy<Value = Load> {
        let batch = prop::collection::vec(work(), 1..4);
        let phase = prop::collection::vec(batch, 1..8);
        prop::collection::vec(phase, 1..3).prop_map(|phases| Load { phases })
    }

    pub(crate) fn line() -> impl Strategy<Value = Line> {
        let rate = (0.0_f64..2.0).prop_map(|exponent| 10_f64.powf(exponent) * MIB);
        // Limited by the server for each request, or by the line for all.
        (rate, any::<bool>()).prop_map(|(rate, limited)| {
            let unlimited = f64::INFINITY;
            if limited { Line { each: rate, all: unlimited } } else { Line { each: unlimited, all: rate } }
        })
    }
}
