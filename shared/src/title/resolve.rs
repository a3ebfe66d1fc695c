//! Titles to steps or reasons: a pure function of wishes, catalogs, one Mac and the settings (T13, T14).

use super::{candidate::Mac, catalog::Catalogs, relations::Taken, step::Resolution};
use crate::item::{ItemId, Wish};

/// What the settings say of titles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Searched where an item names no catalogs (`TitleCatalogs`).
    pub catalogs: Vec<String>,
    /// Hosts that files with a URL of their own may come from, or `*` (`TitleHosts`, T16).
    pub hosts: Vec<String>,
    /// Whether packages may be untrusted where their pkginfo says so (`TitleAllowUntrusted`).
    pub allow_untrusted: bool,
}

/// Resolves all titles of a run.
///
/// Each wish gives one part of its own, with what it requires before it and its updates behind it. What an earlier one has
/// brought along is not brought again.
#[must_use]
pub fn resolve(wishes: &[(ItemId, Wish)], catalogs: &Catalogs, mac: &Mac, terms: &Terms) -> Resolution {
    let mut taken = Taken::new(mac, terms);
    for (id, wish) in wishes {
        taken.item(*id, wish, catalogs);
    }
    let digests = catalogs.0.iter().map(|(name, catalog)| (name.clone(), catalog.digest));
    Resolution { catalogs: digests.collect(), parts: taken.parts }
}
