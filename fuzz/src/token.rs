//! Any bytes come as a grant: never believed unless a service we know has signed exactly these. Whatever it signs is judged
//! without panic, and an accepted grant leads to https and holds a credential that fits into a header.

use serde_json::value::RawValue;
use shared::title::grant::{ClockPolicy, Expected, Grant, Key, Keys, Moment, Timing, issue, verify};
use time::OffsetDateTime;

/// The secret of the seeds: bytes 0 to 31.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// The public key of RFC 8037.
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// The first byte says whether the others are a token, or claims that the service signs.
pub fn token(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    let secret = Key::new("k1", "HS256", SECRET, None).expect("a key of 32 bytes");
    let public = Key::new("e1", "EdDSA", PUBLIC, None).expect("a public key");
    let keys = Keys::new(vec![secret.clone(), public]).expect("two names");
    let signed = match kind % 2 {
        0 => None,
        _ => match serde_json::from_slice::<&RawValue>(bytes) {
            Ok(claims) => issue(&claims, &secret),
            Err(_) => return,
        },
    };
    let token = signed.as_deref().map_or(bytes, str::as_bytes);
    let device = "4C4C4544-0044-4A10-8053-B7C04F4E3132";
    let expected = Expected { service: "https://envquery.example.test", device, request: "r-0001" };
    let Ok(proven) = verify(token, &keys, &expected, OffsetDateTime::UNIX_EPOCH) else { return };
    if signed.is_none() {
        assert!(is_genuine(token), "nobody signs by chance");
    }
    let now = 1_767_225_660.0;
    let moment =
        Moment { local: now, server: Some(now), leeway: 120.0, policy: ClockPolicy::Server, was_set: false };
    if let Timing::Accepted(grant) | Timing::ByServer(grant, _) = proven.in_time(&moment) {
        believe(&grant);
    }
}

/// Whether it is one of the two tokens among the seeds.
fn is_genuine(token: &[u8]) -> bool {
    let signatures = [
        "aNK0e3cD8FyoTIOO6-kTtAE2iDDUD4TtgjBlLZgPTXM",
        "A3Lf1nxWB3y44RzbePoI7nfPr92NID7MU73zSn2Q3q6DHdfWXhJ9ahEJFeTxUmzqKyP63tzT9FXwjM4xS3sFCQ",
    ];
    signatures.iter().any(|signature| token.ends_with(signature.as_bytes()))
}

fn believe(grant: &Grant) {
    let origin = grant.repo().origin();
    let is_loopback = ["http://localhost", "http://127.", "http://[::1]"];
    assert!(origin.starts_with("https://") || is_loopback.iter().any(|start| origin.starts_with(start)));
    let credential = &grant.authorization().0;
    assert!(!credential.is_empty() && !credential.chars().any(char::is_control));
    assert!(grant.lifetime().as_secs() <= 900 + 120);
    if let Ok(url) = grant.repo().catalog("production") {
        assert!(grant.repo().may_see_credential(&url));
    }
}
