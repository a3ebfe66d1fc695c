//! What a repository's catalogs look like from a Mac: every item that no Mac gets, or not as meant, and why (T20–T37).
//!
//! It asks the same rules that a run asks, so that what it passes is what a run takes.

use super::{
    candidate::{Mac, unfit},
    catalog::{Catalog, Catalogs},
    order,
    pkginfo::Pkginfo,
    ready,
    relations::split,
    resolve::{Terms, resolve},
    step::{Presence, Refusal, Step},
};
use crate::{
    facts::Arch,
    hint::nearest,
    item::{Blocking, ItemId, Phase, Wanted, Wish},
};
use serde::Serialize;

/// Versions of macOS that stand for those in use: the last of each.
const SYSTEMS: [&str; 6] = ["26.6.2", "15.7.9", "14.8.9", "13.7.8", "12.7.6", "11.7.11"];

/// The keys of a pkginfo that mean something to Munki, to us or to a publisher, in alphabetical order. A flat table.
const KNOWN: [&str; 78] = [
    "AdobeSetupType",
    "OnDemand",
    "PackageCompleteURL",
    "PackageURL",
    "PayloadIdentifier",
    "RestartAction",
    "additional_startosinstall_options",
    "adobe_install_info",
    "adobe_package_name",
    "adobe_uninstall_info",
    "allow_untrusted",
    "apple_item",
    "autoremove",
    "blocking_applications",
    "blocking_applications_manual_quit_only",
    "blocking_applications_quit_script",
    "catalogs",
    "category",
    "copy_local",
    "description",
    "description_staged",
    "developer",
    "display_name",
    "display_name_staged",
    "featured",
    "force_install_after_date",
    "forced_install",
    "forced_uninstall",
    "icon_hash",
    "icon_name",
    "installable_condition",
    "installcheck_script",
    "installed_size",
    "installed_size_staged",
    "installer_choices_xml",
    "installer_environment",
    "installer_item_hash",
    "installer_item_location",
    "installer_item_size",
    "installer_type",
    "installs",
    "items_to_copy",
    "items_to_remove",
    "licensed_seat_info_available",
    "localized_strings",
    "maximum_os_version",
    "minimum_munki_version",
    "minimum_os_version",
    "name",
    "notes",
    "package_path",
    "payloads",
    "postinstall_script",
    "postuninstall_script",
    "precache",
    "preinstall_alert",
    "preinstall_script",
    "preuninstall_alert",
    "preuninstall_script",
    "preupgrade_alert",
    "receipts",
    "removals",
    "requires",
    "supported_architectures",
    "suppress_bundle_relocation",
    "unattended_install",
    "unattended_uninstall",
    "uninstall_method",
    "uninstall_script",
    "uninstallable",
    "uninstallcheck_script",
    "uninstaller_item_hash",
    "uninstaller_item_location",
    "uninstaller_item_size",
    "unused_software_removal_info",
    "update_for",
    "version",
    "version_script",
];

/// The scripts that are executed directly (T47).
const SCRIPTS: [&str; 4] =
    ["installcheck_script", "version_script", "preinstall_script", "postinstall_script"];

/// Something about a catalog that its publisher should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Which catalog.
    pub catalog: String,
    /// Which title; none for entries without a name.
    pub title: Option<String>,
    /// Which version of it, if it is about one.
    pub version: Option<String>,
    /// Whether a Mac fails over it, rather than doing something that may not be meant.
    pub is_error: bool,
    /// What it is.
    pub text: String,
}

/// Looks over catalogs, each by itself.
#[must_use]
pub fn survey(catalogs: &Catalogs, terms: &Terms) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for catalog in catalogs.0.values() {
        let mut look = Look { catalog, terms, remarks: &mut remarks };
        look.strangers();
        catalog.items.iter().for_each(|item| look.item(item));
        look.titles(catalogs);
    }
    remarks
}

/// A look at one catalog.
struct Look<'a> {
    catalog: &'a Catalog,
    terms: &'a Terms,
    remarks: &'a mut Vec<Remark>,
}

impl Look<'_> {
    fn strangers(&mut self) {
        for stranger in &self.catalog.strangers {
            let text = format!("entry {}: {}: no Mac sees it", stranger.index + 1, stranger.problem);
            self.add(stranger.name.as_deref(), None, true, text);
        }
    }

    /// What is said of one item, whatever Mac it is for.
    fn item(&mut self, item: &Pkginfo) {
        match ready::step(item, &self.catalog.name, self.terms) {
            Ok(step) => self.step(item, &step),
            Err(why) => self.tell(item, true, why),
        }
        for limit in [refused_everywhere(item), missing_minor(item)].into_iter().flatten() {
            self.tell(item, limit.0, limit.1);
        }
        let keys = item.keys().keys().filter(|key| !key.starts_with('_') && !KNOWN.contains(&key.as_str()));
        for key in keys {
            let hint = nearest(key, KNOWN).map(|near| format!(", perhaps {near}")).unwrap_or_default();
            self.tell(item, false, format!("the key {} is unknown{hint}", key.escape_debug()));
        }
        if let Some((name, version)) = split(&item.name) {
            let text =
                format!("Munki takes this name for version {version} of {name} wherever it is required");
            self.tell(item, false, text);
        }
    }

    fn step(&mut self, item: &Pkginfo, step: &Step) {
        if step.presence == Presence::Assumed {
            let text = "nothing tells whether it is there, so it counts as installed and never is";
            self.tell(item, true, text.to_owned());
        }
        for key in SCRIPTS {
            if item.text(key).is_ok_and(|script| script.is_some_and(|script| !script.starts_with("#!"))) {
                self.tell(item, true, format!("{key} does not begin with #!, so it cannot be started"));
            }
        }
    }

    /// Titles that no Mac gets from this catalog, though an item by itself is sound.
    fn titles(&mut self, all: &Catalogs) {
        for name in self.catalog.names() {
            let wish = Wish {
                title: name.to_owned(),
                catalogs: vec![self.catalog.name.clone()],
                version: Wanted::Latest,
                hash: None,
                reinstall: false,
                updates: false,
                confirm: true,
                blocking: Blocking::Wait,
            };
            let wishes = [(ItemId::new(Phase::SetupAssistant, 0), wish)];
            let mut refusals: Vec<Refusal> = Vec::new();
            let is_had = macs().any(|mac| {
                let mut parts = resolve(&wishes, all, &mac, self.terms).parts;
                match parts.pop().map(|part| part.outcome) {
                    Some(Err(refusal)) => {
                        refusals.push(refusal);
                        false
                    }
                    Some(Ok(_)) | None => true,
                }
            });
            // The first is that of the newest Mac.
            let Some(why) = refusals.into_iter().next().filter(|_| !is_had) else { continue };
            let text = match why {
                // Told of the items already.
                Refusal::Refused(_) => continue,
                Refusal::NothingFits(_)
                    if self.catalog.versions(name).all(|item| refused_everywhere(item).is_some()) =>
                {
                    continue;
                }
                Refusal::NothingFits(_) => {
                    format!("no version of it is for a Mac with macOS 11 or later; on the newest: {why}")
                }
                why => format!("no Mac can have it: {why}"),
            };
            self.add(Some(name), None, true, text);
        }
    }

    fn tell(&mut self, item: &Pkginfo, is_error: bool, text: String) {
        self.add(Some(&item.name), Some(&item.version), is_error, text);
    }

    fn add(&mut self, title: Option<&str>, version: Option<&str>, is_error: bool, text: String) {
        self.remarks.push(Remark {
            catalog: self.catalog.name.clone(),
            title: title.map(str::to_owned),
            version: version.map(str::to_owned),
            is_error,
            text,
        });
    }
}

fn macs() -> impl Iterator<Item = Mac> {
    let of = |arch| SYSTEMS.map(|version| Mac { arch, os_version: version.to_owned() });
    [Arch::Arm64, Arch::X86_64].into_iter().flat_map(of)
}

/// An item that is for no Mac, whatever its system and its hardware: by its condition, or a limit that cannot be read.
fn refused_everywhere(item: &Pkginfo) -> Option<(bool, String)> {
    let own = |key| item.text(key).ok().flatten().map(str::to_owned);
    let os_version = own("minimum_os_version").or_else(|| own("maximum_os_version"));
    let archs = item.texts("supported_architectures").unwrap_or_default();
    let arch = if archs.contains(&"x86_64") { Arch::X86_64 } else { Arch::Arm64 };
    let why = unfit(item, &Mac { arch, os_version: os_version.unwrap_or_else(|| "15".to_owned()) })?;
    Some((true, format!("no Mac gets it: it {why}")))
}

/// `maximum_os_version` `14` leaves 14.0.1 out (T24).
fn missing_minor(item: &Pkginfo) -> Option<(bool, String)> {
    let most = item.text("maximum_os_version").ok().flatten()?;
    let whole = !most.contains('.') && most.chars().all(|c| c.is_ascii_digit());
    let text = format!("maximum_os_version {most} leaves {most}.0.1 and all behind it out; write {most}.99");
    (whole && order::compare(most, "10").is_gt()).then_some((false, text))
}
