//! How many transfers run at once: by counting at first (R55), then by what the line was measured to give.
//!
//! One transfer more helps where a server gives each of them little, and harms where they share a line that one of them
//! fills, because what is needed first then comes later. No number is right for both, so it is tried: some more, or some
//! fewer, for a few slices of time. What was found is believed for a while, for the line may change, or may have got
//! faster by itself just when one more was tried.
//!
//! No clock in here: the caller looks every [`LOOK_EVERY`] and tells what it sees.

use std::time::Duration;

/// How often to look.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What comes in this time is a slice,
const SLICE: Duration = Duration::from_millis(50);
/// or so many bytes: on a line as fast as that a part of the time shows as much.
const SLICE_BYTES: u64 = 8 << 20;
/// What comes in so many slices after a change tells nothing: connections get going, and buffers run empty.
const SETTLING: u32 = 1;
/// So many slices show a rate; what comes in a single one depends on where a piece happens to end.
const ENOUGH_SLICES: usize = 4;
/// Two slices are enough that differ by no more than this part, while nothing is on trial.
const STEADY: f64 = 0.1;
/// Only so many slices count, the latest.
const MOST_SLICES: usize = 6;
/// A larger number is worth it that brings this part of what it would where nothing is shared,
const WORTH: f64 = 0.25;
/// and at least this part more than there was: less is within what lines vary by.
const LEAST_GAIN: f64 = 0.15;
/// One slice is enough that shows this part of all that a larger number could bring.
const EVIDENT: f64 = 0.9;
/// Bytes a second that no line to the Internet has, nor Gigabit Ethernet: the computer is what holds them up.
const FAST: f64 = 200e6;
/// So many keep it busy then. Nothing is tried: in so little time it would cost more than it finds.
const WHERE_FAST: u32 = 2;
/// How long what was found is believed at first; it doubles each time it is found again.
const BELIEVED: Duration = Duration::from_secs(4);
/// It doubles up to this.
const LONGEST_BELIEVED: Duration = Duration::from_secs(30);
/// So many downloads for each that may run, which all ended before a slice could tell anything, are too short to be measured.
const SHORT: u32 = 2;

/// What is seen at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Since any fixed moment.
    pub now: Duration,
    /// Bytes received since then, by all transfers together.
    pub received: u64,
    /// Transfers that may run, and whose content has begun to come.
    pub receiving: u32,
    /// Whether somebody would run if one more might.
    pub more_want: bool,
}

/// How many transfers may run.
#[derive(Debug, Clone)]
pub struct Level {
    min: u32,
    max: u32,
    finished: u32,
    /// Downloads that ended since a slice told something.
    short: u32,
    /// Found by measuring; nothing before that.
    measured: Option<u32>,
    slices: Slices,
    /// Since when fewer receive than may.
    lacking: Option<Duration>,
    trial: Option<Trial>,
    /// Whether every trial was worth it so far, so that the next one is a leap.
    opening: bool,
    /// Which way the next trial goes, if it was not found not to be worth it.
    first: Way,
    /// What was found: whether more, and whether fewer, are not worth it.
    not_worth: (bool, bool),
    believed: Duration,
    /// Nothing is tried before.
    rests_until: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    More,
    Fewer,
}

/// Another number, on trial.
#[derive(Debug, Clone, Copy)]
struct Trial {
    /// How many ran before.
    from: u32,
    /// Bytes a second then.
    before: f64,
}

/// What came in each slice, at one level.
#[derive(Debug, Clone, Default)]
struct Slices {
    /// When it began, and what had come then.
    last: Option<(Duration, u64)>,
    settled: u32,
    rates: Vec<f64>,
    tainted: bool,
}

impl Level {
    /// From `min` up to `max`, which is raised to `min` where it is less.
    #[must_use]
    pub fn new(min: u32, max: u32) -> Self {
        let min = min.max(1);
        Self {
            min,
            max: max.max(min),
            finished: 0,
            short: 0,
            measured: None,
            slices: Slices::default(),
            lacking: None,
            trial: None,
            opening: true,
            first: Way::More,
            not_worth: (false, false),
            believed: BELIEVED,
            rests_until: None,
        }
    }

    /// The largest number there can ever be.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.max
    }

    /// How many may run now: what was found by measuring, and before that one more for each finished download (R55).
    #[must_use]
    pub fn permits(&self) -> u32 {
        let counted = self.max.min(self.min.saturating_add(self.finished));
        self.measured.unwrap_or(counted)
    }

    /// A download reached its end, good or bad.
    pub fn finish(&mut self) {
        self.finished = self.finished.saturating_add(1);
        self.short = self.short.saturating_add(1);
        self.slices.tainted = true;
    }

    /// Takes in what is seen.
    pub fn look(&mut self, seen: Look) {
        let permits = self.permits();
        if self.measured.is_some()
            && seen.more_want
            && permits < self.max
            && self.short >= permits.saturating_mul(SHORT)
        {
            // What takes less than a slice cannot be measured, and is hardly held up by the line: it is counted again.
            (self.trial, self.rests_until, self.not_worth, self.short) = (None, None, (false, false), 0);
            return self.set(permits + 1);
        }
        let runs = if seen.more_want { permits } else { permits.min(seen.receiving.max(self.min)) };
        if seen.receiving < runs || seen.receiving == 0 {
            // Fewer run than may: it says nothing about that many. Between two files that passes.
            let since = *self.lacking.get_or_insert(seen.now);
            if seen.now.saturating_sub(since) < SLICE {
                self.slices.tainted = true;
            } else {
                self.slices.begin();
            }
            return;
        }
        self.lacking = None;
        if self.measured.is_none() && runs > self.min {
            // So many were counted, not measured.
            self.first = Way::Fewer;
        }
        if self.measured != Some(runs) {
            // What was found with others running says nothing about those that are left, or come back.
            (self.trial, self.rests_until, self.not_worth) = (None, None, (false, false));
            self.set(runs);
        }
        if self.slices.add(seen) {
            self.short = 0;
            self.decide(seen);
        }
        // What begins to be measured anew begins now.
        self.slices.last.get_or_insert((seen.now, seen.received));
    }

    fn decide(&mut self, seen: Look) {
        if self.slices.rates.last().is_some_and(|rate| *rate >= FAST) {
            self.trial = None;
            let wanted = WHERE_FAST.clamp(self.min, self.max);
            if self.permits() < wanted && seen.more_want {
                self.set(wanted);
            }
            return;
        }
        let known = if self.trial.is_some() { self.evident() } else { self.slices.steady() };
        let Some(rate) = known.or_else(|| self.slices.mean()) else { return };
        if let Some(trial) = self.trial.take() {
            self.judge(trial, rate);
            if trial.from == self.permits() {
                // Measured before; now it has to settle again.
                return;
            }
        }
        let level = self.permits();
        let more = level < self.max && seen.more_want && !self.not_worth.0;
        let fewer = level > self.min && !self.not_worth.1;
        let way = match self.first {
            Way::More if more => Way::More,
            Way::Fewer if fewer => Way::Fewer,
            _ if more => Way::More,
            _ if fewer => Way::Fewer,
            _ => return self.rest(seen.now),
        };
        let to = match way {
            Way::More if self.opening => level.saturating_mul(2).min(self.max),
            Way::More => (level + step(level)).min(self.max),
            Way::Fewer if self.opening => (level / 2).max(self.min),
            Way::Fewer => (level - step(level)).max(self.min),
        };
        self.trial = Some(Trial { from: level, before: rate });
        self.set(to);
    }

    /// The rate of a single slice, where a larger number brings so much that a second one would show nothing else.
    fn evident(&self) -> Option<f64> {
        let (trial, rate) = (self.trial.as_ref()?, *self.slices.rates.last()?);
        let ideal = trial.before * f64::from(self.permits()) / f64::from(trial.from.max(1));
        (self.permits() > trial.from && rate >= ideal * EVIDENT).then_some(rate)
    }

    /// Keeps what was tried, or goes back.
    fn judge(&mut self, trial: Trial, rate: f64) {
        let level = self.permits();
        let is_more = level > trial.from;
        let (here, before) = ((level, rate), (trial.from, trial.before));
        let worth = if is_more { is_worth(before, here) } else { !is_worth(here, before) };
        if worth {
            // On, this way; where we come from was worse.
            self.first = if is_more { Way::More } else { Way::Fewer };
            self.not_worth = (!is_more, is_more);
            self.believed = BELIEVED;
            return;
        }
        self.set(trial.from);
        if level.abs_diff(trial.from) > step(trial.from) {
            // A step may do where a leap did not.
            self.opening = false;
        } else if is_more {
            self.not_worth.0 = true;
        } else {
            self.not_worth.1 = true;
        }
    }

    /// Believes what was found for a while; then everything can be tried again, the other way first.
    fn rest(&mut self, now: Duration) {
        self.opening = false;
        match self.rests_until {
            None => {
                self.rests_until = Some(now + self.believed);
                self.believed = (self.believed * 2).min(LONGEST_BELIEVED);
            }
            Some(until) if now >= until => {
                (self.rests_until, self.not_worth) = (None, (false, false));
                self.first = if self.first == Way::More { Way::Fewer } else { Way::More };
            }
            Some(_) => {}
        }
    }

    fn set(&mut self, level: u32) {
        self.measured = Some(level);
        self.slices.begin();
    }
}

/// Whether bytes a second with more transfers are worth it: counts and rates.
fn is_worth((fewer, slower): (u32, f64), (more, faster): (u32, f64)) -> bool {
    let fewer_are = f64::from(fewer.max(1));
    let ideal = (f64::from(more) - fewer_are) / fewer_are;
    faster > slower * (1.0 + (WORTH * ideal).max(LEAST_GAIN))
}

/// How many more or fewer are tried: so many that it can be seen.
fn step(level: u32) -> u32 {
    (level / 4).max(1)
}

impl Slices {
    fn begin(&mut self) {
        (self.settled, self.tainted, self.last) = (0, false, None);
        self.rates.clear();
    }

    /// Adds a slice; gives whether it says anything.
    fn add(&mut self, seen: Look) -> bool {
        let began = if std::mem::take(&mut self.tainted) { None } else { self.last };
        let Some((at, received)) = began.filter(|(at, _)| seen.now > *at) else {
            self.last = Some((seen.now, seen.received));
            return false;
        };
        // A look comes a little early or late.
        if seen.now - at + LOOK_EVERY / 2 < SLICE && seen.received.saturating_sub(received) < SLICE_BYTES {
            return false;
        }
        self.last = Some((seen.now, seen.received));
        self.settled += 1;
        if self.settled <= SETTLING {
            return false;
        }
        if self.rates.len() == MOST_SLICES {
            self.rates.remove(0);
        }
        let bytes = u32::try_from(seen.received.saturating_sub(received)).unwrap_or(u32::MAX);
        self.rates.push(f64::from(bytes) / (seen.now - at).as_secs_f64());
        true
    }

    /// Bytes a second, as the last two show them, if they agree.
    fn steady(&self) -> Option<f64> {
        let [.., before, last] = *self.rates.as_slice() else { return None };
        let agree = last > 0.0 && (last - before).abs() <= STEADY * last.max(before);
        agree.then(|| f64::midpoint(last, before))
    }

    /// Bytes a second, once there are enough slices to tell.
    fn mean(&self) -> Option<f64> {
        let count = u32::try_from(self.rates.len()).ok().filter(|_| self.rates.len() >= ENOUGH_SLICES)?;
        Some(self.rates.iter().sum::<f64>() / f64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r55_what_is_too_short_to_be_measured_is_counted_also_behind_a_first_one_that_was_not() {
        let mut level = Level::new(1, 4);
        let (mut now, mut received) = (Duration::ZERO, 0);
        let mut look = |level: &mut Level, receiving: u32| {
            now += LOOK_EVERY;
            received += 20_000;
            level.look(Look { now, received, receiving, more_want: true });
        };
        // A server that thinks before its first answer: one is seen at work.
        look(&mut level, 1);
        assert_eq!(level.permits(), 1);
        // From then on each takes less than a slice, and at a look perhaps none receives.
        let mut reached = Vec::new();
        for round in 0..24 {
            level.finish();
            look(&mut level, round % 2);
            reached.push(level.permits());
        }
        assert_eq!(level.permits(), 4, "{reached:?}");
        assert!(reached.is_sorted(), "{reached:?}");
    }

    #[test]
    fn where_the_computer_is_slower_than_the_line_two_run_and_nothing_is_tried() {
        for (rate, expected) in [(150, 1..=2), (400, 2..=2)] {
            let mut level = Level::new(1, 8);
            let (mut now, mut received, mut seen) = (Duration::ZERO, 0, Vec::new());
            for _ in 0..300 {
                now += LOOK_EVERY;
                received += rate * 10_000;
                level.look(Look { now, received, receiving: level.permits(), more_want: true });
                seen.push(level.permits());
            }
            let after = &seen[10..];
            assert!(expected.contains(seen.last().unwrap()), "{rate}: {seen:?}");
            assert_eq!(after.iter().all(|now| *now == 2), rate == 400, "{rate}: {seen:?}");
        }
    }

    #[test]
    fn a_large_file_that_ends_now_and_then_leaves_the_level_to_what_is_measured() {
        let mut level = Level::new(1, 8);
        let (mut now, mut received) = (Duration::ZERO, 0);
        let mut highest = 0;
        // A line that is full with one: however many run, the same comes in.
        for slice in 1..400_u32 {
            now += LOOK_EVERY;
            received += 1_000_000;
            if slice % 20 == 0 {
                level.finish();
            }
            level.look(Look { now, received, receiving: level.permits(), more_want: true });
            highest = highest.max(level.permits());
        }
        assert!(highest <= 3 && level.permits() <= 2, "{highest}, {}", level.permits());
    }
}
