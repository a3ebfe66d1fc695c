//! What a control file is called where it is kept (R7).

use url::Url;

/// The name of a control file whose URL gives none.
pub const USUAL_NAME: &str = "bootstrap.json";

/// The name under which the control file of `url` is kept: the last component of its path, if that is a safe one (R7).
#[must_use]
pub fn local_name(url: &Url) -> &str {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    let safe = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    if last.starts_with('.') || last.is_empty() || last.len() > 200 || !last.chars().all(safe) {
        USUAL_NAME
    } else {
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_the_local_name_is_a_safe_last_component() {
        for (url, name) in [
            ("https://a.example/ias/mac.json?x=1", "mac.json"),
            ("https://a.example/", "bootstrap.json"),
            ("https://a.example/x/", "bootstrap.json"),
            ("https://a.example/..%2fpasswd", "bootstrap.json"),
            ("https://a.example/.work", "bootstrap.json"),
            ("https://a.example/a%20b.json", "bootstrap.json"),
            ("file:///private/tmp/seed.json", "seed.json"),
        ] {
            assert_eq!(local_name(&Url::parse(url).unwrap()), name, "{url}");
        }
    }
}
