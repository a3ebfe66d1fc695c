//! The faults of a rehearsal: where they were asked for, and which items and URLs they are about.

use super::{
    Arguments,
    server::{Planned, percent_decoded},
};
use plist::Dictionary;
use serde_json::{Map, Value, json};
use shared::{
    control::{self, Context, Entry},
    fault::{Fault, Hang, MacFault, Mishap, ServerFault, When, item_id},
    hint::nearest,
    item::{HashCheckPolicy, Item, ItemId, ItemKind},
    layout::MacPath,
};
use url::Url;

/// Where packages are put when the settings do not say.
const INSTALL_PATH: &str = "/Library/installapplications";

/// One fault, led to what it is about.
#[derive(Debug, Clone)]
pub(crate) struct Led {
    /// What; items are named as `iasd` knows them.
    pub(crate) fault: Fault,
    /// As it was asked for.
    pub(crate) asked: String,
    /// The items it is about, if it is about some.
    pub(crate) items: Vec<ItemId>,
    /// The URLs it is about; `None`: all.
    urls: Option<Vec<Url>>,
    /// What should be known before.
    pub(crate) remark: Option<String>,
}

/// Every fault that was asked for, in the scenario and then on the command line; those of the scenario are taken out.
///
/// # Errors
/// When one of the scenario's cannot be understood.
pub(crate) fn collect(
    scenario: &mut Map<String, Value>,
    arguments: &Arguments,
) -> Result<Vec<Fault>, String> {
    let listed = scenario.remove("faults").unwrap_or_else(|| json!([]));
    let mut faults: Vec<Fault> =
        serde_json::from_value(listed).map_err(|error| format!("scenario.json: faults: {error}"))?;
    let cuts = arguments.power_cut.iter().cloned();
    faults.extend(
        cuts.map(|instant| Fault::Mac(MacFault { mishap: Mishap::KillIasd, when: When::Instant(instant) })),
    );
    faults.extend(arguments.fault.iter().cloned());
    Ok(faults)
}

/// What faults can be about.
pub(crate) struct Targets {
    items: Vec<Item>,
    /// The control file's.
    json_url: Option<Url>,
    /// That of the service of titles.
    service: Option<Url>,
}

impl Targets {
    /// Those of the control file `text` under these settings. What is wrong with it, `iasd` will say.
    pub(crate) fn of(text: &str, settings: &Dictionary) -> Self {
        let setting = |key: &str| settings.get(key).and_then(plist::Value::as_string);
        let install_path = setting("InstallPath").and_then(|path| MacPath::new(path).ok());
        let install_path = install_path.or_else(|| MacPath::new(INSTALL_PATH).ok());
        let control = install_path.and_then(|install_path| {
            let context = Context { install_path, hash_check: HashCheckPolicy::default() };
            control::read(text.as_bytes(), "bootstrap.json", &context).control
        });
        let items = control.iter().flat_map(|control| control.entries()).filter_map(|entry| match entry {
            Entry::Item(item) => Some((**item).clone()),
            Entry::Ignored(..) | Entry::Malformed(..) => None,
        });
        Self {
            items: items.collect(),
            json_url: setting("JSONURL").and_then(|url| url.parse().ok()),
            service: setting("TitleEnvQueryURL").and_then(|url| url.parse().ok()),
        }
    }

    /// Leads each fault to what it is about.
    ///
    /// # Errors
    /// When one is about something that is not there, with the nearest that is.
    pub(crate) fn lead(&self, faults: Vec<Fault>) -> Result<Vec<Led>, String> {
        let led = faults.into_iter().map(|fault| {
            let asked = fault.to_string();
            self.lead_one(fault, &asked).map_err(|why| format!("fault {asked}: {why}"))
        });
        led.collect()
    }

    fn lead_one(&self, fault: Fault, asked: &str) -> Result<Led, String> {
        let asked = asked.to_owned();
        Ok(match fault {
            Fault::Server(ServerFault { target: None, .. }) => {
                let items =
                    self.items.iter().filter(|item| item.source.is_some()).map(|item| item.id).collect();
                Led { fault, asked, items, urls: None, remark: None }
            }
            Fault::Server(ServerFault { target: Some(ref target), .. }) => {
                let urls = self.urls(target)?;
                let about = |item: &&Item| addresses(item).any(|url| urls.contains(url));
                let items = self.items.iter().filter(about).map(|item| item.id).collect();
                Led { fault, asked, items, urls: Some(urls), remark: None }
            }
            Fault::Hang(Hang { seconds, target }) => {
                let item = *self.named(&target)?.first().ok_or_else(|| self.unknown(&target))?;
                let kinds = [ItemKind::Package, ItemKind::RootScript, ItemKind::UserScript];
                if !kinds.contains(&item.kind) {
                    return Err(format!("{} is a {}: scripts and packages can hang", item.id, item.kind));
                }
                let fault = Fault::Hang(Hang { seconds, target: item.file.to_string() });
                let remark = endless(item, seconds).map(|why| format!("{asked}: {why}"));
                Led { fault, asked, items: vec![item.id], urls: None, remark }
            }
            Fault::Mac(MacFault { mishap, .. }) => {
                let for_good = mishap == Mishap::Logout { seconds: None };
                let remark = for_good.then(|| {
                    format!("{asked}: nobody comes back: what needs a user waits for WaitForAgentTimeout")
                });
                Led { fault, asked, items: Vec::new(), urls: None, remark }
            }
        })
    }

    /// The URLs of an item, or those that end like `target`.
    fn urls(&self, target: &str) -> Result<Vec<Url>, String> {
        let items = self.named(target)?;
        if !items.is_empty() {
            return Ok(items.into_iter().flat_map(addresses).cloned().collect());
        }
        let ends = |url: &&Url| {
            let path = percent_decoded(url.path());
            path.is_some_and(|path| path.ends_with(target)) || url.as_str().ends_with(target)
        };
        let all = self.items.iter().flat_map(addresses).chain(&self.json_url).chain(&self.service);
        let urls: Vec<Url> = all.filter(ends).cloned().collect();
        if urls.is_empty() { Err(self.unknown(target)) } else { Ok(urls) }
    }

    /// The items of this id or name; none when it may be something else.
    fn named(&self, target: &str) -> Result<Vec<&Item>, String> {
        let id = item_id(target);
        let found: Vec<&Item> =
            self.items.iter().filter(|item| Ok(item.id) == id || item.name == target).collect();
        match id {
            Ok(id) if found.is_empty() => Err(format!("the control file has no item {id}")),
            _ => Ok(found),
        }
    }

    fn unknown(&self, target: &str) -> String {
        let hint = nearest(target, self.items.iter().map(|item| item.name.as_str()));
        let hint = hint.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
        format!("no item is called `{target}`, and no URL ends so{hint}")
    }
}

fn addresses(item: &Item) -> impl Iterator<Item = &Url> {
    item.source.iter().chain(&item.mirrors).map(|source| &source.url)
}

/// Why nothing ends a script that hangs so long, if nothing does.
fn endless(item: &Item, seconds: f64) -> Option<String> {
    match item.timeout {
        None => Some(format!("{} has no `timeout`: nothing ends it before it goes on by itself", item.id)),
        Some(timeout) if timeout.as_secs_f64() >= seconds => {
            Some(format!("the `timeout` of {} is longer: it goes on by itself before", item.id))
        }
        Some(_) => None,
    }
}

/// What the server is to do wrong.
pub(crate) fn of_the_server(faults: &[Led]) -> Vec<Planned> {
    let planned = faults.iter().enumerate().filter_map(|(at, led)| {
        let Fault::Server(fault) = led.fault.clone() else { return None };
        let place = |url: &Url| Some((url.host_str()?.to_ascii_lowercase(), percent_decoded(url.path())?));
        let urls = led.urls.as_ref().map(|urls| urls.iter().filter_map(place).collect());
        Some(Planned { at, fault, urls })
    });
    planned.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        let hash = "0".repeat(64);
        let item = |name: &str, kind: &str, url: &str, file: &str| json!({"name": name, "type": kind, "url": url, "file": file, "hash": hash, "timeout": 5});
        let control = json!({
            "setupassistant": [item("Acme Tools", "rootscript", "https://a.example/x/a%20b.sh", "/Library/a.sh")],
            "userland": [item("Hello", "userscript", "https://a.example/h.sh", "/Library/h.sh")],
        });
        let mut settings = Dictionary::new();
        settings.insert("JSONURL".to_owned(), "https://a.example/bootstrap.json".into());
        Targets::of(&control.to_string(), &settings)
    }

    fn lead(fault: &str) -> Result<Led, String> {
        targets().lead(vec![fault.parse().unwrap()]).map(|mut led| led.remove(0))
    }

    #[test]
    fn a_fault_finds_its_item_by_place_by_name_and_by_the_end_of_a_url() {
        for target in ["setupassistant[0]", "Acme Tools", "/a b.sh", "x/a%20b.sh"] {
            let led = lead(&format!("drop=1@{target}")).unwrap();
            let planned = of_the_server(&[led]).remove(0);
            assert_eq!(planned.urls, Some(vec![("a.example".into(), "/x/a b.sh".into())]), "{target}");
        }
        let led = lead("status=503@bootstrap.json").unwrap();
        assert!(led.items.is_empty());
        assert_eq!(led.urls.unwrap()[0].path(), "/bootstrap.json");
        assert_eq!(lead("status=503").unwrap().items.len(), 2);
        let Fault::Hang(hang) = lead("hang=9@Acme Tools").unwrap().fault else { panic!() };
        assert_eq!(hang.target, "/Library/a.sh");
        let Fault::Hang(hang) = lead("hang@Hello").unwrap().fault else { panic!() };
        assert_eq!(hang.target, "/Library/h.sh", "a user's script as well");
    }

    #[test]
    fn what_is_not_there_is_refused_with_the_nearest_that_is() {
        for (fault, hint) in [
            ("drop=1@Acme Tolls", "did you mean `Acme Tools`?"),
            ("drop=1@userland[7]", "no item userland[7]"),
            ("hang@/nowhere.sh", "no URL ends so"),
        ] {
            let error = lead(fault).unwrap_err();
            assert!(error.contains(hint), "{fault}: {error}");
        }
    }

    #[test]
    fn a_user_who_leaves_for_good_is_told_of_before() {
        assert!(
            lead("logout@item_running userland[0]").unwrap().remark.unwrap().contains("nobody comes back")
        );
        assert_eq!(lead("logout=1@item_running userland[0]").unwrap().remark, None);
    }

    #[test]
    fn r73_a_script_that_nothing_will_end_is_told_of_before() {
        assert_eq!(lead("hang=9@Acme Tools").unwrap().remark, None);
        assert!(lead("hang=5@Acme Tools").unwrap().remark.unwrap().contains("is longer"));
    }
}
