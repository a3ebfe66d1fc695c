//! Frames on a stream of bytes: four bytes of length, one byte of flags, then the body (R111).
//!
//! A length over the limit is refused as soon as it is read, before anything is allocated for it.

/// The longest body, in bytes (R111).
pub const LIMIT: usize = 64 << 10;
/// The longest body of a peer that has not checked in yet (P81).
pub const GREETING_LIMIT: usize = 1 << 10;
/// What stands before a body.
const HEADER: usize = 5;
/// The flag of a frame that comes with a descriptor.
const WITH_DESCRIPTOR: u8 = 1;

/// A frame cannot be sent, or what arrived is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is longer than allowed.
    #[error("a frame of {length} bytes exceeds the limit of {limit}")]
    TooLong {
        /// Its length as announced.
        length: usize,
        /// What is allowed now.
        limit: usize,
    },
    /// It has flags that no version of this protocol knows.
    #[error("a frame with unknown flags {0:#04x}")]
    Flags(u8),
    /// The stream ended in its middle.
    #[error("the stream ended in the middle of a frame")]
    Truncated,
}

/// A message's bytes, and whether a descriptor belongs to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The body.
    pub body: Vec<u8>,
    /// Whether a descriptor travels with it.
    pub with_descriptor: bool,
}

/// The bytes of a frame.
///
/// # Errors
/// When the body exceeds [`LIMIT`].
pub fn encode(body: &[u8], with_descriptor: bool) -> Result<Vec<u8>, FrameError> {
    let too_long = FrameError::TooLong { length: body.len(), limit: LIMIT };
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= LIMIT).ok_or(too_long)?;
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(if with_descriptor { WITH_DESCRIPTOR } else { 0 });
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// Cuts a stream of bytes into frames. After an error the stream is of no more use.
#[derive(Debug)]
pub struct Decoder {
    bytes: Vec<u8>,
    limit: usize,
}

impl Decoder {
    /// A decoder that refuses bodies over `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// Changes the limit for the frames that follow.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, once all of it is there.
    ///
    /// # Errors
    /// When what comes next is no frame, or too long a one.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [a, b, c, d, flags] = *header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > self.limit {
            return Err(FrameError::TooLong { length, limit: self.limit });
        }
        if flags & !WITH_DESCRIPTOR != 0 {
            return Err(FrameError::Flags(flags));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = Frame { body: body.to_vec(), with_descriptor: flags == WITH_DESCRIPTOR };
        self.bytes.drain(..HEADER + length);
        Ok(Some(frame))
    }

    /// Tells whether the stream may end here.
    ///
    /// # Errors
    /// When a frame has begun.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(FrameError::Truncated) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r111_four_gigabytes_are_refused_from_their_first_bytes() {
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(&[0xff, 0xff, 0xff, 0xff, 0]);
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { length: 0xffff_ffff, limit: LIMIT }));
        assert!(encode(&vec![0; LIMIT + 1], false).is_err());
        assert!(encode(&vec![0; LIMIT], false).is_ok());
    }

    #[test]
    fn p81_a_stranger_may_send_less_than_a_friend() {
        let bytes = encode(&[7; GREETING_LIMIT + 1], false).unwrap();
        let mut decoder = Decoder::new(GREETING_LIMIT);
        decoder.push(&bytes);
        assert!(decoder.next_frame().is_err());
        decoder.set_limit(LIMIT);
        assert!(decoder.next_frame().unwrap().is_some());
    }

    #[test]
    fn r111_garbage_is_no_frame() {
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(b"GET / HTTP/1.1\r\n");
        assert!(decoder.next_frame().is_err());
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(&[0, 0, 0, 1, 9, 0]);
        assert_eq!(decoder.next_frame(), Err(FrameError::Flags(9)));
    }

    proptest! {
        #[test]
        fn r111_any_chunking_gives_the_same_frames(
            bodies in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..6),
            step in 1usize..400,
            lost in 0usize..8,
        ) {
            let mut stream = Vec::new();
            for (body, with) in &bodies {
                stream.extend(encode(body, *with).unwrap());
            }
            let kept = stream.len().saturating_sub(lost);
            let mut decoder = Decoder::new(LIMIT);
            let mut frames = Vec::new();
            for chunk in stream[..kept].chunks(step) {
                decoder.push(chunk);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    frames.push((frame.body, frame.with_descriptor));
                }
            }
            prop_assert_eq!(&frames[..], &bodies[..frames.len()]);
            let whole: usize = frames.iter().map(|(body, _)| body.len() + HEADER).sum();
            prop_assert_eq!(decoder.finish().is_ok(), whole == kept);
        }

        #[test]
        fn r111_no_bytes_make_the_decoder_panic_or_hoard(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut decoder = Decoder::new(256);
            decoder.push(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                prop_assert!(frame.body.len() <= 256);
            }
        }
    }
}
