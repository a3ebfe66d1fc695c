//! A line with a limit: a relay in front of a server, for each connection or for all together.

use nix::sys::socket::{
    setsockopt,
    sockopt::{RcvBuf, SndBuf},
};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How much goes over the line at once.
const PIECE: usize = 16 * 1024;

/// A thread here copies bytes and calls nothing deep: a fleet has thousands.
const STACK: usize = 128 * 1024;

/// What a line gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Bytes a second.
    pub(crate) rate: f64,
    /// Whether all connections share it.
    pub(crate) shared: bool,
}

/// Starts to relay to `server`; goes on until the program ends.
pub(crate) fn relay(server: SocketAddr, limit: Limit) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let all = Line::new(limit.rate);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let line = if limit.shared { all.clone() } else { Line::new(limit.rate) };
            // A connection that breaks is the client's business.
            spawn(move || drop(connect(client, server, &line)));
        }
    });
    Ok(address)
}

fn connect(client: TcpStream, server: SocketAddr, line: &Line) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    // What has left the line must not wait in a buffer of this computer.
    setsockopt(&client.as_fd(), SndBuf, &(2 * PIECE))?;
    setsockopt(&server.as_fd(), RcvBuf, &(2 * PIECE))?;
    let (mut asking, mut asked) = (client.try_clone()?, server.try_clone()?);
    spawn(move || {
        let _ = std::io::copy(&mut asking, &mut asked);
        let _ = asked.shutdown(Shutdown::Write);
    });
    let passed = pass_on(server, &client, line);
    // Also where the server broke off: the other direction holds the connection open.
    client.shutdown(Shutdown::Both)?;
    passed
}

fn pass_on(mut from: TcpStream, mut to: &TcpStream, line: &Line) -> std::io::Result<()> {
    let mut piece = [0; PIECE];
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        line.pass(count);
        to.write_all(piece.get(..count).unwrap_or_default())?;
    }
}

/// A thread that is on its own; where there is none to be had, the connection breaks.
fn spawn(work: impl FnOnce() + Send + 'static) {
    drop(thread::Builder::new().stack_size(STACK).spawn(work));
}

/// Lets bytes through at its rate, and no more for having been idle.
#[derive(Clone)]
struct Line {
    rate: f64,
    free_at: Arc<Mutex<Instant>>,
}

impl Line {
    fn new(rate: f64) -> Self {
        Self { rate, free_at: Arc::new(Mutex::new(Instant::now())) }
    }

    fn pass(&self, bytes: usize) {
        let takes = Duration::from_secs_f64(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / self.rate);
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            *free_at = (*free_at).max(Instant::now()) + takes;
            *free_at
        };
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}
