//! What comes with a title: what it requires stands before it, what updates it behind it (T21, T42–T44).

use super::{
    Catalogs, Mac, Terms,
    candidate::choose,
    catalog::Catalog,
    letters, order, ready,
    step::{Part, Refusal, Role, Step},
};
use crate::{
    digest::Digest,
    item::{ItemId, Wanted, Wish},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a row of titles, each requiring the next, may be (T43).
const MOST_DEEP: usize = 32;
/// How many titles one may bring along.
const MOST_PARTS: u16 = 1000;
/// How often a requirement is looked at for one item, whatever comes of it.
const MOST_STEPS: usize = 10_000;

/// A name and the version behind it: `Name--1.2` or `Name-1.2` (T21).
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    ["--", "-"].into_iter().find_map(|between| {
        text.rsplit_once(between).filter(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Titles that were taken up, in the order in which they are carried out.
pub(super) struct Taken<'a> {
    pub(super) mac: &'a Mac,
    pub(super) terms: &'a Terms,
    pub(super) parts: Vec<Part>,
    /// By name, each version that will be there, and the part it comes from.
    present: BTreeMap<String, Vec<(String, ItemId)>>,
}

impl<'a> Taken<'a> {
    pub(super) fn new(mac: &'a Mac, terms: &'a Terms) -> Self {
        Self { mac, terms, parts: Vec::new(), present: BTreeMap::new() }
    }

    /// Takes up what an item wishes for, and all that comes with it.
    pub(super) fn item(&mut self, id: ItemId, wish: &Wish, catalogs: &'a Catalogs) {
        let result = searched(wish, self.terms, catalogs).and_then(|searched| {
            let mut family = Family { taken: self, item: id, searched, last: 0, steps: 0, path: Vec::new() };
            family.asked(wish)
        });
        if let Err(refusal) = result {
            self.parts.push(Part {
                id,
                title: wish.title.clone(),
                role: Role::Asked,
                needs: Vec::new(),
                outcome: Err(refusal),
            });
        }
    }

    /// A part that brings the title in this version or a newer one.
    fn bringing(&self, name: &str, version: &str) -> Option<ItemId> {
        let versions = self.present.get(&*letters::composed(name))?;
        let enough = |(there, _): &&(String, ItemId)| order::compare(there, version).is_ge();
        versions.iter().rev().find(enough).map(|(_, id)| *id)
    }

    fn push(&mut self, id: ItemId, role: Role, needs: Vec<ItemId>, step: Step) {
        let name = letters::composed(&step.name).into_owned();
        self.present.entry(name).or_default().push((step.version.clone(), id));
        self.parts.push(Part { id, title: step.name.clone(), role, needs, outcome: Ok(step) });
    }

    /// Takes back all that came after the first `kept` parts.
    fn take_back(&mut self, kept: usize) {
        for part in self.parts.drain(kept.min(self.parts.len())..) {
            let Ok(step) = part.outcome else { continue };
            if let Some(versions) = self.present.get_mut(&*letters::composed(&step.name)) {
                versions.retain(|(_, id)| *id != part.id);
            }
        }
    }
}

/// The catalogs of a wish, in its order.
fn searched<'a>(wish: &Wish, terms: &Terms, catalogs: &'a Catalogs) -> Result<Vec<&'a Catalog>, Refusal> {
    let names = if wish.catalogs.is_empty() { &terms.catalogs } else { &wish.catalogs };
    if names.is_empty() {
        return Err(Refusal::Refused(
            "no catalog is named, neither in the item nor in TitleCatalogs".to_owned(),
        ));
    }
    let known = |name: &String| {
        catalogs
            .0
            .get(name)
            .ok_or_else(|| Refusal::Refused(format!("there is no catalog {}", name.escape_debug())))
    };
    names.iter().map(known).collect()
}

/// One item of the control file with what comes with it.
struct Family<'t, 'a> {
    taken: &'t mut Taken<'a>,
    item: ItemId,
    searched: Vec<&'a Catalog>,
    /// The last number given to a part.
    last: u16,
    steps: usize,
    /// The titles under way, each required by the one before, with their versions.
    path: Vec<(String, String)>,
}

/// A title that is to be taken up.
struct Request<'r> {
    name: &'r str,
    version: Wanted,
    role: Role,
    /// What must have ended well before it, apart from what it requires.
    behind: Option<ItemId>,
    hash: Option<Digest>,
}

/// What may be updated: a part that was taken up.
struct Updatable {
    id: ItemId,
    name: String,
    version: String,
    pinned: bool,
}

impl Family<'_, '_> {
    fn asked(&mut self, wish: &Wish) -> Result<(), Refusal> {
        let kept = self.taken.parts.len();
        let mut updatable = VecDeque::new();
        let request = Request {
            name: &wish.title,
            version: wish.version.clone(),
            role: Role::Asked,
            behind: None,
            hash: wish.hash,
        };
        if let Err(refusal) = self.take(&request, &mut updatable) {
            self.taken.take_back(kept);
            return Err(refusal);
        }
        if wish.updates {
            self.updates(updatable);
        }
        Ok(())
    }

    /// Takes up a title behind what it requires.
    fn take(
        &mut self,
        request: &Request<'_>,
        updatable: &mut VecDeque<Updatable>,
    ) -> Result<ItemId, Refusal> {
        let (catalog, item) = choose(request.name, &request.version, &self.searched, self.taken.mac)
            .map_err(|refusal| self.blamed(request.name, refusal))?;
        if request.role != Role::Asked
            && let Some(id) = self.taken.bringing(&item.name, &item.version)
        {
            return Ok(id);
        }
        self.check_path(&item.name, &item.version)?;
        let step = ready::step(item, &catalog.name, self.taken.terms)
            .and_then(|step| expected(request.hash, &step).map(|()| step))
            .map_err(|why| self.blamed(&item.name, Refusal::Refused(why)))?;
        let requires =
            item.texts("requires").map_err(|why| self.blamed(&item.name, Refusal::Refused(why)))?;
        let mut needs: Vec<ItemId> = request.behind.into_iter().collect();
        self.path.push((item.name.clone(), item.version.clone()));
        let required: Result<Vec<ItemId>, Refusal> =
            requires.into_iter().map(|text| self.required(text, updatable)).collect();
        self.path.pop();
        for id in required? {
            if !needs.contains(&id) {
                needs.push(id);
            }
        }
        let id = self.number(request.role)?;
        let pinned = request.version != Wanted::Latest;
        updatable.push_back(Updatable { id, name: item.name.clone(), version: item.version.clone(), pinned });
        self.taken.push(id, request.role, needs, step);
        Ok(id)
    }

    /// Takes up what a `requires` names: a title, or one with a version behind it.
    fn required(&mut self, text: &str, updatable: &mut VecDeque<Updatable>) -> Result<ItemId, Refusal> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Refusal::Prerequisite("the catalogs require too much of one another".to_owned()));
        }
        let is_title = self.searched.iter().any(|catalog| catalog.has(text));
        let (name, version) = match split(text).filter(|_| !is_title) {
            Some((name, version)) => (name, Wanted::Exactly(version.to_owned())),
            None => (text, Wanted::Latest),
        };
        self.take(&Request { name, version, role: Role::Required, behind: None, hash: None }, updatable)
    }

    /// Takes up what updates the titles that were taken up, and what updates those.
    fn updates(&mut self, mut updatable: VecDeque<Updatable>) {
        let mut tried = BTreeSet::new();
        while let Some(updated) = updatable.pop_front() {
            for name in self.names_of_updates(&updated) {
                if !tried.insert(name.clone()) {
                    continue;
                }
                let (kept, last) = (self.taken.parts.len(), self.last);
                let mut brought = VecDeque::new();
                let request = Request {
                    name: &name,
                    version: Wanted::Latest,
                    role: Role::Update,
                    behind: Some(updated.id),
                    hash: None,
                };
                match self.take(&request, &mut brought) {
                    Ok(_) => updatable.append(&mut brought),
                    Err(refusal) => {
                        self.taken.take_back(kept);
                        self.last = last;
                        self.without(name.clone(), refusal, updated.id);
                    }
                }
            }
        }
    }

    /// Keeps an update that cannot be had, for the record. One that is for other Macs is no matter.
    fn without(&mut self, title: String, refusal: Refusal, updated: ItemId) {
        if matches!(refusal, Refusal::NothingFits(_)) {
            return;
        }
        if let Ok(id) = self.number(Role::Update) {
            self.taken.parts.push(Part {
                id,
                title,
                role: Role::Update,
                needs: vec![updated],
                outcome: Err(refusal),
            });
        }
    }

    /// The titles that say that they update this one; a pinned one is updated only by what names its version.
    fn names_of_updates(&self, updated: &Updatable) -> Vec<String> {
        let Updatable { name, version, pinned, .. } = updated;
        let texts = [name.clone(), format!("{name}-{version}"), format!("{name}--{version}")];
        let texts = texts.get(usize::from(*pinned)..).unwrap_or_default();
        let (mut names, mut known) = (Vec::new(), BTreeSet::new());
        for catalog in &self.searched {
            for item in texts.iter().flat_map(|text| catalog.updates_for(text)) {
                if item.name != *name && known.insert(&item.name) {
                    names.push(item.name.clone());
                }
            }
        }
        names
    }

    fn number(&mut self, role: Role) -> Result<ItemId, Refusal> {
        if role == Role::Asked {
            return Ok(self.item);
        }
        if self.last == MOST_PARTS {
            return Err(Refusal::Prerequisite(format!("more than {MOST_PARTS} titles come with it")));
        }
        self.last += 1;
        Ok(ItemId { part: self.last, ..self.item })
    }

    fn check_path(&self, name: &str, version: &str) -> Result<(), Refusal> {
        let again = self.path.iter().position(|(known, there)| known == name && there == version);
        if let Some(begin) = again {
            let circle = self.way(begin, name);
            let who = if begin == 0 { String::new() } else { format!("{name} ") };
            return Err(Refusal::Prerequisite(format!("{who}requires itself by way of {circle}")));
        }
        if self.path.len() >= MOST_DEEP {
            let way = self.way(0, name);
            return Err(Refusal::Prerequisite(format!(
                "more than {MOST_DEEP} titles require one another: {way}"
            )));
        }
        Ok(())
    }

    /// A refusal as that of the one who required it.
    fn blamed(&self, name: &str, refusal: Refusal) -> Refusal {
        match self.path.len() {
            0 => refusal,
            1 => Refusal::Prerequisite(format!("{name}: {refusal}")),
            _ => Refusal::Prerequisite(format!("{name}, by way of {}: {refusal}", self.way(0, name))),
        }
    }

    fn way(&self, begin: usize, end: &str) -> String {
        let names = self.path.iter().skip(begin).map(|(name, _)| name.as_str()).chain([end]);
        names.collect::<Vec<_>>().join(" → ")
    }
}

/// Whether the catalog says what the control file expects of a pinned title (T10).
fn expected(hash: Option<Digest>, step: &Step) -> Result<(), String> {
    match (hash, step.download.as_ref().map(|download| download.digest)) {
        (None, _) => Ok(()),
        (Some(wanted), Some(found)) if wanted == found => Ok(()),
        (Some(wanted), Some(found)) => {
            Err(format!("the control file wants the digest {wanted}, the catalog has {found}"))
        }
        (Some(_), None) => Err("the control file wants a digest, and nothing is downloaded".to_owned()),
    }
}
