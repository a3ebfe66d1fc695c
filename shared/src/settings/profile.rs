//! What a plist is for: settings themselves, a configuration profile that carries settings, or a launchd job that starts us.

use plist::{Dictionary, Value};

/// A plist, by its use.
#[derive(Debug, Clone, PartialEq)]
pub enum Use {
    /// Settings, as in `iasd.plist`.
    Settings(Dictionary),
    /// A configuration profile: the preference domains it sets.
    Profile(Vec<(String, Dictionary)>),
    /// A launchd job, with the arguments it starts its program with; the first is the program's name.
    Job(Vec<String>),
}

impl Use {
    /// Tells the uses apart by the keys only they have; `None` when the plist is no dictionary.
    #[must_use]
    pub fn of(value: Value) -> Option<Self> {
        let Value::Dictionary(dictionary) = value else { return None };
        let text = |key: &str| dictionary.get(key).and_then(Value::as_string);
        let is_job =
            ["Program", "ProgramArguments", "BundleProgram"].iter().any(|key| dictionary.contains_key(key));
        if text("Label").is_some() && is_job {
            return Some(Self::Job(job_arguments(&dictionary)));
        }
        if text("PayloadType") == Some("Configuration") {
            return Some(Self::Profile(domains_in_profile(&Value::Dictionary(dictionary))));
        }
        Some(Self::Settings(dictionary))
    }
}

/// `ProgramArguments`, or the program alone.
fn job_arguments(job: &Dictionary) -> Vec<String> {
    let words = job.get("ProgramArguments").and_then(Value::as_array);
    let program = || ["Program", "BundleProgram"].iter().find_map(|key| job.get(key)?.as_string());
    match words {
        Some(words) => words.iter().filter_map(Value::as_string).map(ToOwned::to_owned).collect(),
        None => program().map(ToOwned::to_owned).into_iter().collect(),
    }
}

/// The preference domains a configuration profile sets, in its order.
///
/// Three ways are known: custom settings (`com.apple.ManagedClient.preferences`, forced before set-once), a payload with
/// `PreferenceDomain`, and a payload whose type is the domain itself.
#[must_use]
pub fn domains_in_profile(profile: &Value) -> Vec<(String, Dictionary)> {
    let payloads = profile.as_dictionary().and_then(|profile| profile.get("PayloadContent")?.as_array());
    payloads.into_iter().flatten().filter_map(Value::as_dictionary).flat_map(domains_in_payload).collect()
}

fn domains_in_payload(payload: &Dictionary) -> Vec<(String, Dictionary)> {
    let text = |key: &str| payload.get(key).and_then(Value::as_string);
    let content = payload.get("PayloadContent").and_then(Value::as_dictionary);
    match (text("PayloadType"), content, text("PreferenceDomain")) {
        (Some("com.apple.ManagedClient.preferences"), Some(content), _) => content
            .iter()
            .filter_map(|(domain, ways)| Some((domain.clone(), custom_settings(ways)?)))
            .collect(),
        (_, Some(content), Some(domain)) => vec![(domain.to_owned(), content.clone())],
        (Some(domain), _, _) => {
            let own = payload.iter().filter(|(key, _)| !key.starts_with("Payload"));
            vec![(domain.to_owned(), own.map(|(key, value)| (key.clone(), value.clone())).collect())]
        }
        _ => Vec::new(),
    }
}

/// What custom settings say of one domain.
fn custom_settings(ways: &Value) -> Option<Dictionary> {
    let ways = ways.as_dictionary()?;
    let mut settings = Dictionary::new();
    for way in ["Set-Once", "Forced"] {
        let entries = ways.get(way).and_then(Value::as_array).into_iter().flatten();
        let inner = entries
            .filter_map(|entry| entry.as_dictionary()?.get("mcx_preference_settings")?.as_dictionary());
        for (key, value) in inner.flatten() {
            settings.insert(key.clone(), value.clone());
        }
    }
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plist(body: &str) -> Value {
        plist::from_reader_xml(format!("<plist>{body}</plist>").as_bytes()).unwrap()
    }

    #[test]
    fn r37_all_three_ways_of_a_profile_are_read() {
        let domains = domains_in_profile(&plist(
            "<dict><key>PayloadContent</key><array>
               <dict><key>PayloadType</key><string>com.apple.ManagedClient.preferences</string>
                 <key>PayloadContent</key><dict><key>a.b</key><dict><key>Forced</key><array><dict>
                   <key>mcx_preference_settings</key><dict><key>Reboot</key><true/></dict></dict></array></dict></dict></dict>
               <dict><key>PayloadType</key><string>com.apple.configuration.plist</string>
                 <key>PreferenceDomain</key><string>c.d</string>
                 <key>PayloadContent</key><dict><key>Debug</key><true/></dict></dict>
               <dict><key>PayloadType</key><string>e.f</string><key>PayloadUUID</key><string>x</string>
                 <key>Verbose</key><true/></dict>
             </array></dict>",
        ));
        let names: Vec<_> =
            domains.iter().map(|(domain, keys)| (domain.as_str(), keys.keys().collect::<Vec<_>>())).collect();
        assert_eq!(names.len(), 3);
        assert_eq!(names[0], ("a.b", vec![&"Reboot".to_owned()]));
        assert_eq!(names[1], ("c.d", vec![&"Debug".to_owned()]));
        assert_eq!(names[2], ("e.f", vec![&"Verbose".to_owned()]));
    }

    #[test]
    fn a_launchd_job_is_not_taken_for_settings() {
        let job =
            plist("<dict><key>Label</key><string>x</string><key>Program</key><string>/x</string></dict>");
        assert_eq!(Use::of(job), Some(Use::Job(vec!["/x".to_owned()])));
        let settings = plist("<dict><key>JSONURL</key><string>https://x</string></dict>");
        assert!(matches!(Use::of(settings), Some(Use::Settings(_))));
        assert_eq!(Use::of(plist("<array/>")), None);
    }
}
