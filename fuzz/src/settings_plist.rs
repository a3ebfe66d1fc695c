//! Any bytes are read as settings, a profile or a launchd job: without panic, and whatever comes out keeps the rules.

use shared::settings::{
    Layer, Mode, Source, arguments, document, install_path, keys::KEYS, merge, profile::Use,
};

/// See the head of this file.
pub fn settings_plist(bytes: &[u8]) {
    let source = Source::File("fuzz.plist".to_owned());
    let Ok(document) = document::read(bytes, &source) else { return };
    let layers = match Use::of(document.value) {
        Some(Use::Settings(values)) => vec![Layer { source, values, places: document.places }],
        Some(Use::Profile(domains)) => {
            domains.into_iter().map(|(domain, values)| Layer::new(Source::Managed(domain), values)).collect()
        }
        Some(Use::Job(words)) => {
            let _ = arguments::parse(words.into_iter().map(Into::into));
            return;
        }
        None => return,
    };
    let merged = merge(layers, Mode::Daemon);
    assert_eq!(merged.origins.len(), KEYS.len());
    assert!(merged.settings.min_downloads <= merged.settings.max_downloads);
    assert!(install_path::refusal(&merged.settings.install_path).is_none());
}
