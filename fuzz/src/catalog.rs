//! Any bytes are read as a catalog, and all titles in it resolved: without panic, and no step that comes out may leave the
//! repository, the image or the places titles are put into.

use shared::{
    facts::Arch,
    item::{Blocking, ItemId, Phase, Wanted, Wish},
    title::{Catalog, Catalogs, Mac, Method, Part, Place, Resolution, Step, Terms, judge, resolve},
};
use std::collections::BTreeMap;

/// More titles are not looked at, for the sake of time.
const MOST_TITLES: usize = 50;

/// See the head of this file.
pub fn catalog(bytes: &[u8]) {
    let Ok(catalog) = Catalog::read("fuzz", bytes) else { return };
    let titles: Vec<String> = catalog.names().take(MOST_TITLES).map(str::to_owned).collect();
    let wishes: Vec<(ItemId, Wish)> =
        (0..).map(|index| ItemId::new(Phase::SetupAssistant, index)).zip(titles.iter().map(wish)).collect();
    let catalogs = Catalogs([("fuzz".to_owned(), catalog)].into());
    let terms = Terms { hosts: vec!["repo.example".to_owned()], ..Terms::default() };
    for (arch, os_version) in [(Arch::Arm64, "14.4.1"), (Arch::X86_64, "10.13")] {
        let mac = Mac { arch, os_version: os_version.to_owned() };
        let resolution = resolve(&wishes, &catalogs, &mac, &terms);
        for (at, part) in resolution.parts.iter().enumerate() {
            check(part, &resolution.parts[..at]);
        }
        let asked = resolution.parts.iter().filter(|part| part.id.is_listed()).count();
        assert_eq!(asked, wishes.len(), "one part for each wish");
        let text = serde_json::to_string(&resolution).expect("a resolution can be journaled");
        let read: Resolution = serde_json::from_str(&text).expect("what was journaled can be read");
        assert_eq!(read, resolution);
    }
}

fn wish(title: &String) -> Wish {
    Wish {
        title: title.clone(),
        catalogs: vec!["fuzz".to_owned()],
        version: Wanted::Latest,
        hash: None,
        reinstall: false,
        updates: true,
        confirm: true,
        blocking: Blocking::Wait,
    }
}

fn check(part: &Part, earlier: &[Part]) {
    for needed in &part.needs {
        assert!(
            earlier.iter().any(|other| other.id == *needed && other.outcome.is_ok()),
            "what is needed stands before"
        );
    }
    assert!(earlier.iter().all(|other| other.id != part.id), "numbers are given once");
    match &part.outcome {
        Ok(step) => check_step(step),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

fn check_step(step: &Step) {
    match step.download.as_ref().map(|download| &download.place) {
        Some(Place::Below(path)) => {
            assert!(!path.starts_with('/') && !path.split('/').any(|segment| segment == ".."));
        }
        Some(Place::At(url)) => assert!(url.starts_with("https://repo.example"), "{url}"),
        None => assert_eq!(step.method, Method::ScriptsOnly),
    }
    if let Method::CopyFromImage(items) = &step.method {
        assert!(!items.is_empty());
        for item in items {
            let lower = format!("{}/{}", item.folder, item.name).to_lowercase();
            assert!(item.folder.starts_with('/') && !lower.starts_with("/system/"), "{lower}");
            assert!(!item.source.starts_with('/') && !item.name.contains('/'));
            let climbs = |path: &str| path.split('/').any(|part| matches!(part, "." | ".."));
            assert!(!climbs(&item.source) && !climbs(&lower));
        }
    }
    let _ = judge(step, &BTreeMap::new(), &BTreeMap::new());
}
