//! What the titles of a control file are today: catalogs are asked once, and the answer holds to the end of the run (T13).

use super::{Ending, Engine, needs::Unavailable, title::fetched_as};
use crate::{
    host::Connectivity,
    titles::{Catalogs as Fetched, TitlesUnavailable},
};
use shared::{
    control::{ControlFile, Entry},
    event::{EventKind, ItemEnd},
    item::{Item, ItemId, Source, Wish},
    journal::Past,
    plan::{Consequence, retry::LONGEST_OFFLINE, verdict},
    title::{Catalog, Catalogs, Mac, Part, Refusal, Resolution, Role, Terms, resolve},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// As whom the repository was asked for the content of titles, or why it could not be asked. Never shown: it holds credentials.
#[derive(Default)]
pub(crate) struct Sources(Mutex<BTreeMap<ItemId, Result<Source, TitlesUnavailable>>>);

impl Sources {
    pub(super) fn of(&self, id: ItemId) -> Option<Result<Source, TitlesUnavailable>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn set(&self, id: ItemId, source: Result<Source, TitlesUnavailable>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, source);
    }
}

impl From<TitlesUnavailable> for Unavailable {
    fn from(why: TitlesUnavailable) -> Self {
        Self { reason: why.reason, transient: why.transient, refused: false }
    }
}

/// The catalogs that cannot be had.
type Missing = BTreeMap<String, TitlesUnavailable>;

impl Engine {
    /// The titles of this run, once they are resolved; none before.
    pub(super) fn titles(&self) -> Arc<Resolution> {
        self.resolution.get().cloned().unwrap_or_default()
    }

    /// The control file with what its titles bring along. Resolves them at the first call; a start that goes on with a run
    /// uses what was resolved then.
    pub(super) async fn with_titles(&self, control: ControlFile) -> Result<ControlFile, Ending> {
        if self.resolution.get().is_none() {
            let resolution = match self.resolved_before(&control) {
                Some(resolution) => resolution,
                None => self.resolve(&control).await?,
            };
            // Nobody else resolves.
            let _ = self.resolution.set(Arc::new(resolution));
        }
        Ok(control.with_titles(&self.titles()))
    }

    /// Whether titles are resolved before preflight is looked at: they are known already, or preflight is decided, or is not
    /// asked because an earlier run came to its end.
    pub(super) fn titles_come_first(&self, control: &ControlFile) -> bool {
        match &self.past {
            Past::Nothing => false,
            Past::Interrupted { state, .. } => {
                state.control == Some(control.digest)
                    && (state.preflight_passed.is_some() || self.resolved_before(control).is_some())
            }
            Past::Finished(_) => true,
        }
    }

    fn resolved_before(&self, control: &ControlFile) -> Option<Resolution> {
        let Past::Interrupted { state, .. } = &self.past else { return None };
        let known = state.titles.as_ref().filter(|known| known.control == control.digest)?;
        Some(known.titles.clone())
    }

    async fn resolve(&self, control: &ControlFile) -> Result<Resolution, Ending> {
        let facts = self.host.facts(&[]).await.map_err(|error| Ending::Temporary(error.to_string()))?;
        let wanted: Vec<(&Item, &Wish)> = control
            .titles()
            .filter(|(item, _)| {
                item.skip_if.iter().all(|word| word.0 != facts.arch) && self.is_asked_for(item)
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Resolution::default());
        }
        let mut terms = Terms {
            catalogs: self.settings.titles.catalogs.clone(),
            hosts: self.settings.titles.hosts.clone(),
            allow_untrusted: self.settings.titles.allow_untrusted,
        };
        let mac = Mac { arch: facts.arch, os_version: facts.os_version };
        let wishes: Vec<_> = wanted.iter().map(|(item, wish)| (item.id, (*wish).clone())).collect();
        let names = names(&wishes, &terms);
        // Without a network nothing is asked in vain: titles whose failure is tolerated would be lost for the whole run.
        let network = Connectivity::new(self.host.online());
        if network.is_down() {
            self.deadline.bound(network.restored(LONGEST_OFFLINE)).await?;
        }
        let fetched = match self.deadline.bound(self.repository.open(&names)).await? {
            Ok(fetched) => fetched,
            // No title of the run is carried out, whatever catalog it is in (T64).
            Err(why) => names.into_iter().map(|name| (name, Err(why.clone()))).collect(),
        };
        // Known once it was opened.
        terms.hosts.extend(self.repository.host());
        let (titles, missing) = read_and_resolve(fetched, wishes, mac, terms).await?;
        self.pause_for(&wanted, &missing)?;
        let listed = control.clone().with_titles(&titles);
        let new = listed.entries().filter(|entry| !entry.id().is_listed());
        let items = new.map(Entry::listed).collect();
        self.recorder
            .record(EventKind::TitlesResolved { control: control.digest, titles: titles.clone(), items })
            .await?;
        Ok(titles)
    }

    /// Whether a repair is asked for it, if it is for some items only: nothing is asked of the repository for the others.
    fn is_asked_for(&self, item: &Item) -> bool {
        let asked = self.past.repair().and_then(|repair| repair.asked.as_ref());
        asked.is_none_or(|asked| asked.wants(&item.name))
    }

    /// The items as the download stage fetches them: titles by what their catalog says of them.
    ///
    /// # Errors
    /// When the run has to pause meanwhile.
    pub(super) async fn to_fetch(&self, items: impl Iterator<Item = Item>) -> Result<Vec<Item>, Ending> {
        let titles = self.titles();
        let (mut fetched, mut unreachable) = (Vec::new(), None);
        for item in items {
            let Some(step) = titles.step(&item) else {
                fetched.push(item);
                continue;
            };
            let Some(download) = &step.download else { continue };
            let source = match &unreachable {
                // One wait is enough for all of them; each asks again when its turn comes.
                Some(why) => Err(TitlesUnavailable::clone(why)),
                None => self.deadline.bound(self.repository.package(&download.place, None)).await?,
            };
            match &source {
                Ok(source) => fetched.push(fetched_as(&item, step, Some(source.clone()))),
                Err(why) if why.transient => unreachable = Some(why.clone()),
                Err(_) => {}
            }
            self.sources.set(item.id, source);
        }
        Ok(fetched)
    }

    /// What passes by itself never ends a run for good: where the policy of a title would, the run pauses (R47).
    fn pause_for(&self, wanted: &[(&Item, &Wish)], missing: &Missing) -> Result<(), Ending> {
        let defaults = &self.settings.titles.catalogs;
        let reason = wanted.iter().find_map(|(item, wish)| {
            let why = first_missing(wish, defaults, missing).filter(|why| why.transient)?;
            let end = ItemEnd::DownloadFailed(why.reason.clone());
            (verdict::after(&end, item.fail_policy) == Consequence::Abort).then_some(why)
        });
        match reason {
            Some(why) => Err(Ending::Temporary(format!("titles: {}", why.reason))),
            None => Ok(()),
        }
    }
}

/// Every catalog that is searched, each once.
fn names(wishes: &[(ItemId, Wish)], terms: &Terms) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in wishes.iter().flat_map(|(_, wish)| searched(wish, &terms.catalogs)) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn searched<'w>(wish: &'w Wish, defaults: &'w [String]) -> &'w [String] {
    if wish.catalogs.is_empty() { defaults } else { &wish.catalogs }
}

fn first_missing<'m>(
    wish: &Wish,
    defaults: &[String],
    missing: &'m Missing,
) -> Option<&'m TitlesUnavailable> {
    searched(wish, defaults).iter().find_map(|name| missing.get(name))
}

/// Reads what was fetched, beside everything else: a catalog may be large.
async fn read_and_resolve(
    fetched: Fetched,
    wishes: Vec<(ItemId, Wish)>,
    mac: Mac,
    terms: Terms,
) -> Result<(Resolution, Missing), Ending> {
    let work = tokio::task::spawn_blocking(move || {
        let (mut catalogs, mut missing) = (Catalogs::default(), Missing::new());
        for (name, catalog) in fetched {
            let read = catalog.and_then(|catalog| {
                Catalog::read(&name, &catalog.bytes).map_err(|why| TitlesUnavailable {
                    reason: format!("catalog {name}: {why}"),
                    transient: false,
                })
            });
            match read {
                Ok(catalog) => drop(catalogs.0.insert(name, catalog)),
                Err(why) => drop(missing.insert(name, why)),
            }
        }
        // A title is not searched in the next catalog because the first could not be had: it might be older there.
        let lost = |wish: &Wish| first_missing(wish, &terms.catalogs, &missing);
        let refused: Vec<Part> =
            wishes.iter().filter_map(|(id, wish)| Some(refused(*id, wish, lost(wish)?))).collect();
        let whole: Vec<_> = wishes.iter().filter(|(_, wish)| lost(wish).is_none()).cloned().collect();
        let mut titles = resolve(&whole, &catalogs, &mac, &terms);
        titles.parts.extend(refused);
        (titles, missing)
    });
    work.await.map_err(|error| Ending::Temporary(format!("titles: {error}")))
}

fn refused(id: ItemId, wish: &Wish, why: &TitlesUnavailable) -> Part {
    Part {
        id,
        title: wish.title.clone(),
        role: Role::Asked,
        needs: Vec::new(),
        outcome: Err(Refusal::Repository(why.reason.clone())),
    }
}
