//! HTTP Digest (RFC 7616): the `Authorization` value that answers a challenge. Pure: the caller brings the randomness.

use super::challenge::Challenge;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use std::fmt::Write as _;

/// A challenge this module can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Whether only the nonce was wrong.
    pub(crate) stale: bool,
    algorithm: Algorithm,
    named: bool,
    session: bool,
    qop: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn hex(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

impl Digest {
    /// The strongest challenge that can be answered: SHA-256 before MD5, otherwise the first.
    pub(crate) fn strongest(challenges: &[Challenge]) -> Option<Self> {
        let mut best: Option<Self> = None;
        for digest in challenges.iter().filter_map(Self::of) {
            if best.as_ref().is_none_or(|best| digest.algorithm > best.algorithm) {
                best = Some(digest);
            }
        }
        best
    }

    fn of(challenge: &Challenge) -> Option<Self> {
        if !challenge.is("digest") {
            return None;
        }
        let named = challenge.get("algorithm");
        let (algorithm, session) = match named.unwrap_or("MD5").to_ascii_lowercase().as_str() {
            "md5" => (Algorithm::Md5, false),
            "md5-sess" => (Algorithm::Md5, true),
            "sha-256" => (Algorithm::Sha256, false),
            "sha-256-sess" => (Algorithm::Sha256, true),
            _ => return None,
        };
        let qop = match challenge.get("qop") {
            None => false,
            Some(offered) if offered.split(',').any(|word| word.trim().eq_ignore_ascii_case("auth")) => true,
            // Only `auth-int` is offered, which needs the body.
            Some(_) => return None,
        };
        Some(Self {
            stale: challenge.get("stale").is_some_and(|word| word.eq_ignore_ascii_case("true")),
            algorithm,
            named: named.is_some(),
            session,
            qop,
            realm: challenge.get("realm").unwrap_or_default().to_owned(),
            nonce: challenge.get("nonce")?.to_owned(),
            opaque: challenge.get("opaque").map(str::to_owned),
        })
    }

    /// The value of `Authorization` for a GET of `target` (path and query), as the first use of the nonce.
    pub(crate) fn authorization(&self, user: &str, password: &str, target: &str, cnonce: &str) -> String {
        const COUNT: &str = "00000001";
        let hash = |text: &str| self.algorithm.hex(text);
        let mut ha1 = hash(&format!("{user}:{}:{password}", self.realm));
        if self.session {
            ha1 = hash(&format!("{ha1}:{}:{cnonce}", self.nonce));
        }
        let ha2 = hash(&format!("GET:{target}"));
        let response = if self.qop {
            hash(&format!("{ha1}:{}:{COUNT}:{cnonce}:auth:{ha2}", self.nonce))
        } else {
            hash(&format!("{ha1}:{}:{ha2}", self.nonce))
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quoted(user),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(target),
        );
        if self.named {
            let name = if self.algorithm == Algorithm::Md5 { "MD5" } else { "SHA-256" };
            let _ = write!(value, ", algorithm={name}{}", if self.session { "-sess" } else { "" });
        }
        if self.qop {
            let _ = write!(value, ", qop=auth, nc={COUNT}");
        }
        if self.qop || self.session {
            let _ = write!(value, ", cnonce={}", quoted(cnonce));
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(value, ", opaque={}", quoted(opaque));
        }
        value
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{super::challenge::parse, *};

    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn rfc7616(algorithm: &str) -> String {
        let header = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let digest = Digest::strongest(&parse(&header)).unwrap();
        digest.authorization("Mufasa", "Circle of Life", "/dir/index.html", CNONCE)
    }

    #[test]
    fn r120_the_examples_of_rfc_7616_come_out() {
        let md5 = rfc7616("MD5");
        assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
        let sha = rfc7616("SHA-256");
        assert!(
            sha.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
            "{sha}"
        );
        for part in [
            "username=\"Mufasa\"",
            "uri=\"/dir/index.html\"",
            "nc=00000001",
            "qop=auth,",
            "algorithm=SHA-256",
        ] {
            assert!(sha.contains(part), "{part} in {sha}");
        }
    }

    #[test]
    fn r120_the_example_of_rfc_2069_without_qop_comes_out() {
        let header = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;
        let digest = Digest::strongest(&parse(header)).unwrap();
        let value = digest.authorization("Mufasa", "CircleOfLife", "/dir/index.html", CNONCE);
        assert!(value.contains("response=\"1949323746fe6a43ef61f9606e7febea\""), "{value}");
        assert!(!value.contains("cnonce") && !value.contains("algorithm"), "{value}");
    }

    #[test]
    fn r120_sha_256_is_preferred_to_md5_in_any_order() {
        let (weak, strong) = (r#"Digest realm=r, nonce=a"#, r#"Digest realm=r, nonce=b, algorithm=SHA-256"#);
        for both in [format!("{weak}, {strong}"), format!("{strong}, {weak}")] {
            let digest = Digest::strongest(&parse(&both)).unwrap();
            assert_eq!(digest.nonce, "b");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_not_a_challenge() {
        for header in [
            "Digest realm=r",
            "Digest nonce=n, algorithm=SHA-512-256",
            "Digest nonce=n, qop=auth-int",
            "Basic realm=r",
        ] {
            assert_eq!(Digest::strongest(&parse(header)), None, "{header}");
        }
    }

    #[test]
    fn quotes_in_names_are_escaped() {
        let digest = Digest::strongest(&parse("Digest realm=r, nonce=n")).unwrap();
        let value = digest.authorization("a\"b\\c", "p", "/", CNONCE);
        assert!(value.starts_with(r#"Digest username="a\"b\\c","#), "{value}");
    }
}
