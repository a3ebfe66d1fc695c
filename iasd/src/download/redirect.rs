//! Which redirects are followed (R122): a pure decision about the next URL.

use super::{
    fetch::{FetchError, shown},
    portal::forbidden,
};
use shared::{item::FollowRedirects, user_info};
use url::Url;

/// No server needs more (R122).
const MOST: usize = 10;

/// The URLs of one request, first to last.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    visited: Vec<Url>,
    follow: FollowRedirects,
}

impl Trail {
    /// A trail that begins at `url`.
    pub(crate) fn new(url: Url, follow: FollowRedirects) -> Self {
        Self { visited: vec![url], follow }
    }

    /// Where `location`, found at `here`, leads; without the user name and password it may bring (R121).
    ///
    /// # Errors
    /// When the policy forbids it, it leaves https, it is no web address, it loops, or there were too many.
    pub(crate) fn next(&mut self, here: &Url, location: &str) -> Result<Url, FetchError> {
        let Ok(mut to) = here.join(location) else {
            return Err(FetchError::Redirect { to: "?".into(), why: "the Location header is no URL" });
        };
        // Whoever redirects does not decide as whom we ask.
        user_info::take(&mut to);
        match self.refusal(here, &to) {
            Some(why) if self.forbids(&to) => Err(forbidden(here, &to, why)),
            Some(why) => Err(FetchError::Redirect { to: shown(&to), why }),
            None => {
                self.visited.push(to.clone());
                Ok(to)
            }
        }
    }

    /// Whether `FollowRedirects` alone forbids it.
    fn forbids(&self, to: &Url) -> bool {
        match self.follow {
            FollowRedirects::None => is_web(to),
            FollowRedirects::Https => to.scheme() == "http",
            FollowRedirects::All => false,
        }
    }

    fn refusal(&self, here: &Url, to: &Url) -> Option<&'static str> {
        if !is_web(to) {
            return Some("it is no web address");
        }
        if self.follow == FollowRedirects::None {
            return Some("redirects are not followed (FollowRedirects)");
        }
        if here.scheme() == "https" && to.scheme() == "http" {
            return Some("it leads from https to http");
        }
        if self.follow == FollowRedirects::Https && to.scheme() != "https" {
            return Some("only redirects to https are followed (FollowRedirects)");
        }
        if self.visited.contains(to) {
            return Some("it leads in a circle");
        }
        (self.visited.len() > MOST).then_some("there were more than ten redirects")
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(policy: FollowRedirects, from: &str, location: &str) -> Result<String, FetchError> {
        let from = Url::parse(from).unwrap();
        Trail::new(from.clone(), policy).next(&from, location).map(String::from)
    }

    #[test]
    fn r122_policies_decide_which_redirects_are_followed() {
        use FollowRedirects::{All, Https, None};
        let cases = [
            (All, "https://a/x", "https://b/y", Some("https://b/y")),
            (All, "https://a/x/1", "2", Some("https://a/x/2")),
            (All, "http://a/x", "http://b/y", Some("http://b/y")),
            (All, "http://a/x", "https://b/y", Some("https://b/y")),
            (All, "https://a/x", "https://me:secret@b/y", Some("https://b/y")),
            (All, "https://a/x", "https://me:secret@a/x", Option::None),
            (All, "https://a/x", "http://a/x", Option::None),
            (All, "https://a/x", "file:///etc/passwd", Option::None),
            (All, "https://a/x", "https://", Option::None),
            (All, "https://a/x", "https://a/x", Option::None),
            (Https, "http://a/x", "https://b/y", Some("https://b/y")),
            (Https, "http://a/x", "http://b/y", Option::None),
            (None, "https://a/x", "https://a/y", Option::None),
        ];
        for (policy, from, location, expected) in cases {
            assert_eq!(
                follow(policy, from, location).ok().as_deref(),
                expected,
                "{policy:?} {from} {location}"
            );
        }
    }

    #[test]
    fn r47_only_what_the_policy_forbids_may_be_a_login() {
        use FollowRedirects::{All, Https, None};
        for (policy, location, login) in [
            (None, "https://hotel/", true),
            (Https, "http://hotel/", true),
            (None, "ftp://hotel/", false),
            (Https, "ftp://hotel/", false),
            (All, "ftp://hotel/", false),
        ] {
            let error = follow(policy, "http://a/x", location).unwrap_err();
            assert_eq!(matches!(error, FetchError::Login(_)), login, "{policy:?} {location}");
        }
    }

    #[test]
    fn r122_a_refused_redirect_is_named_without_its_query() {
        let error = follow(FollowRedirects::None, "https://a/", "https://u:p@b/y?token=1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "redirected to https://b/y: redirects are not followed (FollowRedirects)"
        );
    }

    #[test]
    fn r122_ten_redirects_pass_and_the_eleventh_does_not() {
        let mut here = Url::parse("https://a/0").unwrap();
        let mut trail = Trail::new(here.clone(), FollowRedirects::All);
        for hop in 1..=10 {
            here = trail.next(&here, &hop.to_string()).unwrap();
        }
        assert!(trail.next(&here, "11").is_err());
    }
}
