//! Takes the settings' secrets out of text that others may read (P34).

use shared::{
    item::Secret,
    settings::{HttpSettings, REDACTED},
};

/// Shorter texts are no secrets worth the name, and would be found everywhere.
const SHORTEST: usize = 6;

/// What must not be told.
#[derive(Clone, Default)]
pub(crate) struct Mask {
    /// Longest first: one may be part of another.
    secrets: Vec<String>,
}

impl Mask {
    /// The password and the values of the headers; of those that name a scheme first, such as `Bearer …`, also the rest.
    pub(crate) fn of(http: &HttpSettings) -> Self {
        let password = http.credentials.iter().map(|(_, Secret(password))| password.as_str());
        let headers = http.headers.iter().flat_map(|(_, Secret(value))| {
            let token = value.split_once(' ').map(|(_, token)| token.trim());
            std::iter::once(value.as_str()).chain(token)
        });
        let mut secrets: Vec<String> =
            password.chain(headers).filter(|secret| secret.len() >= SHORTEST).map(str::to_owned).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// `text` without them.
    pub(crate) fn apply(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::settings::Settings;

    #[test]
    fn p34_secrets_do_not_get_into_text() {
        let mut http = Settings::default().http;
        http.credentials = Some(("ada".into(), Secret("correct horse".into())));
        http.headers = vec![
            ("Authorization".into(), Secret("Bearer c0ffee11".into())),
            ("X-Short".into(), Secret("1".into())),
        ];
        let mask = Mask::of(&http);
        let told = mask.apply("curl -H 'Authorization: Bearer c0ffee11' -u ada:correct horse; 1 c0ffee11");
        assert_eq!(told, "curl -H 'Authorization: <redacted>' -u ada:<redacted>; 1 <redacted>");
    }

    #[test]
    fn without_secrets_nothing_changes() {
        assert_eq!(Mask::of(&Settings::default().http).apply("as it is"), "as it is");
    }
}
