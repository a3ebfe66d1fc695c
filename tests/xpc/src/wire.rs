//! What travels over a socket: frames of values and descriptors, and at first who each side is.

use crate::{
    control::Identity,
    dictionary::Dictionary,
    object::{Kind, Ref},
};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::{
    collections::VecDeque,
    ffi::CString,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who the sender is.
    Hello,
    /// A message that nobody waits for a reply to.
    Message,
    /// A message whose sender waits for a reply.
    Question,
    /// The reply.
    Reply,
    /// There will be no reply.
    Dropped,
}

/// One frame, read.
pub(crate) struct Frame {
    pub(crate) purpose: Purpose,
    pub(crate) number: u64,
    body: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

/// One frame to write.
pub(crate) struct Letter {
    bytes: Vec<u8>,
    /// Keeps what it refers to until it is written.
    descriptors: Vec<OwnedFd>,
}

/// How many descriptors a frame may carry.
const DESCRIPTORS: usize = 4;

impl Letter {
    fn new(purpose: Purpose, number: u64, body: &[u8], descriptors: Vec<OwnedFd>) -> Self {
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend([purpose as u8, u8::try_from(descriptors.len()).unwrap()]);
        bytes.extend(number.to_le_bytes());
        bytes.extend(body);
        Self { bytes, descriptors }
    }

    pub(crate) fn hello(identity: &Identity) -> Self {
        let uid = identity.uid.map_or(-1, i64::from);
        let text = format!("{uid}\n{}\n{}\n{}", identity.session, identity.team, identity.identifier);
        Self::new(Purpose::Hello, 0, text.as_bytes(), Vec::new())
    }

    pub(crate) fn dropped(number: u64) -> Self {
        Self::new(Purpose::Dropped, number, &[], Vec::new())
    }

    /// The dictionary as it is now: later changes are not sent.
    pub(crate) fn of(purpose: Purpose, number: u64, dictionary: &Dictionary) -> Self {
        let mut body = Vec::new();
        let mut descriptors = Vec::new();
        for (key, value) in dictionary.values.lock().unwrap().iter() {
            body.extend(key.as_bytes_with_nul());
            match value.kind() {
                Kind::Data(bytes) => {
                    body.push(0);
                    body.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
                    body.extend(bytes);
                }
                Kind::Descriptor(descriptor) => {
                    body.push(1);
                    descriptors.push(descriptor.try_clone().unwrap());
                }
                Kind::Foreign(which) => body.extend([2, *which]),
                _ => crate::misuse("this cannot be put into a message"),
            }
        }
        Self::new(purpose, number, &body, descriptors)
    }

    pub(crate) fn write(&self, stream: &UnixStream) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.bytes.len() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let descriptors: Vec<_> = self.descriptors.iter().map(AsFd::as_fd).collect();
            if sent == 0 && !descriptors.is_empty() {
                assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
            }
            let rest = [IoSlice::new(&self.bytes[sent..])];
            sent += match sendmsg(stream, &rest, &mut ancillary, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => 0,
                sent => sent?,
            };
        }
        Ok(())
    }
}

impl Frame {
    pub(crate) fn identity(&self) -> Identity {
        let text = String::from_utf8(self.body.clone()).unwrap();
        let mut lines = text.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        Identity {
            uid: u32::try_from(next().parse::<i64>().unwrap()).ok(),
            session: next().parse().unwrap(),
            team: next().to_owned(),
            identifier: next().to_owned(),
        }
    }

    pub(crate) fn dictionary(self) -> Dictionary {
        let dictionary = Dictionary::default();
        let mut descriptors = self.descriptors.into_iter();
        let mut rest = &self.body[..];
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            let key = CString::new(&rest[..end]).unwrap();
            let kind = rest[end + 1];
            rest = &rest[end + 2..];
            let value = match kind {
                0 => {
                    let (length, bytes) = rest.split_first_chunk::<4>().unwrap();
                    let (value, after) = bytes.split_at(u32::from_le_bytes(*length) as usize);
                    rest = after;
                    Kind::Data(value.to_vec())
                }
                1 => Kind::Descriptor(descriptors.next().unwrap()),
                _ => {
                    let (which, after) = rest.split_first().unwrap();
                    rest = after;
                    Kind::Foreign(*which)
                }
            };
            dictionary.values.lock().unwrap().insert(key, Ref::new(value));
        }
        dictionary
    }
}

/// Cuts what arrives into frames.
#[derive(Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Reader {
    /// The next frame; `None` at the end, however it came.
    pub(crate) fn next(&mut self, stream: &UnixStream) -> Option<Frame> {
        loop {
            if let Some(frame) = self.cut() {
                return Some(frame);
            }
            let mut bytes = [0; 16 << 10];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut bytes)];
            let received = match recvmsg(stream, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => continue,
                received => received.ok()?,
            };
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(rights) = message {
                    self.descriptors.extend(rights);
                }
            }
            if received.bytes == 0 {
                return None;
            }
            self.bytes.extend(&bytes[..received.bytes]);
        }
    }

    fn cut(&mut self) -> Option<Frame> {
        const HEADER: usize = 14;
        let header = self.bytes.first_chunk::<HEADER>()?;
        let length = u32::from_le_bytes(*header.first_chunk()?) as usize;
        let purpose = match header[4] {
            0 => Purpose::Hello,
            1 => Purpose::Message,
            2 => Purpose::Question,
            3 => Purpose::Reply,
            _ => Purpose::Dropped,
        };
        let descriptors = usize::from(header[5]);
        let number = u64::from_le_bytes(*header[6..].first_chunk()?);
        let body = self.bytes.get(HEADER..HEADER + length)?.to_vec();
        self.bytes.drain(..HEADER + length);
        Some(Frame { purpose, number, body, descriptors: self.descriptors.drain(..descriptors).collect() })
    }
}
