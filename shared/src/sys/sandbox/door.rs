//! The caller's side of the sandbox: gives the order, maps the ids, learns whether the exec succeeded.

use super::{HELPER_FLAG, Ids, Sandbox, SandboxError, order::Order};
use crate::sys::child::Program;
use std::{
    fmt::Write as _,
    fs,
    io::{self, BufRead, BufReader, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::Arc,
    time::Duration,
};

/// How long the helper may be silent before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The connection to a helper that is being started.
#[derive(Debug)]
pub struct Door {
    stream: UnixStream,
    order: Order,
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
pub fn prepare(sandbox: &Sandbox, program: &Program) -> Result<(Program, Door), SandboxError> {
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
    };
    let helper = Program {
        arguments: vec![HELPER_FLAG.into()],
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
    pub fn open(self) -> Result<(), SandboxError> {
        let failed = |error: io::Error| SandboxError::SetUp(format!("the helper does not answer: {error}"));
        self.stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut order = serde_json::to_vec(&self.order).map_err(|error| failed(error.into()))?;
        order.push(b'\n');
        (&self.stream).write_all(&order).map_err(failed)?;
        let mut answers = BufReader::new(&self.stream);
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
                "ready" => return Self::last_word(answers),
                "failed" => return Err(SandboxError::SetUp(rest.replace('\u{1}', "\n"))),
                _ => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    /// After "ready" there is nothing to say but why the exec failed.
    fn last_word(mut answers: impl BufRead) -> Result<(), SandboxError> {
        let mut reason = String::new();
        match answers.read_line(&mut reason) {
            Ok(0) => Ok(()),
            Ok(_) => Err(SandboxError::Exec(reason.trim_end().to_owned())),
            Err(error) => Err(SandboxError::Exec(error.to_string())),
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
