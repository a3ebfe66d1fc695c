//! Which packages of a product the installer installs when nobody chooses, and in which order (section 3).

use super::Component;
use super::distribution::{Condition, Distribution};
use super::xar::{EntryId, EntryKind, Xar};

/// One package of one choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The choice that installs it; `None` when the product has no choices.
    pub choice: Option<String>,
    /// The id of the package reference.
    pub package: String,
    /// Where it is.
    pub target: Target,
    /// Whether it is installed by default.
    pub selected: Condition,
}

/// Where a package reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this index in [`super::FlatPackage::components`].
    Component(usize),
    /// To a whole package stored as this entry.
    Nested(EntryId),
    /// To a file beside the package or on a server.
    External(String),
    /// To something that is not in the package.
    Missing(String),
    /// Nowhere: the id has no reference, so there is nothing to install.
    Nothing,
}

/// Every package of every offered choice, in the order they are installed in.
pub(super) fn select<R>(
    product: &Distribution,
    components: &[Component],
    archive: &Xar<R>,
) -> Vec<Selection> {
    let locate = |package: &str| -> Vec<Target> {
        let references =
            product.package(package).map(|package| package.references.as_slice()).unwrap_or_default();
        match references {
            [] => vec![Target::Nothing],
            _ => references.iter().map(|reference| resolve(reference, components, archive)).collect(),
        }
    };
    let entry = |choice: Option<&str>, package: &str, selected: &Condition| -> Vec<Selection> {
        let active = product.package(package).map(|package| package.active.clone()).unwrap_or_default();
        let one = |target| Selection {
            choice: choice.map(str::to_owned),
            package: package.to_owned(),
            target,
            selected: selected.and(&active),
        };
        locate(package).into_iter().map(one).collect()
    };
    if product.choices.is_empty() {
        return product
            .packages
            .iter()
            .flat_map(|package| entry(None, &package.id, &Condition::Yes))
            .collect();
    }
    let mut selections = Vec::new();
    for choice in product.offered() {
        let packages = choice.packages.iter();
        selections.extend(packages.flat_map(|package| entry(Some(&choice.id), package, &choice.selected)));
    }
    selections
}

/// Follows a reference: `#Name.pkg` (or `file:#Name.pkg`) is inside, anything else is a path or URL.
fn resolve<R>(reference: &str, components: &[Component], archive: &Xar<R>) -> Target {
    let path = reference.trim().strip_prefix("file:").unwrap_or(reference.trim());
    let (inside, path) = match path.strip_prefix('#') {
        Some(path) => (true, path),
        None => (false, path),
    };
    let path = percent_decoded(path);
    let path = path.trim_start_matches("./").trim_end_matches('/');
    if let Some(index) = components.iter().position(|component| component.folder == path) {
        return Target::Component(index);
    }
    match archive.find(path) {
        Some(id) if archive.entry(id).is_some_and(|entry| entry.kind == EntryKind::File) => {
            Target::Nested(id)
        }
        _ if inside => Target::Missing(path.to_owned()),
        _ => Target::External(reference.trim().to_owned()),
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped =
            after.get(..2).filter(|_| byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_percent_decoded_and_stray_percents_kept() {
        assert_eq!(percent_decoded("My%20App%C4%8D.pkg"), "My Appč.pkg");
        assert_eq!(percent_decoded("100%.pkg%2"), "100%.pkg%2");
    }
}
