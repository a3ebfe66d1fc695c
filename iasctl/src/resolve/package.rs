//! Whether a resolved title can be plain packages, and what they look like in a control file (T12).

use super::Arguments;
use serde_json::{Map, Value, json};
use shared::{
    control::{ControlFile, Entry},
    item::{Blocking, Item, ItemId, Phase},
    layout::MacPath,
    title::{Catalogs, Method, Part, Place, Presence, ReceiptWanted, Resolution, Role, Step},
};
use std::collections::BTreeSet;

/// Keys of a title that mean the same for a package.
const KEPT: [&str; 5] = ["skip_if", "retries", "retrywait", "download_timeout", "timeout"];

/// What becomes of a title.
pub(super) enum Outcome {
    /// It is these packages, in this order; with what they cannot do that the title could.
    Packages(Vec<Value>, Vec<String>),
    /// It stays a title, because a package cannot be what it is.
    Title(String),
    /// No catalog gives it, or what it gives must not be done.
    Refused(String),
}

impl Outcome {
    /// What stands in place of the title.
    pub(super) fn items(&self) -> Option<&[Value]> {
        match self {
            Self::Packages(items, _) => Some(items),
            Self::Title(_) | Self::Refused(_) => None,
        }
    }
}

/// Makes packages of titles.
pub(super) struct Packages<'a> {
    arguments: &'a Arguments,
    catalogs: &'a Catalogs,
    /// Files on the Mac that something has already, in lower case.
    files: BTreeSet<String>,
    /// The packages made so far: parts of later titles may need them.
    made: BTreeSet<ItemId>,
}

impl<'a> Packages<'a> {
    pub(super) fn new(arguments: &'a Arguments, catalogs: &'a Catalogs, control: &ControlFile) -> Self {
        let files = control.entries().filter_map(|entry| match entry {
            Entry::Item(item) => Some(item.file.as_str().to_lowercase()),
            Entry::Ignored(..) | Entry::Malformed(..) => None,
        });
        let files = files.collect();
        Self { arguments, catalogs, files, made: BTreeSet::new() }
    }

    /// What becomes of the title `item`, whose keys are `members`.
    pub(super) fn of(
        &mut self,
        item: &Item,
        resolution: &Resolution,
        members: &Map<String, Value>,
    ) -> Outcome {
        let parts: Vec<&Part> = resolution.parts_of(item.id).collect();
        let asked = parts.iter().find(|part| part.role == Role::Asked);
        if let Some(Err(refusal)) = asked.map(|part| &part.outcome) {
            return Outcome::Refused(refusal.to_string());
        }
        let (mut items, mut losses) = (Vec::new(), Vec::new());
        let alone = parts.len() == 1;
        if !alone && members.contains_key("parallel_group") {
            losses.push(
                "parallel_group is dropped: what comes with the title must wait for its turn".to_owned(),
            );
        }
        // What stands behind the title itself is there for its updates.
        let own = parts.iter().position(|part| part.role == Role::Asked).unwrap_or_default();
        for (at, part) in parts.iter().enumerate() {
            match self.package(item, part, alone, members, &mut losses) {
                Ok(package) => {
                    items.push(package);
                    self.made.insert(part.id);
                }
                Err(why) if at > own => losses.push(format!("without {}: {why}", part.title)),
                Err(why) => {
                    self.made.retain(|made| !parts.iter().any(|part| part.id == *made));
                    let it =
                        if at == own { String::new() } else { format!("it requires {}, and ", part.title) };
                    return Outcome::Title(it + &why);
                }
            }
        }
        Outcome::Packages(items, losses)
    }

    fn package(
        &mut self,
        item: &Item,
        part: &Part,
        alone: bool,
        members: &Map<String, Value>,
        losses: &mut Vec<String>,
    ) -> Result<Value, String> {
        let step = part.outcome.as_ref().map_err(ToString::to_string)?;
        if !part.needs.iter().all(|needed| self.made.contains(needed)) {
            return Err("something it needs is no package".to_owned());
        }
        let place = plain(step)?;
        let url = self.arguments.url_of(place)?;
        let digest = step.download.as_ref().map(|download| download.digest.to_string());
        let name = if part.role == Role::Asked { &item.name } else { &step.shown };
        let mut package = Map::new();
        package.insert("name".to_owned(), json!(name));
        package.insert("type".to_owned(), json!("package"));
        package.insert("file".to_owned(), json!(self.file(place, digest.as_deref().unwrap_or_default())?));
        package.insert("url".to_owned(), json!(url));
        package.insert("hash".to_owned(), json!(digest));
        self.receipt(step, &mut package, losses);
        if item.always_install && part.role == Role::Asked || step.presence == Presence::OnDemand {
            package.insert("pkg_required".to_owned(), json!(true));
        }
        let policy = ["fail_policy"].iter().filter(|_| part.role != Role::Update);
        let group = ["parallel_group"].iter().filter(|_| alone);
        for key in KEPT.iter().chain(policy).chain(group) {
            if let Some(value) = members.get(*key) {
                package.insert((*key).to_owned(), value.clone());
            }
        }
        if part.role == Role::Update {
            package.insert("fail_policy".to_owned(), json!("failable"));
        }
        let waits = item.id.phase == Phase::Userland
            && item.wish.as_ref().is_some_and(|wish| wish.blocking != Blocking::Ignore);
        if waits && !step.blocking_applications.is_empty() {
            losses.push(format!(
                "{} is installed also while {} is open: a package item has no blocking_applications",
                step.name,
                step.blocking_applications.join(" or ")
            ));
        }
        if step.restart != shared::title::Restart::Nothing {
            losses.push(format!("{} wants a restart, which a package item does not ask for", step.name));
        }
        Ok(Value::Object(package))
    }

    /// Where the package is on the Mac: by its name in the repository, or by its digest where that name is taken.
    fn file(&mut self, place: &Place, digest: &str) -> Result<String, String> {
        let text = match place {
            Place::Below(text) | Place::At(text) => text,
        };
        let name = text.rsplit('/').next().unwrap_or_default();
        let named = |name: &str| self.arguments.install_path.join(name).map_err(|why| why.to_string());
        let first: MacPath = named(name)?;
        let taken = !self.files.insert(first.as_str().to_lowercase());
        let path = if taken { named(&format!("{digest}-{name}"))? } else { first };
        Ok(path.to_string())
    }

    /// `packageid` and `version`: the receipt that makes the package unnecessary.
    fn receipt(&self, step: &Step, package: &mut Map<String, Value>, losses: &mut Vec<String>) {
        let receipts = self.receipts(step);
        let Some(first) = receipts.first() else {
            losses.push(format!(
                "{} has no receipts: it is installed in each run, and InstallApplications wants a packageid",
                step.name
            ));
            return;
        };
        if receipts.len() > 1 {
            losses.push(format!(
                "of the {} receipts of {}, only {} is looked at",
                receipts.len(),
                step.name,
                first.package_id
            ));
        }
        package.insert("packageid".to_owned(), json!(first.package_id));
        package.insert("version".to_owned(), json!(first.version));
    }

    /// The receipts of the pkginfo, also where Munki would look at something else.
    fn receipts(&self, step: &Step) -> Vec<ReceiptWanted> {
        if let Presence::Receipts(receipts) = &step.presence {
            return receipts.clone();
        }
        let catalog = self.catalogs.0.get(&step.catalog);
        let item = catalog
            .and_then(|catalog| catalog.versions(&step.name).find(|item| item.version == step.version));
        item.map(shared::title::receipts).unwrap_or_default()
    }
}

/// The file of a step that a package item can carry out, or why none can.
fn plain(step: &Step) -> Result<&Place, String> {
    let options = match &step.method {
        Method::Package(options) => options,
        Method::PackageInImage { .. } => return Err("its package is in a disk image".to_owned()),
        Method::CopyFromImage(_) => return Err("it is copied from a disk image".to_owned()),
        Method::ScriptsOnly => return Err("it has nothing but scripts".to_owned()),
    };
    let script = |script: &Option<String>| script.is_some();
    if options.choices.is_some() {
        Err("it chooses among the parts of its package".to_owned())
    } else if !options.environment.is_empty() {
        Err("its package wants an environment".to_owned())
    } else if script(&step.preinstall_script) || script(&step.postinstall_script) {
        Err("it has scripts beside its package".to_owned())
    } else if matches!(step.presence, Presence::InstallCheck(_) | Presence::VersionScript(_)) {
        Err("a script tells whether it is there".to_owned())
    } else {
        step.download.as_ref().map(|download| &download.place).ok_or_else(|| "it has no download".to_owned())
    }
}
