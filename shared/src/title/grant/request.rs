//! The token with which a grant is asked for (T53).

use super::{
    REQUEST,
    claims::{self, LONGEST_LIFETIME},
    jws,
    key::Key,
    moment::Times,
    object::Object,
    verdict::Verdict,
};
use crate::item::Secret;
use core::net::IpAddr;
use serde::Serialize;
use time::OffsetDateTime;

/// How long a request may be answered, in seconds.
const LIFETIME: i64 = 120;
/// How far the clocks of a Mac and of a service may differ, in seconds.
const LEEWAY: f64 = 120.0;

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

/// A request that a service believes: whom its answer is for, and what that must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The hardware UUID of the Mac.
    pub device: String,
    /// The id of the request.
    pub id: String,
}

/// Reads the claims of a request whose signature is proven.
pub(super) fn read(json: &[u8], service: &str, now: OffsetDateTime) -> Result<Asked, Verdict> {
    let claims =
        Object::parse(json).ok_or(Verdict::Malformed("its claims are no object of different names"))?;
    let (device, id) = (claims::text(&claims, "sub")?, claims::text(&claims, "jti")?);
    if claims::text(&claims, "iss")? != format!("urn:uuid:{device}") {
        return Err(Verdict::Malformed("iss and sub name different Macs"));
    }
    if claims::text(&claims, "aud")? != service {
        return Err(Verdict::Malformed("it is for another service"));
    }
    let issued = claims::seconds(&claims, "iat")?;
    let times = Times { issued, begins: issued, expires: claims::seconds(&claims, "exp")? };
    if times.expires - times.issued > LONGEST_LIFETIME {
        return Err(Verdict::LifetimeTooLong);
    }
    times.hold(now.unix_timestamp_nanos() as f64 / 1e9, LEEWAY)?;
    Ok(Asked { device: device.to_owned(), id: id.to_owned() })
}
