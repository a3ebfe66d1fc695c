//! Where the daemon listens: chosen with the world, and the only thing that says which link carries messages (R105).

use super::{Connection, Gate, Listener, socket};
#[cfg(target_os = "macos")]
use crate::sys::xpc;
use std::{fmt, io, path::PathBuf};

/// Where the daemon is to be found by its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket: the simulated world.
    Socket(PathBuf),
    /// A Mach service of launchd by its name, the setting `XPCServiceIdentifier`: a real Mac.
    Service(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "socket {}", path.display()),
            Self::Service(name) => write!(f, "Mach service {name}"),
        }
    }
}

/// Listens at `address`, as the daemon, for those whom `gate` lets in.
///
/// # Errors
/// When nobody can listen there; for a service on any system but macOS.
pub async fn listen(address: &Address, gate: Gate) -> io::Result<Box<dyn Listener>> {
    match address {
        Address::Socket(path) => Ok(Box::new(socket::SocketListener::bind(path, gate)?)),
        #[cfg(target_os = "macos")]
        Address::Service(name) => xpc::listen(name, gate).await,
        #[cfg(not(target_os = "macos"))]
        Address::Service(_) => Err(no_services()),
    }
}

/// Connects to the daemon at `address`, as its agent.
///
/// # Errors
/// When nobody listens there; for a service on any system but macOS.
pub async fn connect(address: &Address) -> io::Result<Connection> {
    match address {
        Address::Socket(path) => socket::connect(path).await,
        #[cfg(target_os = "macos")]
        Address::Service(name) => xpc::connect(name).await,
        #[cfg(not(target_os = "macos"))]
        Address::Service(_) => Err(no_services()),
    }
}

#[cfg(not(target_os = "macos"))]
fn no_services() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "Mach services exist on a Mac only; use a socket here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::link::Arrival;

    #[cfg(not(target_os = "macos"))]
    #[tokio::test]
    async fn r105_a_mach_service_is_refused_where_there_are_none() {
        let address = Address::Service("cz.macadmin.ias.xpc".into());
        assert_eq!(address.to_string(), "Mach service cz.macadmin.ias.xpc");
        assert_eq!(
            listen(&address, Box::new(|_| Ok(()))).await.err().unwrap().kind(),
            io::ErrorKind::Unsupported
        );
        assert_eq!(connect(&address).await.err().unwrap().kind(), io::ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn r105_a_socket_is_reached_by_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Socket(folder.path().join("run/agent.sock"));
        assert!(connect(&address).await.is_err());
        let mut listener = listen(&address, Box::new(|_| Ok(()))).await.unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&address));
        let Arrival::Guest(accepted) = accepted.unwrap() else { panic!("turned away") };
        assert_eq!(accepted.peer, connected.unwrap().peer);
    }
}
