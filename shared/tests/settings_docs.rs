//! The documented table and the sample profile are what the table of keys says; `UPDATE_DOCS=1` writes them anew.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use plist::Value;
use shared::settings::{
    DOMAIN, Layer, Mode, Settings, Source, document,
    keys::{KEYS, Key, Kind},
    merge,
    profile::domains_in_profile,
};
use std::{fmt::Write as _, fs, path::PathBuf};

fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Compares a committed file with what it should be, or writes it.
fn holds(path: &str, expected: &str) {
    let path = repository(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is out of date; run the test with UPDATE_DOCS=1", path.display());
}

fn type_of(key: &Key) -> String {
    match key.kind {
        Kind::Switch(_) => "boolean".to_owned(),
        Kind::Count(least, most, _) => format!("integer, {least} to {most}"),
        Kind::Span(_) => "seconds, or a duration".to_owned(),
        Kind::Text(_) => "string".to_owned(),
        Kind::Identifier(_) => "reverse-DNS name".to_owned(),
        Kind::Path(_) | Kind::OptionalPath(_) | Kind::InstallPath(_) => "absolute path".to_owned(),
        Kind::Url(_) => "URL".to_owned(),
        Kind::Digest(_) => "SHA-256".to_owned(),
        Kind::HashPolicy(_) => "name".to_owned(),
        Kind::Redirects(_) => "name or boolean".to_owned(),
        Kind::Headers(_) => "dictionary".to_owned(),
        Kind::Hosts(_) | Kind::PublicKeys(_) => "array of strings".to_owned(),
        Kind::WebAddress(_) => "https URL".to_owned(),
        Kind::Catalogs(_) => "array of strings".to_owned(),
        Kind::ClockPolicy(_) => "name".to_owned(),
        Kind::WebhookFormat(_) => "name".to_owned(),
        Kind::Language(_) => "language code".to_owned(),
        Kind::TitleKeys(_) => "array of dictionaries".to_owned(),
        Kind::ControlFile(_) => "dictionary".to_owned(),
    }
}

fn table() -> String {
    let mut table = String::from(
        "| key | type | default | option | also known as | meaning |\n|---|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let quoted = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
        let option = if key.option.is_empty() { "none".to_owned() } else { format!("`--{}`", key.option) };
        let aliases = key.aliases.iter().map(|alias| format!("`{alias}`"));
        let options = key.other_options.iter().map(|option| format!("`--{option}`"));
        let others: Vec<String> = aliases.chain(options).collect();
        let (name, kind, default, doc) = (key.name, type_of(key), quoted(key.default), key.doc);
        let _ =
            writeln!(table, "| `{name}` | {kind} | {default} | {option} | {} | {doc} |", others.join(" "));
    }
    table
}

#[test]
fn the_documented_table_of_settings_is_the_one_in_force() {
    const BEGIN: &str = "<!-- made from shared/src/settings/keys.rs; do not edit -->\n";
    const END: &str = "<!-- end of the table -->\n";
    let text = fs::read_to_string(repository("docs/settings.md")).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    holds("docs/settings.md", &format!("{before}{BEGIN}{}{END}{after}", table()));
}

/// A value for the sample, as plist text.
fn example(key: &Key) -> String {
    let own = match key.name {
        "JSONURL" => "https://mdm.example.com/bootstrap.json",
        "JSONHash" => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "HTTPAuthUser" => "bootstrap",
        "HTTPAuthPassword" => "correct horse battery staple",
        "HeaderAuthorization" => "Bearer TOKEN",
        "LogFilePath" => "/var/log/ias.log",
        "HTTPHeaders" => return "<dict><key>X-Fleet</key><string>example</string></dict>".to_owned(),
        "HTTPAuthHosts" => return "<array><string>mdm.example.com</string></array>".to_owned(),
        "TitleEnvQueryURL" => "https://envquery.example.com/v1",
        "WebhookURL" => "https://hooks.example.com/ias",
        "OTLPEndpoint" => "https://otel.example.com",
        "OTLPHeaders" => {
            return "<dict><key>Authorization</key><string>Bearer TOKEN</string></dict>".to_owned();
        }
        "TitleKeyFile" => "/private/etc/ias-title-keys.plist",
        "TitleRepoURL" => "https://titles.example.com/repo",
        "TitleRepoAuth" => "Basic TOKEN",
        "TitleHosts" => return "<array><string>titles.example.com</string></array>".to_owned(),
        "TitleCatalogs" => return "<array><string>production</string></array>".to_owned(),
        "TitleNotifier" => "/Applications/Notifier.app/Contents/MacOS/Notifier",
        "TitleKeys" => {
            let entry = [
                ("kid", "2026-11"),
                ("alg", "EdDSA"),
                ("key", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            ];
            let entry = entry.map(|(name, value)| format!("<key>{name}</key><string>{value}</string>"));
            return format!("<array><dict>{}</dict></array>", entry.concat());
        }
        "ControlFileKeys" | "TitleCatalogKeys" => {
            let key = "RWT+Tslp/MjK3orRAIWunKYXOYgYuU1EbhG0hRbE1GERWS6/Q2xMxk2c";
            return format!("<array><string>{key}</string></array>");
        }
        "Bootstrap" => return "<dict><key>userland</key><array/></dict>".to_owned(),
        _ => key.default,
    };
    match (key.kind, own) {
        (Kind::Switch(_), flag) => format!("<{flag}/>"),
        (Kind::Count(..) | Kind::Span(_), number) => format!("<integer>{number}</integer>"),
        (_, text) => format!("<string>{text}</string>"),
    }
}

/// The settings of the sample: what has a default, and `JSONURL`; the rest stands in comments.
fn sample_settings() -> String {
    let mut body = String::new();
    for key in KEYS {
        let (name, value, doc) = (key.name, example(key), key.doc);
        let tabs = "\t".repeat(8);
        let _ = if key.default.is_empty() && name != "JSONURL" {
            writeln!(body, "{tabs}<!-- {doc}\n{tabs}<key>{name}</key>\n{tabs}{value} -->")
        } else {
            writeln!(body, "{tabs}<!-- {doc} -->\n{tabs}<key>{name}</key>\n{tabs}{value}")
        };
    }
    body
}

const SAMPLE: &str = include_str!("sample.mobileconfig.template");

#[test]
fn the_sample_profile_holds_every_key() {
    let sample = SAMPLE.replace("SETTINGS\n", &sample_settings());
    holds("launchd/profile/cz.macadmin.iasd.mobileconfig", &sample);
    let source = Source::Managed(DOMAIN.to_owned());
    let merged = |text: &str| {
        let document = document::read(text.as_bytes(), &source).unwrap();
        assert_eq!(document.findings, []);
        let (domain, values) = domains_in_profile(&document.value).remove(0);
        assert_eq!(domain, DOMAIN);
        merge(vec![Layer::new(source.clone(), values)], Mode::Daemon)
    };
    let as_it_is = merged(&sample);
    assert_eq!(as_it_is.findings, []);
    let defaults = Settings { control: None, ..as_it_is.settings };
    let defaults = Settings { http: Settings::default().http, ..defaults };
    assert_eq!(defaults, Settings::default());

    let in_comments = KEYS.iter().filter(|key| !sample.contains(&format!("\t<key>{}</key>\n", key.name)));
    assert_eq!(in_comments.map(|key| key.name).collect::<Vec<_>>(), Vec::<&str>::new());
    for key in KEYS.iter().filter(|key| key.name != "Bootstrap") {
        let entry = format!("<plist><dict><key>{}</key>{}</dict></plist>", key.name, example(key));
        let value: Value = plist::from_bytes(entry.as_bytes()).unwrap();
        let layer = Layer::new(source.clone(), value.into_dictionary().unwrap());
        let errors = merge(vec![layer], Mode::Daemon).findings;
        assert!(errors.iter().all(|finding| finding.problem.contains("is missing")), "{errors:?}");
    }
}
