//! What daemon and agent say to each other, split by direction and by what the speaker has proved (R104).

use crate::{digest::Digest, exit::Ended, item::ItemId, layout::MacPath};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version of this language; both sides must speak the same.
pub const PROTOCOL: u32 = 1;

/// How many bytes of output a reply carries at most, so that it fits a frame however it is escaped.
const REPLY_TAIL: usize = 8 << 10;

/// All that a peer without a check-in may say to the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromStranger {
    /// The first message.
    CheckIn(CheckIn),
}

/// Who an agent claims to be. The daemon believes the kernel; a claim that differs is rejected (R106).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckIn {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The program's version, for the log.
    pub version: String,
    /// The effective user id the agent sees for itself.
    pub uid: u32,
    /// Its process.
    pub pid: u32,
}

/// What a checked-in agent says to the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromAgent {
    /// The one answer to a request.
    Reply(Reply),
    /// A line a script wrote; may be dropped.
    Output {
        /// The request that runs the script.
        id: RequestId,
        /// The line, at most 4 KiB.
        line: String,
    },
    /// A process started with `donotwait` ended (R69).
    BackgroundEnded {
        /// Its item.
        item: ItemId,
        /// How it ended.
        ended: Ended,
    },
    /// Something a later version says; ignored.
    #[serde(other)]
    Unknown,
}

/// What the daemon says to the agent. Only a peer that proved to be the daemon is listened to (R107).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromDaemon {
    /// The check-in is accepted.
    Welcome {
        /// [`PROTOCOL`].
        protocol: u32,
    },
    /// The check-in is refused; the connection ends.
    Refused {
        /// Why.
        reason: String,
    },
    /// Something to do.
    Request(Request),
    /// Something a later version says; ignored.
    #[serde(other)]
    Unknown,
}

/// Names a request, also across connections and daemons (R111).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId {
    /// Who counts: differs from daemon to daemon. A script has one of its own, which all daemons of a run know.
    pub daemon: u64,
    /// Counts from 1.
    pub number: u64,
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.daemon, self.number)
    }
}

/// Something the agent shall do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// A repeated id gets the recorded reply, and nothing runs twice (R111).
    pub id: RequestId,
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Execute nothing (R74).
    pub dry_run: bool,
    /// What.
    pub command: Command,
}

/// What the agent can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Say that you live.
    Ping,
    /// Run the script that comes as a descriptor.
    RunUserScript(RunUserScript),
    /// Write the file that comes as a descriptor.
    PlaceUserFile(PlaceUserFile),
    /// Open an application in the session (R101).
    OpenApp {
        /// The application.
        path: MacPath,
        /// What follows `--args`, as a vector.
        arguments: Vec<String>,
    },
    /// Wait until no background process runs; end those that still run after this time (R69).
    WaitForBackground {
        /// Milliseconds.
        timeout_ms: u64,
    },
    /// Say how many background processes run.
    BackgroundCount,
    /// Exit.
    Shutdown,
    /// Something a later version asks; refused.
    #[serde(other)]
    Unknown,
}

impl Command {
    /// Whether a descriptor belongs to it.
    #[must_use]
    pub fn has_descriptor(&self) -> bool {
        matches!(self, Self::RunUserScript(_) | Self::PlaceUserFile(_))
    }
}

/// How to run a user script (R58, R108).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUserScript {
    /// Its item.
    pub item: ItemId,
    /// The item's name, for the log.
    pub name: String,
    /// What the descriptor's content must have.
    pub digest: Digest,
    /// How long the content is.
    pub bytes: u64,
    /// Answer as soon as it has started (R65).
    pub donotwait: bool,
    /// End it after this many milliseconds (R73).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeout_ms: Option<u64>,
}

/// How to place a file with the user's rights (R115).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceUserFile {
    /// Its item.
    pub item: ItemId,
    /// Where.
    pub path: MacPath,
    /// Permission bits, such as 0644 (R113).
    pub mode: u32,
    /// What the descriptor's content must have.
    pub digest: Digest,
    /// How long the content is.
    pub bytes: u64,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The request's.
    pub id: RequestId,
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// What came of it.
    pub outcome: Outcome,
}

impl Reply {
    /// The answer to `id`.
    #[must_use]
    pub fn new(id: RequestId, outcome: Outcome) -> Self {
        Self { id, protocol: PROTOCOL, outcome }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// Nothing was executed, because the request said so (R74).
    DryRun,
    /// A background process was started (R65).
    Started,
    /// A script ended, or could not be started.
    Ended {
        /// How.
        ended: Ended,
        /// Its last lines (R94); see [`Outcome::ended`].
        tail: Vec<String>,
    },
    /// How many background processes run.
    Background(u32),
    /// It was not done.
    Failed {
        /// Why.
        error: String,
    },
    /// It was not understood, or not allowed.
    Refused {
        /// Why.
        error: String,
    },
}

impl Outcome {
    /// A script's end with as many of its last lines as fit a frame.
    #[must_use]
    pub fn ended(ended: Ended, lines: Vec<String>) -> Self {
        let mut room = REPLY_TAIL;
        let mut tail: Vec<String> = lines
            .into_iter()
            .rev()
            .take_while(|line| {
                let fits = line.len() < room;
                room = room.saturating_sub(line.len() + 1);
                fits
            })
            .collect();
        tail.reverse();
        Self::Ended { ended, tail }
    }
}

/// A frame's body is no message.
#[derive(Debug, thiserror::Error)]
#[error("a message that cannot be understood: {0}")]
pub struct NotAMessage(#[source] serde_json::Error);

/// The bytes of a message.
///
/// # Errors
/// Never for the types of this module; the error is there for completeness.
pub fn to_bytes<T: Serialize>(message: &T) -> Result<Vec<u8>, NotAMessage> {
    serde_json::to_vec(message).map_err(NotAMessage)
}

/// The message in these bytes.
///
/// # Errors
/// When they hold none of this type.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotAMessage> {
    serde_json::from_slice(bytes).map_err(NotAMessage)
}

/// The id of a request that cannot be understood otherwise, so that it gets an answer (R111).
#[must_use]
pub fn id_of(bytes: &[u8]) -> Option<RequestId> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: RequestId,
    }
    from_bytes::<OnlyId>(bytes).ok().map(|only| only.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ipc::frame, item::Phase};

    const ID: RequestId = RequestId { daemon: u64::MAX, number: 7 };

    #[test]
    fn r104_messages_survive_the_wire() {
        let script = RunUserScript {
            item: ItemId::new(Phase::Userland, 3),
            name: "Dock".into(),
            digest: Digest::of(b"x"),
            bytes: 1,
            donotwait: false,
            timeout_ms: Some(1500),
        };
        let request =
            Request { id: ID, protocol: PROTOCOL, dry_run: true, command: Command::RunUserScript(script) };
        let message = FromDaemon::Request(request);
        assert_eq!(from_bytes::<FromDaemon>(&to_bytes(&message).unwrap()).unwrap(), message);
        let reply = FromAgent::Reply(Reply::new(ID, Outcome::ended(Ended::Signalled(9), vec!["a".into()])));
        assert_eq!(from_bytes::<FromAgent>(&to_bytes(&reply).unwrap()).unwrap(), reply);
    }

    #[test]
    fn r111_what_a_later_version_says_is_known_to_be_unknown() {
        let text = r#"{"say":"request","id":{"daemon":1,"number":2},"protocol":2,"dry_run":false,
                       "command":{"do":"dance","with":["the",{"stars":1}]}}"#;
        match from_bytes(text.as_bytes()).unwrap() {
            FromDaemon::Request(request) => assert_eq!(request.command, Command::Unknown),
            other => panic!("{other:?}"),
        }
        let other = br#"{"say":"sing","song":{"a":[1]}}"#;
        assert_eq!(from_bytes::<FromAgent>(other).unwrap(), FromAgent::Unknown);
        assert_eq!(from_bytes::<FromDaemon>(other).unwrap(), FromDaemon::Unknown);
        assert_eq!(id_of(text.as_bytes()), Some(RequestId { daemon: 1, number: 2 }));
    }

    #[test]
    fn r104_a_stranger_can_say_nothing_but_who_it_is() {
        let reply = to_bytes(&FromAgent::Reply(Reply::new(ID, Outcome::Done))).unwrap();
        assert!(from_bytes::<FromStranger>(&reply).is_err());
        assert!(from_bytes::<FromStranger>(b"").is_err());
        assert!(from_bytes::<FromStranger>(&[b'['; 5000]).is_err(), "deep nesting is an error, not a crash");
    }

    #[test]
    fn r104_the_longest_reply_fits_a_frame() {
        let lines = vec!["\u{1}".repeat(4096); 20];
        let reply = FromAgent::Reply(Reply::new(ID, Outcome::ended(Ended::Exited(1), lines)));
        let bytes = to_bytes(&reply).unwrap();
        assert!(frame::encode(&bytes, false).is_ok(), "{}", bytes.len());
        let line = FromAgent::Output { id: ID, line: "\u{1}".repeat(4096) };
        assert!(frame::encode(&to_bytes(&line).unwrap(), false).is_ok());
    }

    #[test]
    fn r94_a_reply_keeps_the_last_lines_in_order() {
        let Outcome::Ended { tail, .. } =
            Outcome::ended(Ended::Exited(1), vec!["x".repeat(9000), "b".into(), "c".into()])
        else {
            panic!("not an end");
        };
        assert_eq!(tail, ["b", "c"]);
    }
}
