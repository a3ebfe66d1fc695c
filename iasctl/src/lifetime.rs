//! Whether macOS accepts a server's certificate for as long as it is valid (T115, T116, T121); pure.
//!
//! Whoever verifies with other code than macOS's, as everybody off a Mac does, learns nothing of this rule from a
//! connection that succeeds (T119).

use crate::verdict::Verdict;
use time::{Duration, OffsetDateTime, macros::datetime};

/// How the system came to trust the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// It comes with the system.
    Shipped,
    /// Somebody added it.
    Added,
    /// The certificate itself is trusted.
    Itself,
}

const DAY: Duration = Duration::DAY;
/// What the code of macOS grants beyond the limits of before September 2020.
const TOLERANCE: Duration = Duration::HOUR;
/// Days before its end from which on that is told.
const SOON: i64 = 14;

/// Judges a certificate by its dates, at the moment `now`.
pub(crate) fn judge(
    (from, to): (OffsetDateTime, OffsetDateTime),
    root: Root,
    now: OffsetDateTime,
) -> Verdict {
    if now > to {
        return Verdict::Refused(format!("its certificate expired on {}", to.date()));
    }
    if now < from {
        return Verdict::Refused(format!(
            "its certificate is not valid before {} (is this clock right?)",
            from.date()
        ));
    }
    let length = judge_length((from, to), root);
    let left = (to - now).whole_days();
    // Certificates that live for weeks are renewed in their last third.
    let soon = if (to - from) < DAY * 60 { (to - from).whole_days() / 3 } else { SOON };
    match length {
        Verdict::Fits(_) | Verdict::Note(_) if left < soon => {
            Verdict::Warning(format!("its certificate expires in {left} days"))
        }
        length => length,
    }
}

/// Judges how long it is valid.
fn judge_length((from, to): (OffsetDateTime, OffsetDateTime), root: Root) -> Verdict {
    let length = to - from;
    let days = length.whole_days();
    let limit: Option<(Duration, Duration)> = match root {
        Root::Itself => {
            return Verdict::Note(format!("{days} days; the certificate itself must be trusted on Macs"));
        }
        Root::Added => return added(from, length),
        Root::Shipped if from < datetime!(2018-03-01 0:00 UTC) => None,
        Root::Shipped if from < datetime!(2020-09-01 0:00 UTC) => Some((DAY * 825, TOLERANCE)),
        Root::Shipped => Some((DAY * 398, Duration::ZERO)),
    };
    let Some((most, tolerance)) = limit else {
        // 39 months, and 60 before July 2016: all of them have expired.
        return Verdict::Fits(format!("{days} days"));
    };
    if length > most + tolerance {
        return refused(days, most.whole_days(), "a public");
    }
    if length > most {
        return within(days, most.whole_days());
    }
    let steps = [
        (datetime!(2029-03-15 0:00 UTC), 47),
        (datetime!(2027-03-15 0:00 UTC), 100),
        (datetime!(2026-03-15 0:00 UTC), 200),
    ];
    let step = steps.into_iter().find(|(since, _)| from >= *since);
    if let Some((since, most)) = step.filter(|(_, most)| length > DAY * *most) {
        let date = since.date();
        return Verdict::Warning(format!(
            "{days} days, more than the {most} a public CA may issue since {date}; the CA may revoke it"
        ));
    }
    if from >= datetime!(2020-09-01 0:00 UTC) && length == DAY * 398 {
        return Verdict::Warning(
            "398 days exactly; Apple advises 397, and by RFC 5280's inclusive count this is one second too long".into(),
        );
    }
    Verdict::Fits(format!("{days} days by a public CA (limit {})", most.whole_days()))
}

fn added(from: OffsetDateTime, length: Duration) -> Verdict {
    let days = length.whole_days();
    let note = |limit: &str| {
        Verdict::Note(format!(
            "issued by a CA that is not shipped with macOS ({limit}, this one {days} days); Macs need that root before they \
             reach this host: at enrolment it must come in the enrolment profile's anchors"
        ))
    };
    if from < datetime!(2019-07-01 0:00 UTC) {
        return note("no limit for certificates of before July 2019");
    }
    match length {
        length if length > DAY * 825 + TOLERANCE => refused(days, 825, "an added"),
        length if length > DAY * 825 => within(days, 825),
        _ => note("limit 825 days"),
    }
}

fn within(days: i64, most: i64) -> Verdict {
    Verdict::Warning(format!(
        "{days} days is within the 1-hour tolerance of the {most}-day limit; reissue with {} or fewer",
        most - 1
    ))
}

fn refused(days: i64, most: i64, whose: &str) -> Verdict {
    Verdict::Refused(format!(
        "its certificate is valid {days} days; macOS refuses more than {most} from {whose} CA, with error -67901. Safari only says \
         that it could not establish a secure connection, Chrome may accept it. Reissue with at most {}",
        most - 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Fits(_) => "fits",
            Verdict::Note(_) => "note",
            Verdict::Warning(_) => "warning",
            Verdict::Refused(_) => "refused",
        }
    }

    #[test]
    fn t121_the_limits_hold_to_the_second() {
        use Root::{Added, Itself, Shipped};
        let vectors = [
            (datetime!(2020-08-31 23:59:59 UTC), datetime!(2022-12-04 23:59:59 UTC), Shipped, "fits"),
            (datetime!(2020-09-01 0:00 UTC), datetime!(2021-10-04 0:00 UTC), Shipped, "warning"),
            (datetime!(2020-09-01 0:00 UTC), datetime!(2021-10-04 0:00:01 UTC), Shipped, "refused"),
            (datetime!(2021-06-01 0:00 UTC), datetime!(2024-06-01 0:00 UTC), Added, "refused"),
            (datetime!(2021-06-01 0:00 UTC), datetime!(2023-06-01 0:00 UTC), Added, "note"),
            (datetime!(2021-06-01 0:00 UTC), datetime!(2023-09-04 1:00 UTC), Added, "warning"),
            (datetime!(2021-06-01 0:00 UTC), datetime!(2023-09-04 1:00:01 UTC), Added, "refused"),
            (datetime!(2019-06-30 0:00 UTC), datetime!(2029-06-27 0:00 UTC), Added, "note"),
            (datetime!(2021-06-01 0:00 UTC), datetime!(2031-06-01 0:00 UTC), Itself, "note"),
            (datetime!(2026-03-15 0:00 UTC), datetime!(2026-10-01 0:00 UTC), Shipped, "fits"),
            (datetime!(2026-03-15 0:00 UTC), datetime!(2026-10-02 0:00 UTC), Shipped, "warning"),
            (datetime!(2026-03-14 23:59:59 UTC), datetime!(2027-04-16 23:59:59 UTC), Shipped, "warning"),
        ];
        for (from, to, root, expected) in vectors {
            let verdict = judge_length((from, to), root);
            assert_eq!(word(&verdict), expected, "{from} to {to}, {root:?}: {verdict:?}");
        }
    }

    #[test]
    fn t120_the_end_is_told_in_time() {
        let dates = (datetime!(2026-04-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC));
        let at = |now| word(&judge(dates, Root::Shipped, now));
        assert_eq!(at(datetime!(2026-09-01 0:00 UTC)), "fits");
        assert_eq!(at(datetime!(2026-09-18 0:00 UTC)), "warning");
        assert_eq!(at(datetime!(2026-10-01 0:00:01 UTC)), "refused");
        assert_eq!(at(datetime!(2026-03-31 0:00 UTC)), "refused");
        // A third of thirty days.
        let short = (datetime!(2026-04-01 0:00 UTC), datetime!(2026-05-01 0:00 UTC));
        assert_eq!(word(&judge(short, Root::Shipped, datetime!(2026-04-15 0:00 UTC))), "fits");
        assert_eq!(word(&judge(short, Root::Shipped, datetime!(2026-04-22 0:00 UTC))), "warning");
    }
}
