//! One daemon's service and its agents. Stories take turns, and each leaves nothing alive.

use crate::sys::{
    link::{Arrival, Connection, Gate, Listener},
    xpc::{self, connection::Inactive, requirement::Signature},
};
use std::{io, pin::pin, time::Duration};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};

/// What lives is counted by process: one story at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service, and everything that is ever connected to it.
pub(crate) struct World {
    service: service::Service,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let turn = TURN.lock().await;
        Self { service: service::Service::new(), _turn: turn }
    }

    /// The daemon begins to listen.
    pub(crate) fn daemon(&self) -> Daemon {
        self.daemon_with(Box::new(|_| Ok(())), &Signature::default())
    }

    pub(crate) fn daemon_with(&self, gate: Gate, own: &Signature) -> Daemon {
        Daemon { listener: xpc::serve(self.service.listener(), gate, own) }
    }

    /// Somebody's way to the service.
    pub(crate) fn client(&self) -> Inactive {
        self.service.client()
    }

    /// An agent connects.
    pub(crate) async fn agent(&self) -> io::Result<Connection> {
        self.agent_signed(&Signature::default()).await
    }

    pub(crate) async fn agent_signed(&self, own: &Signature) -> io::Result<Connection> {
        soon(xpc::join(self.client(), own)).await
    }

    /// An agent, and the daemon's end of its connection.
    pub(crate) async fn pair(&self, daemon: &mut Daemon) -> (Connection, Connection) {
        let mut agent = pin!(self.agent());
        let mut guest = tokio::select! {
            guest = daemon.guest() => guest,
            _ = &mut agent => panic!("nobody has answered it"),
        };
        // Its knock is answered by whoever waits for its first words.
        let agent = tokio::select! {
            agent = &mut agent => agent.unwrap(),
            said = guest.receiver.receive() => panic!("{said:?}"),
        };
        (guest, agent)
    }

    /// Its name, where it has one.
    #[cfg(not(target_vendor = "apple"))]
    pub(crate) fn name(&self) -> &str {
        &self.service.name
    }
}

/// The daemon's end.
pub(crate) struct Daemon {
    pub(crate) listener: Box<dyn Listener>,
}

impl Daemon {
    pub(crate) async fn guest(&mut self) -> Connection {
        match soon(self.listener.accept()).await.unwrap() {
            Arrival::Guest(connection) => connection,
            Arrival::Stranger(_, why) => panic!("{why}"),
        }
    }
}

/// What is waited for comes, or the story fails.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it came in time")
}

#[cfg(not(target_vendor = "apple"))]
mod service {
    use crate::sys::xpc::connection::Inactive;
    use std::{
        ffi::CString,
        sync::atomic::{AtomicU64, Ordering},
    };

    static NUMBER: AtomicU64 = AtomicU64::new(0);

    /// A Mach service of the stand-in's launchd.
    pub(crate) struct Service {
        pub(crate) name: String,
    }

    impl Service {
        pub(crate) fn new() -> Self {
            assert_eq!(xpc_stand_in::alive(), 0, "the story before left something alive");
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("story.{}.{number}", std::process::id());
            xpc_stand_in::offer(&name);
            Self { name }
        }

        fn c_name(&self) -> CString {
            CString::new(self.name.as_str()).unwrap()
        }

        pub(crate) fn listener(&self) -> Inactive {
            Inactive::listener(&self.c_name()).unwrap()
        }

        pub(crate) fn client(&self) -> Inactive {
            Inactive::client(&self.c_name()).unwrap()
        }
    }

    impl Drop for Service {
        fn drop(&mut self) {
            let left = xpc_stand_in::settled(0);
            xpc_stand_in::become_(xpc_stand_in::Identity::default());
            xpc_stand_in::withdraw(&self.name);
            if !std::thread::panicking() {
                assert_eq!(left, 0, "objects and blocks that nobody released");
            }
        }
    }
}

#[cfg(target_vendor = "apple")]
#[expect(unsafe_code, reason = "an anonymous listener is made by functions that the product does not use")]
mod service {
    use crate::sys::xpc::{
        connection::Inactive,
        raw::{Object, Opaque, xpc_release, xpc_retain},
    };
    use std::{
        ffi::{c_char, c_void},
        ptr::{NonNull, null, null_mut},
    };

    unsafe extern "C" {
        fn xpc_connection_create(name: *const c_char, queue: *mut c_void) -> Object;
        fn xpc_connection_create_from_endpoint(endpoint: Object) -> Object;
        fn xpc_endpoint_create(connection: Object) -> Object;
    }

    /// An anonymous listener: reached by its endpoint within this process, without launchd.
    pub(crate) struct Service {
        listener: NonNull<Opaque>,
        endpoint: NonNull<Opaque>,
    }

    impl Service {
        pub(crate) fn new() -> Self {
            // SAFETY: xpc/connection.h: "If NULL, an anonymous listener connection will be created"; an endpoint is
            // made of a listener.
            let (listener, endpoint) = unsafe {
                let listener = xpc_connection_create(null(), null_mut());
                (listener, xpc_endpoint_create(listener))
            };
            Self { listener: NonNull::new(listener).unwrap(), endpoint: NonNull::new(endpoint).unwrap() }
        }

        pub(crate) fn listener(&self) -> Inactive {
            // SAFETY: called once in a story: it was never activated, and gets a reference of its own.
            unsafe {
                xpc_retain(self.listener.as_ptr());
                Inactive::from_raw(self.listener)
            }
        }

        pub(crate) fn client(&self) -> Inactive {
            // SAFETY: xpc/connection.h: "A new peer connection to the listener represented by the given endpoint."
            let client = unsafe { xpc_connection_create_from_endpoint(self.endpoint.as_ptr()) };
            // SAFETY: new, inactive and ours.
            unsafe { Inactive::from_raw(NonNull::new(client).unwrap()) }
        }
    }

    impl Drop for Service {
        fn drop(&mut self) {
            // SAFETY: both are ours; every story has made its listener active.
            unsafe {
                xpc_release(self.endpoint.as_ptr());
                xpc_release(self.listener.as_ptr());
            }
        }
    }
}
