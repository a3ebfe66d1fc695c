//! The server's side of Basic and Digest, written apart from the client's.

use super::Seen;
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The digest algorithm of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`.
    Md5,
    /// `SHA-256`.
    Sha256,
}

/// Who may pass.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    user: String,
    password: String,
    digest: Option<Algorithm>,
    /// The next good answer is refused once as stale.
    stale: Arc<AtomicBool>,
}

const REALM: &str = "files, \"private\"";
const NONCES: [&str; 2] = ["first+nonce/==", "second+nonce/=="];

impl Guard {
    pub(super) fn basic(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), digest: None, stale: Arc::default() }
    }

    pub(super) fn digest(user: &str, password: &str, algorithm: Algorithm, stale: bool) -> Self {
        let stale = Arc::new(AtomicBool::new(stale));
        Self { digest: Some(algorithm), stale, ..Self::basic(user, password) }
    }

    /// `None` when the request may pass, else the challenge.
    pub(super) fn challenge(&self, seen: &Seen) -> Option<String> {
        let given = seen.header("authorization");
        let Some(algorithm) = self.digest else {
            let expected = format!("Basic {}", base64(format!("{}:{}", self.user, self.password).as_bytes()));
            return (given != Some(&expected)).then(|| "Basic realm=\"files\"".to_owned());
        };
        let good = given.and_then(|given| self.nonce_of_good(given, &seen.target, algorithm));
        match good {
            Some(nonce) if nonce == NONCES[0] && self.stale.swap(false, Ordering::SeqCst) => {
                Some(header(algorithm, NONCES[1], true))
            }
            Some(_) => None,
            None => Some(header(algorithm, NONCES[0], false)),
        }
    }

    fn nonce_of_good(&self, given: &str, target: &str, algorithm: Algorithm) -> Option<&'static str> {
        let nonce = NONCES.into_iter().find(|nonce| given.contains(&format!("nonce=\"{nonce}\"")))?;
        let cnonce = given.split_once("cnonce=\"")?.1.split('"').next()?;
        let hash = |text: String| match algorithm {
            Algorithm::Md5 => hex(&md5_of(text.as_bytes())),
            Algorithm::Sha256 => shared::digest::Digest::of(text.as_bytes()).to_string(),
        };
        let who = hash(format!("{}:{REALM}:{}", self.user, self.password));
        let what = hash(format!("GET:{target}"));
        let expected = hash(format!("{who}:{nonce}:00000001:{cnonce}:auth:{what}"));
        given.contains(&format!("response=\"{expected}\"")).then_some(nonce)
    }
}

fn header(algorithm: Algorithm, nonce: &str, stale: bool) -> String {
    let name = match algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha256 => "SHA-256",
    };
    let realm = REALM.replace('"', "\\\"");
    let stale = if stale { ", stale=true" } else { "" };
    format!(
        "Digest realm=\"{realm}\", qop=\"auth-int, auth\", algorithm={name}, nonce=\"{nonce}\", opaque=\"o\"{stale}"
    )
}

fn md5_of(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]);
            text.push(if place <= group.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_it_must() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
