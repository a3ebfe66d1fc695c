//! What a title wants of the installation of its package (T35).

use plist::Value;
use shared::{sys::child::Account, title::PackageOptions};
use std::{collections::BTreeMap, ffi::OsString};

/// Choices made before, and what scripts find in their environment.
#[derive(Debug, Clone, Default)]
pub(in crate::host::simulated) struct Wish {
    /// What is chosen or not, by the identifier of the choice.
    pub(super) choices: BTreeMap<String, bool>,
    /// Variables, besides those every script has.
    pub(super) environment: Vec<(String, String)>,
}

impl Wish {
    /// What `options` say; `environment` is that of `installer`.
    ///
    /// # Errors
    /// When the choices are no array of dictionaries.
    pub(in crate::host::simulated) fn of(
        options: &PackageOptions,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Self, String> {
        let choices = options.choices.as_deref().map(choices).transpose()?.unwrap_or_default();
        let usual = Account::root().environment();
        let added = environment.into_iter().filter(|variable| !usual.contains(variable));
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Ok(Self { choices, environment: added.filter_map(text).collect() })
    }
}

/// What a choices file selects; other attributes mean nothing here.
fn choices(text: &str) -> Result<BTreeMap<String, bool>, String> {
    let no_choices = "installer_choices_xml is no list of choices";
    let list = Value::from_reader_xml(text.as_bytes()).map_err(|error| format!("{no_choices}: {error}"))?;
    let list = list.into_array().ok_or_else(|| no_choices.to_owned())?;
    let one = |choice: &Value| {
        let choice = choice.as_dictionary()?;
        let text = |key: &str| choice.get(key).and_then(Value::as_string);
        let setting = choice.get("attributeSetting")?;
        let is_on = setting.as_boolean().or_else(|| Some(setting.as_signed_integer()? != 0))?;
        (text("choiceAttribute")? == "selected")
            .then(|| Some((text("choiceIdentifier")?.to_owned(), is_on)))?
    };
    Ok(list.iter().filter_map(one).collect())
}
