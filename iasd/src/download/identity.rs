//! Which headers and credentials a URL's host may see (R118, R120, R121): a pure choice.

use super::fetch::Identity;
use shared::{item::FetchOptions, settings::HttpSettings};
use url::Url;

/// What may be shown to the host of `url`.
///
/// Headers and credentials of the settings go to the hosts in `HTTPAuthHosts`. Those of an item were written beside
/// its URL and so are meant for its host, whatever that list says; they override the settings.
pub(crate) fn identity(url: &Url, settings: &HttpSettings, own: &FetchOptions) -> Identity {
    let mut identity = Identity { headers: own.headers.clone(), credentials: own.credentials.clone() };
    if !settings.may_be_shown_to(url) {
        return identity;
    }
    for (name, secret) in &settings.headers {
        if !own.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            identity.headers.push((name.clone(), secret.clone()));
        }
    }
    identity.credentials = identity.credentials.or_else(|| settings.credentials.clone());
    identity
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::item::{FollowRedirects, Secret};

    fn secret(text: &str) -> Secret {
        Secret(text.into())
    }

    fn settings(hosts: &[&str]) -> HttpSettings {
        HttpSettings {
            credentials: Some(("admin".into(), secret("a"))),
            headers: vec![("X-Token".into(), secret("t")), ("Accept".into(), secret("*/*"))],
            auth_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            follow_redirects: FollowRedirects::All,
        }
    }

    fn shown_to(url: &str, hosts: &[&str], own: &FetchOptions) -> Identity {
        identity(&Url::parse(url).unwrap(), &settings(hosts), own)
    }

    #[test]
    fn r121_only_listed_hosts_see_credentials_and_headers() {
        let own = FetchOptions::default();
        for (url, hosts) in [
            ("https://mdm.example/x", &["mdm.example"][..]),
            ("https://MDM.example:8443/x", &["cdn.example", "mdm.example"]),
            ("https://any.example/x", &["*"]),
        ] {
            let seen = shown_to(url, hosts, &own);
            assert_eq!((seen.headers.len(), seen.credentials.is_some()), (2, true), "{url}");
        }
        for (url, hosts) in [
            ("https://cdn.example/x", &["mdm.example"][..]),
            ("https://mdm.example.evil/x", &["mdm.example"]),
            ("https://mdm.example/x", &[]),
        ] {
            let seen = shown_to(url, hosts, &own);
            assert_eq!((seen.headers.len(), seen.credentials.is_some()), (0, false), "{url}");
        }
    }

    #[test]
    fn r9_what_an_item_says_goes_to_its_own_host_and_wins() {
        let own = FetchOptions {
            headers: vec![("x-token".into(), secret("mine"))],
            credentials: Some(("me".into(), secret("p"))),
            ..FetchOptions::default()
        };
        let alone = shown_to("https://cdn.example/x", &[], &own);
        assert_eq!(alone.headers, own.headers);
        let both = shown_to("https://cdn.example/x", &["*"], &own);
        assert_eq!(both.headers, [("x-token".into(), secret("mine")), ("Accept".into(), secret("*/*"))]);
        assert_eq!(both.credentials, own.credentials);
    }
}
