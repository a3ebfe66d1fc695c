//! The form of a token: a signed header and signed claims, in JWS compact serialisation (T51, T56–T59).

use super::{
    key::{Key, Keys},
    object::Object,
    verdict::Verdict,
};
use crate::base64;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// A token that is well formed, and whose signature is not verified yet.
pub(super) struct Jws<'a> {
    header: Object,
    /// What the signature is made of.
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes a token apart (T56).
    pub(super) fn split(token: &'a [u8]) -> Result<Self, Verdict> {
        let token = std::str::from_utf8(token).map_err(|_| Verdict::Malformed("it is not text"))?;
        let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, claims) = signed.split_once('.')?;
            Some((signed, header, claims, signature))
        });
        let (signed, header, claims, signature) = parts.ok_or(Verdict::Malformed("it has not two dots"))?;
        let bytes =
            |part| base64::decode_url(part).ok_or(Verdict::Malformed("a part is not strict base64url"));
        let (header, claims, signature) = (bytes(header)?, bytes(claims)?, bytes(signature)?);
        let header =
            Object::parse(&header).ok_or(Verdict::Malformed("its header is no object of different names"))?;
        Ok(Self { header, signed, claims, signature })
    }

    /// The `kid` it names.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }

    /// The claims, once the header and the signature are found right (T57–T59).
    ///
    /// `jku`, `jwk`, `x5u` and `x5c` are never looked at: the key is one of ours.
    pub(super) fn verified(&self, typ: &str, keys: &Keys, now: OffsetDateTime) -> Result<&[u8], Verdict> {
        if self.header.get("typ").and_then(Value::as_str) != Some(typ) {
            return Err(Verdict::WrongType);
        }
        let kid = match self.header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(_) => return Err(Verdict::Malformed("its kid is no text")),
        };
        let key = keys.named(kid, now).ok_or(Verdict::UnknownKey)?;
        if self.header.get("crit").is_some() {
            return Err(Verdict::Malformed("it has crit, and nothing critical is known here"));
        }
        // The key decides: what the token says of its algorithm is compared and never followed.
        if self.header.get("alg").and_then(Value::as_str) != Some(key.algorithm().name()) {
            return Err(Verdict::AlgorithmNotAllowed);
        }
        match key.verifies(self.signed.as_bytes(), &self.signature) {
            true => Ok(&self.claims),
            false => Err(Verdict::BadSignature),
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'a str,
    kid: &'a str,
}

/// Writes a token with these claims; `None` when the key cannot sign.
pub(super) fn write(typ: &str, claims: &impl Serialize, key: &Key) -> Option<String> {
    let header = Header { alg: key.algorithm().name(), typ, kid: key.kid() };
    let part = |bytes: Vec<u8>| base64::encode_url(&bytes);
    let header = part(serde_json::to_vec(&header).ok()?);
    let claims = part(serde_json::to_vec(claims).ok()?);
    let signed = format!("{header}.{claims}");
    let signature = base64::encode_url(key.sign(signed.as_bytes())?.as_ref());
    Some(format!("{signed}.{signature}"))
}
