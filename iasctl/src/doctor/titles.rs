//! A repository of titles as Macs see it.

use crate::repository::Repository;
use shared::title::{Catalog, Catalogs, Remark, Terms, survey};

/// Catalogs, and what is to be said of them.
pub(super) struct Surveyed {
    catalogs: Catalogs,
    pub(super) remarks: Vec<Remark>,
}

/// Looks over a repository's catalogs: those named, or those Macs use.
pub(super) fn look(repository: &Repository, named: &[String], hosts: &[String]) -> Result<Surveyed, String> {
    let mut names = if named.is_empty() { repository.names()? } else { named.to_vec() };
    if named.is_empty() && names.len() > 1 {
        names.retain(|name| name != "all");
    }
    let mut catalogs = Catalogs::default();
    for name in names {
        let catalog = repository.catalog(&name)?.ok_or_else(|| format!("there is no catalog {name}"))?;
        catalogs.0.insert(name, catalog);
    }
    let terms = Terms { hosts: hosts.to_vec(), ..Terms::default() };
    let remarks = survey(&catalogs, &terms);
    Ok(Surveyed { catalogs, remarks })
}

impl Surveyed {
    pub(super) fn as_text(&self) -> String {
        let remarks = &self.remarks;
        let mut text: String = remarks.iter().map(line).collect();
        for Catalog { name, items, .. } in self.catalogs.0.values() {
            let own = |remark: &&Remark| remark.catalog == *name;
            let wrong = remarks.iter().filter(own).filter(|remark| remark.is_error).count();
            let odd = remarks.iter().filter(own).count() - wrong;
            let counted = [(items.len(), "item"), (wrong, "error"), (odd, "warning")]
                .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
            text.push_str(&format!("{name}: {}\n", counted.join(", ")));
        }
        if remarks.iter().all(|remark| !remark.is_error) {
            text.push_str("Macs can have every title\n");
        }
        text
    }
}

fn line(remark: &Remark) -> String {
    let Remark { catalog, title, version, is_error, text } = remark;
    let severity = if *is_error { "error" } else { "warning" };
    let title = title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!("{severity}: {catalog}{title}{version}: {text}\n")
}
