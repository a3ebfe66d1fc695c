//! Any bytes, in any pieces, come to the link: without panic, and without more memory than a frame may take.

use shared::ipc::{
    frame::{self, Decoder, LIMIT},
    message::{self, FromAgent, FromDaemon, FromStranger, id_of},
};

/// The first byte says how long the pieces are in which the others come.
pub fn ipc_frame(input: &[u8]) {
    let Some((step, bytes)) = input.split_first() else { return };
    let mut decoder = Decoder::new(LIMIT);
    for piece in bytes.chunks(usize::from(*step).max(1)) {
        decoder.push(piece);
        while let Ok(Some(frame)) = decoder.next_frame() {
            assert!(frame.body.len() <= LIMIT);
            let again =
                frame::encode(&frame.body, frame.with_descriptor).expect("what was read can be written");
            let mut copy = Decoder::new(LIMIT);
            copy.push(&again);
            assert_eq!(copy.next_frame(), Ok(Some(frame.clone())));
            understand(&frame.body);
        }
    }
    understand(bytes);
}

/// What is a message stays the same message when it is said again.
fn understand(body: &[u8]) {
    let _ = (message::from_bytes::<FromStranger>(body), id_of(body));
    if let Ok(said) = message::from_bytes::<FromAgent>(body) {
        let bytes = message::to_bytes(&said).expect("what was understood can be said");
        assert_eq!(message::from_bytes::<FromAgent>(&bytes).expect("and understood"), said);
    }
    if let Ok(said) = message::from_bytes::<FromDaemon>(body) {
        let bytes = message::to_bytes(&said).expect("what was understood can be said");
        assert_eq!(message::from_bytes::<FromDaemon>(&bytes).expect("and understood"), said);
    }
}
