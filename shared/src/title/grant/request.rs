//! The token with which a grant is asked for (T53).

use super::{REQUEST, jws, key::Key};
use crate::item::Secret;
use core::net::IpAddr;
use serde::Serialize;

use time::OffsetDateTime;

/// How long a request may be answered, in seconds.
const LIFETIME: i64 = 120;

/// Who asks whom, and when.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The origin of the service.
    pub service: &'a str,
    /// The hardware UUID of this Mac, upper case.
    pub device: &'a str,
    /// What makes the answer an answer to this request: 128 random bits.
    pub id: &'a str,
    /// When.
    pub now: OffsetDateTime,
    /// The address of this Mac, if it is to be told (T69).
    pub local_address: Option<IpAddr>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lip: Option<IpAddr>,
}

impl Request<'_> {
    /// The request, signed; `None` when `key` is only the public half of one.
    #[must_use]
    pub fn token(&self, key: &Key) -> Option<Secret> {
        let iat = self.now.unix_timestamp();
        let claims = Claims {
            iss: format!("urn:uuid:{}", self.device),
            aud: self.service,
            sub: self.device,
            iat,
            exp: iat.saturating_add(LIFETIME),
            jti: self.id,
            lip: self.local_address,
        };
        jws::write(REQUEST, &claims, key).map(Secret)
    }
}
