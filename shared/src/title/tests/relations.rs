//! What comes with a title, and in which order (T21, T42–T44).

use super::*;

fn requires(name: &str, required: &[&str]) -> Value {
    package(name, "1", &[("requires", texts(required))])
}

fn updates(name: &str, updated: &[&str]) -> Value {
    package(name, "1", &[("update_for", texts(updated))])
}

/// Every part: its number, title and version, and what it needs.
fn told(parts: &[Part]) -> Vec<String> {
    let one = |part: &Part| {
        let needs: Vec<String> = part.needs.iter().map(|id| format!("{}.{}", id.index, id.part)).collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" after {}", needs.join(" ")) };
        let what = match &part.outcome {
            Ok(step) => format!("{} {}", step.name, step.version),
            Err(refusal) => refusal.to_string(),
        };
        format!("{}.{} {:?} {what}{needs}", part.id.index, part.id.part, part.role)
    };
    parts.iter().map(one).collect()
}

fn one(title: &str, items: Vec<Value>) -> Vec<String> {
    told(&resolved(&[wish(title)], &production(items)))
}

#[test]
fn t42_what_a_title_requires_stands_before_it_and_is_needed() {
    let items = vec![requires("A", &["B", "C"]), requires("B", &["C"]), requires("C", &[])];
    let expected = ["0.1 Required C 1", "0.2 Required B 1 after 0.1", "0.0 Asked A 1 after 0.2 0.1"];
    assert_eq!(one("A", items), expected);
    let lone = package("A", "1", &[("requires", text("C"))]);
    assert_eq!(one("A", vec![lone, requires("C", &[])]), ["0.1 Required C 1", "0.0 Asked A 1 after 0.1"]);
}

#[test]
fn t42_a_title_that_is_required_twice_in_a_run_comes_once() {
    let items = vec![requires("A", &["C"]), requires("B", &["C"]), requires("C", &[])];
    let parts = resolved(&[wish("A"), wish("B"), wish("C"), wish("B")], &production(items));
    let expected = [
        "0.1 Required C 1",
        "0.0 Asked A 1 after 0.1",
        "1.0 Asked B 1 after 0.1",
        "2.0 Asked C 1",
        "3.0 Asked B 1 after 2.0",
    ];
    assert_eq!(told(&parts), expected);
}

#[test]
fn t21_a_requirement_is_a_whole_name_before_it_is_a_name_with_a_version() {
    let office = |name: &str, version: &str| package(name, version, &[]);
    let versions = || vec![office("Office", "2019"), office("Office", "2021")];
    let with = |required: &str, more: Vec<Value>| {
        let mut items = vec![requires("A", &[required])];
        items.extend(more);
        one("A", items)[0].clone()
    };
    assert_eq!(with("Office-2019", versions()), "0.1 Required Office 2019");
    assert_eq!(with("Office--2019", versions()), "0.1 Required Office 2019");
    assert_eq!(with("Office", versions()), "0.1 Required Office 2021");
    let mut named = versions();
    named.push(office("Office-2019", "16"));
    assert_eq!(with("Office-2019", named), "0.1 Required Office-2019 16");
    let failed = "0.0 Asked prerequisite failed: Office-x: not in catalog production";
    assert_eq!(with("Office-x", versions()), failed);
}

#[test]
fn t42_a_requirement_that_cannot_be_had_takes_all_that_came_for_it_along() {
    let wrong = package("C", "1", &[("installer_item_hash", text(""))]);
    let items = || vec![requires("A", &["D", "B"]), requires("B", &["C"]), wrong.clone(), requires("D", &[])];
    let told_a =
        "0.0 Asked prerequisite failed: C, by way of A → B → C: refused: it has no installer_item_hash";
    assert_eq!(one("A", items()), [told_a]);
    let parts = resolved(&[wish("A"), wish("D")], &production(items()));
    assert_eq!(told(&parts), [told_a, "1.0 Asked D 1"]);
}

#[test]
fn t43_a_circle_is_named() {
    let circle =
        || vec![requires("A", &["B"]), requires("B", &["A"]), requires("C", &["A"]), requires("S", &["S"])];
    assert_eq!(one("A", circle()), ["0.0 Asked prerequisite failed: requires itself by way of A → B → A"]);
    assert_eq!(one("C", circle()), ["0.0 Asked prerequisite failed: A requires itself by way of A → B → A"]);
    assert_eq!(one("S", circle()), ["0.0 Asked prerequisite failed: requires itself by way of S → S"]);
}

#[test]
fn t43_a_row_of_32_titles_is_the_longest() {
    let row = |length: usize| {
        let items = (0..length).map(|at| match at + 1 == length {
            true => requires(&format!("T{at}"), &[]),
            false => requires(&format!("T{at}"), &[&format!("T{}", at + 1)]),
        });
        one("T0", items.collect())
    };
    assert_eq!(row(32).len(), 32);
    assert_eq!(row(33).len(), 1);
    assert!(row(33)[0].contains("more than 32 titles require one another: T0 → T1 → "));
    assert_eq!(row(3000).len(), 1);
}

#[test]
fn hostile_relations_end() {
    // Each level requires all of the next, and the last one cannot be had.
    let names = |level: usize| (0..8).map(|at| format!("L{level}x{at}")).collect::<Vec<_>>();
    let mut items = Vec::new();
    for level in 0..20 {
        let next = names(level + 1);
        let next: Vec<&str> = next.iter().map(String::as_str).collect();
        items.extend(names(level).iter().map(|name| requires(name, &next)));
    }
    let parts = resolved(&[wish("L0x0")], &production(items));
    assert_eq!(parts.len(), 1);
    assert!(parts[0].outcome.is_err());
    let many: Vec<String> = (0..2000).map(|at| format!("T{at}")).collect();
    let mut items: Vec<Value> = many.iter().map(|name| requires(name, &[])).collect();
    items.push(requires("A", &many.iter().map(String::as_str).collect::<Vec<_>>()));
    let expected = "0.0 Asked prerequisite failed: more than 1000 titles come with it";
    assert_eq!(one("A", items), [expected]);
}

#[test]
fn t44_updates_stand_behind_in_the_order_of_the_catalog_and_bring_their_own() {
    let items = vec![
        updates("U2", &["A"]),
        package("U1", "1", &[("update_for", texts(&["A-1", "A"])), ("requires", texts(&["B"]))]),
        updates("UU", &["U1", "A"]),
        updates("UB", &["B"]),
        requires("A", &[]),
        requires("B", &[]),
        updates("Other", &["A-2", "a"]),
    ];
    let expected = [
        "0.0 Asked A 1",
        "0.1 Update U2 1 after 0.0",
        "0.2 Required B 1",
        "0.3 Update U1 1 after 0.0 0.2",
        "0.4 Update UU 1 after 0.0",
        "0.5 Update UB 1 after 0.2",
    ];
    assert_eq!(one("A", items), expected);
}

#[test]
fn t44_a_pinned_title_is_updated_only_by_what_names_its_version() {
    let items = vec![
        package("A", "1.0.0", &[]),
        updates("All", &["A"]),
        updates("One", &["A-1.0"]),
        updates("Two", &["A--1.0"]),
        updates("None", &["A-1.1"]),
    ];
    let catalogs = production(items);
    let names = |wish: Wish| -> Vec<String> {
        resolved(&[wish], &catalogs).into_iter().map(|part| part.outcome.unwrap().name).collect()
    };
    assert_eq!(names(pinned("A", "1.0")), ["A", "One", "Two"]);
    assert_eq!(names(wish("A")), ["A", "All", "One", "Two"]);
}

#[test]
fn t44_an_update_that_cannot_be_had_fails_nothing() {
    let items = vec![
        requires("A", &[]),
        package("Bad", "1", &[("update_for", text("A")), ("installer_item_hash", text("N/A"))]),
        package("Elsewhere", "1", &[("update_for", text("A")), ("minimum_os_version", text("99"))]),
        updates("Good", &["A"]),
    ];
    let parts = one("A", items);
    assert_eq!(parts[0], "0.0 Asked A 1");
    assert!(parts[1].starts_with("0.1 Update refused: its installer_item_hash is"), "{}", parts[1]);
    assert_eq!(parts[2..], ["0.2 Update Good 1 after 0.0"]);
    let quiet = Wish { updates: false, ..wish("A") };
    let catalogs = production(vec![requires("A", &[]), updates("Good", &["A"])]);
    assert_eq!(told(&resolved(&[quiet], &catalogs)), ["0.0 Asked A 1"]);
}
