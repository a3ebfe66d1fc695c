//! The repository as it may be read now: the credential that is held, when another one is asked for, and when nothing is
//! asked any more (T64, T65).

use super::{Titles, TitlesUnavailable, exchange::NoGrant};
use shared::{
    event::Level,
    item::{FetchOptions, FollowRedirects, Secret, Source},
    settings::TitleAccess,
    title::{address::Repo, grant::Grant},
};
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

const AUTHORIZATION: &str = "Authorization";

/// A repository, and what to show it.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) repo: Repo,
    auth: Option<Secret>,
    /// What lent the credential, where a service did.
    grant: Option<Grant>,
}

/// What is known of the repository.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing yet.
    Nothing,
    /// It may be read, by a grant until then (T65).
    Held(Arc<Access>, Option<Instant>),
    /// The service is not believed, or refuses us: nothing is asked any more (T52, T64).
    Aborted(TitlesUnavailable),
}

impl Access {
    /// Whether this catalog may be read (T54).
    pub(super) fn allows(&self, catalog: &str) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.allows(catalog))
    }

    /// Whether a service lent the credential, so that it can lend another one.
    pub(super) fn is_lent(&self) -> bool {
        self.grant.is_some()
    }

    /// How to ask for `url`: with the credential only if it is the repository's own (T16), and without following
    /// redirects (T18).
    pub(super) fn source(&self, url: Url) -> Source {
        let credential = self.auth.clone().filter(|_| self.repo.may_see_credential(&url));
        let headers = credential.map(|auth| (AUTHORIZATION.to_owned(), auth)).into_iter().collect();
        let follow_redirects = Some(FollowRedirects::None);
        Source { url, options: FetchOptions { headers, follow_redirects, ..FetchOptions::default() } }
    }

    /// Whether it is the credential that `source` shows.
    fn is_in(&self, source: &Source) -> bool {
        let mut shown = source.options.headers.iter().filter(|(name, _)| name == AUTHORIZATION);
        shown.any(|(_, auth)| Some(auth) == self.auth.as_ref())
    }
}

/// Whether what is held until then may still be used.
fn is_valid(until: Option<Instant>) -> bool {
    until.is_none_or(|until| Instant::now() < until)
}

impl Titles {
    /// The repository, with a credential that is valid now.
    pub(super) async fn access(&self) -> Result<Arc<Access>, TitlesUnavailable> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Aborted(why) => Err(why.clone()),
            State::Held(access, until) if is_valid(*until) => Ok(Arc::clone(access)),
            State::Nothing | State::Held(..) => self.renew(&mut state).await,
        }
    }

    /// The same, where the repository did not accept what `refused` showed it: another caller's new credential, or a new
    /// one (T65).
    pub(super) async fn access_again(&self, refused: &Source) -> Result<Arc<Access>, TitlesUnavailable> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Aborted(why) => return Err(why.clone()),
            State::Held(access, until) if !access.is_in(refused) && is_valid(*until) => {
                return Ok(Arc::clone(access));
            }
            State::Held(access, _) if !access.is_lent() => {
                let reason = format!("{} does not accept TitleRepoAuth", access.repo.origin());
                return Err(TitlesUnavailable::for_good(reason));
            }
            State::Nothing | State::Held(..) => {}
        }
        self.renew(&mut state).await
    }

    async fn renew(&self, state: &mut State) -> Result<Arc<Access>, TitlesUnavailable> {
        let configured =
            self.settings.access().map_err(|why| TitlesUnavailable::for_good(why.to_string()))?;
        let (access, until) = match configured {
            TitleAccess::Known(url, auth) => {
                let repo =
                    Repo::new(url.as_str()).map_err(|why| TitlesUnavailable::for_good(why.to_string()))?;
                (Access { repo, auth: auth.cloned(), grant: None }, None)
            }
            TitleAccess::Service(service) => match self.exchange(service).await {
                Ok(grant) => {
                    let until = Instant::now() + grant.lifetime();
                    let (repo, auth) = (grant.repo().clone(), Some(grant.authorization().clone()));
                    (Access { repo, auth, grant: Some(grant) }, Some(until))
                }
                Err(NoGrant::Unreachable(why)) => return Err(why),
                Err(NoGrant::Refused(reason)) => {
                    let text = format!("{reason}; no title is installed in this run");
                    self.tell(Level::Error, text).await;
                    let why = TitlesUnavailable::for_good(reason);
                    // Whatever was held is not used any more, either.
                    *state = State::Aborted(why.clone());
                    return Err(why);
                }
            },
        };
        self.opened(access.repo.host());
        let access = Arc::new(access);
        *state = State::Held(Arc::clone(&access), until);
        Ok(access)
    }
}
