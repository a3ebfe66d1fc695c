//! The rules about several pkginfos together: what requires what, and who is there twice (T21, T42, T43, T89).

use super::{
    finding::{Finding, Findings},
    item::{split, text},
};
use plist::{Dictionary, Value};
use shared::title::order::trimmed;
use std::collections::{BTreeMap, BTreeSet};

/// What each item may bring with it, by their places in the list.
type Graph = Vec<BTreeSet<usize>>;

/// Holds all items of a repository against each other.
pub(super) fn check(items: &[(&str, &Dictionary)]) -> Vec<Finding> {
    let names: BTreeSet<&str> = items.iter().filter_map(|(_, content)| text(content, "name")).collect();
    let mut graph = Graph::new();
    let mut found = Vec::new();
    for (file, content) in items {
        let (mut findings, mut brings) = (Findings::about(file), BTreeSet::new());
        for wanted in wanted(content, &mut findings) {
            let meant = meant(wanted, items);
            if meant.is_empty() {
                let message = format!("{wanted}: there is no such item{}", like(wanted, &names));
                findings.error("requires", message);
            }
            brings.extend(meant);
        }
        graph.push(brings);
        found.extend(findings.into_vec());
    }
    for (place, (file, _)) in items.iter().enumerate() {
        if let Some(way) = circle(place, &graph) {
            let mut findings = Findings::about(file);
            let name = |place: &usize| items.get(*place).and_then(|(_, content)| text(content, "name"));
            let way: Vec<&str> = way.iter().map(|place| name(place).unwrap_or("(no name)")).collect();
            findings.error("requires", format!("it requires itself by way of {}", way.join(" → ")));
            found.extend(findings.into_vec());
        }
    }
    found.extend(twice(items));
    found
}

/// The items that an entry of `requires` can mean: every version of a name, or the one it names after a hyphen.
fn meant(wanted: &str, items: &[(&str, &Dictionary)]) -> Vec<usize> {
    let places = |fits: &dyn Fn(&str, &str) -> bool| -> Vec<usize> {
        let all = items.iter().enumerate();
        let fitting = all.filter(|(_, (_, content))| {
            fits(text(content, "name").unwrap_or_default(), text(content, "version").unwrap_or_default())
        });
        fitting.map(|(place, _)| place).collect()
    };
    let whole = places(&|name, _| name == wanted);
    match split(wanted) {
        Some((base, version)) if whole.is_empty() => {
            places(&|name, other| name == base && trimmed(other) == trimmed(version))
        }
        _ => whole,
    }
}

/// What `requires` lists; a lone string counts as a list of one.
fn wanted<'a>(content: &'a Dictionary, findings: &mut Findings<'_>) -> Vec<&'a str> {
    match content.get("requires") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) if many.iter().all(|one| one.as_string().is_some()) => {
            many.iter().filter_map(Value::as_string).collect()
        }
        Some(_) => {
            findings.error("requires", "must be a list of strings");
            Vec::new()
        }
    }
}

/// Up to three names that differ only in case, spaces and hyphens (T96).
fn like(wanted: &str, names: &BTreeSet<&str>) -> String {
    let plain = |name: &str| name.to_lowercase().replace([' ', '-', '_'], "");
    let (wanted, mut alike) = (plain(wanted), Vec::new());
    alike.extend(names.iter().filter(|name| plain(name) == wanted).take(3).copied());
    if alike.is_empty() { String::new() } else { format!("; did you mean {}?", alike.join(" or ")) }
}

/// The way from an item back to itself, the shortest.
fn circle(start: usize, graph: &Graph) -> Option<Vec<usize>> {
    let (mut ways, mut seen) = (vec![vec![start]], BTreeSet::new());
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| graph.get(*last)).into_iter().flatten() {
                let mut way = way.clone();
                way.push(*next);
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// The same version of the same title for the same Macs, in two files: which one a client takes is chance.
fn twice(items: &[(&str, &Dictionary)]) -> Vec<Finding> {
    let conditions = [
        "supported_architectures",
        "minimum_os_version",
        "maximum_os_version",
        "installable_condition",
        "catalogs",
    ];
    let mut seen: BTreeMap<(&str, &str, String), &str> = BTreeMap::new();
    let mut found = Vec::new();
    for (file, content) in items {
        let (Some(name), Some(version)) = (text(content, "name"), text(content, "version")) else { continue };
        let macs = format!("{:?}", conditions.map(|key| content.get(key)));
        if let Some(other) = seen.insert((name, trimmed(version), macs), file) {
            let mut findings = Findings::about(file);
            findings.warning("version", format!("{name} {version} for the same Macs is in {other}, too"));
            found.extend(findings.into_vec());
        }
    }
    found
}
