//! Any bytes are a program whose signature is to be verified: without panic, and never believed to be somebody's.

use shared::{code_signature::verify, flat_package::signature::TrustRoots};
use std::io::Cursor;

/// See the head of this file.
pub fn signed_program(bytes: &[u8]) {
    if let Ok(signatures) = verify(&mut Cursor::new(bytes), &TrustRoots::apple()) {
        assert!(signatures.iter().all(|found| found.signer().is_none()), "nobody signs by chance");
    }
}
