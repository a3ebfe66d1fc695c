//! Any bytes are judged as the signature of a control file: without panic, and never believed. What a signer says is read
//! without panic, too, and an accepted serial is never below the one that was remembered.

use shared::control::signed::{Newest, judge};
use shared::minisign::{PublicKey, SecretKey};
use time::OffsetDateTime;

/// See the head of this file.
pub fn signed_control_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = text.parse::<PublicKey>();
    let _ = text.parse::<SecretKey>();
    let Ok(key) = SecretKey::from_seed([1; 8], [1; 32]) else { return };
    let (keys, now) = ([key.public()], OffsetDateTime::UNIX_EPOCH);
    assert!(judge(b"{}", bytes, &keys, &Newest::default(), now).is_err(), "nobody signs by chance");
    let Ok(signature) = key.sign(b"{}", &text) else { return };
    let newest = Newest::default().with(key.public().id(), 7);
    if let Ok(endorsement) = judge(b"{}", signature.as_bytes(), &keys, &newest, now) {
        assert!(endorsement.terms.serial >= Some(7));
    }
}
