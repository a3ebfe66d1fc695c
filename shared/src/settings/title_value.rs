//! Values only the settings of titles have: addresses, names of catalogs, a policy for clocks, and keys.

use super::{
    document,
    finding::Source,
    value::{Fit, Fitting, exact, text, texts},
};
use crate::{
    property_list::name_of,
    title::{
        address,
        grant::{ClockPolicy, Key, Keys},
    },
};
use plist::{Dictionary, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An `https` URL, or an `http` URL of this computer; without user, password and fragment.
pub(super) fn web_address(value: &Value) -> Fitting<url::Url> {
    let text = text(value)?.value.trim();
    address::web_address(text).map_or_else(|error| Err(error.to_string()), exact)
}

/// Names of catalogs; one text is a list of one, or of several with commas between.
pub(super) fn catalogs(value: &Value) -> Fitting<Vec<String>> {
    let (names, note) = texts(value)?;
    let name = |name: &str| {
        let name = name.trim();
        address::check_location(name).map(|()| name.to_owned()).map_err(|error| error.to_string())
    };
    let names: Vec<String> = names.into_iter().map(name).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err("there is no name in it".to_owned());
    }
    Ok(Fit { value: names, note })
}

/// `strict` or `server`.
pub(super) fn clock_policy(value: &Value) -> Fitting<ClockPolicy> {
    let text = text(value)?.value.trim();
    match ClockPolicy::named(text) {
        Some(policy) => exact(policy),
        None => Err(format!("found `{}`", text.chars().take(80).collect::<String>())),
    }
}

/// The keys of a titles service: an array of dictionaries (T103). No error shows a key.
pub(super) fn title_keys(value: &Value) -> Fitting<Keys> {
    let Value::Array(entries) = value else { return Err(format!("found {}", name_of(value))) };
    let key = |(index, entry): (usize, &Value)| {
        let place = |why: String| format!("entry {} of {}: {why}", index + 1, entries.len());
        let entry = entry.as_dictionary().ok_or_else(|| place("it is no dictionary".to_owned()))?;
        title_key(entry).map_err(place)
    };
    let keys = entries.iter().enumerate().map(key).collect::<Result<_, _>>()?;
    Keys::new(keys).map_or_else(|error| Err(error.to_string()), exact)
}

fn title_key(entry: &Dictionary) -> Result<Key, String> {
    const KNOWN: [&str; 4] = ["kid", "alg", "key", "not_after"];
    // A mistyped `not_after` would make a key live for ever.
    if let Some(unknown) = entry.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(format!("it has `{}`, which no key has", unknown.escape_debug()));
    }
    let text = |name: &str| {
        entry.get(name).and_then(Value::as_string).ok_or_else(|| format!("its `{name}` is no string"))
    };
    let not_after = entry.get("not_after").map(moment).transpose()?;
    Key::new(text("kid")?, text("alg")?, text("key")?, not_after).map_err(|error| error.to_string())
}

fn moment(value: &Value) -> Result<OffsetDateTime, String> {
    let moment = match value {
        Value::Date(date) => Some(OffsetDateTime::from(std::time::SystemTime::from(*date))),
        Value::String(text) => OffsetDateTime::parse(text.trim(), &Rfc3339).ok(),
        _ => None,
    };
    moment.ok_or_else(|| "its `not_after` is no date such as 2027-03-01T00:00:00Z".to_owned())
}

/// The keys in a file at `path`: a property list whose only key is `TitleKeys`, as in a profile.
///
/// # Errors
/// When it is anything else, or a key is not usable.
pub fn title_keys_in_file(bytes: &[u8], path: &str) -> Result<Keys, String> {
    let source = Source::File(path.to_owned());
    let document = document::read(bytes, &source).map_err(|finding| finding.problem)?;
    let Some(dictionary) = document.value.as_dictionary() else {
        return Err("it is no dictionary with TitleKeys".to_owned());
    };
    match dictionary.get("TitleKeys") {
        Some(keys) if dictionary.len() == 1 => {
            title_keys(keys).map(|fit| fit.value).map_err(|why| format!("TitleKeys: {why}"))
        }
        _ => Err("it is no dictionary whose only key is TitleKeys".to_owned()),
    }
}
