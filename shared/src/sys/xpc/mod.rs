//! The link on a real Mac: libxpc's public functions, and nothing above them that is not safe (P24, P26–P33).
//!
//! ```text
//! raw        the functions, as the headers declare them        ┐
//! block      what libxpc calls                                 │ unsafe, each with the sentence it relies on
//! object     dictionaries and errors                           │
//! connection connections, by what may be done with them        ┘
//! message    one dictionary: a body and at most one descriptor
//! post       the two halves of a connection, for tokio
//! listener   who knocks, and who is let in
//! requirement, signature   what is demanded of the other end's code signature
//! ```
//!
//! Lessons built in: no foreign object is ever converted; nobody is heard before user, session and signature are
//! proven; each channel is bounded; each event has a type; no pid proves anything (P24, P29).

pub(crate) mod block;
pub(crate) mod connection;
mod listener;
pub(crate) mod message;
pub(crate) mod object;
pub(crate) mod post;
pub(crate) mod raw;
pub(crate) mod requirement;
mod signature;

use crate::{
    ipc::frame,
    sys::link::{self, Closed, Gate, LinkError, Listener},
};
use connection::{Demand, Inactive};
use listener::XpcListener;
use message::Allowance;
use requirement::{AGENT, DAEMON, Demands, Signature, demands};
use std::{ffi::CString, io, sync::Arc};

/// Listens on a Mach service that launchd keeps for the daemon.
///
/// # Errors
/// When the name cannot be one. That launchd does not offer it is told by the first `accept`.
pub(crate) async fn listen(service: &str, gate: Gate) -> io::Result<Box<dyn Listener>> {
    let listener = Inactive::listener(&name(service)?).ok_or(io::ErrorKind::OutOfMemory)?;
    Ok(serve(listener, gate, &signature::own().await))
}

/// The daemon's end, on a listener that was made already, as a program signed like `own`.
pub(crate) fn serve(listener: Inactive, gate: Gate, own: &Signature) -> Box<dyn Listener> {
    Box::new(XpcListener::new(listener, gate, Proof::new(demands(own, DAEMON, AGENT))))
}

/// Connects to the daemon's Mach service, and waits until a proven daemon answers.
///
/// # Errors
/// When there is no such service, or the daemon refuses or is not the one that is demanded.
pub(crate) async fn connect(service: &str) -> io::Result<link::Connection> {
    let own = signature::own().await;
    let client = Inactive::client(&name(service)?).ok_or(io::ErrorKind::OutOfMemory)?;
    join(client, &own).await
}

/// The agent's end, on a connection that was made already, as a program signed like `own`.
pub(crate) async fn join(mut client: Inactive, own: &Signature) -> io::Result<link::Connection> {
    let proof = Proof::new(demands(own, AGENT, DAEMON));
    if let Some(demand) = proof.demand()
        && !client.require(&demand)
    {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the daemon's signature cannot be checked",
        ));
    }
    let allowance = Allowance { bytes: frame::LIMIT, descriptors: true };
    let (sender, receiver) = post::open(allowance, |inbox| client.activate(inbox));
    // Only who has answered is known (P29); until then nothing but an empty message was sent.
    sender.knock().await.map_err(unanswered)?;
    let peer = sender.connection().credentials();
    Ok(link::Connection { peer, sender: Arc::new(sender), receiver: Box::new(receiver) })
}

fn unanswered(why: LinkError) -> io::Error {
    let (kind, text) = match why {
        LinkError::Io(error) => return error,
        LinkError::Closed(Closed::Invalid) => {
            (io::ErrorKind::NotFound, "launchd knows no such service".into())
        }
        LinkError::Closed(Closed::WrongSignature) => (io::ErrorKind::PermissionDenied, why.to_string()),
        why => (io::ErrorKind::ConnectionRefused, why.to_string()),
    };
    io::Error::new(kind, text)
}

fn name(service: &str) -> io::Result<CString> {
    CString::new(service).ok().filter(|name| !name.is_empty()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{service:?} cannot be a service"))
    })
}

/// How the other end is proven besides user and session: by its signature, where the system can check it.
pub(crate) struct Proof {
    demands: Demands,
    function: Option<raw::SetRequirement>,
}

impl Proof {
    fn new(demands: Demands) -> Self {
        Self { demands, function: raw::set_requirement() }
    }

    fn demand(&self) -> Option<Demand<'_>> {
        Some(Demand { requirement: self.demands.requirement.as_deref()?, function: self.function? })
    }

    /// What is left unchecked, for the log (P28).
    fn caution(&self) -> Option<String> {
        if self.demands.requirement.is_some() && self.function.is_none() {
            return Some(
                "this macOS cannot check the signature of the other end: the agent link knows it by its user and \
                 session only"
                    .into(),
            );
        }
        self.demands.caution.clone()
    }
}
