//! Why some content could not be had, and whether trying again could help.

use super::{fetch::FetchError, folder::StoreError, portal::Portal};
use shared::{control::signed::Refusal, digest::Digest, event::WRONG_DIGEST, plan::retry::AttemptFailure};
use std::time::Duration;

/// The content of an item, or the control file, could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {cause}{}", tries(*.attempts))]
pub(crate) struct DownloadError {
    /// The URL without credentials and query, or the path of a local file.
    pub(crate) what: String,
    /// How many attempts were made; 0 when it did not come to one.
    pub(crate) attempts: u32,
    /// Why the last one failed.
    pub(crate) cause: Cause,
}

impl DownloadError {
    /// Whether the same could succeed later without anybody mending something (R47).
    pub(crate) fn is_transient(&self) -> bool {
        // Whatever leaves no room on the disk may go away, too.
        let no_room = self.cause.of_the_disk().is_some_and(StoreError::may_pass);
        let passes = matches!(
            self.cause.failure(),
            AttemptFailure::Transient | AttemptFailure::RetryAfter(_) | AttemptFailure::Portal
        );
        passes || no_room
    }

    /// Whether the server wants another credential than it was given.
    pub(crate) fn wants_credential(&self) -> bool {
        matches!(self.cause, Cause::Status { status: 401 | 403, .. })
    }

    /// When the server wants to be asked again (R29).
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.cause.failure() {
            AttemptFailure::RetryAfter(after) => Some(after),
            _ => None,
        }
    }

    /// Whether the control file is there, but nobody whom we trust stands for it.
    pub(crate) fn is_refusal(&self) -> bool {
        match &self.cause {
            Cause::Unsigned(_) => true,
            Cause::Refused(refusal) => !refusal.passes(),
            _ => false,
        }
    }
}

fn tries(attempts: u32) -> String {
    if attempts > 1 { format!(" (after {attempts} attempts)") } else { String::new() }
}

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cause {
    /// No answer, or no whole body.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A final status other than 200 (R124).
    #[error("the server answered {}", status_text(*.status))]
    Status {
        /// Which.
        status: u16,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server announced more bytes than came, or fewer.
    #[error("{received} bytes came, {announced} were announced")]
    Length {
        /// What came.
        received: u64,
        /// What should have come.
        announced: u64,
    },
    /// The server announced no length, and more came than can be meant, or than the disk has room for.
    #[error("{received} bytes came, and no end of it was announced{}", room_text(.room.as_ref()))]
    Endless {
        /// What came.
        received: u64,
        /// What the disk has to say about it, where it was the disk that ended it.
        room: Option<StoreError>,
    },
    /// The content is not what `hash` says.
    #[error("{WRONG_DIGEST} {found} ({bytes} bytes), expected {expected}{}", .hint.unwrap_or_default())]
    Mismatch {
        /// What `hash` says.
        expected: Digest,
        /// What came.
        found: Digest,
        /// How many bytes came.
        bytes: u64,
        /// What may explain it.
        hint: Option<&'static str>,
        /// Whether part of the content came from an earlier attempt (R125).
        resumed: bool,
    },
    /// The policy wants a `hash` (R85).
    #[error("it has no hash, and HashCheckPolicy is Strict")]
    NoHash,
    /// It was held for the sake of others until it let go.
    #[error("it was held back for others")]
    LetGo,
    /// A network that wants a login answered in the server's place.
    #[error("{0}")]
    Portal(Portal),
    /// The server itself gave a web page where something else is wanted.
    #[error("the answer is a web page{}", elsewhere_text(.elsewhere.as_deref()))]
    Page {
        /// Where a redirect to another host led, without query and user.
        elsewhere: Option<String>,
    },
    /// Nothing proves that the content is the right one, and it looks wrong.
    #[error("{0}")]
    Suspicious(&'static str),
    /// The server knows who asks, and says no; asking again changes nothing (T52, T65).
    #[error("the server answered {}", status_text(*.0))]
    NotEntitled(u16),
    /// More than such a file may have (R4).
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
    /// There is nothing where the signature of the control file should be.
    #[error("it has no signature: {0}")]
    Unsigned(String),
    /// Its signature could not be had.
    #[error("its signature, {url}: {cause}")]
    Signature {
        /// Where it should be.
        url: String,
        /// Why not.
        cause: Box<Cause>,
    },
    /// What its signature says, or does not say, forbids its use.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its time was over (`download_timeout`); why it had not come by then, if something else failed.
    #[error("it did not come within {limit} s (download_timeout){}", last_text(.last.as_deref()))]
    Late {
        /// The seconds it had.
        limit: u32,
        /// What failed before.
        last: Option<Box<Cause>>,
    },
    /// The file of a `file` URL (R118).
    #[error(transparent)]
    Unreadable(StoreError),
    /// An item without `url` whose file is not there (R32).
    #[error("there is no such file, and the item has no url")]
    Missing,
    /// A URL this stage cannot fetch.
    #[error("it is not an https, http or file URL")]
    Scheme,
    /// The run was stopped.
    #[error("the run was stopped")]
    Cancelled,
}

impl Cause {
    /// What the retry schedule must know (R29).
    pub(crate) fn failure(&self) -> AttemptFailure {
        match self {
            Self::Fetch(FetchError::Redirect { .. } | FetchError::Cleartext(_) | FetchError::Request(_)) => {
                AttemptFailure::WrongAddress
            }
            Self::Portal(_) | Self::Fetch(FetchError::Login(_)) => AttemptFailure::Portal,
            Self::Fetch(_) | Self::Length { .. } | Self::Suspicious(_) | Self::LetGo => {
                AttemptFailure::Transient
            }
            // Many servers say so instead of 404.
            Self::Page { .. } => AttemptFailure::ClientError,
            Self::Signature { cause, .. } => cause.failure(),
            Self::Late { last, .. } => last.as_ref().map_or(AttemptFailure::Transient, |last| last.failure()),
            Self::Refused(refusal) if refusal.passes() => AttemptFailure::Transient,
            // Control file and signature are two uploads, and caches lag: the next attempt may find a pair.
            Self::Unsigned(_) | Self::Refused(_) => AttemptFailure::HashMismatch,
            Self::Status { status, retry_after } => AttemptFailure::of_status(*status, *retry_after),
            Self::Mismatch { resumed: true, .. } => AttemptFailure::ResumedHashMismatch,
            Self::Mismatch { .. } => AttemptFailure::HashMismatch,
            Self::Store(error) | Self::Endless { room: Some(error), .. } => match error {
                // Whatever fills the disk may go away; another server does not help.
                StoreError::Full { .. } => AttemptFailure::DiskFull,
                // How much is needed is what this server says: another one may say something else.
                StoreError::Space { .. } => AttemptFailure::WrongAddress,
                _ => AttemptFailure::Permanent,
            },
            Self::Endless { room: None, .. } | Self::TooLong(_) | Self::Scheme | Self::Unreadable(_) => {
                AttemptFailure::WrongAddress
            }
            Self::NoHash | Self::Missing | Self::NotEntitled(_) | Self::Cancelled => {
                AttemptFailure::Permanent
            }
        }
    }

    /// Whether it is the disk that has no room, which may change.
    pub(super) fn is_want_of_room(&self) -> bool {
        self.of_the_disk().is_some_and(StoreError::may_pass)
    }

    /// What the disk had to say, if it was the disk; of a body without a length it says the same as of any other.
    fn of_the_disk(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::Endless { room: Some(error), .. } => Some(error),
            _ => None,
        }
    }
}

fn last_text(last: Option<&Cause>) -> String {
    last.map_or_else(String::new, |last| format!("; {last}"))
}

fn elsewhere_text(elsewhere: Option<&str>) -> String {
    elsewhere.map_or_else(String::new, |page| format!(", {page}"))
}

fn room_text(room: Option<&StoreError>) -> String {
    room.map_or_else(String::new, |error| format!("; {error}"))
}

/// A status with its name, where people may not know it by heart.
fn status_text(status: u16) -> String {
    let name = match status {
        401 => " (it wants other credentials)",
        403 => " (access denied)",
        404 => " (not found)",
        407 => " (the proxy wants credentials)",
        416 => " (it does not have that range)",
        429 => " (too many requests)",
        503 => " (it is overloaded or down)",
        _ => "",
    };
    format!("{status}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::layout::MacPath;

    #[test]
    fn r117_a_disk_without_room_says_the_same_of_content_with_and_without_a_length() {
        let path = MacPath::new("/Library/work").unwrap();
        let full = StoreError::Full { what: "write", path: path.clone() };
        let space = StoreError::Space { path: path.clone(), needed: 2, free: 1 };
        let broken = StoreError::io("examine", &path, "input/output error");
        for (error, failure, transient) in [
            (full, AttemptFailure::DiskFull, true),
            (space, AttemptFailure::WrongAddress, true),
            (broken, AttemptFailure::Permanent, false),
        ] {
            for cause in [Cause::Store(error.clone()), Cause::Endless { received: 1, room: Some(error) }] {
                assert_eq!(cause.failure(), failure, "{cause}");
                let error = DownloadError { what: "x".into(), attempts: 1, cause };
                assert_eq!(error.is_transient(), transient, "{error}");
            }
        }
        let cause = Cause::Endless { received: 1, room: None };
        assert_eq!(cause.failure(), AttemptFailure::WrongAddress, "another server may know an end");
    }
}
