//! The configuration profile with the settings, for an MDM to send before the package or instead of settings in it.

use super::manifest::dictionary;
use plist::{Dictionary, Value};
use shared::{digest::Digest, settings::DOMAIN};

/// Who the profile is from, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    /// The identifier of the installation; the profile's own are made from it.
    pub(super) identifier: &'a str,
    /// The organisation; left out when empty.
    pub(super) organization: &'a str,
    /// Its name for people.
    pub(super) title: &'a str,
}

/// The profile that sets `settings` as managed preferences (R37). The same settings give the same identities; other
/// settings give another UUID under the same identifier, so that an MDM replaces the profile.
pub(super) fn profile(settings: &Dictionary, sender: Sender<'_>) -> Value {
    let identifier = format!("{}.settings", sender.identifier);
    let name = format!("{}: settings", sender.title);
    let content = format!("{settings:?}");
    let preferences = dictionary([("mcx_preference_settings", Value::Dictionary(settings.clone()))]);
    let forced = dictionary([("Forced", Value::Array(vec![preferences]))]);
    let payload = dictionary([
        ("PayloadContent", dictionary([(DOMAIN, forced)])),
        ("PayloadDisplayName", name.as_str().into()),
        ("PayloadEnabled", true.into()),
        ("PayloadIdentifier", format!("{identifier}.1").into()),
        ("PayloadType", "com.apple.ManagedClient.preferences".into()),
        ("PayloadUUID", uuid(&["payload", &identifier, &content]).into()),
        ("PayloadVersion", 1.into()),
    ]);
    let mut profile = Dictionary::new();
    let mut add = |key: &str, value: Value| drop(profile.insert(key.to_owned(), value));
    add("PayloadContent", Value::Array(vec![payload]));
    add("PayloadDisplayName", name.as_str().into());
    add("PayloadIdentifier", identifier.as_str().into());
    if !sender.organization.is_empty() {
        add("PayloadOrganization", sender.organization.into());
    }
    add("PayloadRemovalDisallowed", false.into());
    add("PayloadScope", "System".into());
    add("PayloadType", "Configuration".into());
    add("PayloadUUID", uuid(&["profile", &identifier, &content]).into());
    add("PayloadVersion", 1.into());
    Value::Dictionary(profile)
}

/// A UUID made from these texts (RFC 9562, version 8: a digest of one's own choice).
pub(super) fn uuid(texts: &[&str]) -> String {
    let digest = Digest::of(texts.join("\0").as_bytes()).to_string().to_uppercase();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::settings::{Layer, Mode, Source, document, merge, profile::domains_in_profile};

    const SENDER: Sender<'_> =
        Sender { identifier: "com.acme.ias", organization: "Acme & Sons", title: "Welcome" };

    fn settings(url: &str) -> Dictionary {
        [("JSONURL".to_owned(), Value::from(url)), ("Reboot".to_owned(), true.into())].into_iter().collect()
    }

    #[test]
    fn r37_the_settings_come_back_out_of_the_profile() {
        let values = settings("https://mdm.example.com/bootstrap.json");
        let xml = super::super::names::as_xml(&profile(&values, SENDER)).unwrap();
        let source = Source::Managed(DOMAIN.to_owned());
        let document = document::read(&xml, &source).unwrap();
        assert_eq!(document.findings, []);
        let domains = domains_in_profile(&document.value);
        assert_eq!(domains, [(DOMAIN.to_owned(), values.clone())]);
        let merged = merge(vec![Layer::new(source, values)], Mode::Daemon);
        assert!(merged.findings.is_empty() && merged.settings.reboot);
    }

    #[test]
    fn other_settings_are_another_version_of_the_same_profile() {
        let text = |url: &str, key: &str| {
            let profile = profile(&settings(url), SENDER).into_dictionary().unwrap();
            profile.get(key).unwrap().as_string().unwrap().to_owned()
        };
        assert_eq!(text("https://a/", "PayloadIdentifier"), text("https://b/", "PayloadIdentifier"));
        assert_eq!(text("https://a/", "PayloadUUID"), text("https://a/", "PayloadUUID"));
        assert_ne!(text("https://a/", "PayloadUUID"), text("https://b/", "PayloadUUID"));
        let uuid = uuid(&["a"]);
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
    }
}
