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
    match exceptions.iter().map(|exception| excepts(exception, file, &against, now)).find(Result::is_ok) {
        Some(Ok(who)) => Judgement::Passed(format!("{counts}; excepted by {who}")),
        _ => {
            let engines = against.iter().map(|(engine, result)| format!("{engine}: {result}"));
            Judgement::Refused(format!("{counts} ({})", engines.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// The engines that dislike it, with what they call it.
fn against(report: &Report) -> BTreeMap<&str, &str> {
    let findings = report.last_analysis_results.iter();
    let bad =
        findings.filter(|(_, finding)| ["malicious", "suspicious"].contains(&finding.category.as_str()));
    bad.map(|(engine, finding)| (engine.as_str(), finding.result.as_deref().unwrap_or_default())).collect()
}

/// Whether an exception covers this file today, with all that is said against it now; who granted it.
fn excepts(
    exception: &Exception,
    (sha256, title): (&str, &str),
    against: &BTreeMap<&str, &str>,
    now: i64,
) -> Result<String, ()> {
    let day = |text: &str| Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|_| ());
    let (granted, expires) = (day(&exception.granted)?, day(&exception.expires)?);
    let start = |date: Date| date.midnight().assume_utc().unix_timestamp();
    let holds = start(granted) <= now && now < start(expires) + DAY && (expires - granted).whole_days() <= 30;
    let same = exception.sha256.eq_ignore_ascii_case(sha256) && exception.title == title;
    let explained = !exception.reason.trim().is_empty() && !exception.reviewer.trim().is_empty();
    let known = !against.is_empty()
        && against
            .iter()
            .all(|(engine, result)| exception.engines.get(*engine).is_some_and(|was| was == result));
    let until = &exception.expires;
    if holds && same && explained && known {
        Ok(format!("{} until {until}", exception.reviewer))
    } else {
        Err(())
    }
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
    }
}
