//! An instant at which a rehearsal kills `iasd`, named by the fact or the byte at which it happens.
//!
//! `before item_running userland[2]`, `torn item_finished`, `after download_finished setupassistant[0]`,
//! `bytes setupassistant[0] 500000`. Every effect lies between two facts, so every effect has its instants.

use crate::journal::{Death, Passing};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use shared::{
    event::{Event, Progress},
    item::{ItemId, Phase},
};
use std::{fmt, str::FromStr};

/// One instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PowerCut {
    /// At a fact of this kind, about this item if one is named.
    Fact {
        /// Before, in the middle of, or after its line.
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
pub(crate) enum Moment {
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

impl PowerCut {
    /// How the process dies at what passes, if it does.
    pub(crate) fn hits(&self, passing: &Passing<'_>) -> Option<Death> {
        match (self, passing) {
            (Self::Fact { moment, event, item }, Passing::Fact(fact)) => is_named(fact, event, *item)
                .then_some(match moment {
                    Moment::Before => Death::Before,
                    Moment::Torn => Death::Torn,
                    Moment::After => Death::After,
                }),
            (
                Self::Bytes { item, received },
                Passing::Progress(Progress::Bytes { id, received: now, .. }),
            ) => (id == item && now >= received).then_some(Death::Before),
            _ => None,
        }
    }
}

fn is_named(fact: &Event, name: &str, item: Option<ItemId>) -> bool {
    let Ok(fact) = serde_json::to_value(fact) else { return false };
    let about = fact.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
    fact.get("event").and_then(Value::as_str) == Some(name) && (item.is_none() || about == item)
}

impl FromStr for PowerCut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{text:?}: expected `before|torn|after EVENT [PHASE[INDEX]]` or `bytes PHASE[INDEX] NUMBER`"
            )
        };
        let mut words = text.split_whitespace();
        let cut = match (words.next(), words.next(), words.next()) {
            (Some("bytes"), Some(id), Some(number)) => {
                let received = number.parse().map_err(|_| expected())?;
                Self::Bytes { item: item(id).ok_or_else(expected)?, received }
            }
            (Some(moment), Some(event), id) => {
                let found = Moment::ALL.into_iter().find(|(name, _)| *name == moment);
                let (_, moment) = found.ok_or_else(expected)?;
                let item = id.map(|id| item(id).ok_or_else(expected)).transpose()?;
                Self::Fact { moment, event: event.to_owned(), item }
            }
            _ => return Err(expected()),
        };
        words.next().map_or(Ok(cut), |_| Err(expected()))
    }
}

fn item(text: &str) -> Option<ItemId> {
    let (phase, index) = text.strip_suffix(']')?.split_once('[')?;
    let phase = Phase::ALL.into_iter().find(|known| known.key() == phase)?;
    Some(ItemId { phase, index: index.parse().ok()? })
}

impl fmt::Display for PowerCut {
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

impl<'de> Deserialize<'de> for PowerCut {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for PowerCut {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_as_it_is_written() {
        for text in [
            "before item_running userland[2]",
            "torn item_finished",
            "after download_finished setupassistant[0]",
            "bytes preflight[1] 500000",
        ] {
            assert_eq!(text.parse::<PowerCut>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "before",
            "during item_running",
            "bytes userland[0]",
            "after x userland",
            "after x userland[0] y",
        ] {
            assert!(bad.parse::<PowerCut>().unwrap_err().contains("expected"), "{bad}");
        }
    }
}
