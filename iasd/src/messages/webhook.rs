//! What a webhook is told of a run that is over, in the forms that services take; pure.
//!
//! As in the status files: no addresses, no credentials, no output of scripts, no names of users (R102).

use serde_json::{Value, json};
use shared::{
    exit::ExitCode,
    settings::WebhookFormat,
    state::RunState,
    wording::{Tally, duration, moment, one_line, reason, status_line, tolerates},
};

/// Failures that are named; the others are counted.
const MOST_FAILURES: usize = 20;

/// The body for the end of a run on the Mac with this hardware UUID.
pub(super) fn message(format: WebhookFormat, uuid: &str, version: &str, state: &RunState) -> Value {
    match format {
        WebhookFormat::Json => plain(uuid, version, state),
        WebhookFormat::Slack => slack(uuid, state),
        WebhookFormat::Teams => teams(uuid, state),
    }
}

fn plain(uuid: &str, version: &str, state: &RunState) -> Value {
    let tally = Tally::of(state);
    let failures: Vec<Value> = failures(state)
        .map(|(name, why, tolerated)| json!({ "name": name, "reason": why, "tolerated": tolerated }))
        .collect();
    json!({
        "format": 1,
        "event": "run_finished",
        "mac": uuid,
        "run_id": state.run_id,
        "version": version,
        "state": word(state),
        "started": moment(state.started_ms),
        "finished": moment(state.now_ms),
        "seconds": state.now_ms.saturating_sub(state.started_ms) / 1000,
        "starts": state.launch,
        "exit_code": state.finished.as_ref().map(|(exit, _)| ExitCode::code(*exit)),
        "items": {
            "done": tally.done, "current": tally.current, "failed": tally.failed, "skipped": tally.skipped,
            "open": tally.open,
        },
        "failures": failures,
        "line": status_line(state),
    })
}

fn slack(uuid: &str, state: &RunState) -> Value {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut text =
        format!("*{}* Mac `{}`\n{}", escaped(&headline(state)), escaped(uuid), escaped(&counts(state)));
    for (name, why, tolerated) in failures(state) {
        let note = if tolerated { " (tolerated)" } else { "" };
        text.push_str(&format!("\n• {}: {}{note}", escaped(&name), escaped(&why)));
    }
    json!({ "text": headline(state), "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": text } }] })
}

fn teams(uuid: &str, state: &RunState) -> Value {
    let mut facts = vec![
        json!({ "title": "Mac", "value": uuid }),
        json!({ "title": "Run", "value": state.run_id }),
        json!({ "title": "Items", "value": counts(state) }),
    ];
    let failed = failures(state).map(|(name, why, tolerated)| {
        let note = if tolerated { " (tolerated)" } else { "" };
        json!({ "title": name, "value": format!("{why}{note}") })
    });
    facts.extend(failed);
    let colour = if word(state) == "ok" { "Good" } else { "Attention" };
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            { "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "color": colour, "text": headline(state) },
            { "type": "FactSet", "facts": facts },
        ],
    });
    let kind = "application/vnd.microsoft.card.adaptive";
    json!({ "type": "message", "attachments": [{ "contentType": kind, "content": card }] })
}

fn headline(state: &RunState) -> String {
    let took = duration(state.now_ms.saturating_sub(state.started_ms));
    let how = match word(state).as_str() {
        "ok" => "Setup finished",
        "paused" => "Setup pauses",
        "aborted" => "Setup was ended by a failure",
        _ => "Setup finished with failures",
    };
    format!("{how} after {took}")
}

fn counts(state: &RunState) -> String {
    let tally = Tally::of(state);
    format!(
        "{} installed, {} already there, {} failed, {} skipped, {} not begun",
        tally.done, tally.current, tally.failed, tally.skipped, tally.open
    )
}

/// `ok`, `failed`, `aborted` or `paused`, as in `status.txt`.
fn word(state: &RunState) -> String {
    status_line(state).split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Name, reason, and whether it may fail.
fn failures(state: &RunState) -> impl Iterator<Item = (String, String, bool)> + '_ {
    state.failures().take(MOST_FAILURES).map(|(item, end)| {
        (one_line(&item.listed.name), reason(end), tolerates(item.listed.fail_policy, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample_of_a_failure;

    #[test]
    fn each_form_names_the_mac_the_end_and_what_failed() {
        let state = sample_of_a_failure();
        let plain = message(WebhookFormat::Json, "UUID", "0.1.0", &state);
        assert_eq!((&plain["state"], &plain["mac"]), (&json!("failed"), &json!("UUID")));
        assert_eq!(plain["failures"][0]["reason"], "exit status 3");
        let slack = message(WebhookFormat::Slack, "<U&ID>", "0.1.0", &state);
        let text = slack["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(text.contains("`&lt;U&amp;ID&gt;`") && text.contains("exit status 3"), "{text}");
        let teams = message(WebhookFormat::Teams, "UUID", "0.1.0", &state);
        let card = &teams["attachments"][0]["content"];
        assert_eq!((&card["type"], &card["body"][0]["color"]), (&json!("AdaptiveCard"), &json!("Attention")));
    }
}
