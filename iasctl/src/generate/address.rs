//! Where an item will be on the server: below the base URL, the phase, the name of the file (R130).

use shared::item::Phase;
use url::Url;

/// The address that all others begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(String);

impl Base {
    /// The text of `--base-url`.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|why| format!("not a usable URL: {why}"))?;
        if !matches!(url.scheme(), "https" | "http" | "file") {
            return Err(format!("unknown scheme {:?} (expected https, http, file)", url.scheme()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("ends in a query or a fragment: nothing can be put behind it".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The address of a file of a phase.
    pub(crate) fn of(&self, phase: Phase, file_name: &str) -> String {
        format!("{}/{phase}/{}", self.0, segment(file_name))
    }
}

/// A name as one segment of a path (RFC 3986).
fn segment(name: &str) -> String {
    let mut segment = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r130_one_slash_between_the_parts_and_names_encoded() {
        let vectors = [
            ("https://x", "a.sh", "https://x/userland/a.sh"),
            ("https://x/ias//", "a.sh", "https://x/ias/userland/a.sh"),
            ("https://x", "Größe 1#2?.pkg", "https://x/userland/Gr%C3%B6%C3%9Fe%201%232%3F.pkg"),
            ("https://x", "a+b~c(1).pkg", "https://x/userland/a+b~c(1).pkg"),
        ];
        for (base, name, expected) in vectors {
            let address = Base::new(base).unwrap().of(Phase::Userland, name);
            assert_eq!(address, expected);
            assert_eq!(Url::parse(&address).unwrap().as_str(), address, "needs no more escaping");
        }
        for refused in ["x/y", "ftp://x", "https://x/?a", "https://x#a"] {
            assert!(Base::new(refused).is_err(), "{refused}");
        }
    }
}
