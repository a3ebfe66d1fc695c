//! What lies in a dictionary of ours: the body of a message as data, beside it at most one descriptor (P80).
//!
//! Whatever else a peer puts into a dictionary is refused by its number, without being looked at: no value of a
//! foreign type is ever converted (P24).

use super::object::{Dictionary, Message};
use crate::{
    ipc::frame::{FrameError, LIMIT},
    sys::link::LinkError,
};
use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// The key of the body.
pub(crate) const BODY: &CStr = c"body";
/// The key of the descriptor.
pub(crate) const DESCRIPTOR: &CStr = c"descriptor";

/// A message, read.
#[derive(Debug)]
pub(crate) enum Content {
    /// Nothing but the wish for a reply: is anybody there?
    Knock,
    /// A body, and what came with it.
    Letter(Vec<u8>, Option<OwnedFd>),
}

/// What a peer may send now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// Bytes in a body (P81).
    pub(crate) bytes: usize,
    /// Whether descriptors are taken.
    pub(crate) descriptors: bool,
}

/// A dictionary that holds `body`.
///
/// # Errors
/// When the body is longer than [`LIMIT`], or the system has no room for it.
pub(crate) fn encode(body: &[u8], descriptor: Option<BorrowedFd<'_>>) -> Result<Dictionary, LinkError> {
    if body.len() > LIMIT {
        return Err(FrameError::TooLong { length: body.len(), limit: LIMIT }.into());
    }
    let mut dictionary = knock()?;
    dictionary.set_data(BODY, body);
    match descriptor {
        Some(descriptor) if !dictionary.set_descriptor(DESCRIPTOR, descriptor) => {
            Err(io::Error::other("the descriptor cannot be sent").into())
        }
        _ => Ok(dictionary),
    }
}

/// A dictionary that holds nothing.
///
/// # Errors
/// When the system has no room for it.
pub(crate) fn knock() -> Result<Dictionary, LinkError> {
    Dictionary::empty().ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory).into())
}

/// Reads what a peer sent.
///
/// # Errors
/// When it is anything but an empty dictionary, or one of ours within the allowance.
pub(crate) fn decode(message: &Message<'_>, allowance: Allowance) -> Result<Content, LinkError> {
    let count = message.count();
    if count == 0 {
        return Ok(Content::Knock);
    }
    let body = message.data(BODY).ok_or(LinkError::Foreign("a message without a body"))?;
    if body.len() > allowance.bytes {
        return Err(FrameError::TooLong { length: body.len(), limit: allowance.bytes }.into());
    }
    if count == 1 {
        return Ok(Content::Letter(body.to_vec(), None));
    }
    if count > 2 || !allowance.descriptors {
        return Err(LinkError::Foreign("a message with more in it than was agreed"));
    }
    let descriptor =
        message.descriptor(DESCRIPTOR).ok_or(LinkError::Foreign("something that is no descriptor"))?;
    rustix::io::fcntl_setfd(descriptor.as_fd(), rustix::io::FdFlags::CLOEXEC).map_err(io::Error::from)?;
    Ok(Content::Letter(body.to_vec(), Some(descriptor)))
}
