//! Preferences as macOS merges them: profiles over what was set locally (P63).

use crate::settings::{PreferenceDomain, Reading};
use plist::Dictionary;
use shared::{
    settings::{Layer, Source, keys},
    sys::mac::{Preference, preferences},
};

/// CFPreferences, as root sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ManagedPreferences;

impl PreferenceDomain for ManagedPreferences {
    fn read(&self, domain: &str) -> Vec<Reading> {
        preferences::refresh(domain);
        layers(domain, |key| preferences::find(key, domain))
            .into_iter()
            .map(|layer| Reading { layer: Some(layer), findings: Vec::new() })
            .collect()
    }
}

/// Asks for every key there is, and sorts what was set locally from what a profile imposes; the latter comes last.
fn layers(domain: &str, find: impl Fn(&str) -> Option<Preference>) -> Vec<Layer> {
    let (mut local, mut forced) = (Dictionary::new(), Dictionary::new());
    for key in keys::names() {
        if let Some(Preference { value, is_forced }) = find(key) {
            let place = if is_forced { &mut forced } else { &mut local };
            place.insert(key.to_owned(), value);
        }
    }
    let local = (Source::Preferences(domain.to_owned()), local);
    let forced = (Source::Managed(domain.to_owned()), forced);
    [local, forced]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(source, values)| Layer::new(source, values))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p63_what_a_profile_imposes_is_stronger_and_told_apart() {
        let found = layers("cz.macadmin.iasd", |key| match key {
            "JSONURL" => Some(Preference { value: "https://acme.example/b.json".into(), is_forced: true }),
            "MaxRetries" => Some(Preference { value: 7.into(), is_forced: false }),
            _ => None,
        });
        let [local, forced] = found.try_into().unwrap();
        assert_eq!(local.source, Source::Preferences("cz.macadmin.iasd".into()));
        assert_eq!(local.values.get("MaxRetries"), Some(&7.into()));
        assert_eq!(forced.source, Source::Managed("cz.macadmin.iasd".into()));
        assert!(forced.values.contains_key("JSONURL"));
    }

    #[test]
    fn a_domain_nobody_set_is_no_source() {
        assert!(layers("x", |_| None).is_empty());
    }
}
