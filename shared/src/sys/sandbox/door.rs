//! The caller's side of the sandbox: gives the order, maps the ids, learns whether the exec succeeded and how the
//! program ended.

use super::{HELPER_FLAG, Ids, Life, Sandbox, SandboxError, order::Order};
use crate::{exit::Ended, sys::child::Program};
use std::{
    fmt::Write as _,
    fs,
    io::{self, BufRead, BufReader, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::Arc,
    time::Duration,
};
use tokio::io::AsyncReadExt;

/// How long the helper may be silent before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest last word that is read.
const WORD_LIMIT: u64 = 4096;

/// The connection to a helper that is being started.
#[derive(Debug)]
pub(super) struct Door {
    stream: UnixStream,
    order: Order,
}

/// The connection to a helper whose program runs. When it is closed, a program that is tied to the caller is ended.
#[derive(Debug)]
pub(super) struct Witness {
    stream: UnixStream,
    heard: Vec<u8>,
}

/// Which ids programs can have: all when we are root and `uid` is among the ids we have, else one.
#[must_use]
pub fn ids_available(uid: u32) -> Ids {
    let has = |map: &str| id_ranges(map).iter().any(|(first, count)| uid.wrapping_sub(*first) < *count);
    let mapped = |file| fs::read_to_string(file).is_ok_and(|map| has(&map));
    let root = rustix::process::geteuid().is_root();
    if root && mapped("/proc/self/uid_map") && mapped("/proc/self/gid_map") { Ids::All } else { Ids::One }
}

/// The helper's command line, and the door through which it is led.
///
/// # Errors
/// When the two cannot be connected.
pub(super) fn prepare(
    sandbox: &Sandbox,
    program: &Program,
    life: Life,
    kill_after: Duration,
) -> Result<(Program, Door), SandboxError> {
    let (ours, theirs) = UnixStream::pair().map_err(|error| SandboxError::SetUp(error.to_string()))?;
    let (uid, gid) = program.identity.unwrap_or_default();
    let order = Order {
        sandbox: sandbox.clone(),
        path: program.path.clone(),
        arguments: program.arguments.clone(),
        environment: program.environment.clone(),
        folder: program.folder.clone(),
        uid,
        gid,
        tied: life == Life::Tied,
        kill_after,
        proc_writable: !rustix::process::geteuid().is_root(),
    };
    let helper = Program {
        arguments: vec![HELPER_FLAG.into()],
        starts_session: true,
        stdin: Some(Arc::new(OwnedFd::from(theirs))),
        ..Program::new(&sandbox.helper)
    };
    Ok((helper, Door { stream: ours, order }))
}

impl Door {
    /// Leads the started helper to its exec; blocks for some milliseconds.
    ///
    /// # Errors
    /// What the helper says is in the way.
    pub(super) fn open(self) -> Result<Witness, SandboxError> {
        let failed = |error: io::Error| SandboxError::SetUp(format!("the helper does not answer: {error}"));
        self.stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut order = serde_json::to_vec(&self.order).map_err(|error| failed(error.into()))?;
        order.push(b'\n');
        (&self.stream).write_all(&order).map_err(failed)?;
        let mut answers = BufReader::new(&self.stream);
        let mut is_ready = false;
        loop {
            let mut answer = String::new();
            answers.read_line(&mut answer).map_err(failed)?;
            let (word, rest) = answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), ""));
            match word {
                "map" => {
                    self.map(rest).map_err(|error| {
                        SandboxError::SetUp(format!("the kernel refuses to map user ids: {error}; {REMEDY}"))
                    })?;
                    (&self.stream).write_all(b"mapped\n").map_err(failed)?;
                }
                "started" => {
                    let heard = answers.buffer().to_vec();
                    return Ok(Witness { stream: self.stream, heard });
                }
                "ready" => is_ready = true,
                // The helper has become the program.
                "" if is_ready => return Ok(Witness { stream: self.stream, heard: Vec::new() }),
                "exec" => return Err(SandboxError::Exec(rest.replace('\u{1}', "\n"))),
                "failed" => return Err(SandboxError::SetUp(rest.replace('\u{1}', "\n"))),
                _ => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    fn map(&self, pid: &str) -> io::Result<()> {
        let pid: u32 = pid.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        let file = |name: &str| format!("/proc/{pid}/{name}");
        match self.order.sandbox.ids {
            Ids::All => {
                fs::write(file("gid_map"), identity(&fs::read_to_string("/proc/self/gid_map")?))?;
                fs::write(file("uid_map"), identity(&fs::read_to_string("/proc/self/uid_map")?))
            }
            Ids::One => {
                let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
                // Without this an ordinary user may not map a group.
                fs::write(file("setgroups"), "deny")?;
                fs::write(file("gid_map"), format!("{} {gid} 1\n", self.order.gid))?;
                fs::write(file("uid_map"), format!("{} {uid} 1\n", self.order.uid))
            }
        }
    }
}

impl Witness {
    /// How the program ended; `None` when nobody knows better than its process.
    pub(super) async fn last_word(self) -> Option<Ended> {
        self.stream.set_nonblocking(true).ok()?;
        let stream = tokio::net::UnixStream::from_std(self.stream).ok()?;
        let mut heard = self.heard;
        stream.take(WORD_LIMIT).read_to_end(&mut heard).await.ok()?;
        let words = String::from_utf8(heard).ok()?;
        serde_json::from_str(words.lines().find_map(|line| line.strip_prefix("ended "))?).ok()
    }
}

/// What an admin can do where namespaces are forbidden.
pub(super) const REMEDY: &str = "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0, \
    kernel.unprivileged_userns_clone=1, user.max_user_namespaces=15000; in a container also \
    --security-opt seccomp=unconfined), or run the scripts without a sandbox: --no-sandbox";

/// The first id and the count of each range in an id map.
fn id_ranges(map: &str) -> Vec<(u32, u32)> {
    let range = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.nth(1)?.ok()?))
    };
    map.lines().filter_map(range).collect()
}

/// The map that gives each id we have to itself.
fn identity(map: &str) -> String {
    id_ranges(map).into_iter().fold(String::new(), |mut lines, (first, count)| {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{first} {first} {count}");
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_we_have_is_mapped_to_itself() {
        assert_eq!(identity("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(identity("0 100000 1000\n1000 1000 1\n"), "0 0 1000\n1000 1000 1\n");
        assert_eq!(identity("nonsense\n"), "");
    }
}
