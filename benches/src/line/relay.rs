//! A line with a limit: a relay in front of a server, for each connection or for all together.

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

/// What a line gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Bytes a second.
    pub(super) rate: f64,
    /// Whether all connections share it.
    pub(super) shared: bool,
}

/// Starts to relay to `server`; goes on until the program ends.
pub(super) fn relay(server: SocketAddr, limit: Limit) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let all = Line::new(limit.rate);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let line = if limit.shared { all.clone() } else { Line::new(limit.rate) };
            // A connection that breaks is the client's business.
            thread::spawn(move || drop(connect(client, server, &line)));
        }
    });
    Ok(address)
}

fn connect(client: TcpStream, server: SocketAddr, line: &Line) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    // What has left the line must not wait in a buffer of this computer.
    nix::sys::socket::setsockopt(&client.as_fd(), nix::sys::socket::sockopt::SndBuf, &(2 * PIECE))?;
    let (mut asking, mut asked) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut asking, &mut asked);
        let _ = asked.shutdown(Shutdown::Write);
    });
    let (mut from, mut to, mut piece) = (server, client, [0; PIECE]);
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        line.pass(count);
        to.write_all(piece.get(..count).unwrap_or_default())?;
    }
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
