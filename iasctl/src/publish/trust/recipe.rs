//! A recipe as AutoPkg reads it: a property list, or YAML when its name ends so (T73).

use plist::{Dictionary, Value};
use saphyr::{Scalar, Yaml, YamlLoader};
use saphyr_parser::Parser;
use shared::property_list;
use std::{fs, path::Path};

/// Names of recipes end in one of these.
pub(super) const ENDINGS: [&str; 3] = [".recipe", ".recipe.plist", ".recipe.yaml"];

/// No recipe unfolds to more.
const MOST: usize = 1 << 24;

/// The recipe in `path`.
///
/// # Errors
/// It is none.
pub(super) fn read(path: &Path) -> Result<Dictionary, String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let bytes = fs::read(path).map_err(|error| named(error.to_string()))?;
    let is_yaml = path.to_string_lossy().ends_with(".yaml");
    let value = if is_yaml {
        let text = String::from_utf8(bytes).map_err(|error| named(error.to_string()))?;
        from_yaml(&text).map_err(named)?
    } else {
        // Strangers write recipes.
        property_list::read::<MOST>(&bytes).map_err(|why| named(format!("no property list: {why}")))?
    };
    value.into_dictionary().ok_or_else(|| named("no dictionary".to_owned()))
}

/// All scalars as the texts they are written as: nothing that trust is decided by is anything else.
fn from_yaml(text: &str) -> Result<Value, String> {
    let mut loader = YamlLoader::<Yaml<'_>>::default();
    loader.early_parse(false);
    // As in Python, the last one counts.
    loader.allow_duplicate_keys(true);
    Parser::new_from_str(text).load(&mut loader, true).map_err(|error| format!("no YAML: {error}"))?;
    if let Some(error) = loader.error() {
        return Err(format!("no YAML: {error}"));
    }
    match &*loader.into_documents() {
        [document] => Ok(plain(document)),
        documents => Err(format!("{} YAML documents instead of one", documents.len())),
    }
}

fn plain(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Sequence(items) => Value::Array(items.iter().map(plain).collect()),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| (text(key), plain(value)));
            Value::Dictionary(entries.collect())
        }
        Yaml::Tagged(_, node) => plain(node),
        other => Value::String(text(other)),
    }
}

fn text(node: &Yaml<'_>) -> String {
    match node {
        Yaml::Representation(text, _, _) => text.to_string(),
        Yaml::Value(Scalar::String(text)) => text.to_string(),
        _ => String::new(),
    }
}

/// What a recipe calls itself, in the way of today or of long ago.
pub(super) fn identifier(recipe: &Dictionary) -> Option<&str> {
    match recipe.get("Identifier") {
        Some(identifier) => identifier.as_string(),
        None => recipe.get("Input")?.as_dictionary()?.get("IDENTIFIER")?.as_string(),
    }
}

/// The identifier or, in very old ones, the name of its parent.
pub(super) fn parent(recipe: &Dictionary) -> Option<&str> {
    let text =
        |value: Option<&'_ Value>| value.and_then(Value::as_string).is_some_and(|text| !text.is_empty());
    if text(recipe.get("ParentRecipe")) {
        return recipe.get("ParentRecipe").and_then(Value::as_string);
    }
    let old = recipe.get("Recipe")?.as_dictionary()?;
    ["identifier", "name"].iter().filter_map(|key| old.get(key)).find_map(Value::as_string)
}

/// What it sets: its variables, and the arguments of each step.
pub(super) fn set(recipe: &Dictionary) -> Vec<Dictionary> {
    let steps = recipe.get("Process").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let arguments = steps.iter().filter_map(|step| step.as_dictionary()?.get("Arguments"));
    recipe.get("Input").into_iter().chain(arguments).filter_map(Value::as_dictionary).cloned().collect()
}

/// Whether AutoPkg takes it for a recipe or an override when it is given by its path or name.
pub(super) fn is_valid(recipe: &Dictionary) -> bool {
    recipe.contains_key("Input")
        && ["Process", "Recipe", "ParentRecipe"].iter().any(|key| recipe.contains_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t73_a_yaml_recipe_is_read_as_text() {
        let yaml = "Identifier: &id local.x\nInput:\n  NAME: Yes\n  N: 007\n  N: 1e3\nAgain: *id\nProcess:\n- Processor: A/B\n  Arguments: {}\nEmpty:\n";
        let recipe = from_yaml(yaml).unwrap().into_dictionary().unwrap();
        let input = recipe.get("Input").unwrap().as_dictionary().unwrap();
        assert_eq!(input.get("NAME").unwrap().as_string(), Some("Yes"));
        assert_eq!(input.get("N").unwrap().as_string(), Some("1e3"));
        assert_eq!(recipe.get("Again").unwrap().as_string(), Some("local.x"));
        assert_eq!(identifier(&recipe), Some("local.x"));
        assert!(from_yaml("a: [").is_err());
        assert!(from_yaml("a: 1\n---\nb: 2\n").is_err());
    }

    #[test]
    fn t73_real_overrides_are_read() {
        for file in super::super::super::corpus::files("autopkg-override") {
            let recipe = read(&file).unwrap();
            assert!(is_valid(&recipe), "{}", file.display());
            assert!(parent(&recipe).is_some() && identifier(&recipe).is_some(), "{}", file.display());
        }
    }
}
