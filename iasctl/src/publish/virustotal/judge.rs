//! What VirusTotal's report of a file means for the gate (T80, T85, T86): a rule over values.

use super::super::publisher::{Exception, VirusTotal};
use serde::Deserialize;
use std::collections::BTreeMap;
use time::{Date, macros::format_description};

/// A day in seconds.
const DAY: i64 = 86_400;

/// What VirusTotal knows of a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    pub(super) last_analysis_date: Option<i64>,
    pub(super) last_analysis_stats: Stats,
    pub(super) last_analysis_results: BTreeMap<String, Finding>,
}

/// How many engines said what; what is left out is zero.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    malicious: u64,
    suspicious: u64,
    undetected: u64,
    harmless: u64,
}

/// What one engine said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Finding {
    category: String,
    result: Option<String>,
}

/// What follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It may pass.
    Passed(String),
    /// It must be analysed anew first.
    Stale(String),
    /// It must not pass.
    Refused(String),
}

/// Judges the file `sha256` of `title` at the moment `now`, in Unix seconds.
pub(super) fn judge(
    report: &Report,
    file: (&str, &str),
    limits: &VirusTotal,
    exceptions: &[Exception],
    now: i64,
) -> Judgement {
    let Stats { malicious, suspicious, undetected, harmless } = report.last_analysis_stats;
    let engines = malicious + suspicious + undetected + harmless;
    let counts = format!("{malicious} malicious, {suspicious} suspicious of {engines} engines");
    let Some(analysed) = report.last_analysis_date else {
        return Judgement::Stale("it was never analysed".to_owned());
    };
    let age = (now - analysed) / DAY;
    if age > limits.vt_age_max_days {
        return Judgement::Stale(format!("its analysis is {age} days old"));
    }
    if engines < limits.vt_engines_min {
        return Judgement::Refused(format!(
            "{counts}: fewer than vt_engines_min = {}",
            limits.vt_engines_min
        ));
    }
    if malicious <= limits.vt_malicious_max && suspicious <= limits.vt_suspicious_max {
        return Judgement::Passed(counts);
    }
    let against = against(report);
    let (sha256, title) = file;
    let mut flaws = String::new();
    let own =
        |exception: &&Exception| exception.sha256.eq_ignore_ascii_case(sha256) && exception.title == title;
    for exception in exceptions.iter().filter(own) {
        match excepts(exception, &against, now) {
            Ok(who) => return Judgement::Passed(format!("{counts}; excepted by {who}")),
            Err(why) => flaws.push_str(&format!("; its exception does not hold: {why}")),
        }
    }
    let engines = against.iter().map(|(engine, result)| format!("{engine}: {result}"));
    Judgement::Refused(format!("{counts} ({}){flaws}", engines.collect::<Vec<_>>().join(", ")))
}

/// The engines that dislike it, with what they call it.
fn against(report: &Report) -> BTreeMap<&str, &str> {
    let findings = report.last_analysis_results.iter();
    let bad =
        findings.filter(|(_, finding)| ["malicious", "suspicious"].contains(&finding.category.as_str()));
    bad.map(|(engine, finding)| (engine.as_str(), finding.result.as_deref().unwrap_or_default())).collect()
}

/// Whether an exception of this file holds today, with all that is said against the file now; who granted it, or why not.
fn excepts(exception: &Exception, against: &BTreeMap<&str, &str>, now: i64) -> Result<String, String> {
    let day = |key: &str, text: &str| {
        Date::parse(text, format_description!("[year]-[month]-[day]"))
            .map_err(|_| format!("{key}: {text:?} is no day such as 2026-12-20"))
    };
    let (granted, expires) = (day("granted", &exception.granted)?, day("expires", &exception.expires)?);
    let start = |date: Date| date.midnight().assume_utc().unix_timestamp();
    if now < start(granted) {
        return Err(format!("it begins on {granted}"));
    }
    if now >= start(expires) + DAY {
        return Err(format!("it expired on {expires}"));
    }
    if (expires - granted).whole_days() > 30 {
        return Err("it is for longer than 30 days".to_owned());
    }
    if exception.reason.trim().is_empty() || exception.reviewer.trim().is_empty() {
        return Err("it has no reason or no reviewer".to_owned());
    }
    let is_new =
        |(engine, result): &(&&str, &&str)| exception.engines.get(**engine).is_none_or(|was| was != **result);
    if let Some((engine, result)) = against.iter().find(is_new) {
        return Err(format!("it does not list {engine}: {result}"));
    }
    if against.is_empty() {
        return Err("the report names no engine that dislikes the file".to_owned());
    }
    Ok(format!("{} until {expires}", exception.reviewer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_767_225_600; // 2026-01-01

    fn report(malicious: u64, suspicious: u64, undetected: u64, days: i64) -> Report {
        let bad = if malicious > 0 {
            json!({"Acme": {"category": "malicious", "result": "PUA"}})
        } else {
            json!({})
        };
        serde_json::from_value(json!({
            "last_analysis_date": NOW - days * DAY,
            "last_analysis_stats": {"malicious": malicious, "suspicious": suspicious, "undetected": undetected},
            "last_analysis_results": bad,
        }))
        .unwrap()
    }

    fn judged(report: &Report, exceptions: &[Exception]) -> Judgement {
        judge(report, ("aa", "A"), &VirusTotal::default(), exceptions, NOW)
    }

    fn exception(change: impl Fn(&mut Exception)) -> Exception {
        let mut exception = Exception {
            sha256: "AA".to_owned(),
            title: "A".to_owned(),
            engines: [("Acme".to_owned(), "PUA".to_owned())].into(),
            reason: "a false alarm".to_owned(),
            reviewer: "Kim".to_owned(),
            granted: "2025-12-15".to_owned(),
            expires: "2026-01-01".to_owned(),
        };
        change(&mut exception);
        exception
    }

    #[test]
    fn t85_the_defaults_let_nothing_pass_that_one_engine_dislikes() {
        assert!(matches!(judged(&report(0, 0, 40, 1), &[]), Judgement::Passed(_)));
        for bad in [report(1, 0, 60, 1), report(0, 1, 60, 1), report(0, 0, 39, 1)] {
            assert!(matches!(judged(&bad, &[]), Judgement::Refused(_)));
        }
        assert!(matches!(judged(&report(0, 0, 60, 30), &[]), Judgement::Passed(_)));
        assert!(matches!(judged(&report(0, 0, 60, 31), &[]), Judgement::Stale(_)));
        assert!(matches!(judged(&Report::default(), &[]), Judgement::Stale(_)));
        let told = Judgement::Refused("1 malicious, 0 suspicious of 61 engines (Acme: PUA)".to_owned());
        assert_eq!(judged(&report(1, 0, 60, 1), &[]), told);
    }

    #[test]
    fn t86_an_exception_holds_for_this_file_these_findings_and_a_month() {
        let bad = report(1, 0, 60, 1);
        let passes = |change: &dyn Fn(&mut Exception)| {
            matches!(judged(&bad, &[exception(change)]), Judgement::Passed(_))
        };
        assert!(passes(&|_| {}));
        assert!(!passes(&|exception| exception.sha256 = "bb".to_owned()));
        assert!(!passes(&|exception| exception.title = "B".to_owned()));
        assert!(!passes(&|exception| exception.expires = "2025-12-31".to_owned()));
        assert!(!passes(&|exception| exception.granted = "2025-11-01".to_owned()), "longer than 30 days");
        assert!(!passes(&|exception| exception.reason = " ".to_owned()));
        assert!(!passes(&|exception| exception.engines.clear()), "another engine dislikes it now");
        for (expires, granted, why) in [
            ("2025-12-31", "2025-12-15", "its exception does not hold: it expired on 2025-12-31"),
            ("2026-01-01", "2025-11-01", "its exception does not hold: it is for longer than 30 days"),
            ("2026-01-09", "2026-01-02", "its exception does not hold: it begins on 2026-01-02"),
            ("soon", "2025-12-15", "expires: \"soon\" is no day"),
        ] {
            let exception = exception(|exception| {
                (exception.expires, exception.granted) = (expires.to_owned(), granted.to_owned());
            });
            let Judgement::Refused(told) = judged(&bad, &[exception]) else { panic!("{why}") };
            assert!(told.ends_with(why) || told.contains(why), "{told}");
        }
        let Judgement::Refused(told) = judged(&bad, &[exception(|exception| exception.engines.clear())])
        else {
            panic!("another engine")
        };
        assert!(told.ends_with("it does not list Acme: PUA"), "{told}");
    }
}
