//! Faults on demand: what an admin can ask a rehearsal to break, as `KIND[=VALUE][,OPTION=VALUE…][@WHERE]`.
//!
//! Three are the sides of the world that can fail: the server behind the items' URLs, a script, and the Mac itself.
//! Real Macs never see any of this: only `iasctl simulate` and the simulated world look at it.

mod instant;
mod kinds;
mod parse;

pub use instant::{Instant, Moment, item_id};
pub use kinds::listing;
pub use parse::{byte_count, seconds};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One thing that goes wrong, once unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The server misbehaves.
    Server(ServerFault),
    /// A script of root, or of a package, hangs.
    Hang(Hang),
    /// Something happens to the Mac.
    Mac(MacFault),
}

/// What the server does wrong, with which content, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFault {
    /// What it does.
    pub misdeed: Misdeed,
    /// How many answers for each URL; `None`: every one.
    pub times: Option<u32>,
    /// The item or URL, as it was written; `None`: everything it serves.
    pub target: Option<String>,
}

/// What a server can do wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Misdeed {
    /// Answers with a status, and without the content.
    Status {
        /// Which.
        status: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// Ends the connection after so many bytes of the body.
    Drop {
        /// How many.
        after: u64,
    },
    /// Falls silent after so many bytes of the body.
    Stall {
        /// How many.
        after: u64,
        /// For how long, in seconds; `None`: until the client goes away.
        seconds: Option<f64>,
    },
    /// Sends slowly.
    Throttle {
        /// Bytes in a second.
        speed: u64,
    },
    /// Sends one byte that is another.
    Corrupt {
        /// Which byte of the content; `None`: the one in the middle.
        at: Option<u64>,
    },
    /// Sends everything, whatever range was asked for.
    NoRange,
}

/// A script that does nothing for a while before it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Hang {
    /// How long, in seconds.
    pub seconds: f64,
    /// The item as it was written, or the absolute path of its file on the Mac.
    pub target: String,
}

/// What happens to the Mac, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct MacFault {
    /// What happens.
    pub mishap: Mishap,
    /// When.
    pub when: When,
}

/// What can happen to a Mac.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mishap {
    /// There is no network.
    NetworkAway {
        /// For how long, in seconds.
        seconds: f64,
    },
    /// The user logs out.
    Logout {
        /// After how many seconds the user is back; `None`: never.
        seconds: Option<f64>,
    },
    /// The agent is killed; launchd starts it again.
    KillAgent,
    /// `iasd` is killed as by a power cut, and started again.
    KillIasd,
    /// `iasd` can write nothing more.
    DiskFull {
        /// For how long, in seconds.
        seconds: f64,
    },
}

/// When something happens.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// So many seconds after the first start of the Mac.
    Seconds(f64),
    /// When a run is so far for the first time.
    Instant(Instant),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(fault) => fault.fmt(f),
            Self::Hang(Hang { seconds, target }) => write!(f, "hang={seconds}@{target}"),
            Self::Mac(MacFault { mishap, when: When::Seconds(seconds) }) => write!(f, "{mishap}@{seconds}"),
            Self::Mac(MacFault { mishap, when: When::Instant(instant) }) => write!(f, "{mishap}@{instant}"),
        }
    }
}

impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.misdeed {
            Misdeed::Status { status, retry_after } => {
                write!(f, "status={status}")?;
                retry_after.map_or(Ok(()), |seconds| write!(f, ",retry-after={seconds}"))?;
            }
            Misdeed::Drop { after } => write!(f, "drop={after}")?,
            Misdeed::Stall { after, seconds } => {
                write!(f, "stall={after}")?;
                seconds.map_or(Ok(()), |seconds| write!(f, ",seconds={seconds}"))?;
            }
            Misdeed::Throttle { speed } => write!(f, "throttle={speed}")?,
            Misdeed::Corrupt { at: Some(at) } => write!(f, "corrupt={at}")?,
            Misdeed::Corrupt { at: None } => f.write_str("corrupt")?,
            Misdeed::NoRange => f.write_str("no-range")?,
        }
        match self.times {
            Some(times) => write!(f, ",times={times}")?,
            None => f.write_str(",times=always")?,
        }
        self.target.as_ref().map_or(Ok(()), |target| write!(f, "@{target}"))
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetworkAway { seconds } => write!(f, "network-away={seconds}"),
            Self::Logout { seconds: Some(seconds) } => write!(f, "logout={seconds}"),
            Self::Logout { seconds: None } => f.write_str("logout"),
            Self::KillAgent => f.write_str("kill-agent"),
            Self::KillIasd => f.write_str("kill-iasd"),
            Self::DiskFull { seconds } => write!(f, "disk-full={seconds}"),
        }
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
