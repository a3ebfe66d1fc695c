//! `WWW-Authenticate` read into challenges (RFC 9110, section 11.6.1): any text in, never a panic.

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Whether this is the scheme `name`, given in lower case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.scheme == name
    }

    /// The parameter `name`, given in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header line, in order; what cannot be read is left out.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for part in split_outside_quotes(header) {
        let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
        let mut words = name.split_whitespace();
        match (words.next(), words.next(), value) {
            // `Scheme key=value`: a challenge begins.
            (Some(scheme), Some(key), Some(value)) => {
                found.push(Challenge {
                    scheme: scheme.to_ascii_lowercase(),
                    parameters: vec![(key.to_ascii_lowercase(), unquoted(value))],
                });
            }
            // `Scheme` or `Scheme token68`.
            (Some(scheme), _, None) => {
                found.push(Challenge { scheme: scheme.to_ascii_lowercase(), parameters: Vec::new() });
            }
            (Some(key), None, Some(value)) => {
                if let Some(last) = found.last_mut() {
                    last.parameters.push((key.to_ascii_lowercase(), unquoted(value)));
                }
            }
            (None, ..) => {}
        }
    }
    found
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn several_challenges_share_a_line() {
        let header =
            r#"Digest realm="a, \"b\"", qop="auth,auth-int" , nonce=xyz,Basic realm="files", Negotiate"#;
        let found = parse(header);
        assert_eq!(found.len(), 3);
        assert!(found[0].is("digest") && found[1].is("basic") && found[2].is("negotiate"));
        assert_eq!(found[0].get("realm"), Some(r#"a, "b""#));
        assert_eq!(found[0].get("qop"), Some("auth,auth-int"));
        assert_eq!(found[0].get("nonce"), Some("xyz"));
        assert_eq!(found[1].get("realm"), Some("files"));
    }

    #[test]
    fn a_token_is_a_scheme_without_parameters() {
        assert_eq!(parse("Negotiate dGVzdA").len(), 1);
        assert_eq!(parse(""), []);
        assert_eq!(parse(", ,"), []);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_harm(text in r#"([A-Za-z]{1,3}|[ ,="\\é\n]){0,60}"#) {
            let _ = parse(&text);
        }
    }
}
