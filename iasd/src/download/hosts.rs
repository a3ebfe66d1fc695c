//! Which hosts did not answer when they were last asked, so that the next item asks another one first.

use super::{error::Cause, fetch::FetchError};
use shared::plan::AttemptFailure;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use url::Url;

/// The origins whose last answer was none, or that they are overloaded or down.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Mutex<BTreeSet<String>>);

impl Hosts {
    /// What came of asking `url`: `None` is its content.
    pub(crate) fn note(&self, url: &Url, failure: Option<&Cause>) {
        let mut out_of_order = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let host = url.origin().ascii_serialization();
        match failure {
            Some(Cause::Store(_) | Cause::Late { .. } | Cause::Cancelled) => {}
            // It was somebody else who answered.
            Some(Cause::Portal(_) | Cause::Fetch(FetchError::Login(_))) => {}
            Some(cause) if is_of_the_host(cause) => drop(out_of_order.insert(host)),
            _ => drop(out_of_order.remove(&host)),
        }
    }

    /// Whether nothing speaks against asking the host of `url` first.
    pub(crate) fn is_good(&self, url: &Url) -> bool {
        let out_of_order = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !out_of_order.contains(&url.origin().ascii_serialization())
    }
}

/// Whether another file from there would fail in the same way.
fn is_of_the_host(cause: &Cause) -> bool {
    match cause {
        Cause::Fetch(_) => true,
        Cause::Status { .. } => !matches!(cause.failure(), AttemptFailure::ClientError),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::download::portal::Portal;

    #[test]
    fn a_host_that_is_down_is_remembered_until_it_answers() {
        let (hosts, url) = (Hosts::default(), |text: &str| Url::parse(text).unwrap());
        let (one, other) = (url("https://a.example/1"), url("https://a.example/2"));
        for down in [
            Cause::Fetch(FetchError::Connect("refused".into())),
            Cause::Status { status: 503, retry_after: None },
        ] {
            hosts.note(&one, Some(&down));
            assert!(!hosts.is_good(&other) && hosts.is_good(&url("https://a.example:8443/1")), "{down}");
            hosts.note(&other, Some(&Cause::Cancelled));
            hosts.note(&other, Some(&Cause::Portal(Portal::Page)));
            assert!(!hosts.is_good(&one), "that says nothing of the host");
            hosts.note(&other, Some(&Cause::Status { status: 404, retry_after: None }));
            assert!(hosts.is_good(&one), "it answers");
        }
    }
}
