//! Whether a title or an application is there already, as far as facts alone tell (T37).

use crate::{
    event::SkipReason,
    facts::{Facts, Found, Trace},
    item::{AppTarget, Item},
    title::{Installed, Part, Presence, Resolution, Step, Verdict, judge, judge_presence},
};
use std::collections::BTreeMap;

/// What is known of the titles of a run, from its catalogs.
impl Resolution {
    /// What is done for `item`, if it is a title that can be had.
    #[must_use]
    pub fn step(&self, item: &Item) -> Option<&Step> {
        self.part(item.id).and_then(|part: &Part| part.outcome.as_ref().ok())
    }

    /// What a host must look at for all titles that can be had.
    pub fn traces(&self) -> impl Iterator<Item = &Trace> {
        let steps = self.parts.iter().filter_map(|part| part.outcome.as_ref().ok());
        steps
            .flat_map(|step| match &step.presence {
                Presence::Installs(entries) => entries.as_slice(),
                _ => &[],
            })
            .map(|entry| &entry.what)
    }

    /// The packages whose receipts tell whether titles are there.
    pub fn receipts(&self) -> impl Iterator<Item = &str> {
        let steps = self.parts.iter().filter_map(|part| part.outcome.as_ref().ok());
        steps
            .flat_map(|step| match &step.presence {
                Presence::Receipts(wanted) => wanted.as_slice(),
                _ => &[],
            })
            .map(|wanted| wanted.package_id.as_str())
    }
}

/// What is there of an application.
#[must_use]
pub fn trace_of(app: &AppTarget) -> Trace {
    Trace::AppAt(app.path.as_str().to_owned())
}

/// Why nothing has to be done for `item`, a title or an application. `None`: it is missing, or only a script, or its turn, can
/// tell.
#[must_use]
pub fn present(item: &Item, titles: &Resolution, facts: &Facts) -> Option<SkipReason> {
    if item.always_install {
        return None;
    }
    let verdict = match (&item.app, titles.step(item)) {
        (Some(app), _) => judge_app(app, &facts.found)?,
        (None, Some(step)) => judge(step, &facts.found, &facts.receipts),
        (None, None) => return None,
    };
    skip_reason(&verdict)
}

/// What a verdict makes unnecessary.
#[must_use]
pub fn skip_reason(verdict: &Verdict) -> Option<SkipReason> {
    match verdict {
        Verdict::Already(version) => {
            Some(SkipReason::Present { installed: Some(version.clone()), newer: false })
        }
        Verdict::Newer(version) => {
            Some(SkipReason::Present { installed: Some(version.clone()), newer: true })
        }
        Verdict::Missing | Verdict::Malformed(_) | Verdict::AskInstallCheck(_) | Verdict::AskVersion(_) => {
            None
        }
    }
}

/// Whether an application is there, in the version that is wanted or a newer one. `None` without a version: it is put in place
/// whatever is there.
#[must_use]
pub fn judge_app(app: &AppTarget, found: &BTreeMap<Trace, Found>) -> Option<Verdict> {
    let version = app.version.clone()?;
    let entry = Installed {
        what: trace_of(app),
        version: Some(version.clone()),
        key: None,
        minimum_update_version: None,
    };
    Some(judge_presence(&Presence::Installs(vec![entry]), &version, found, &BTreeMap::new()))
}
