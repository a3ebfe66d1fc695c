//! A run as a trace for an OpenTelemetry collector: OTLP as JSON (opentelemetry-proto 1.x); pure.
//!
//! One trace a run, whatever it was started: a span for the run, below it its phases with their items, its downloads, and what it
//! waited for. As in the status files: no addresses, no credentials, no output, no names of users (R102).

use serde_json::{Value, json};
use shared::{
    digest::Digest,
    event::{Event, EventKind, ItemEnd, Listed},
    exit::ExitCode,
    item::{ItemId, Phase},
    state::RunState,
    wording::{Tally, one_line, reason},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// What a span is about; one of each can be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Phase(Phase),
    Item(ItemId),
    Effect(ItemId),
    Download(ItemId),
    User,
    Agent,
}

#[derive(Debug)]
struct Span {
    name: String,
    parent: Option<usize>,
    begin_ms: u64,
    end_ms: Option<u64>,
    problem: Option<String>,
    attributes: Vec<Value>,
}

/// A run so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    spans: Vec<Span>,
    open: BTreeMap<About, usize>,
    listed: BTreeMap<ItemId, Listed>,
    seq: u64,
    begin_ms: Option<u64>,
    last_ms: u64,
    version: String,
    arch: String,
    os_version: String,
}

impl Trace {
    /// Takes the next fact; one that was taken already changes nothing.
    pub(super) fn take(&mut self, event: &Event) {
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.fact(event.at_ms, &event.kind);
        self.last_ms = event.at_ms;
    }

    fn fact(&mut self, now: u64, kind: &EventKind) {
        match kind {
            EventKind::RunStarted { version, facts, .. } => {
                // What was open when the last start was cut off.
                self.close_all(self.last_ms, Some("cut off"));
                self.begin_ms.get_or_insert(now);
                self.version.clone_from(version);
                (self.arch, self.os_version) = (facts.arch.as_str().to_owned(), facts.os_version.clone());
            }
            EventKind::ControlFileLoaded { items, .. } | EventKind::TitlesResolved { items, .. } => {
                self.listed.extend(items.iter().map(|listed| (listed.id, listed.clone())));
            }
            EventKind::PhaseStarted { phase } => {
                self.open(About::Phase(*phase), now, None, phase.key().to_owned())
            }
            EventKind::PhaseFinished { phase, .. } => self.close(About::Phase(*phase), now, None),
            EventKind::DownloadStarted { id, attempt, .. } => {
                self.open(About::Download(*id), now, None, format!("download {}", self.name(*id)));
                self.say(About::Download(*id), number("ias.attempt", u64::from(*attempt)));
            }
            EventKind::DownloadAttemptFailed { id, attempt, .. } => {
                self.close(About::Download(*id), now, Some(format!("attempt {attempt} failed")));
            }
            EventKind::DownloadFinished { id, bytes, .. } => {
                self.say(About::Download(*id), number("ias.bytes", *bytes));
                self.close(About::Download(*id), now, None);
            }
            EventKind::ItemStarted { id } => {
                let phase = self.open.get(&About::Phase(id.phase)).copied();
                self.open(About::Item(*id), now, phase, self.name(*id));
                self.say(About::Item(*id), text("ias.item", &id.to_string()));
                if let Some(kind) = self.listed.get(id).and_then(|listed| listed.kind) {
                    self.say(About::Item(*id), text("ias.type", kind.key()));
                }
            }
            EventKind::ItemRunning { id } => {
                let item = self.open.get(&About::Item(*id)).copied();
                self.open(About::Effect(*id), now, item, format!("run {}", self.name(*id)));
            }
            EventKind::ItemFinished { id, end, .. } => {
                let fails = self.listed.get(id).map_or(end.is_failure(), |listed| listed.fails_by(end));
                let problem = fails.then(|| reason(end));
                self.close(About::Effect(*id), now, problem.clone());
                self.say(About::Item(*id), text("ias.end", word(end, fails)));
                self.close(About::Item(*id), now, problem);
            }
            EventKind::WaitingForUser => {
                self.open(About::User, now, None, "wait for somebody to log in".into())
            }
            EventKind::UserPresent { .. } => self.close(About::User, now, None),
            EventKind::WaitingForAgent => self.open(About::Agent, now, None, "wait for the agent".into()),
            EventKind::AgentCheckedIn { .. } => self.close(About::Agent, now, None),
            _ => {}
        }
    }

    fn name(&self, id: ItemId) -> String {
        self.listed.get(&id).map_or_else(|| id.to_string(), |listed| one_line(&listed.name))
    }

    fn open(&mut self, about: About, now: u64, parent: Option<usize>, name: String) {
        self.close(about, now, Some("begun anew".into()));
        self.open.insert(about, self.spans.len());
        let (end_ms, problem, attributes) = (None, None, Vec::new());
        self.spans.push(Span { name, parent, begin_ms: now, end_ms, problem, attributes });
    }

    fn opened(&mut self, about: About) -> Option<&mut Span> {
        self.spans.get_mut(*self.open.get(&about)?)
    }

    fn say(&mut self, about: About, attribute: Value) {
        if let Some(span) = self.opened(about) {
            span.attributes.push(attribute);
        }
    }

    fn close(&mut self, about: About, now: u64, problem: Option<String>) {
        if let Some(span) = self.opened(about) {
            (span.end_ms, span.problem) = (Some(now), problem);
        }
        self.open.remove(&about);
    }

    fn close_all(&mut self, now: u64, problem: Option<&str>) {
        for about in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(about, now, problem.map(str::to_owned));
        }
    }

    /// What a collector takes, of the run that came to `state` on the Mac with this hardware UUID.
    pub(super) fn request(&self, uuid: &str, state: &RunState) -> Value {
        let trace = hex(&Digest::of(format!("{uuid} {}", state.run_id).as_bytes()), 16);
        let id = |index: Option<usize>| {
            let which = index.map_or_else(String::new, |index| index.to_string());
            hex(&Digest::of(format!("{trace} {which}").as_bytes()), 8)
        };
        let begin_ms = self.begin_ms.unwrap_or(state.started_ms);
        let mut spans = vec![self.root(&trace, &id(None), begin_ms, state)];
        for (index, span) in self.spans.iter().enumerate() {
            spans.push(json!({
                "traceId": trace, "spanId": id(Some(index)), "parentSpanId": id(span.parent), "kind": INTERNAL,
                "name": span.name, "startTimeUnixNano": nanos(span.begin_ms),
                "endTimeUnixNano": nanos(span.end_ms.unwrap_or(state.now_ms)), "attributes": span.attributes,
                "status": status(span.problem.as_deref()),
            }));
        }
        let resource = [
            text("service.name", "iasd"),
            text("service.version", &self.version),
            text("host.id", uuid),
            text("host.arch", &self.arch),
            text("os.type", "darwin"),
            text("os.version", &self.os_version),
        ];
        let scope = json!({ "name": "iasd", "version": self.version });
        json!({ "resourceSpans": [{
            "resource": { "attributes": resource }, "scopeSpans": [{ "scope": scope, "spans": spans }],
        }] })
    }

    fn root(&self, trace: &str, id: &str, begin_ms: u64, state: &RunState) -> Value {
        let tally = Tally::of(state);
        let exit = state.finished.as_ref().map(|(exit, _)| ExitCode::code(*exit));
        let count = |name, count: usize| number(name, count as u64);
        let mut attributes = vec![
            text("ias.run_id", &state.run_id),
            number("ias.starts", u64::from(state.launch)),
            count("ias.items.done", tally.done),
            count("ias.items.current", tally.current),
            count("ias.items.failed", tally.failed),
            count("ias.items.skipped", tally.skipped),
            count("ias.items.open", tally.open),
        ];
        attributes.extend(exit.map(|code| number("process.exit.code", u64::from(code))));
        let problem = state
            .finished
            .as_ref()
            .filter(|(exit, _)| exit.code() != 0)
            .map(|(_, summary)| one_line(summary));
        json!({
            "traceId": trace, "spanId": id, "kind": INTERNAL, "name": "enrolment", "startTimeUnixNano": nanos(begin_ms),
            "endTimeUnixNano": nanos(state.now_ms), "attributes": attributes, "status": status(problem.as_deref()),
        })
    }
}

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u8 = 1;

/// `STATUS_CODE_OK`, or `STATUS_CODE_ERROR` with a reason.
fn status(problem: Option<&str>) -> Value {
    match problem {
        None => json!({ "code": 1 }),
        Some(why) => json!({ "code": 2, "message": why }),
    }
}

fn word(end: &ItemEnd, fails: bool) -> &'static str {
    match end {
        ItemEnd::Done => "done",
        // There is work to do.
        _ if end.is_failure() && !fails => "answered",
        ItemEnd::Background => "background",
        ItemEnd::NotStarted => "not_started",
        ItemEnd::Skipped(_) => "skipped",
        _ => "failed",
    }
}

/// 64-bit numbers are texts in OTLP's JSON.
fn nanos(ms: u64) -> String {
    (u128::from(ms) * 1_000_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

/// The first bytes of a digest.
fn hex(digest: &Digest, bytes: usize) -> String {
    let mut text = String::new();
    for byte in digest.0.iter().take(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{exit::Ended, item::FailPolicy};

    const ID: ItemId = ItemId::new(Phase::SetupAssistant, 0);

    fn told(facts: Vec<EventKind>) -> (Value, Trace) {
        let started = r#"{"seq": 1, "at_ms": 1000, "event": "run_started", "run_id": "x", "version": "1", "dry_run": false,
            "facts": {"arch": "arm64", "os_version": "15.1", "receipts": {}}}"#;
        let loaded = r#"{"seq": 2, "at_ms": 1100, "event": "control_file_loaded", "source": "https://secret.example/",
            "digest": "0000000000000000000000000000000000000000000000000000000000000000", "errors": 0, "warnings": 0, "items":
            [{"id": {"phase": "setupassistant", "index": 0}, "name": "Tools", "kind": "package", "fail_policy": "failable"}]}"#;
        let (mut trace, mut state) = (Trace::default(), RunState::default());
        let first = [started, loaded].map(|text| serde_json::from_str::<Event>(text).unwrap());
        let rest = (3..).zip(facts).map(|(seq, kind)| Event { seq, at_ms: 1000 * seq, kind });
        for event in first.into_iter().chain(rest) {
            state.apply(&event);
            trace.take(&event);
            trace.take(&event);
        }
        (trace.request("UUID", &state), trace)
    }

    fn spans(request: &Value) -> Vec<Value> {
        request["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    }

    #[test]
    fn a_span_lies_below_what_it_belongs_to_and_says_how_it_ended() {
        let failed = ItemEnd::ExecutionFailed(Ended::Exited(3));
        let (request, _) = told(vec![
            EventKind::DownloadStarted {
                id: ID,
                url: "https://secret.example/x".into(),
                attempt: 1,
                resumed_at: 0,
            },
            EventKind::PhaseStarted { phase: Phase::SetupAssistant },
            EventKind::ItemStarted { id: ID },
            EventKind::ItemRunning { id: ID },
            EventKind::ItemFinished { id: ID, end: failed, ms: 1, last_lines: vec!["secret".into()] },
        ]);
        assert!(!request.to_string().contains("secret"), "{request:#}");
        let spans = spans(&request);
        let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["enrolment", "download Tools", "setupassistant", "Tools", "run Tools"]);
        let parent =
            |index: usize| spans.iter().position(|span| span["spanId"] == spans[index]["parentSpanId"]);
        assert_eq!([1, 2, 3, 4].map(parent), [Some(0), Some(0), Some(2), Some(3)]);
        assert_eq!(spans[0].get("parentSpanId"), None);
        assert_eq!(spans[3]["status"], json!({ "code": 2, "message": "exit status 3" }));
        assert_eq!(
            (&spans[3]["startTimeUnixNano"], &spans[3]["endTimeUnixNano"]),
            (&json!("5000000000"), &json!("7000000000"))
        );
        let (trace, span) = (spans[0]["traceId"].as_str().unwrap(), spans[0]["spanId"].as_str().unwrap());
        assert_eq!((trace.len(), span.len()), (32, 16));
        assert_eq!(
            request,
            told(vec![
                EventKind::DownloadStarted { id: ID, url: String::new(), attempt: 1, resumed_at: 0 },
                EventKind::PhaseStarted { phase: Phase::SetupAssistant },
                EventKind::ItemStarted { id: ID },
                EventKind::ItemRunning { id: ID },
                EventKind::ItemFinished {
                    id: ID,
                    end: ItemEnd::ExecutionFailed(Ended::Exited(3)),
                    ms: 1,
                    last_lines: vec![]
                },
            ])
            .0,
            "the same run is the same trace"
        );
    }

    #[test]
    fn r49_a_preflight_script_that_answers_has_not_failed() {
        let id = ItemId::new(Phase::Preflight, 0);
        let listed = Listed {
            id,
            name: "Ask".into(),
            kind: None,
            fail_policy: FailPolicy::Failable,
            fingerprint: None,
        };
        let mut trace = Trace::default();
        trace.listed.insert(id, listed);
        let end = ItemEnd::ExecutionFailed(Ended::Exited(1));
        for (seq, kind) in (1..).zip([
            EventKind::ItemStarted { id },
            EventKind::ItemRunning { id },
            EventKind::ItemFinished { id, end, ms: 1, last_lines: vec![] },
        ]) {
            trace.take(&Event { seq, at_ms: seq, kind });
        }
        assert!(trace.spans.iter().all(|span| span.problem.is_none() && span.end_ms == Some(3)), "{trace:?}");
        assert!(trace.spans[0].attributes.contains(&text("ias.end", "answered")), "{trace:?}");
    }

    #[test]
    fn what_was_open_when_a_start_was_cut_off_ends_there() {
        let again = r#"{"seq": 9, "at_ms": 60000, "event": "run_started", "run_id": "x", "version": "1", "dry_run": false,
            "facts": {"arch": "arm64", "os_version": "15.1", "receipts": {}}, "launch": 2}"#;
        let (_, mut trace) =
            told(vec![EventKind::PhaseStarted { phase: Phase::Userland }, EventKind::WaitingForUser]);
        trace.take(&serde_json::from_str(again).unwrap());
        let ends: Vec<_> = trace.spans.iter().map(|span| (span.end_ms, span.problem.as_deref())).collect();
        assert_eq!(ends, [(Some(4000), Some("cut off")); 2]);
    }
}
