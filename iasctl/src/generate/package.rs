//! Id and version of a package, by which a Mac tells whether it has it, without any tool of a Mac (R133).

use crate::chain::chain;
use shared::flat_package::FlatPackage;
use std::{fs::File, io::BufReader, path::Path};

/// What is known of a package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: Option<String>,
    pub(crate) version: Option<String>,
    /// What the admin should know of that.
    pub(crate) warning: Option<String>,
}

/// Reads the descriptions in the package.
pub(crate) fn identify(path: &Path) -> Result<Known, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let package = FlatPackage::open(BufReader::new(file))
        .map_err(|error| format!("{}: {}", path.display(), chain(&error)))?;
    if let Some(identity) = package.identity() {
        let others: Vec<String> =
            identity.others.iter().map(|(id, version)| format!("{id} {version}")).collect();
        let warning = (!others.is_empty()).then(|| {
            format!(
                "packageid: {} is the first of several components; nothing looks for {}",
                identity.identifier,
                others.join(", ")
            )
        });
        return Ok(known(Some(identity.identifier), Some(identity.version), warning));
    }
    // Its components are packages of their own: only the description of the whole can tell.
    let described = package.distribution.iter().flat_map(|product| &product.packages);
    let first = described.into_iter().find(|package| package.version.is_some());
    Ok(first.map_or_else(
        || known(None, None, None),
        |first| known(Some(first.id.clone()), first.version.clone(), None),
    ))
}

fn known(id: Option<String>, version: Option<String>, warning: Option<String>) -> Known {
    let (id, version) = (id.filter(|id| !id.is_empty()), version.filter(|version| !version.is_empty()));
    let incomplete = id.is_none() || version.is_none();
    let unknown = || {
        "packageid: the package does not say id and version; without them it is installed on every run"
            .to_owned()
    };
    Known { id, version, warning: warning.or_else(|| incomplete.then(unknown)) }
}
