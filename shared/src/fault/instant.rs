//! An instant of a run, named by the fact or the byte at which it comes.
//!
//! `before item_running userland[2]`, `torn item_finished`, `download_finished setupassistant[0]`,
//! `bytes setupassistant[0] 500000`. Every effect lies between two facts, so every effect has its instants.

use crate::{
    event::{Event, Progress},
    hint::nearest,
    item::{ItemId, Phase},
};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// One instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instant {
    /// At a fact of this kind, about this item if one is named.
    Fact {
        /// Before, in the middle of, or after its line in the journal.
        moment: Moment,
        /// The fact, as the event stream names it.
        event: String,
        /// The item.
        item: Option<ItemId>,
    },
    /// When this many bytes of an item have come.
    Bytes {
        /// The item.
        item: ItemId,
        /// How many.
        received: u64,
    },
}

/// When, around a line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before it is written.
    Before,
    /// When half of it is written.
    Torn,
    /// When it is on the disk.
    After,
}

impl Moment {
    const ALL: [(&str, Self); 3] = [("before", Self::Before), ("torn", Self::Torn), ("after", Self::After)];
}

/// Every kind of fact, as the event stream names it; a test compares them with [`EventKind`](crate::event::EventKind).
const EVENTS: [&str; 25] = [
    "run_started",
    "control_file_loaded",
    "titles_resolved",
    "phase_started",
    "phase_finished",
    "preflight_verdict",
    "download_started",
    "download_attempt_failed",
    "download_finished",
    "item_started",
    "item_running",
    "item_not_taken",
    "item_finished",
    "background_ended",
    "background_failed",
    "waiting_for_user",
    "user_present",
    "waiting_for_agent",
    "agent_checked_in",
    "agent_lost",
    "notice",
    "cleanup",
    "reboot_requested",
    "cleanup_finished",
    "run_finished",
];

impl Instant {
    /// The moment of `fact` that is meant, if that is the fact.
    #[must_use]
    pub fn at_fact(&self, fact: &Event) -> Option<Moment> {
        let Self::Fact { moment, event, item } = self else { return None };
        is_named(fact, event, *item).then_some(*moment)
    }

    /// Whether `news` says that it has come.
    #[must_use]
    pub fn at_progress(&self, news: &Progress) -> bool {
        match (self, news) {
            (Self::Bytes { item, received }, Progress::Bytes { id, received: now, .. }) => {
                id == item && now >= received
            }
            _ => false,
        }
    }
}

fn is_named(fact: &Event, name: &str, item: Option<ItemId>) -> bool {
    let Ok(fact) = serde_json::to_value(fact) else { return false };
    let about = fact.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
    fact.get("event").and_then(Value::as_str) == Some(name) && (item.is_none() || about == item)
}

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let ["bytes", id, number] = words[..] {
            let received = number.parse().map_err(|_| format!("`{number}` is no number of bytes"))?;
            return Ok(Self::Bytes { item: item(id)?, received });
        }
        let moment = |word: &&str| Moment::ALL.into_iter().find(|(name, _)| name == word);
        let (moment, words) = match words.split_first() {
            Some((first, rest)) if !rest.is_empty() => match moment(first) {
                Some((_, moment)) => (moment, rest),
                None => (Moment::After, &words[..]),
            },
            _ => (Moment::After, &words[..]),
        };
        match words {
            [name] => Ok(Self::Fact { moment, event: event(name)?, item: None }),
            [name, id] => Ok(Self::Fact { moment, event: event(name)?, item: Some(item(id)?) }),
            _ => Err(format!("`{text}`: expected {WANTED}")),
        }
    }
}

const WANTED: &str = "`[before|torn|after] EVENT [PHASE[INDEX]]` or `bytes PHASE[INDEX] NUMBER`";

fn event(name: &str) -> Result<String, String> {
    if EVENTS.contains(&name) {
        return Ok(name.to_owned());
    }
    let hint = nearest(name, EVENTS).map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
    Err(format!("there is no event `{name}`{hint} (expected {WANTED})"))
}

fn item(text: &str) -> Result<ItemId, String> {
    item_id(text).map_err(|error| format!("{error} (expected {WANTED})"))
}

/// `userland[2]`, or `userland[2].1` for what comes with a title, as it is displayed.
///
/// # Errors
/// When it is none, with the nearest phase.
pub fn item_id(text: &str) -> Result<ItemId, String> {
    let wrong = || format!("`{text}` names no item: PHASE[INDEX] does, such as `userland[0]`");
    let (whole, part) = match text.rsplit_once("].") {
        Some((whole, part)) => (whole, part.parse().map_err(|_| wrong())?),
        None => (text.strip_suffix(']').ok_or_else(wrong)?, 0),
    };
    let (phase, index) = whole.split_once('[').ok_or_else(wrong)?;
    let Some(phase) = Phase::ALL.into_iter().find(|known| known.key() == phase) else {
        let keys = Phase::ALL.map(Phase::key);
        let hint = nearest(phase, keys).map(|key| format!(": did you mean `{key}`?")).unwrap_or_default();
        return Err(format!("there is no phase `{phase}`{hint}"));
    };
    Ok(ItemId { part, ..ItemId::new(phase, index.parse().map_err(|_| wrong())?) })
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { item, received } => write!(f, "bytes {item} {received}"),
            Self::Fact { moment, event, item } => {
                let known = Moment::ALL.into_iter().find(|(_, known)| known == moment);
                write!(f, "{} {event}", known.map_or("", |(name, _)| name))?;
                item.map_or(Ok(()), |item| write!(f, " {item}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    #[test]
    fn an_instant_reads_back_as_it_is_written() {
        for text in [
            "before item_running userland[2]",
            "torn item_finished",
            "after download_finished setupassistant[0]",
            "bytes preflight[1] 500000",
        ] {
            assert_eq!(text.parse::<Instant>().unwrap().to_string(), text);
        }
        let short = "item_running userland[2]".parse::<Instant>().unwrap();
        assert_eq!(short.to_string(), "after item_running userland[2]");
    }

    #[test]
    fn what_is_no_instant_is_refused_with_the_nearest_that_is() {
        for (bad, hint) in [
            ("", "expected"),
            ("before", "no event `before`"),
            ("during item_running", "no event `during`"),
            ("after item_runing userland[0]", "did you mean `item_running`?"),
            ("after item_running userlnd[0]", "did you mean `userland`?"),
            ("after item_running userland", "userland[0]"),
            ("after item_running userland[0] y", "expected"),
            ("bytes userland[0]", "no event `bytes`"),
            ("bytes userland[0] many", "no number of bytes"),
        ] {
            let error = bad.parse::<Instant>().unwrap_err();
            assert!(error.contains(hint), "{bad}: {error}");
        }
    }

    #[test]
    fn every_event_can_be_named() {
        let unknown = serde_json::from_str::<EventKind>(r#"{"event": "no such"}"#).unwrap_err().to_string();
        let known: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, EVENTS, "{unknown}");
    }
}
