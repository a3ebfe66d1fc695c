//! The settings of titles, rule by rule (T32, T58, T67–T70, T103).

use super::*;
use crate::title::grant::ClockPolicy;
use plist::Value;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn merged(body: &str) -> Merged {
    let text = format!("<plist><dict>{body}</dict></plist>");
    let value: Value = plist::from_bytes(text.as_bytes()).unwrap();
    let layer = Layer::new(Source::Managed("profile".to_owned()), value.into_dictionary().unwrap());
    merge(vec![layer], Mode::Daemon)
}

fn printed(merged: &Merged) -> Vec<String> {
    merged.findings.iter().map(ToString::to_string).collect()
}

fn url(key: &str) -> String {
    format!("<key>{key}</key><string>https://{}.example/x</string>", key.to_lowercase())
}

fn keys(entries: &str) -> String {
    format!("<key>TitleKeys</key><array>{entries}</array>")
}

fn key(kid: &str, alg: &str, key: &str, more: &str) -> String {
    format!(
        "<dict><key>kid</key><string>{kid}</string><key>alg</key><string>{alg}</string>\
         <key>key</key><string>{key}</string>{more}</dict>"
    )
}

#[test]
fn t70_a_service_and_a_known_repository_exclude_each_other() {
    let both =
        merged(&(url("TitleEnvQueryURL") + &url("TitleRepoURL") + &keys(&key("k", "HS256", SECRET, ""))));
    assert_eq!(both.settings.titles.access(), Err(NoTitleAccess::Both));
    assert_eq!(
        printed(&both),
        [
            "error: managed preferences profile: TitleRepoURL: excludes TitleEnvQueryURL (managed preferences profile); \
             no title can be had (remove one of them)"
        ]
    );
    let service = merged(&(url("TitleEnvQueryURL") + &keys(&key("k", "HS256", SECRET, ""))));
    assert!(matches!(service.settings.titles.access(), Ok(TitleAccess::Service(_))));
    let known = merged(&(url("TitleRepoURL") + "<key>TitleRepoAuth</key><string>Basic x</string>"));
    assert!(matches!(known.settings.titles.access(), Ok(TitleAccess::Known(_, Some(_)))));
    assert_eq!((printed(&service), printed(&known)), (Vec::new(), Vec::new()));
    assert_eq!(merged("").settings.titles.access(), Err(NoTitleAccess::Nothing));
}

#[test]
fn what_is_nothing_alone_is_warned_about() {
    for (body, warning) in [
        (url("TitleEnvQueryURL"), "TitleEnvQueryURL: every answer will be refused"),
        (keys(&key("k", "HS256", SECRET, "")), "TitleKeys: not used"),
        ("<key>TitleKeyFile</key><string>/etc/x.plist</string>".into(), "TitleKeyFile: not used"),
        ("<key>TitleRepoAuth</key><string>x</string>".into(), "TitleRepoAuth: not used"),
        ("<key>TitleRequireSignedCatalogs</key><true/>".into(), "no catalog will be accepted"),
    ] {
        let found = printed(&merged(&body));
        assert!(found.len() == 1 && found[0].contains(warning), "{found:?}");
    }
}

#[test]
fn t58_t68_keys_are_read_whole_or_not_at_all_and_never_shown() {
    let service = url("TitleEnvQueryURL");
    let good = keys(
        &(key("k1", "HS256", SECRET, "<key>not_after</key><date>2027-03-01T00:00:00Z</date>")
            + &key("e1", "EdDSA", SECRET, "<key>not_after</key><string>2027-03-01T00:00:00Z</string>")),
    );
    let good = merged(&(service.clone() + &good));
    assert_eq!(printed(&good), Vec::<String>::new());
    let all = good.settings.titles.keys.all();
    assert_eq!(all.iter().map(|key| key.kid()).collect::<Vec<_>>(), ["k1", "e1"]);
    assert!(!format!("{good:?}").contains("AAECAw"));
    let short = SECRET.strip_suffix("Hh8").unwrap().to_owned() + "Hg";
    for (entries, word) in [
        (key("k1", "HS256", &short, ""), "31 bytes, HS256 wants 32 or more"),
        (key("k1", "none", SECRET, ""), "HS256 or EdDSA"),
        (key("k1", "HS256", SECRET, "") + &key("k1", "EdDSA", SECRET, ""), "two keys k1"),
        (key("k1", "HS256", SECRET, "<key>not_afer</key><string>x</string>"), "`not_afer`"),
        (key("k1", "HS256", SECRET, "<key>not_after</key><string>soon</string>"), "`not_after` is no date"),
        ("<dict><key>kid</key><string>k1</string></dict>".into(), "`alg` is no string"),
        ("<string>k1</string>".into(), "entry 1 of 1: it is no dictionary"),
    ] {
        let bad = merged(&(service.clone() + &keys(&entries)));
        let found = printed(&bad).concat();
        assert!(found.contains(word) && found.contains("this key is ignored"), "{word}: {found}");
        assert!(bad.settings.titles.keys.is_empty() && !found.contains("AAECAw"), "{found}");
    }
}

#[test]
fn t67_a_key_file_holds_the_same_keys_as_a_profile() {
    let file = |body: &str| format!("<plist><dict>{body}</dict></plist>");
    let read = |text: &str| title_keys_in_file(text.as_bytes(), "/etc/x.plist");
    let good = file(&keys(&key("k1", "HS256", SECRET, "")));
    assert_eq!(read(&good).unwrap().all().len(), 1);
    for (text, word) in [
        (file(""), "only key is TitleKeys"),
        (file(&(keys("") + "<key>Debug</key><true/>")), "only key is TitleKeys"),
        ("<plist><array/></plist>".to_owned(), "no dictionary"),
        (file(&keys(&key("k1", "HS256", "AAAA", ""))), "TitleKeys: entry 1 of 1: key k1: `key` has 3 bytes"),
    ] {
        let why = read(&text).unwrap_err();
        assert!(why.contains(word), "{word}: {why}");
    }
    assert!(read("<plist><dict>").is_err());
}

#[test]
fn t103_values_that_do_not_fit_are_left_out() {
    let wrong = merged(
        "<key>TitleEnvQueryURL</key><string>http://a.example/</string>
         <key>TitleRepoURL</key><string>https://me:secret@a.example/</string>
         <key>TitleClockLeeway</key><integer>301</integer><key>TitleClockPolicy</key><string>lax</string>
         <key>TitleCatalogs</key><array><string>../x</string></array><key>TitleHosts</key><string>a b</string>",
    );
    let found = printed(&wrong);
    assert!(found.len() == 6 && found.iter().all(|line| line.contains("this key is ignored")), "{found:?}");
    assert!(!found.concat().contains("secret"), "{found:?}");
    assert_eq!(wrong.settings.titles, TitleSettings::default());
    let right = merged(
        "<key>TitleClockPolicy</key><string>Server</string><key>TitleClockLeeway</key><integer>0</integer>
         <key>TitleCatalogs</key><array><string>testing</string><string>production</string></array>",
    );
    assert_eq!(right.settings.titles.clock_policy, ClockPolicy::Server);
    assert_eq!(right.settings.titles.clock_leeway, std::time::Duration::ZERO);
    assert_eq!(right.settings.titles.catalogs, ["testing", "production"]);
}

#[test]
fn t32_keys_for_catalogs_that_cannot_be_used_allow_no_run() {
    let bad = merged("<key>TitleCatalogKeys</key><array><string>RWQ2</string></array>");
    assert!(bad.fatal().is_some());
    let key = "RWQ2joOrEAlvfT8oU7zb01NM2mFSKmDduhsTQlfr8UY0qOCeBC999FyI";
    let good = merged(&format!("<key>TitleCatalogKeys</key><array><string>{key}</string></array>"));
    assert!(
        good.settings.titles.wants_signed_catalogs() && !merged("").settings.titles.wants_signed_catalogs()
    );
}
