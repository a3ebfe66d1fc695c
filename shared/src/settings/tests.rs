//! The rules of merging, held one by one (R36–R39, R44, R84).

use super::{keys::KEYS, *};
use crate::item::Secret;
use plist::{Dictionary, Value};

/// A dictionary from the inside of a plist's `<dict>`.
fn dictionary(body: &str) -> Dictionary {
    let text = format!("<plist><dict>{body}</dict></plist>");
    let read = document::read(text.as_bytes(), &file()).unwrap();
    read.value.into_dictionary().unwrap()
}

pub(super) fn file() -> Source {
    Source::File("iasd.plist".to_owned())
}

pub(super) fn managed() -> Source {
    Source::Managed("cz.macadmin.iasd".to_owned())
}

fn one(body: &str) -> Merged {
    merge(vec![Layer::new(file(), dictionary(body))], Mode::Daemon)
}

fn origin<'a>(merged: &'a Merged, key: &str) -> &'a Origin {
    merged.origins.iter().find(|origin| origin.key == key).unwrap()
}

fn printed(merged: &Merged) -> Vec<String> {
    merged.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_documented_defaults_are_the_built_in_ones() {
    let defaults: Dictionary = KEYS
        .iter()
        .filter(|key| !key.default.is_empty())
        .map(|key| (key.name.to_owned(), Value::String(key.default.to_owned())))
        .collect();
    let merged = merge(vec![Layer::new(Source::CommandLine, defaults)], Mode::Daemon);
    assert_eq!(printed(&merged), Vec::<String>::new());
    assert_eq!(merged.settings, Settings::default());
    assert_eq!(merge(Vec::new(), Mode::Daemon).settings, Settings::default());
}

#[test]
fn the_table_names_nothing_twice_and_explains_everything() {
    let mut names: Vec<_> = keys::names().collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), keys::names().count());
    for key in KEYS {
        assert!(key.doc.ends_with('.') && !key.name.is_empty(), "{}", key.name);
    }
}

#[test]
fn every_key_changes_the_settings() {
    let values = "
        <key>JSONHash</key><string>ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad</string>
        <key>HTTPHeaders</key><dict><key>X-A</key><string>b</string></dict>
        <key>HTTPAuthHosts</key><array><string>H.example</string></array>
        <key>ControlFileKeys</key><array>
            <string>RWQ2joOrEAlvfT8oU7zb01NM2mFSKmDduhsTQlfr8UY0qOCeBC999FyI</string></array>
        <key>JSONURL</key><string>https://a.example/b.json</string>
        <key>Bootstrap</key><dict><key>userland</key><array/></dict>
        <key>TitleEnvQueryURL</key><string>https://a.example/envquery</string>
        <key>TitleRepoURL</key><string>https://a.example/repo</string>
        <key>TitleKeys</key><array><dict><key>kid</key><string>k1</string><key>alg</key><string>HS256</string>
            <key>key</key><string>AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8</string></dict></array>
        <key>TitleHosts</key><array><string>h.example</string></array><key>TitleClockPolicy</key><string>server</string>
        <key>Language</key><string>cs</string><key>WebhookFormat</key><string>slack</string>
        <key>OTLPEndpoint</key><string>https://otel.example</string><key>OTLPHeaders</key><dict><key>X-B</key><string>c</string></dict>
        <key>WebhookURL</key><string>https://a.example/hook</string>
        <key>TitleCatalogs</key><array><string>testing</string></array>
        <key>TitleCatalogKeys</key><array>
            <string>RWQ2joOrEAlvfT8oU7zb01NM2mFSKmDduhsTQlfr8UY0qOCeBC999FyI</string></array>";
    let values = dictionary(values);
    for key in KEYS {
        let value = match (key.kind, values.get(key.name)) {
            (_, Some(value)) => value.clone(),
            (keys::Kind::Switch(_), _) => Value::Boolean(key.default == "false"),
            (keys::Kind::Count(..) | keys::Kind::Span(_), _) => Value::Integer(2.into()),
            (keys::Kind::HashPolicy(_), _) => Value::String("Ignore".to_owned()),
            (keys::Kind::Redirects(_), _) => Value::String("all".to_owned()),
            (keys::Kind::Identifier(_), _) => Value::String("org.example.x".to_owned()),
            _ => Value::String("/Library/x/y".to_owned()),
        };
        // Some are nothing without another one.
        let companion = match key.name {
            "HTTPAuthUser" => Some("HTTPAuthPassword"),
            "HTTPAuthPassword" => Some("HTTPAuthUser"),
            "TitleEnvQueryURL" => Some("TitleKeys"),
            "TitleKeys" | "TitleKeyFile" => Some("TitleEnvQueryURL"),
            "TitleRepoAuth" => Some("TitleRepoURL"),
            "TitleRequireSignedCatalogs" => Some("TitleCatalogKeys"),
            _ => None,
        };
        let with = companion.map(|name| (name.to_owned(), values.get(name).unwrap_or(&value).clone()));
        let layer = std::iter::once((key.name.to_owned(), value.clone())).chain(with).collect();
        let merged = merge(vec![Layer::new(file(), layer)], Mode::Daemon);
        assert_eq!(printed(&merged), Vec::<String>::new(), "{}", key.name);
        assert_ne!(merged.settings, Settings::default(), "{}", key.name);
        assert_eq!(origin(&merged, key.name).source, file(), "{}", key.name);
    }
}

#[test]
fn r36_the_strongest_source_wins_and_says_so() {
    let layers = vec![
        Layer::new(Source::CommandLine, dictionary("<key>MaximumRedownloads</key><string>4</string>")),
        Layer::new(
            file(),
            dictionary("<key>MaximumRedownloads</key><integer>3</integer><key>Debug</key><true/>"),
        ),
        Layer::new(
            managed(),
            dictionary(
                "<key>MaximumRedownloads</key><integer>2</integer><key>RetryDelay</key><integer>9</integer>",
            ),
        ),
        Layer::new(
            Source::Preferences("cz.macadmin.iasd".to_owned()),
            dictionary("<key>RetryDelay</key><integer>1</integer>"),
        ),
    ];
    let merged = merge(layers, Mode::Daemon);
    assert_eq!(merged.settings.redownloads, 4);
    assert_eq!(merged.settings.retry_delay.as_secs(), 9);
    assert_eq!(origin(&merged, "MaximumRedownloads").to_string(), "MaximumRedownloads = 4 (command line)");
    assert_eq!(origin(&merged, "Debug").to_string(), "Debug = true (iasd.plist)");
    assert_eq!(origin(&merged, "RetryDelay").source, managed());
    assert_eq!(origin(&merged, "Reboot").to_string(), "Reboot = false (built-in default)");
}

#[test]
fn r36_nested_dictionaries_of_the_running_mode_go_over_flat_keys() {
    let body = "<key>MaxRetries</key><integer>1</integer><key>Debug</key><true/>
        <key>shared</key><dict><key>MaxRetries</key><integer>2</integer><key>RetryDelay</key><string>7s</string></dict>
        <key>daemon</key><dict><key>MaxRetries</key><integer>5</integer></dict>
        <key>standalone</key><dict><key>MaxRetries</key><integer>9</integer><key>Nonsense</key><true/></dict>";
    let daemon = merge(vec![Layer::new(managed(), dictionary(body))], Mode::Daemon);
    assert_eq!((daemon.settings.redownloads, daemon.settings.retry_delay.as_secs()), (5, 7));
    assert!(daemon.settings.debug);
    let standalone = merge(vec![Layer::new(managed(), dictionary(body))], Mode::Standalone);
    assert_eq!(standalone.settings.redownloads, 9);
    assert!(printed(&standalone).iter().any(|line| line.contains("Nonsense: unknown key")));
}

#[test]
fn r36_secrets_are_never_shown() {
    let merged =
        one("<key>HTTPAuthUser</key><string>ada</string><key>HTTPAuthPassword</key><string>s3cret</string>
         <key>HTTPHeaders</key><dict><key>X-Key</key><string>s3cret</string></dict>
         <key>HeaderAuthorization</key><string>Bearer s3cret</string>
         <key>JSONURL</key><string>https://ada:s3cret@a.example/b.json?sig=s3cret</string>");
    assert!(!format!("{merged:?}").replace("Url(Url {", "").contains("Bearer s3cret"));
    for origin in &merged.origins {
        assert!(!origin.to_string().contains("s3cret"), "{origin}");
    }
    assert_eq!(origin(&merged, "HTTPAuthPassword").value, REDACTED);
    assert_eq!(origin(&merged, "JSONURL").value, "https://a.example/b.json?<redacted>");
    let authorization = ("Authorization".to_owned(), Secret("Bearer s3cret".to_owned()));
    assert!(merged.settings.http.headers.contains(&authorization));
    assert_eq!(merged.settings.http.auth_hosts, ["a.example"]);
}

#[test]
fn r38_a_wrong_value_costs_only_its_own_key() {
    let merged =
        one("<key>MaxDownloadConcurrency</key><integer>65</integer><key>Reboot</key><string>perhaps</string>
         <key>RetryDelay</key><string>soon</string><key>JSONURL</key><string>ftp://a/b</string>
         <key>HTTPHeaders</key><array><dict><key>name</key><string>a b</string></dict></array>
         <key>Debug</key><true/>");
    assert_eq!(
        printed(&merged),
        [
            "error: iasd.plist: JSONURL: expected an https, http or file URL: found a URL of the kind ftp:; this key is ignored",
            "error: iasd.plist: HTTPHeaders: expected a dictionary, or an array of {name, value}: the header a b has no string as its value; this key is ignored",
            "error: iasd.plist: MaxDownloadConcurrency: expected an integer from 1 to 64: found 65; this key is ignored",
            "error: iasd.plist: RetryDelay: expected seconds or a duration such as 90s or 2h30m, at most 366 days: the text is no such time; this key is ignored",
            "error: iasd.plist: Reboot: expected a boolean: the text is neither true nor false; this key is ignored",
        ]
    );
    assert_eq!(merged.settings, Settings { debug: true, ..Settings::default() });
}

#[test]
fn r38_booleans_and_integers_as_text_are_read_with_a_warning() {
    let merged = one("<key>Reboot</key><string> Yes </string><key>MaximumRedownloads</key><string>5</string>
         <key>CleanupOnSuccess</key><integer>0</integer><key>MinDownloadConcurrency</key><real>3.0</real>");
    assert!(merged.settings.reboot && !merged.settings.cleanup_on_success);
    assert_eq!((merged.settings.redownloads, merged.settings.min_downloads), (5, 3));
    assert!(merged.findings.iter().all(|finding| finding.severity == Severity::Warning));
    assert_eq!(merged.findings.len(), 4);
    assert!(
        printed(&merged).contains(
            &"warning: iasd.plist: Reboot: a string is read as true (expected a boolean)".to_owned()
        )
    );
}

#[test]
fn r38_a_maximum_below_the_minimum_is_raised() {
    let merged = one(
        "<key>MinDownloadConcurrency</key><integer>5</integer><key>MaxDownloadConcurrency</key><integer>3</integer>",
    );
    assert_eq!((merged.settings.min_downloads, merged.settings.max_downloads), (5, 5));
    assert_eq!(
        printed(&merged),
        [
            "warning: iasd.plist: MaxDownloadConcurrency: raised from 3 to 5, the value of MinDownloadConcurrency"
        ]
    );
}

#[test]
fn r38_a_cache_that_every_run_would_remove_is_told() {
    let merged = one("<key>CachePath</key><string>/Library/installapplications/cache</string>");
    let expected = "warning: iasd.plist: CachePath: is inside InstallPath, which is removed after a run";
    assert_eq!(printed(&merged), [expected]);
    assert_eq!(printed(&one("<key>CachePath</key><string>/Library/Caches/ias</string>")), [""; 0]);
}

#[test]
fn r39_an_unknown_key_gets_the_nearest_known_one_as_a_hint() {
    let merged = one(
        "<key>jsonUrl</key><string>https://a</string><key>Colour</key><true/><key>PayloadUUID</key><string>x</string>",
    );
    assert_eq!(
        printed(&merged),
        [
            "warning: iasd.plist: Colour: unknown key, ignored",
            "warning: iasd.plist: jsonUrl: unknown key, ignored (did you mean JSONURL?)",
        ]
    );
    assert_eq!(merged.settings.control, None);
}

#[test]
fn an_alias_is_read_after_the_canonical_name_of_the_same_source() {
    let alias = one("<key>MaxRetries</key><integer>7</integer>");
    assert_eq!(alias.settings.redownloads, 7);
    assert_eq!(printed(&alias), ["info: iasd.plist: MaxRetries: read as MaximumRedownloads"]);
    let both =
        one("<key>MaxRetries</key><integer>7</integer><key>MaximumRedownloads</key><integer>2</integer>");
    assert_eq!(both.settings.redownloads, 2);
    assert_eq!(
        printed(&both),
        ["info: iasd.plist: MaxRetries: ignored, because MaximumRedownloads is given in the same source"]
    );
    let stronger = vec![
        Layer::new(managed(), dictionary("<key>MaximumRedownloads</key><integer>2</integer>")),
        Layer::new(file(), dictionary("<key>MaxRetries</key><integer>7</integer>")),
    ];
    assert_eq!(merge(stronger, Mode::Daemon).settings.redownloads, 7);
}

#[test]
fn bootstrap_and_jsonurl_exclude_each_other_in_one_source_only() {
    let both = "<key>bootstrap</key><dict/><key>JSONURL</key><string>https://a.example/x</string>";
    let merged = one(both);
    assert_eq!(merged.settings.control, None);
    assert!(printed(&merged)[0].contains("exclude each other"), "{merged:?}");

    let layers = vec![
        Layer::new(managed(), dictionary("<key>JSONURL</key><string>https://a.example/x</string>")),
        Layer::new(
            file(),
            dictionary(
                "<key>Bootstrap</key><dict><key>userland</key><array><dict><key>retries</key><integer>2</integer></dict></array></dict>",
            ),
        ),
    ];
    let merged = merge(layers, Mode::Daemon);
    let Some(ControlSource::Embedded(json)) = &merged.settings.control else { panic!("{merged:?}") };
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json, serde_json::json!({"userland": [{"retries": 2}]}));
    assert_eq!(origin(&merged, "JSONURL").value, "-");
}

#[test]
fn r44_a_dangerous_install_path_ends_it_unless_a_stronger_source_mends_it() {
    let bad = || Layer::new(managed(), dictionary("<key>InstallPath</key><string>/Users/</string>"));
    let merged = merge(vec![bad()], Mode::Daemon);
    assert!(
        merged.fatal().unwrap().to_string().contains("InstallPath: not usable: /Users belongs to the system")
    );
    let good = Layer::new(file(), dictionary("<key>InstallPath</key><string>/Library/ias</string>"));
    let merged = merge(vec![bad(), good], Mode::Daemon);
    assert_eq!(merged.fatal(), None);
    assert_eq!(merged.settings.install_path.as_str(), "/Library/ias");
    for body in ["<integer>5</integer>", "<string>Library/ias</string>", "<string>/a/../b</string>"] {
        assert!(one(&format!("<key>InstallPath</key>{body}")).fatal().is_some(), "{body}");
    }
}

#[test]
fn r84_every_name_of_a_hash_policy_works_and_an_unknown_one_is_never_weaker() {
    use crate::item::HashCheckPolicy as Policy;
    let known = [
        ("strict", Policy::Strict),
        ("FAIL", Policy::Strict),
        ("Enforce", Policy::Strict),
        ("Warning", Policy::Warning),
        ("warn", Policy::Warning),
        ("WarningRequireMatch", Policy::WarningRequireMatch),
        ("warningacceptfirst", Policy::WarningAcceptFirst),
        ("Ignore", Policy::Ignore),
        ("none", Policy::Ignore),
        ("Off", Policy::Ignore),
    ];
    for (name, policy) in known {
        let merged = one(&format!("<key>HashCheckPolicy</key><string>{name}</string>"));
        assert_eq!(merged.settings.hash_check, policy, "{name}");
    }
    let layers = vec![
        Layer::new(managed(), dictionary("<key>HashCheckPolicy</key><string>WarningRequireMatch</string>")),
        Layer::new(file(), dictionary("<key>HashCheckPolicy</key><string>Lax</string>")),
    ];
    let merged = merge(layers, Mode::Daemon);
    assert_eq!(merged.settings.hash_check, Policy::WarningRequireMatch);
    assert_eq!(merged.findings[0].severity, Severity::Error);
    assert_eq!(one("<key>HashCheckPolicy</key><string>Lax</string>").settings.hash_check, Policy::Strict);
}

#[test]
fn r90_a_control_file_nobody_vouches_for_is_warned_about_once() {
    let warned = |body| printed(&one(body)).iter().filter(|line| line.contains("plain http")).count();
    assert_eq!(warned("<key>JSONURL</key><string>http://a.example/x</string>"), 1);
    assert_eq!(warned("<key>JSONURL</key><string>http://127.0.0.1:8080/x</string>"), 0);
    assert_eq!(warned("<key>JSONURL</key><string>https://a.example/x</string>"), 0);
}

#[test]
fn r38_hosts_outside_ascii_are_refused_in_any_case() {
    for text in ["https://B\u{fc}cher.example/x", "https://b\u{fc}cher.example/x"] {
        assert_eq!(one(&format!("<key>JSONURL</key><string>{text}</string>")).findings.len(), 1, "{text}");
    }
    assert_eq!(one("<key>HTTPAuthHosts</key><string>B\u{fc}cher.example</string>").findings.len(), 1);
}
