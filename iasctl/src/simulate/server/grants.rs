//! Grants as a good service writes them, and as one does that must not be believed: a token for each verdict (T54, T63). Pure.

use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    base64::encode_url,
    title::grant::{Key, issue},
};

/// How long a grant is valid, in seconds.
const LIFETIME: i64 = 600;
/// Another Mac than any.
const STRANGER: &str = "00000000-0000-4000-8000-000000000000";

/// What a service does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Misbehaviour {
    /// Somebody signs who does not have the key.
    Forged,
    /// What was signed says another repository now.
    Changed,
    /// The grant is over.
    Expired,
    /// The grant has not begun.
    NotYet,
    /// The grant is for a day.
    TooLong,
    /// The grant is for another Mac.
    OtherMac,
    /// The grant answers another request: it is replayed.
    OtherRequest,
    /// The request comes back.
    Reflected,
    /// The grant has no signature, and says that it needs none.
    NoneAlgorithm,
    /// The grant is signed with a key the Mac does not have.
    UnknownKey,
    /// There is a stray character behind the grant.
    Malformed,
    /// The grant does not say when it is over.
    NoExpiry,
    /// Nobody is entitled.
    Refuses,
}

/// What a grant says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// The origin of the service.
    pub(super) service: &'a str,
    /// The Mac that asks.
    pub(super) device: &'a str,
    /// The id of its request.
    pub(super) request: &'a str,
    /// When, in seconds since 1970.
    pub(super) now: i64,
    /// The repository.
    pub(super) repo: &'a str,
    /// Its credential.
    pub(super) auth: &'a str,
    /// The catalogs that may be read; `None`: all.
    pub(super) catalogs: Option<&'a [String]>,
}

impl Terms<'_> {
    /// The token that answers `asked`; `None` when the key cannot sign.
    pub(super) fn grant(&self, key: &Key, wrong: Option<Misbehaviour>, asked: &[u8]) -> Option<String> {
        use Misbehaviour as M;
        let mut claims = self.claims();
        let mut starts = |at: i64, lifetime: i64| {
            claims["iat"] = json!(at);
            claims["nbf"] = json!(at);
            claims["exp"] = json!(at + lifetime);
        };
        match wrong {
            Some(M::Expired) => starts(self.now - 7200, LIFETIME),
            Some(M::NotYet) => starts(self.now + 3600, LIFETIME),
            Some(M::TooLong) => starts(self.now, 86_400),
            Some(M::OtherMac) => {
                claims["aud"] = json!(format!("urn:uuid:{STRANGER}"));
                claims["sub"] = json!(STRANGER);
            }
            Some(M::OtherRequest) => claims["rid"] = json!("of-another-request"),
            Some(M::NoExpiry) => drop(claims.as_object_mut()?.remove("exp")),
            _ => {}
        }
        match wrong {
            Some(M::Reflected) => String::from_utf8(asked.to_vec()).ok(),
            Some(M::NoneAlgorithm) => {
                let header = json!({"alg": "none", "typ": "titles+jwt", "kid": key.kid()});
                let part = |value: &Value| encode_url(value.to_string().as_bytes());
                Some(format!("{}.{}.", part(&header), part(&claims)))
            }
            Some(M::Forged) => issue(&claims, &stranger(key.kid())?),
            Some(M::UnknownKey) => issue(&claims, &stranger("stranger")?),
            Some(M::Changed) => {
                let good = issue(&claims, key)?;
                let (header, signature) = (good.split('.').next()?, good.rsplit('.').next()?);
                claims["repo"] = json!("https://elsewhere.example/repo");
                Some(format!("{header}.{}.{signature}", encode_url(claims.to_string().as_bytes())))
            }
            Some(M::Malformed) => Some(issue(&claims, key)? + "="),
            _ => issue(&claims, key),
        }
    }

    fn claims(&self) -> Value {
        let mut claims = json!({
            "iss": self.service, "aud": format!("urn:uuid:{}", self.device), "sub": self.device,
            "iat": self.now, "nbf": self.now, "exp": self.now + LIFETIME,
            "rid": self.request, "repo": self.repo, "auth": self.auth,
        });
        if let Some(catalogs) = self.catalogs {
            claims["catalogs"] = json!(catalogs);
        }
        claims
    }
}

/// A key nobody has given to a Mac, under this name.
fn stranger(kid: &str) -> Option<Key> {
    Key::new(kid, "HS256", &encode_url(b"nobody has given this key to a Mac"), None).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::title::grant::{Expected, Keys, verify};
    use time::OffsetDateTime;

    #[test]
    fn t63_each_misbehaviour_earns_its_own_verdict() {
        let key = Key::new("k1", "HS256", &encode_url(&[1; 32]), None).unwrap();
        let keys = Keys::new(vec![key.clone()]).unwrap();
        let (service, device, request) = ("https://titles.example", "4C4C4544", "r-1");
        let terms = Terms {
            service,
            device,
            request,
            now: 1_767_225_660,
            repo: "https://cdn.example/repo",
            auth: "Basic abc",
            catalogs: None,
        };
        let now = OffsetDateTime::from_unix_timestamp(terms.now).unwrap();
        let verdict = |wrong| {
            let token = terms.grant(&key, wrong, b"eyJ0eXAiOiJ0aXRsZXMtcmVxK2p3dCJ9.e30.").unwrap();
            let expected = Expected { service, device, request };
            verify(token.as_bytes(), &keys, &expected, now)
                .map_or_else(|why| why.verdict.to_string(), |_| "good".to_owned())
        };
        assert_eq!(verdict(None), "good");
        for (wrong, word) in [
            (Misbehaviour::Forged, "bad signature"),
            (Misbehaviour::Changed, "bad signature"),
            (Misbehaviour::TooLong, "lifetime too long"),
            (Misbehaviour::OtherMac, "not for this Mac"),
            (Misbehaviour::OtherRequest, "not an answer to our request"),
            (Misbehaviour::Reflected, "wrong type"),
            (Misbehaviour::NoneAlgorithm, "algorithm not allowed"),
            (Misbehaviour::UnknownKey, "unknown key"),
            (Misbehaviour::Malformed, "malformed"),
            (Misbehaviour::NoExpiry, "missing claim exp"),
        ] {
            assert_eq!(verdict(Some(wrong)), word, "{wrong:?}");
        }
    }
}
