//! What was found at one address, for the admin.

use super::Fetched;
use serde::Serialize;
use shared::{digest::Digest, item::Item, wording::bytes};

/// What was found at one address.
#[derive(Debug, Clone, Serialize)]
pub(in crate::check) struct Seen {
    /// Such as `userland[2]`.
    item: String,
    name: String,
    /// Every address that was asked, the last one answered; without user and query.
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    /// Whether a Mac can go on where it was after the connection broke.
    resumable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<PackageSeen>,
}

/// What a package says of itself.
#[derive(Debug, Clone, Serialize)]
struct PackageSeen {
    identifiers: Vec<(String, String)>,
    architectures: Vec<String>,
    minimum_system: Option<String>,
    team_id: Option<String>,
    signed: bool,
}

/// Tells what an item's address gave.
pub(super) fn told(item: &Item, fetched: &Fetched) -> Seen {
    let content = fetched.outcome.as_ref().ok();
    let package = content.and_then(|content| content.report.as_ref()).and_then(|judged| {
        let package = judged.report.package.as_ref()?;
        let signature = package.signature.as_ref();
        Some(PackageSeen {
            identifiers: package
                .components
                .iter()
                .map(|part| (part.identifier.clone(), part.version.clone()))
                .collect(),
            architectures: package.architectures.clone(),
            minimum_system: package.minimum_system.clone(),
            team_id: signature.and_then(|signature| signature.team_id.clone()),
            signed: signature.is_some_and(|signature| signature.verified),
        })
    });
    Seen {
        item: item.id.to_string(),
        name: item.name.clone(),
        addresses: fetched.addresses.clone(),
        status: content.map(|content| content.status),
        bytes: content.map(|content| content.bytes),
        sha256: content.map(|content| content.digest),
        resumable: content.is_some_and(|content| content.resumable),
        package,
    }
}

impl Seen {
    /// One line for a terminal.
    pub(in crate::check) fn line(&self) -> String {
        let mut parts = Vec::new();
        match (self.status, self.bytes) {
            (Some(200), Some(size)) => parts.push(bytes(size)),
            (Some(status), _) => parts.push(format!("status {status}")),
            (None, _) => parts.push("not had".into()),
        }
        if let [_, .., last] = self.addresses.as_slice() {
            parts.push(format!("by way of {} redirects from {last}", self.addresses.len() - 1));
        }
        if self.status == Some(200) {
            parts.push(if self.resumable { "resumable".into() } else { "not resumable".to_owned() });
        }
        if let Some(package) = &self.package {
            let names = package.identifiers.iter().map(|(name, version)| format!("{name} {version}"));
            parts.push(names.collect::<Vec<_>>().join(" + "));
            parts.extend((!package.architectures.is_empty()).then(|| package.architectures.join(" and ")));
            parts.extend(package.minimum_system.as_ref().map(|system| format!("macOS {system} or newer")));
            parts.push(match (&package.team_id, package.signed) {
                (Some(team), _) => format!("signed by team {team}"),
                (None, true) => "signed".into(),
                (None, false) => "not signed by anybody who is trusted".into(),
            });
        }
        format!("{} \"{}\": {}", self.item, self.name, parts.join(", "))
    }
}
