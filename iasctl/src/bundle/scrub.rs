//! Takes secrets out of text: those that are known, in every form they may have been written in, and what looks like one.

use shared::settings::REDACTED;
use url::form_urlencoded::byte_serialize;

/// A shorter text would be found everywhere.
const SHORTEST: usize = 4;

/// A shorter path of a secret address may be the path of a file as well.
const LONG_PATH: usize = 16;

/// What must not be told.
pub(super) struct Scrub {
    /// Longest first: one may be part of another.
    forms: Vec<String>,
    too_short: usize,
}

impl Scrub {
    pub(super) fn new(secrets: Vec<String>) -> Self {
        let mut forms = Vec::new();
        let mut too_short = 0;
        for secret in secrets {
            // `Bearer TOKEN`, and the token alone.
            let token = secret.split_once(' ').map(|(_, token)| token.trim().to_owned());
            // Whoever knows the address can write there.
            let address = url::Url::parse(&secret).ok().filter(|url| url.has_host());
            let parts: Vec<String> = match address {
                Some(url) => parts_of(&url),
                None => std::iter::once(secret).chain(token).collect(),
            };
            for part in parts {
                if part.len() < SHORTEST {
                    too_short += usize::from(!part.is_empty() && part != "/");
                    continue;
                }
                let json = serde_json::Value::from(part.as_str()).to_string();
                forms.extend(json.get(1..json.len() - 1).map(str::to_owned));
                forms.push(byte_serialize(part.as_bytes()).collect());
                forms.extend([percent(&part), percent(&part).to_lowercase()]);
                forms.push(shared::base64::encode(part.as_bytes()));
                forms.push(part.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
                forms.push(part);
            }
        }
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self { forms, too_short }
    }

    /// What could not be seen to.
    pub(super) fn remark(&self) -> Option<String> {
        (self.too_short > 0).then(|| {
            format!(
                "{} secrets are shorter than {SHORTEST} characters, and were not looked for",
                self.too_short
            )
        })
    }

    /// `text` without them.
    pub(super) fn apply(&self, text: &str) -> String {
        let text =
            self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form.as_str(), REDACTED));
        addresses(&credentials(&text))
    }
}

/// What of a secret address is looked for: all of it, its query, and a path that is too long to stand for anything else.
fn parts_of(url: &url::Url) -> Vec<String> {
    let path = Some(url.path()).filter(|path| path.len() >= LONG_PATH);
    let whole = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
    std::iter::once(whole).chain(path.into_iter().chain(url.query()).map(str::to_owned)).collect()
}

/// With everything but letters and digits as percent signs and numbers.
fn percent(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(byte).collect()
}

/// What ends a word in logs, JSON and shell.
fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '\'' | '\\' | '<' | '>' | ')' | ',' | ';')
}

/// Replaces what follows a scheme of the header `Authorization`.
fn credentials(text: &str) -> String {
    let mut told = text.to_owned();
    for scheme in ["Bearer ", "Basic "] {
        let mut rest = std::mem::take(&mut told);
        while let Some(at) = rest.find(scheme) {
            let after = rest.split_off(at + scheme.len());
            told.push_str(&rest);
            let end = after.find(ends_word).unwrap_or(after.len());
            let (word, further) = after.split_at(end);
            // A sentence may have the word as well.
            let looks_like_one =
                word.len() >= 8 && word.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=');
            told.push_str(if looks_like_one { REDACTED } else { word });
            rest = further.to_owned();
        }
        told.push_str(&rest);
    }
    told
}

/// Takes users, passwords, queries and fragments out of addresses.
fn addresses(text: &str) -> String {
    let (mut told, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        told.push_str(before);
        let end = after.find(ends_word).unwrap_or(after.len());
        let (address, further) = after.split_at(end);
        let authority = address.find(['/', '?', '#']).unwrap_or(address.len());
        let (authority, path) = address.split_at(authority);
        match authority.rsplit_once('@') {
            Some((_, host)) => told.push_str(&format!("{REDACTED}@{host}")),
            None => told.push_str(authority),
        }
        match path.find(['?', '#']) {
            Some(at) => {
                let (path, rest) = path.split_at(at);
                let sign = if rest.starts_with('#') { '#' } else { '?' };
                told.push_str(&format!("{path}{sign}{REDACTED}"));
            }
            None => told.push_str(path),
        }
        rest = further;
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_found_in_every_form_it_may_have_been_written_in() {
        let scrub = Scrub::new(vec!["Bearer c0ffee&1".into(), "pass \"word\"".into(), "x".into()]);
        let text =
            "a c0ffee&1 b c0ffee%261 pass%20%22word%22 c pass \\\"word\\\" d YzBmZmVlJjE= e c0ffee&amp;1";
        let told = scrub.apply(text);
        assert_eq!(told, "a <redacted> b <redacted> <redacted> c <redacted> d <redacted> e <redacted>");
        assert!(scrub.remark().unwrap().starts_with("1 secrets are shorter than 4 characters"));
    }

    #[test]
    fn an_address_that_is_secret_goes_and_what_only_resembles_its_path_stays() {
        let scrub = Scrub::new(vec!["https://hooks.example/ias?sig=abc".into()]);
        let told = scrub.apply("POST https://hooks.example/ias?sig=abc failed, see /var/log/ias");
        assert_eq!(told, "POST https://<redacted>?<redacted> failed, see /var/log/ias");
        let scrub = Scrub::new(vec!["https://hooks.example/services/T0/B1/xyz".into()]);
        assert_eq!(scrub.apply("path /services/T0/B1/xyz"), "path <redacted>");
    }

    #[test]
    fn what_looks_like_a_secret_goes_as_well() {
        let scrub = Scrub::new(Vec::new());
        let told = scrub.apply(
            "curl -H 'Authorization: Bearer abcdef123' https://ada:pw@files.example/x?token=1; https://a.example/#t0ken Basic things are kept",
        );
        assert_eq!(
            told,
            "curl -H 'Authorization: Bearer <redacted>' https://<redacted>@files.example/x?<redacted>; https://a.example/#<redacted> Basic things are kept"
        );
    }

    proptest! {
        #[test]
        fn no_secret_survives(secret in "[ -~]{4,20}", before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let scrub = Scrub::new(vec![secret.clone()]);
            let told = scrub.apply(&format!("{before}{secret}{after}"));
            // What stands for a secret may look like a part of one.
            prop_assume!(!REDACTED.contains(&secret) && !secret.contains("redact") && url::Url::parse(&secret).is_err());
            prop_assert!(!told.replace(REDACTED, "\u{0}").contains(&secret), "{told}");
        }

        #[test]
        fn any_text_is_taken(text in "\\PC*") {
            Scrub::new(Vec::new()).apply(&text);
        }
    }
}
