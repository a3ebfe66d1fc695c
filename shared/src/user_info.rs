//! User name and password written into a URL, taken out of it: a URL is logged and asked for, they are not.

use crate::item::Secret;
use url::Url;

/// Takes user name and password out of `url`, percent-decoded; `None` when it has neither.
///
/// What is left in a URL would be sent to its host without being asked for (R118, R120, R121).
pub fn take(url: &mut Url) -> Option<(String, Secret)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = unescaped(url.username());
    let password = Secret(unescaped(url.password().unwrap_or_default()));
    // Only URLs without a host refuse this, and those carry no user.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    Some((user, password))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = hex.filter(|_| *byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_leave_the_url_and_are_decoded() {
        let cases = [
            ("https://a.example/x", None, "https://a.example/x"),
            ("https://me@a.example/x", Some(("me", "")), "https://a.example/x"),
            ("https://:p@a.example/x", Some(("", "p")), "https://a.example/x"),
            (
                "https://m%40e:p%3aq%zz@a.example:8443/x?y#z",
                Some(("m@e", "p:q%zz")),
                "https://a.example:8443/x?y#z",
            ),
            ("file:///private/x", None, "file:///private/x"),
        ];
        for (text, user_info, left) in cases {
            let mut url = Url::parse(text).unwrap();
            let expected = user_info.map(|(user, password)| (user.to_owned(), Secret(password.to_owned())));
            assert_eq!((take(&mut url), url.as_str()), (expected, left), "{text}");
        }
    }
}
