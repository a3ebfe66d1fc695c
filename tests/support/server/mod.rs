//! An HTTP server that misbehaves on request: every fault a download must survive, scripted by path.
//!
//! Bare TCP and blocking threads, one for each connection, so that it can do what no HTTP library would allow.

mod auth;
mod exchange;
mod reply;
mod tls;

pub use self::{
    auth::Algorithm,
    reply::{Body, Reply},
    tls::Authority,
};

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// A connection that says nothing for so long is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    scheme: &'static str,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// What was sent with it.
    pub body: Vec<u8>,
}

impl Seen {
    /// The first header called `name`, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
pub(crate) struct Shared {
    routes: Mutex<HashMap<String, Route>>,
    seen: Mutex<Vec<Seen>>,
    arrived: Condvar,
    stopped: AtomicBool,
    busy: AtomicUsize,
    most: AtomicUsize,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// The answers of one path: each once, the last for ever.
struct Route {
    replies: Vec<Arc<Reply>>,
    next: usize,
}

impl Server {
    /// Starts on a free port of 127.0.0.1, without TLS.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        Self::launch(None)
    }

    /// Starts on a free port of 127.0.0.1, with this TLS identity.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start_tls(identity: rustls::ServerConfig) -> io::Result<Self> {
        Self::launch(Some(Arc::new(identity)))
    }

    fn launch(tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared { tls, ..Shared::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { shared, address, scheme })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, by address.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The URL of `path` under another host name, with this server's port.
    #[must_use]
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    /// Answers `path` with these replies in turn, the last one for ever. Unknown paths get 404.
    pub fn serve(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies = replies.into_iter().map(Arc::new).collect();
        lock(&self.shared.routes).insert(path.to_owned(), Route { replies, next: 0 });
    }

    /// The requests so far, in order of arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The requests for one path.
    #[must_use]
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.target == path).collect()
    }

    /// Waits until `count` requests have arrived; `false` when they have not within ten seconds.
    #[must_use]
    pub fn wait_for(&self, count: usize) -> bool {
        let seen = lock(&self.shared.seen);
        let waited = self.shared.arrived.wait_timeout_while(seen, PATIENCE, |seen| seen.len() < count);
        waited.is_ok_and(|(_, timeout)| !timeout.timed_out())
    }

    /// The largest number of answers that were under way at the same time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if it is gone already, so much the better.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    pub(crate) fn reply(&self, seen: &Seen) -> Option<Arc<Reply>> {
        lock(&self.seen).push(seen.clone());
        self.arrived.notify_all();
        let path = seen.target.split('?').next().unwrap_or_default();
        let mut routes = lock(&self.routes);
        let route = routes.get_mut(path)?;
        let reply = route.replies.get(route.next).or(route.replies.last()).cloned();
        route.next += 1;
        reply
    }

    /// An answer was given that is no step of the script, such as a challenge.
    pub(crate) fn put_back(&self, path: &str) {
        if let Some(route) = lock(&self.routes).get_mut(path) {
            route.next = route.next.saturating_sub(1);
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn begin(&self) {
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(busy, Ordering::SeqCst);
    }

    pub(crate) fn end(&self) {
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_stopped() {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that goes away is what faults are about.
            let _ = converse(stream, &shared);
        });
    }
}

fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    match &shared.tls {
        None => exchange::serve(stream, shared),
        Some(config) => {
            let session = rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            exchange::serve(rustls::StreamOwned::new(session, stream), shared)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
