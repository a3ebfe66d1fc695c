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
    /// Its audit session, where the link tells.
    pub session: Option<i32>,
}

/// Decides who may connect by the kernel's word alone, before anything is read (P81). Must not block.
///
/// # Errors
/// Why the peer is turned away.
pub type Gate = Box<dyn Fn(&Peer) -> Result<(), String> + Send + Sync>;

/// Why a connection that carries messages ended (P32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The other end went away, or closed.
    #[error("the other end ended, or closed the connection")]
    Interrupted,
    /// There is no such service, this end closed, or the other end of an accepted connection is gone.
    #[error("the connection is closed")]
    Invalid,
    /// The system is about to end this program.
    #[error("the system is about to end this program")]
    Terminating,
    /// The other end does not have the signature that was demanded (R106, R107).
    #[error("the other end's code signature is not the one that is demanded")]
    WrongSignature,
    /// The other end sends without waiting until it is read (P33).
    #[error("the other end sends faster than it is read")]
    Flooded,
    /// An error in this program.
    #[error("an error in this program ended the connection")]
    Broken,
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
    /// What arrived is no message of ours.
    #[error("the other end broke the protocol: {0}")]
    Foreign(&'static str),
    /// It ended.
    #[error("{0}")]
    Closed(Closed),
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
    /// The next connection, of which nothing has been read, or who was turned away.
    fn accept(&mut self) -> Doing<'_, io::Result<Arrival>>;

    /// What this listener cannot check of its peers, for the log.
    fn caution(&self) -> Option<String> {
        None
    }
}

/// Who came to a listener.
pub enum Arrival {
    /// Somebody whom the gate let in.
    Guest(Connection),
    /// Somebody whom it turned away, and why. Nothing was read of it.
    Stranger(Peer, String),
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
