//! What carries messages between daemon and agent: connections whose other end the kernel vouches for (P80).
//!
//! Two implementations: [`socket`], and XPC, where one data value is the body and one fd value the descriptor; an
//! [`Address`] chooses between them. The rules of who may speak are in `ipc::roster`, the words in `ipc::message`.

mod address;
pub mod socket;

pub use address::{Address, connect, listen};

use crate::ipc::frame::FrameError;
use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    pin::Pin,
    sync::Arc,
};

/// An effect under way.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the kernel says of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its process; for the log only, since numbers are reused (P29).
    pub pid: Option<u32>,
}

/// A connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The system call failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The other end does not keep to the framing.
    #[error("the other end broke the protocol: {0}")]
    Frame(#[from] FrameError),
    /// A descriptor is missing, or one too many.
    #[error("the other end broke the protocol: {0}")]
    Descriptor(&'static str),
}

/// A message's bytes and its descriptor.
#[derive(Debug)]
pub struct Received {
    /// The body of the frame.
    pub body: Vec<u8>,
    /// What came with it.
    pub descriptor: Option<OwnedFd>,
}

/// The sending half of a connection.
pub trait Sender: Send + Sync {
    /// Sends one message. Once begun it must be finished, or the connection is of no more use.
    fn send<'a>(
        &'a self,
        body: &'a [u8],
        descriptor: Option<BorrowedFd<'a>>,
    ) -> Doing<'a, Result<(), LinkError>>;

    /// Ends the connection in both directions.
    fn close(&self);
}

/// The receiving half of a connection.
pub trait Receiver: Send + Sync {
    /// The next message; `None` when the other end closed properly. May be dropped and called again.
    fn receive(&mut self) -> Doing<'_, Result<Option<Received>, LinkError>>;

    /// Changes how long a message may be: little before the check-in, 64 KiB after it (P81).
    fn set_limit(&mut self, bytes: usize);
}

/// Accepts connections.
pub trait Listener: Send {
    /// The next connection, of which nothing has been read.
    fn accept(&mut self) -> Doing<'_, io::Result<Connection>>;
}

/// A connection and who is at its other end.
pub struct Connection {
    /// As the kernel says.
    pub peer: Peer,
    /// To the peer.
    pub sender: Arc<dyn Sender>,
    /// From the peer.
    pub receiver: Box<dyn Receiver>,
}
