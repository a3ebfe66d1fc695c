//! Which version of a title a Mac gets (T21–T25, T96).

use super::*;

fn version_of(wish: Wish, catalogs: &Catalogs) -> String {
    let step = outcome(wish, catalogs).unwrap();
    format!("{} of {}", step.version, step.catalog)
}

#[test]
fn t22_the_newest_of_the_first_catalog_that_has_one_wins() {
    let catalogs = catalogs([
        catalog(
            "testing",
            vec![package("A", "1.9", &[]), package("A", "1.10", &[]), package("A", "1.2", &[])],
        ),
        catalog("production", vec![package("A", "2.0", &[]), package("B", "1", &[])]),
    ]);
    let both = |title: &str| Wish { catalogs: vec!["testing".into(), "production".into()], ..wish(title) };
    assert_eq!(version_of(both("A"), &catalogs), "1.10 of testing");
    assert_eq!(version_of(both("B"), &catalogs), "1 of production");
    assert_eq!(version_of(wish("A"), &catalogs), "2.0 of production");
}

#[test]
fn t22_a_version_is_asked_for_as_it_is_written_but_for_zeros_at_its_end() {
    let catalogs = production(vec![package("A", "1.0.0", &[]), package("A", "1.5", &[])]);
    for asked in ["1.0", "1.0.0", "1.0.0.0"] {
        assert_eq!(version_of(pinned("A", asked), &catalogs), "1.0 of production");
    }
    assert_eq!(
        refusal(pinned("A", "01.0"), &catalogs),
        "no applicable version: there is no version 01.0, only 1.5, 1.0"
    );
}

#[test]
fn t22_what_fits_comes_before_what_is_newer_and_all_reasons_are_told() {
    let os = |key: &str, version: &str| vec![(key.to_owned(), text(version))];
    let with = |version: &str, keys: Vec<(String, Value)>| {
        let keys: Vec<(&str, Value)> =
            keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        package("A", version, &keys)
    };
    let unfit = [
        with("9", os("minimum_os_version", "15")),
        with("8", os("maximum_os_version", "14")),
        with("7", os("minimum_munki_version", "7.1")),
        with("6", vec![("supported_architectures".into(), texts(&["x86_64"]))]),
        with("5", os("installable_condition", "os_vers_minor >= 1")),
        with("4", vec![("minimum_os_version".into(), Value::Real(10.9))]),
        with("latest", vec![]),
    ];
    let mut all = unfit.to_vec();
    all.push(with("1", os("maximum_os_version", "14.99")));
    assert_eq!(version_of(wish("A"), &production(all)), "1 of production");
    let expected = [
        "latest is a word with a meaning of its own, no version",
        "9 needs macOS 15 or later, this Mac has 14.4.1",
        "8 is for macOS up to 14, this Mac has 14.4.1",
        "7 needs Munki 7.1, and what is here can do what Munki 7.0 can",
        "6 is for x86_64, this Mac is arm64",
        "5 needs a condition we cannot evaluate",
        "4 cannot be judged: minimum_os_version is a real number, not a string",
    ];
    let told = outcome(wish("A"), &production(unfit.to_vec())).unwrap_err();
    assert_eq!(told, Refusal::NothingFits(expected.map(str::to_owned).to_vec()));
}

#[test]
fn t22_of_many_reasons_the_first_are_told() {
    let old = |number: u32| package("A", &format!("1.{number}"), &[("maximum_os_version", text("9"))]);
    let told = outcome(wish("A"), &production((0..50).map(old).collect())).unwrap_err();
    let Refusal::NothingFits(reasons) = told else { panic!("{told}") };
    assert_eq!((reasons.len(), reasons.last().map(String::as_str)), (21, Some("and 30 more")));
    assert!(reasons[0].starts_with("1.49 "), "{reasons:?}");
}

#[test]
fn t24_limits_of_the_system_hold_at_their_ends_and_empty_ones_are_none() {
    let fits = |least: &str, most: &str, os: &str| {
        let item =
            package("A", "1", &[("minimum_os_version", text(least)), ("maximum_os_version", text(most))]);
        let mac = Mac { os_version: os.to_owned(), ..mac() };
        let wishes = [(id(0), wish("A"))];
        resolve(&wishes, &production(vec![item]), &mac, &terms()).parts[0].outcome.is_ok()
    };
    assert!(fits("14.4.1", "14.4.1", "14.4.1"));
    assert!(fits("", "", "14.4.1"));
    assert!(fits("10.9.0", "", "10.9"));
    assert!(!fits("14.5", "", "14.4.1"));
    assert!(!fits("", "14", "14.4.1"), "publishers write 14.99");
    assert!(fits("", "14", "14.0"));
}

#[test]
fn t25_an_architecture_is_wanted_only_where_some_are_named() {
    for (named, on_arm, on_intel) in [
        (vec![], true, true),
        (vec!["arm64"], true, false),
        (vec!["x86_64", "arm64"], true, true),
        (vec!["i386"], false, false),
    ] {
        let catalogs = production(vec![package("A", "1", &[("supported_architectures", texts(&named))])]);
        for (arch, expected) in [(Arch::Arm64, on_arm), (Arch::X86_64, on_intel)] {
            let parts = resolve(&[(id(0), wish("A"))], &catalogs, &Mac { arch, ..mac() }, &terms()).parts;
            assert_eq!(parts[0].outcome.is_ok(), expected, "{named:?} on {arch:?}");
        }
    }
}

#[test]
fn t21_a_title_is_never_split_and_t96_names_that_are_nearly_the_same_are_told() {
    let items = ["Google Chrome", "google-chrome", "GoogleChrome", "GOOGLE CHROME", "Office"];
    let catalogs = production(items.iter().map(|name| package(name, "2019", &[])).collect());
    let told = refusal(wish("Googlechrome"), &catalogs);
    assert_eq!(
        told,
        "not in catalog production; did you mean GOOGLE CHROME or Google Chrome or GoogleChrome?"
    );
    assert_eq!(refusal(wish("Office-2019"), &catalogs), "not in catalog production");
}

#[test]
fn a_catalog_that_is_not_there_is_no_reason_to_take_another() {
    let there = production(vec![package("A", "1", &[])]);
    let asked = Wish { catalogs: vec!["testing".into(), "production".into()], ..wish("A") };
    assert_eq!(refusal(asked, &there), "refused: there is no catalog testing");
    let parts = resolve(&[(id(0), wish("A"))], &there, &mac(), &Terms::default()).parts;
    let told = parts[0].outcome.as_ref().unwrap_err().to_string();
    assert_eq!(told, "refused: no catalog is named, neither in the item nor in TitleCatalogs");
}

#[test]
fn t10_the_digest_of_a_pinned_title_is_that_of_the_control_file() {
    let catalogs = production(vec![package("A", "1", &[])]);
    let with = |digest: &str| Wish { hash: Some(digest.parse().unwrap()), ..pinned("A", "1") };
    assert!(outcome(with(DIGITS), &catalogs).is_ok());
    let other = DIGITS.replace('a', "b");
    let told = format!("refused: the control file wants the digest {other}, the catalog has {DIGITS}");
    assert_eq!(refusal(with(&other), &catalogs), told);
}
