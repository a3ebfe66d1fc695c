//! The first process inside: moves in, starts the program, reaps what is orphaned, and passes on the wish to end.
//!
//! ```text
//!            program runs ──exit──► told to the helper, which ends the same way; orphans live on (R66)
//!   SIGTERM to our group │                                   │
//!   or the helper lost   ▼                                   ▼
//!            SIGTERM to the program's group,           nobody is left: we end
//!            SIGKILL when its time is over (R69)
//! ```
//!
//! We are of the helper's process group and the program is not: SIGKILL to that group ends us, and with us the kernel
//! ends every process inside.

use super::{
    enter::{FAILED, read_order, tell},
    interior::{self, at},
    order::Order,
};
use crate::{exit::Ended, sys::child::reason};
use nix::sys::{
    signal::{SigSet, Signal as Asked},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, Signal, WaitOptions, WaitStatus, kill_process_group, setpgid, test_kill_process_group, wait,
    },
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use std::{
    fs::File,
    io::{self, BufReader},
    os::unix::{net::UnixStream, process::CommandExt},
    thread::sleep,
    time::{Duration, Instant},
};

/// How often a group that was asked to end is looked at.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// How often, and how long after one another, a program that somebody still holds open for writing is tried again.
const BUSY: (u32, Duration) = (50, Duration::from_millis(20));

/// Runs the program of the order that comes through `helper`, until nobody inside is left.
pub(super) fn run(helper: UnixStream) -> u8 {
    match start(&helper) {
        Ok(Some(main)) => main.keep(helper),
        Ok(None) => FAILED,
        Err(why) => {
            tell(&helper, "failed", &why);
            FAILED
        }
    }
}

/// Moves in and starts the program; `None` when it cannot be executed, which has been told.
fn start(helper: &UnixStream) -> Result<Option<Household>, String> {
    if std::process::id() != 1 {
        return Err("the processes inside have no namespace of their own".into());
    }
    let order = read_order(&mut BufReader::new(helper))?;
    let null = at("/dev/null", File::options().read(true).write(true).open("/dev/null"))?;
    at("standard input", dup2_stdin(&null))?;
    interior::settle(&order)?;
    let main = match spawn(&order) {
        Ok(main) => main,
        Err(error) => {
            tell(helper, "exec", &reason::of(&order.path, &error));
            return Ok(None);
        }
    };
    // The program's output ends with those who write to it.
    at("let go of the output", dup2_stdout(&null).and_then(|()| dup2_stderr(&null)))?;
    let asked = SigSet::from(Asked::SIGTERM) | Asked::SIGCHLD;
    at("receive signals", asked.thread_block())?;
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let signals = at("receive signals", SignalFd::with_flags(&asked, flags))?;
    tell(helper, "started", "");
    let kill_after = order.kill_after;
    Ok(Some(Household { main, ended: None, signals, kill_after, helper: None, kill_at: None }))
}

/// Starts the program as the leader of a group.
fn spawn(order: &Order) -> io::Result<Pid> {
    let mut command = interior::command(order);
    command.process_group(0);
    let mut child = command.spawn();
    for _ in 0..BUSY.0 {
        match &child {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(BUSY.1),
            _ => break,
        }
        child = command.spawn();
    }
    i32::try_from(child?.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData.into())
}

/// The processes inside.
struct Household {
    /// The program, which leads a group of the same number.
    main: Pid,
    /// How it ended, once it has.
    ended: Option<Ended>,
    /// SIGTERM and SIGCHLD.
    signals: SignalFd,
    /// How long the group has after SIGTERM.
    kill_after: Duration,
    /// Who wants to know how the program ends; `None` once it knows, or is lost.
    helper: Option<UnixStream>,
    /// When what is left of the group is killed, once it was asked to end.
    kill_at: Option<Instant>,
}

impl Household {
    fn keep(mut self, helper: UnixStream) -> u8 {
        self.helper = Some(helper);
        loop {
            let is_left = self.reap();
            self.pursue();
            self.report();
            if !is_left {
                return 0;
            }
            if self.listen().is_err() {
                // We cannot serve any more; those inside end with us.
                return FAILED;
            }
        }
    }

    /// Reaps whoever has ended; whether anybody is left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.main => self.ended = Some(ended(status)),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Tells the helper that the program has ended. It goes then, and our group should have been left: whoever has
    /// asked for the end looks at it, and would see us even when we have ended but nobody has reaped us.
    fn report(&mut self) {
        if let (Some(ended), Some(helper)) = (&self.ended, &self.helper) {
            tell(helper, "ended", &serde_json::to_string(ended).unwrap_or_default());
            self.helper = None;
        }
    }

    /// Sees a group that was asked to end to its end.
    fn pursue(&mut self) {
        let Some(kill_at) = self.kill_at else { return };
        if test_kill_process_group(self.main).is_ok() {
            if Instant::now() < kill_at {
                return;
            }
            signal(self.main, Signal::KILL);
        }
        self.kill_at = None;
        // Our group is looked at by whoever asked. What is left has left the program's group, so it may live (P13).
        let _ = setpgid(None, None);
    }

    /// Waits for a signal or the loss of the helper.
    fn listen(&mut self) -> io::Result<()> {
        let mut sources = vec![PollFd::new(&self.signals, PollFlags::IN)];
        sources.extend(self.helper.as_ref().map(|helper| PollFd::new(helper, PollFlags::IN)));
        match poll(&mut sources, self.kill_at.map(|_| &LOOK_EVERY)) {
            Err(Errno::INTR) => {}
            polled => drop(polled?),
        }
        let is_lost = sources.get(1).is_some_and(|helper| !helper.revents().is_empty());
        while let Some(signal) = self.signals.read_signal()? {
            // From inside, where nobody may end the first process, the sender has a number.
            if signal.ssi_signo == Asked::SIGTERM as u32 && signal.ssi_pid == 0 {
                self.end();
            }
        }
        if is_lost {
            self.helper = None;
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        if self.kill_at.is_none() {
            self.kill_at = Some(Instant::now() + self.kill_after);
            signal(self.main, Signal::TERM);
        }
    }
}

fn signal(group: Pid, signal: Signal) {
    // It may be gone in the meantime.
    let _ = kill_process_group(group, signal);
}

fn ended(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Ended::Exited(status),
        (None, Some(signal)) => Ended::Signalled(signal),
        (None, None) => Ended::Lost("its wait status says nothing".into()),
    }
}
