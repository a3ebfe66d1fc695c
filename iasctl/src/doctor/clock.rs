//! What the servers' clocks say of this computer's: pure.
//!
//! Certificates and the tokens of title services are judged by the clock; the first thing a Mac with a wrong one fails at is TLS (T62).

use super::Line;
use crate::verdict::Verdict;

/// Seconds that are nobody's fault: the header has whole seconds, and the answer was on its way.
const NOTHING: i64 = 60;

/// Judges by how many seconds each server is ahead of this computer.
pub(super) fn judge(offsets: &[(&str, i64)]) -> Vec<Line> {
    let mut sorted: Vec<i64> = offsets.iter().map(|(_, offset)| *offset).collect();
    sorted.sort_unstable();
    let Some(usual) = sorted.get(sorted.len() / 2).copied() else { return Vec::new() };
    let count = offsets.iter().filter(|(_, offset)| (offset - usual).abs() <= NOTHING).count();
    let servers = if count == 1 { "a server".to_owned() } else { format!("{count} servers") };
    let own = if usual.abs() <= NOTHING {
        Verdict::Fits(format!("this computer's agrees with {servers}"))
    } else {
        let (away, way) = (span(usual), if usual > 0 { "behind" } else { "ahead of" });
        Verdict::Warning(format!(
            "this computer's is {away} {way} that of {servers}; certificates and tokens are judged by it"
        ))
    };
    let odd = offsets.iter().filter(|(_, offset)| (offset - usual).abs() > NOTHING).map(|(host, offset)| {
        let (away, way) = (span(offset - usual), if *offset > usual { "ahead" } else { "behind" });
        let problem =
            format!("{host} is {away} {way} of the others; what it issues may count too early or too late");
        Line::new("clock", Verdict::Warning(problem))
    });
    let mut lines: Vec<Line> = odd.collect();
    lines.push(Line::new("clock", own));
    lines
}

/// Seconds in the largest unit that says enough.
fn span(seconds: i64) -> String {
    let seconds = seconds.abs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(offsets: &[(&str, i64)]) -> Vec<String> {
        judge(offsets).iter().map(|line| format!("{} {}", line.verdict.word(), line.verdict.text())).collect()
    }

    #[test]
    fn a_clock_that_agrees_is_worth_a_word_and_one_that_does_not_a_warning() {
        assert_eq!(told(&[("a", 0), ("b", -2)]), ["OK this computer's agrees with 2 servers"]);
        let late = "WARN this computer's is 2 days behind that of 2 servers; certificates and tokens are judged by it";
        assert_eq!(told(&[("a", 200_000), ("b", 200_001)]), [late]);
        assert!(
            told(&[("a", -300)])[0]
                .starts_with("WARN this computer's is 5 minutes ahead of that of a server")
        );
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn a_server_that_is_alone_with_its_time_is_named() {
        let told = told(&[("a", 0), ("odd.example", 7300), ("b", 1)]);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("WARN odd.example is 2 hours ahead of the others"), "{told:?}");
        assert_eq!(told[1], "OK this computer's agrees with 2 servers");
    }
}
