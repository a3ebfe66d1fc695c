//! One value: what a key wants, what a plist gives, and what is made of it (R38, 1.4 of the control-file rules).

use super::{WebhookFormat, duration};
use crate::{
    digest::Digest,
    item::{FollowRedirects, HashCheckPolicy, Secret},
    minisign::PublicKey,
    property_list::name_of,
    wording::user::Language,
};
use plist::Value;
use std::time::Duration;

/// The longest text a setting may hold, in bytes.
const LONGEST_TEXT: usize = 8 * 1024;

/// A value that fits its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit<T> {
    /// What it means.
    pub value: T,
    /// What should be written instead, when it fits only after conversion.
    pub note: Option<String>,
}

/// A fitting value, or what is wrong with it, as the end of the sentence "expected …, found …".
pub type Fitting<T> = Result<Fit<T>, String>;

/// The value fits as it stands.
pub(super) fn exact<T>(value: T) -> Fitting<T> {
    Ok(Fit { value, note: None })
}

/// The value fits after conversion.
fn converted<T>(value: T, wanted: &str, found: &Value) -> Fitting<T> {
    Ok(Fit { value, note: Some(format!("{} is read as {wanted}", name_of(found))) })
}

/// A boolean: also the words and numbers of 1.4.
pub(super) fn boolean(value: &Value) -> Fitting<bool> {
    match value {
        Value::Boolean(flag) => exact(*flag),
        Value::String(text) => match word(text) {
            Some(flag) => converted(flag, if flag { "true" } else { "false" }, value),
            None => Err("the text is neither true nor false".to_owned()),
        },
        Value::Integer(number) => match number.as_unsigned() {
            Some(0) => converted(false, "false", value),
            Some(1) => converted(true, "true", value),
            _ => Err(format!("found the number {number}")),
        },
        other => Err(format!("found {}", name_of(other))),
    }
}

/// The words for true and false (R14); the empty text is false.
#[must_use]
pub fn word(text: &str) -> Option<bool> {
    let word = text.trim();
    let is = |known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is(&["true", "yes", "y", "1"]) {
        Some(true)
    } else if is(&["false", "no", "n", "0", ""]) {
        Some(false)
    } else {
        None
    }
}

/// An integer in a range: also integral reals and numeric texts.
pub(super) fn integer(value: &Value, least: u32, most: u32) -> Fitting<u32> {
    let in_range = |number: u64| match u32::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("found {number}")),
    };
    match value {
        Value::Integer(number) => match number.as_unsigned() {
            Some(number) => exact(in_range(number)?),
            None => Err(format!("found {number}")),
        },
        Value::Real(number) => match whole(*number) {
            Some(number) => converted(in_range(number)?, &number.to_string(), value),
            None => Err(format!("found {number}")),
        },
        Value::String(text) => match text.trim().parse::<u64>() {
            Ok(number) => converted(in_range(number)?, &number.to_string(), value),
            Err(_) => Err("the text is no such number".to_owned()),
        },
        other => Err(format!("found {}", name_of(other))),
    }
}

/// A real number without fraction, as far as doubles are exact.
fn whole(number: f64) -> Option<u64> {
    let exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    exact.then_some(number as u64)
}

/// A span: seconds, or a duration text.
pub(super) fn span(value: &Value) -> Fitting<Duration> {
    let bounded = |seconds: u64| match Duration::from_secs(seconds) {
        span if span <= duration::LONGEST => Ok(span),
        _ => Err(format!("found {seconds}")),
    };
    match value {
        Value::Integer(number) => match number.as_unsigned() {
            Some(seconds) => exact(bounded(seconds)?),
            None => Err(format!("found {number}")),
        },
        Value::Real(number) => match whole(*number) {
            Some(seconds) => converted(bounded(seconds)?, &seconds.to_string(), value),
            None => Err(format!("found {number}")),
        },
        Value::String(text) => match duration::parse(text) {
            Some(span) if text.trim().parse::<u64>().is_ok() => converted(span, "a number of seconds", value),
            Some(span) => exact(span),
            None => Err("the text is no such time".to_owned()),
        },
        other => Err(format!("found {}", name_of(other))),
    }
}

/// One line of text without control characters.
pub(super) fn text(value: &Value) -> Fitting<&str> {
    let Value::String(text) = value else { return Err(format!("found {}", name_of(value))) };
    if text.len() > LONGEST_TEXT {
        return Err(format!("the text is {} bytes long, the limit is {LONGEST_TEXT}", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err("the text contains a line break or another control character".to_owned());
    }
    exact(text)
}

/// A URL the daemon can fetch (R118).
pub(super) fn url(value: &Value) -> Fitting<url::Url> {
    let text = text(value)?.value.trim();
    if text.is_empty() {
        return Err("the text is empty".to_owned());
    }
    let url = url::Url::parse(text).map_err(|error| format!("the text is no URL: {error}"))?;
    match url.scheme() {
        "https" | "http" | "file" => exact(url),
        other => Err(format!("found a URL of the kind {other}:")),
    }
}

/// 64 hexadecimal digits.
pub(super) fn digest(value: &Value) -> Fitting<Digest> {
    let text = text(value)?.value.trim();
    text.parse().map_or_else(|error| Err(format!("{error}")), exact)
}

/// A label of launchd, a service or a log: letters, digits, `.`, `-`, `_`, since it becomes a file name.
pub(super) fn identifier(value: &Value) -> Fitting<String> {
    let text = text(value)?.value.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || text.len() > 200 || !text.chars().all(allowed) || text.split('.').any(str::is_empty)
    {
        return Err(format!("found `{}`", text.chars().take(80).collect::<String>()));
    }
    exact(text.to_owned())
}

/// The names of [`HashCheckPolicy`] with their synonyms, in any case (R84).
pub(super) fn hash_policy(value: &Value) -> Fitting<HashCheckPolicy> {
    let text = text(value)?.value.trim();
    match HashCheckPolicy::named(text) {
        Some(policy) => exact(policy),
        None => Err(format!("found `{}`", text.chars().take(80).collect::<String>())),
    }
}

/// The name of a form of messages, in any case.
pub(super) fn webhook_format(value: &Value) -> Fitting<WebhookFormat> {
    let text = text(value)?.value.trim();
    match WebhookFormat::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(text)) {
        Some(format) => exact(format),
        None => Err(format!("found `{}`", text.chars().take(80).collect::<String>())),
    }
}

/// The code of a language that users are spoken to in; none for their own.
pub(super) fn language(value: &Value) -> Fitting<Option<Language>> {
    let text = text(value)?.value.trim();
    match Language::named(text) {
        _ if text.eq_ignore_ascii_case("auto") => exact(None),
        Some(language) => exact(Some(language)),
        None => Err(format!("found `{}`", text.chars().take(80).collect::<String>())),
    }
}

/// `none`, `https`, `all`, or a boolean.
pub(super) fn redirects(value: &Value) -> Fitting<FollowRedirects> {
    if let Value::String(text) = value {
        let known = [
            ("none", FollowRedirects::None),
            ("https", FollowRedirects::Https),
            ("all", FollowRedirects::All),
        ];
        if let Some((_, policy)) = known.iter().find(|(name, _)| text.trim().eq_ignore_ascii_case(name)) {
            return exact(*policy);
        }
    }
    let flag = boolean(value)?;
    let policy = if flag.value { FollowRedirects::Https } else { FollowRedirects::None };
    Ok(Fit { value: policy, note: flag.note })
}

/// Texts; one is a list of one, or of several with commas between, and then there is a note.
pub(super) fn texts(value: &Value) -> Result<(Vec<&str>, Option<String>), String> {
    match value {
        Value::Array(entries) => {
            let texts: Option<Vec<&str>> = entries.iter().map(Value::as_string).collect();
            Ok((texts.ok_or("found an array in which not every entry is a string")?, None))
        }
        Value::String(text) => {
            Ok((text.split(',').collect(), Some("a string is read as an array".to_owned())))
        }
        other => Err(format!("found {}", name_of(other))),
    }
}

/// Host names, or `*`.
pub(super) fn hosts(value: &Value) -> Fitting<Vec<String>> {
    let (texts, note) = texts(value)?;
    let hosts = texts.into_iter().map(host).collect::<Result<_, _>>()?;
    Ok(Fit { value: hosts, note })
}

/// Public keys. An empty list would allow everybody to sign, or nobody: it is refused.
pub(super) fn public_keys(value: &Value) -> Fitting<Vec<PublicKey>> {
    let (texts, note) = texts(value)?;
    if texts.is_empty() {
        return Err("there is no key in it; leave it out where no signature is needed".to_owned());
    }
    let key = |(index, text): (usize, &&str)| {
        text.parse().map_err(|error| format!("key {} of {}: {error}", index + 1, texts.len()))
    };
    let keys = texts.iter().enumerate().map(key).collect::<Result<_, _>>()?;
    Ok(Fit { value: keys, note })
}

/// One host name, in lower case.
fn host(text: &str) -> Result<String, String> {
    let text = text.trim();
    let wrong = || format!("`{}` is no host name", text.chars().take(80).collect::<String>());
    if text == "*" {
        return Ok("*".to_owned());
    }
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    if text.is_empty() || text.len() > 253 || !text.chars().all(fine) {
        return Err(wrong());
    }
    url::Host::parse(text).map(|host| host.to_string()).map_err(|_| wrong())
}

/// Request headers: a dictionary, or an array of dictionaries with `name` and `value`.
pub(super) fn headers(value: &Value) -> Fitting<Vec<(String, Secret)>> {
    let pair = |name: &str, value: Option<&Value>| match value.and_then(Value::as_string) {
        Some(text) => header(name, text),
        None => Err(format!("the header {} has no string as its value", name.escape_debug())),
    };
    match value {
        Value::Dictionary(entries) => {
            exact(entries.iter().map(|(name, value)| pair(name, Some(value))).collect::<Result<_, _>>()?)
        }
        Value::Array(entries) => {
            let mut headers = Vec::new();
            for entry in entries {
                let entry = entry.as_dictionary().ok_or("found an array entry that is no dictionary")?;
                let name = entry.get("name").and_then(Value::as_string);
                headers.push(pair(name.ok_or("found an array entry without `name`")?, entry.get("value"))?);
            }
            exact(headers)
        }
        other => Err(format!("found {}", name_of(other))),
    }
}

/// One header, safe to put on the wire.
pub(super) fn header(name: &str, value: &str) -> Result<(String, Secret), String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > 256 || !name.chars().all(token) {
        return Err(format!(
            "`{}` is no header name",
            name.chars().take(80).collect::<String>().escape_debug()
        ));
    }
    if value.len() > LONGEST_TEXT || value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(format!("the value of the header {name} contains a line break or is too long"));
    }
    Ok((name.to_owned(), Secret(value.trim().to_owned())))
}

/// An embedded control file: the dictionary as JSON text, so that it is checked like a downloaded one.
pub(super) fn control_file(value: &Value) -> Fitting<String> {
    let Value::Dictionary(_) = value else { return Err(format!("found {}", name_of(value))) };
    let json = to_json(value, "Bootstrap")?;
    serde_json::to_string_pretty(&json).map_or_else(|error| Err(error.to_string()), exact)
}

/// A plist value as JSON; `path` names it in messages.
fn to_json(value: &Value, path: &str) -> Result<serde_json::Value, String> {
    use serde_json::Value as Json;
    let odd = || format!("{path} is {}, which a control file cannot hold", name_of(value));
    Ok(match value {
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::String(text) => Json::String(text.clone()),
        Value::Integer(number) => match (number.as_signed(), number.as_unsigned()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => return Err(odd()),
        },
        Value::Real(number) => serde_json::Number::from_f64(*number).map(Json::Number).ok_or_else(odd)?,
        Value::Array(entries) => {
            let json = |(index, entry)| to_json(entry, &format!("{path}[{index}]"));
            Json::Array(entries.iter().enumerate().map(json).collect::<Result<_, _>>()?)
        }
        Value::Dictionary(entries) => {
            let json = |(key, entry): (&String, &Value)| {
                Ok((key.clone(), to_json(entry, &format!("{path}.{key}"))?))
            };
            Json::Object(entries.iter().map(json).collect::<Result<_, String>>()?)
        }
        _ => return Err(odd()),
    })
}
