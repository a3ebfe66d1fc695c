//! The helper that stays outside: carries words from the first process inside to the caller, and ends as the program did.
//!
//! It is what the caller knows as the program's process: its exit tells of the program's end, the signals to its group
//! reach the inside, since the first process inside is of the same group.

use super::{
    INIT_FLAG,
    enter::{FAILED, tell},
    order::Order,
};
use crate::exit::Ended;
use nix::sys::signal::{SigSet, Signal};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    thread::{CapabilitySet, capabilities, configure_capability_in_ambient_set, set_capabilities},
};
use std::{
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Child, Command},
};

/// Has the program started in the new namespaces; its exit status when it has ended.
pub(super) fn attend(caller: &UnixStream, order: &Order) -> io::Result<u8> {
    let (inside, theirs) = UnixStream::pair()?;
    let init = start_init(theirs)?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    (&inside).write_all(&line)?;
    let mut words = BufReader::new(&inside);
    let mut started = false;
    loop {
        let patron = (!started || order.tied).then_some(caller);
        if words.buffer().is_empty() && !wait(&inside, patron)? {
            // Without us, the first process inside ends what it has started.
            return Ok(FAILED);
        }
        let mut line = String::new();
        if words.read_line(&mut line)? == 0 {
            return lost(caller, init, started);
        }
        started |= line.starts_with("started");
        if started {
            // Those inside are asked to end, we follow.
            SigSet::from(Signal::SIGTERM).thread_block()?;
        }
        // A program that may outlive the caller ends whether or not anybody hears of it.
        let _ = (&*caller).write_all(line.as_bytes());
        if let Some(ended) = line.strip_prefix("ended ") {
            return Ok(status(&serde_json::from_str(ended)?));
        }
    }
}

/// Starts the first process inside.
fn start_init(stream: UnixStream) -> io::Result<Child> {
    keep_privileges()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg(INIT_FLAG).env_clear().stdin(OwnedFd::from(stream));
    command.spawn()
}

/// An exec takes privileges from whoever is not root inside; these it needs for moving in.
fn keep_privileges() -> io::Result<()> {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::SETPCAP;
    let mut sets = capabilities(None)?;
    sets.inheritable |= needed;
    set_capabilities(None, sets)?;
    needed.iter().try_for_each(|capability| Ok(configure_capability_in_ambient_set(capability, true)?))
}

/// Waits until the inside says something; whether `patron` is still there.
fn wait(inside: &UnixStream, patron: Option<&UnixStream>) -> io::Result<bool> {
    let mut streams: Vec<_> = [Some(inside), patron]
        .into_iter()
        .flatten()
        .map(|stream| PollFd::new(stream, PollFlags::IN))
        .collect();
    loop {
        match poll(&mut streams, None) {
            Err(Errno::INTR) => {}
            // The caller says nothing more: what can be read is its end.
            polled => {
                return polled
                    .map(|_| streams.get(1).is_none_or(|caller| caller.revents().is_empty()))
                    .map_err(Into::into);
            }
        }
    }
}

/// The first process inside went away without a word; the kernel has ended all others.
fn lost(caller: &UnixStream, mut init: Child, started: bool) -> io::Result<u8> {
    match init.wait()?.signal() {
        Some(signal) if started => {
            let ended = Ended::Signalled(signal);
            tell(caller, "ended", &serde_json::to_string(&ended)?);
            Ok(status(&ended))
        }
        _ => Ok(FAILED),
    }
}

/// The end of a program as a shell would put it, for who knows our process only.
fn status(ended: &Ended) -> u8 {
    match ended {
        Ended::Exited(status) => status.to_le_bytes()[0],
        Ended::Signalled(signal) => 128_u8.saturating_add(signal.to_le_bytes()[0]),
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r70_an_end_is_told_apart_by_status() {
        assert_eq!(status(&Ended::Exited(7)), 7);
        assert_eq!(status(&Ended::Signalled(13)), 141);
        assert_eq!(status(&Ended::Signalled(i32::MAX)), u8::MAX);
    }
}
