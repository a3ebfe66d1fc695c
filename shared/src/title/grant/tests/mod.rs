//! The exchange: its vectors, rebuilt from their parts, and what no vector says.

mod asked;
mod rules;
mod vectors;

use super::*;
use crate::base64::encode_url;

const SERVICE: &str = "https://envquery.example.test";
const DEVICE: &str = "4C4C4544-0044-4A10-8053-B7C04F4E3132";
const NOW: f64 = 1_767_225_660.0;

const HA: &str = r#"{"alg":"HS256","typ":"titles+jwt","kid":"k1"}"#;
const HB: &str = r#"{"alg":"none","typ":"titles+jwt"}"#;
const HC: &str = r#"{"alg":"nOnE","typ":"titles+jwt","kid":"k1"}"#;
const HD: &str = r#"{"alg":"HS512","typ":"titles+jwt","kid":"k1"}"#;
const HE: &str = r#"{"alg":"HS256","typ":"titles+jwt","kid":"k9"}"#;
const HF: &str = r#"{"alg":"HS256","typ":"titles+jwt","kid":"k1","crit":["exp"]}"#;
const HG: &str = r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#;
const HH: &str = r#"{"alg":"HS256","alg":"none","typ":"titles+jwt","kid":"k1"}"#;
const HI: &str = r#"{"alg":"EdDSA","typ":"titles+jwt","kid":"e1"}"#;
const HJ: &str = r#"{"alg":"HS256","typ":"titles+jwt","kid":"e1"}"#;
const HK: &str = r#"{"alg":"HS256","typ":"titles-req+jwt","kid":"k1"}"#;
const PA: &str = r#"{"iss":"https://envquery.example.test","aud":"urn:uuid:4C4C4544-0044-4A10-8053-B7C04F4E3132","sub":"4C4C4544-0044-4A10-8053-B7C04F4E3132","iat":1767225600,"nbf":1767225600,"exp":1767226200,"rid":"r-0001","repo":"https://cdn.example.test/repo","auth":"Basic dGVzdDp0ZXN0"}"#;
const PR: &str = r#"{"iss":"urn:uuid:4C4C4544-0044-4A10-8053-B7C04F4E3132","aud":"https://envquery.example.test","sub":"4C4C4544-0044-4A10-8053-B7C04F4E3132","iat":1767225600,"exp":1767225720,"jti":"r-0001","lip":"192.0.2.10"}"#;
const E1: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const J1: &str = "aNK0e3cD8FyoTIOO6-kTtAE2iDDUD4TtgjBlLZgPTXM";
const J21: &str = "A3Lf1nxWB3y44RzbePoI7nfPr92NID7MU73zSn2Q3q6DHdfWXhJ9ahEJFeTxUmzqKyP63tzT9FXwjM4xS3sFCQ";

/// What [`PA`] says, with something else in it.
fn other(changes: &[(&str, &str)]) -> String {
    let mut claims = PA.to_owned();
    for (from, to) in changes {
        assert!(claims.contains(from), "{from}");
        claims = claims.replace(from, to);
    }
    claims
}

fn token(header: &str, claims: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", encode_url(header.as_bytes()), encode_url(claims.as_bytes()))
}

fn k1() -> Key {
    Key::new("k1", "HS256", &encode_url(&(0..32).collect::<Vec<u8>>()), None).unwrap()
}

fn e1() -> Key {
    Key::new("e1", "EdDSA", E1, None).unwrap()
}

fn keys(keys: &[Key]) -> Keys {
    Keys::new(keys.to_vec()).unwrap()
}

fn at(local: f64) -> Moment {
    Moment { local, server: None, leeway: 120.0, policy: ClockPolicy::Strict, was_set: false }
}

fn clock(seconds: f64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::seconds_f64(seconds)
}

fn proven(token: &str, keys: &Keys) -> Result<Proven, Verdict> {
    let expected = Expected { service: SERVICE, device: DEVICE, request: "r-0001" };
    verify(token.as_bytes(), keys, &expected, clock(NOW)).map_err(|refusal| refusal.verdict)
}

fn judged(token: &str, keys: &Keys, moment: &Moment) -> Result<Grant, Verdict> {
    match proven(token, keys)?.in_time(moment) {
        Timing::Accepted(grant) => Ok(grant),
        Timing::Refused(refusal) => Err(refusal.verdict),
        timing => panic!("{timing:?}"),
    }
}

/// The verdict as the table of vectors writes it.
fn word(token: &str, keys: &Keys) -> String {
    judged(token, keys, &at(NOW)).map_or_else(|verdict| verdict.to_string(), |_| "valid".to_owned())
}

/// A token whose signature is right, whatever it says.
fn genuine(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode_url(header.as_bytes()), encode_url(claims.as_bytes()));
    format!("{signed}.{}", encode_url(k1().sign(signed.as_bytes()).unwrap().as_ref()))
}
