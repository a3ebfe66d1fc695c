//! The service that lends the credential of a repository of titles, and the guard of that repository (T52, T54, T65).
//!
//! It believes requests as strictly as `iasd` believes grants, and keeps what it has lent in memory only.

use super::{
    grants::{Misbehaviour, Terms},
    http::{Request, percent_decoded},
};
use serde::Deserialize;
use shared::title::{
    address::Repo,
    grant::{self, Asked, Key, Keys},
};
use std::sync::{Mutex, PoisonError};
use time::OffsetDateTime;
use url::Url;

/// A service as the scenario writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    repo: String,
    auth: String,
    key: WrittenKey,
    catalogs: Option<Vec<String>>,
    lasts: Option<u32>,
    misbehave: Option<Misbehaviour>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    kid: String,
    alg: String,
    key: String,
}

/// What a service is like.
#[derive(Debug, Clone)]
pub(crate) struct TitleService {
    url: Url,
    repo: Url,
    auth: String,
    key: Key,
    catalogs: Option<Vec<String>>,
    lasts: Option<u32>,
    misbehaviour: Option<Misbehaviour>,
}

impl TitleService {
    /// The service that a scenario describes.
    ///
    /// # Errors
    /// What is wrong with it; none of its secrets is told.
    pub(crate) fn read(written: serde_json::Value) -> Result<Self, String> {
        let written: Written = serde_json::from_value(written).map_err(|error| error.to_string())?;
        let key = Key::new(&written.key.kid, &written.key.alg, &written.key.key, None)
            .map_err(|error| error.to_string())?;
        if key.algorithm() != grant::Algorithm::Hs256 {
            return Err(
                "`key.alg` must be HS256: with the public half of a key nothing can be signed".to_owned()
            );
        }
        let address = |name: &str, text: &str| {
            Repo::new(text).map_err(|why| format!("`{name}`: {why}"))?;
            text.parse::<Url>().map_err(|why| format!("`{name}`: {why}"))
        };
        Ok(Self {
            url: address("url", &written.url)?,
            repo: address("repo", &written.repo)?,
            auth: written.auth,
            key,
            catalogs: written.catalogs,
            lasts: written.lasts,
            misbehaviour: written.misbehave,
        })
    }

    /// The hosts of service and repository.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = String> {
        [&self.url, &self.repo].into_iter().filter_map(Url::host_str).map(str::to_ascii_lowercase)
    }
}

/// The service at work.
#[derive(Debug)]
pub(crate) struct Lender {
    service: TitleService,
    lent: Mutex<Vec<Credential>>,
}

#[derive(Debug)]
struct Credential {
    auth: String,
    /// How many requests it is good for; `None`: all.
    left: Option<u32>,
}

impl Lender {
    /// Nothing is lent yet.
    pub(crate) fn new(service: TitleService) -> Self {
        Self { service, lent: Mutex::default() }
    }

    /// Whether the service is asked.
    pub(super) fn is_asked(&self, request: &Request) -> bool {
        let path = percent_decoded(self.service.url.path());
        is_at(&self.service.url, request) && path.as_deref() == Some(&*request.path)
    }

    /// Whether the repository lets nobody see this without a credential that was lent, and has not run out.
    pub(super) fn keeps_out(&self, request: &Request) -> bool {
        let folder = percent_decoded(self.service.repo.path()).unwrap_or_default();
        let below = request.path.strip_prefix(folder.trim_end_matches('/'));
        let is_in = is_at(&self.service.repo, request) && below.is_some_and(|below| below.starts_with('/'));
        is_in && !self.admits(request)
    }

    fn admits(&self, request: &Request) -> bool {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = lent.iter_mut().find(|known| request.authorization.as_ref() == Some(&known.auth));
        match shown.map(|credential| &mut credential.left) {
            None | Some(Some(0)) => false,
            Some(None) => true,
            Some(Some(left)) => {
                *left -= 1;
                true
            }
        }
    }

    /// The answer to a request token: a grant, or a status and why there is none.
    pub(super) fn answer(&self, token: &[u8], now: OffsetDateTime) -> Result<String, (&'static str, String)> {
        let service = &self.service;
        if service.misbehaviour == Some(Misbehaviour::Refuses) {
            return Err(("403 Forbidden", "it is to refuse everybody".to_owned()));
        }
        let refused = |why: String| ("401 Unauthorized", why);
        let keys = Keys::new(vec![service.key.clone()]).map_err(|why| refused(why.to_string()))?;
        let origin = service.url.origin().ascii_serialization();
        let Asked { device, id } =
            grant::asked(token, &keys, &origin, now).map_err(|verdict| refused(verdict.to_string()))?;
        let auth = self.lend();
        let terms = Terms {
            service: &origin,
            device: &device,
            request: &id,
            now: now.unix_timestamp(),
            repo: service.repo.as_str(),
            auth: &auth,
            catalogs: service.catalogs.as_deref(),
        };
        let grant = terms.grant(&service.key, service.misbehaviour, token);
        grant.ok_or_else(|| ("500 Internal Server Error", "no grant can be made".to_owned()))
    }

    /// The next credential: each is another one, and the first may run out.
    fn lend(&self) -> String {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let number = lent.len() + 1;
        let credential = match number {
            1 => Credential { auth: self.service.auth.clone(), left: self.service.lasts },
            _ => Credential { auth: format!("{}-{number}", self.service.auth), left: None },
        };
        let auth = credential.auth.clone();
        lent.push(credential);
        auth
    }
}

fn is_at(url: &Url, request: &Request) -> bool {
    url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&request.host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn written() -> Value {
        json!({
            "url": "https://titles.example/v1", "repo": "https://cdn.example/repo", "auth": "Basic abc",
            "key": {"kid": "k1", "alg": "HS256", "key": shared::base64::encode_url(&[1; 32])}, "lasts": 1,
        })
    }

    fn lender() -> Lender {
        Lender::new(TitleService::read(written()).unwrap())
    }

    fn get(host: &str, path: &str, auth: Option<&str>) -> Request {
        let auth = auth.map(|auth| format!("\r\nAuthorization: {auth}")).unwrap_or_default();
        Request::parse(&format!("GET {path} HTTP/1.1\r\nHost: {host}{auth}")).unwrap()
    }

    #[test]
    fn t65_the_repository_is_open_to_what_was_lent_until_that_runs_out() {
        let lender = lender();
        let out = |auth| lender.keeps_out(&get("cdn.example", "/repo/catalogs/a", auth));
        assert!(out(None) && out(Some("Basic abc")), "nothing is lent yet");
        assert_eq!(lender.lend(), "Basic abc");
        assert!(!out(Some("Basic abc")) && out(Some("Basic abc")), "good for one request");
        assert_eq!(lender.lend(), "Basic abc-2");
        assert!(!out(Some("Basic abc-2")) && !out(Some("Basic abc-2")) && out(Some("Basic abc")));
        for elsewhere in
            [("other.example", "/repo/a"), ("cdn.example", "/repository/a"), ("cdn.example", "/")]
        {
            assert!(!lender.keeps_out(&get(elsewhere.0, elsewhere.1, None)), "{elsewhere:?}");
        }
    }

    #[test]
    fn t52_whoever_cannot_sign_gets_nothing() {
        let lender = lender();
        let (status, why) = lender.answer(b"a.b.c", OffsetDateTime::UNIX_EPOCH).unwrap_err();
        assert_eq!((status, why.as_str()), ("401 Unauthorized", "malformed"));
        assert!(lender.lent.lock().unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_service_is_named_without_its_key() {
        for (key, value, word) in [
            ("url", json!("http://titles.example/"), "`url`: it is not an https URL"),
            ("repo", json!("nowhere"), "`repo`"),
            ("misbehave", json!("forget"), "unknown variant `forget`"),
            (
                "key",
                json!({"kid": "k", "alg": "EdDSA", "key": shared::base64::encode_url(&[1; 32])}),
                "must be HS256",
            ),
            ("key", json!({"kid": "k", "alg": "HS256", "key": "c2hvcnQ"}), "has 5 bytes"),
            ("extra", json!(1), "unknown field `extra`"),
        ] {
            let mut service = written();
            service[key] = value;
            let error = TitleService::read(service).unwrap_err();
            assert!(error.contains(word) && !error.contains("c2hvcnQ"), "{key}: {error}");
        }
    }
}
