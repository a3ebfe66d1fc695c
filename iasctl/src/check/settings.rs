//! `iasctl check` of settings: a settings plist, a configuration profile, or a launchd job, with the values they come to.

use shared::{
    control::{self, Context, Finding},
    settings::{
        ControlSource, DOMAIN, GO_DOMAIN, Layer, Merged, Mode, Origin, Settings, SettingsFinding, Severity,
        Source,
        arguments::{self, Invocation},
        document::{self, Document},
        keys::KEYS,
        merge,
        profile::Use,
    },
};
use std::{collections::BTreeMap, ffi::OsString, fmt::Write as _};

/// Settings that were checked.
#[derive(Debug, Default)]
pub(crate) struct CheckedSettings {
    /// What was found to be for: `settings`, `a profile`, `a launchd job`.
    pub(crate) purpose: &'static str,
    /// Errors and warnings, those of an embedded control file included.
    pub(crate) findings: Vec<Finding>,
    /// What is worth knowing, but no problem.
    pub(crate) notes: Vec<String>,
    /// Every setting with its effective value; empty when there are none.
    pub(crate) origins: Vec<Origin>,
    /// Whether a run could begin with these settings.
    pub(crate) usable: bool,
    /// What they come to.
    pub(crate) settings: Option<Settings>,
}

/// Whether these bytes are settings rather than a control file: a plist, XML or binary, or a signed profile.
pub(crate) fn is_settings(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    // A server's error page or login form, saved in place of what was asked for.
    let page = begins(b"<html") || begins(b"<!doctype html");
    (text.starts_with(b"<") && !page) || bytes.starts_with(b"bplist") || document::is_signed(bytes)
}

/// Checks a file of settings; `name` is what messages call it.
pub(crate) fn check(name: &str, bytes: &[u8]) -> CheckedSettings {
    let source = Source::File(name.to_owned());
    let mut checked = CheckedSettings { purpose: "settings", ..CheckedSettings::default() };
    let Document { value, places, findings } = match document::read(bytes, &source) {
        Ok(document) => document,
        Err(finding) => {
            checked.purpose = "no settings";
            checked.say(*finding);
            return checked;
        }
    };
    findings.into_iter().for_each(|finding| checked.say(finding));
    match Use::of(value) {
        Some(Use::Settings(values)) => {
            checked.merged(name, merge(vec![Layer { source, values, places }], Mode::Daemon));
        }
        Some(Use::Profile(domains)) => checked.profile(name, domains, &places),
        Some(Use::Job(words)) => checked.job(name, &words),
        None => checked.say(SettingsFinding::new(Severity::Error, source, "the plist is no dictionary")),
    }
    checked
}

/// Whether one of these keys is a secret that both sides share: all but EdDSA keys are.
fn has_shared_key(keys: &plist::Value) -> bool {
    let is_public = |key: &plist::Value| {
        let algorithm = key.as_dictionary().and_then(|key| key.get("alg"));
        algorithm.and_then(plist::Value::as_string) == Some("EdDSA")
    };
    keys.as_array().is_none_or(|keys| !keys.iter().all(is_public))
}

impl CheckedSettings {
    fn say(&mut self, finding: SettingsFinding) {
        let severity = match finding.severity {
            Severity::Info => return self.notes.push(finding.to_string()),
            Severity::Warning => control::Severity::Warning,
            Severity::Error | Severity::Fatal => control::Severity::Error,
        };
        // Where no position is known, the file as a whole is meant.
        let (line, column) = finding.place.unwrap_or((1, 1));
        self.findings.push(Finding {
            severity,
            file: finding.source.to_string(),
            line,
            column,
            item: None,
            name: None,
            key: finding.key,
            problem: finding.problem,
            hint: finding.hint,
        });
    }

    fn refuse(&mut self, name: &str, problem: String, hint: &str) {
        let source = Source::File(name.to_owned());
        self.say(SettingsFinding::new(Severity::Error, source, problem).hint(hint));
    }

    /// Takes what the settings come to, and checks the control file inside them.
    fn merged(&mut self, name: &str, merged: Merged) {
        self.usable = merged.fatal().is_none();
        for finding in merged.findings {
            self.say(finding);
        }
        match &merged.settings.control {
            Some(ControlSource::Embedded(json)) => {
                let context = Context {
                    install_path: merged.settings.install_path.clone(),
                    hash_check: merged.settings.hash_check,
                };
                let reading =
                    control::read(json.as_bytes(), &format!("{name} (Bootstrap as JSON)"), &context);
                self.usable &= reading.control.is_some();
                self.findings.extend(reading.findings);
            }
            Some(ControlSource::Url(_)) => {}
            None => {
                let note =
                    format!("info: {name}: neither JSONURL nor Bootstrap is set, so another source must");
                self.notes.push(note);
            }
        }
        self.origins = merged.origins;
        self.settings = Some(merged.settings);
    }

    fn profile(
        &mut self,
        name: &str,
        domains: Vec<(String, plist::Dictionary)>,
        places: &BTreeMap<String, (usize, usize)>,
    ) {
        self.purpose = "a profile";
        let known: Vec<String> = domains.iter().map(|(domain, _)| domain.clone()).collect();
        let names_control_file =
            |values: &plist::Dictionary| values.contains_key("JSONURL") || values.contains_key("Bootstrap");
        let ours = domains.into_iter().filter(|(domain, values)| {
            [DOMAIN, GO_DOMAIN].contains(&domain.as_str()) || names_control_file(values)
        });
        let layers: Vec<Layer> = ours
            .map(|(domain, values)| {
                if domain != DOMAIN {
                    let how = format!("info: {name}: {domain} is read only with --profile-domain {domain}");
                    self.notes.push(how);
                }
                self.warn_of_secrets(name, &values);
                Layer { source: Source::File(name.to_owned()), values, places: places.clone() }
            })
            .collect();
        if layers.is_empty() {
            let found = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            let hint = format!("settings belong into a payload for {DOMAIN}");
            return self.refuse(name, format!("the profile sets {found}, but no settings of ours"), &hint);
        }
        self.merged(name, merge(layers, Mode::Daemon));
    }

    /// What a profile holds, every user of the Mac can read (T67).
    fn warn_of_secrets(&mut self, name: &str, values: &plist::Dictionary) {
        let secret = KEYS.iter().filter(|key| key.secret);
        for (key, value) in secret.filter_map(|key| Some((key.name, values.get(key.name)?))) {
            if key == "TitleKeys" && !has_shared_key(value) {
                continue;
            }
            let hint = match key {
                "TitleKeys" => {
                    "put them into the file TitleKeyFile names, or use EdDSA keys, which are public"
                }
                // The package is no better place: whoever can load it can read it.
                _ => "let it open nothing but what every user of these Macs may have",
            };
            let source = Source::File(name.to_owned());
            let problem = "in a profile every user of the Mac can read it, so it keeps out strangers only";
            let finding = SettingsFinding::new(Severity::Warning, source, problem);
            // Without its place: the line there would be shown, with the secret.
            self.say(finding.about(key, None).hint(hint));
        }
    }

    fn job(&mut self, name: &str, words: &[String]) {
        self.purpose = "a launchd job";
        let ours =
            ["iasd", "iasagent", "installapplications.py", "installapplications", "go-installapplications"];
        let is_ours = |word: &String| word.rsplit('/').next().is_some_and(|file| ours.contains(&file));
        if !words.iter().take(2).any(is_ours) {
            let program = words.first().map_or("no program", String::as_str);
            return self.refuse(
                name,
                format!("a launchd job that starts {program}"),
                "iasd is not started by it",
            );
        }
        if words.iter().take(1).any(|word| word.ends_with("/iasagent")) {
            self.usable = true;
            return self.notes.push(format!("info: {name}: starts the user's agent, which has no settings"));
        }
        match arguments::parse(words.iter().map(OsString::from)) {
            Ok(Invocation::Run(arguments)) => {
                if let Some(config) = &arguments.config {
                    self.notes.push(format!("info: {name}: also reads {}", config.display()));
                }
                self.merged(name, as_of_file(name, arguments.merged(Vec::new())));
            }
            Ok(Invocation::Agent(_)) => {
                self.usable = true;
                self.notes.push(format!("info: {name}: starts the user's agent"));
            }
            Ok(Invocation::Version | Invocation::Help) => {
                self.refuse(name, "the job only prints and ends".to_owned(), "remove --version and --help");
            }
            Err(error) => self.refuse(name, error.problem, &error.hint),
        }
    }

    /// The settings that are not built in, in columns, and how many are.
    pub(crate) fn table(&self) -> String {
        let (built_in, set): (Vec<_>, Vec<_>) =
            self.origins.iter().partition(|origin| origin.source == Source::Default);
        let width = set.iter().map(|origin| origin.key.len()).max().unwrap_or(0);
        let mut table = String::new();
        for Origin { key, value, .. } in set {
            let _ = writeln!(table, "  {key:width$}  {value}");
        }
        if !self.origins.is_empty() {
            let _ =
                writeln!(table, "  {} more settings have their defaults; --json prints all", built_in.len());
        }
        table
    }
}

/// The command line of a job stands in the job's file.
fn as_of_file(name: &str, mut merged: Merged) -> Merged {
    let sources = merged.findings.iter_mut().map(|finding| &mut finding.source);
    let sources = sources.chain(merged.origins.iter_mut().map(|origin| &mut origin.source));
    for source in sources.filter(|source| **source == Source::CommandLine) {
        *source = Source::File(name.to_owned());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(body: &str) -> CheckedSettings {
        check("iasd.plist", format!("<plist>\n<dict>\n{body}</dict></plist>").as_bytes())
    }

    #[test]
    fn r17_settings_are_checked_with_places_and_values() {
        let checked =
            settings("<key>JSONURL</key><string>https://a.example/x</string>\n  <key>Rebot</key><true/>");
        assert_eq!(checked.findings.len(), 1);
        assert_eq!(checked.findings[0].to_string(), "warning: iasd.plist:4:3: Rebot: unknown key, ignored");
        assert_eq!(checked.findings[0].hint.as_deref(), Some("did you mean Reboot?"));
        assert!(checked.usable && checked.table().starts_with("  JSONURL  https://a.example/x\n"));
    }

    #[test]
    fn an_embedded_control_file_is_checked_as_well() {
        let checked = settings("<key>Bootstrap</key><dict><key>userland</key><string>x</string></dict>");
        assert!(checked.findings.iter().any(|finding| finding.file == "iasd.plist (Bootstrap as JSON)"));
        assert!(!checked.usable);
    }

    #[test]
    fn a_profile_without_our_settings_says_what_it_sets() {
        let checked = settings(
            "<key>PayloadType</key><string>Configuration</string><key>PayloadContent</key><array><dict>
             <key>PayloadType</key><string>com.example.other</string><key>A</key><true/></dict></array>",
        );
        let line = checked.findings[0].to_string();
        assert!(line.contains("the profile sets com.example.other, but no settings of ours"), "{line}");
    }

    #[test]
    fn a_launchd_job_is_checked_as_the_command_line_it_is() {
        let job = |words: &str| {
            settings(&format!(
                "<key>Label</key><string>x</string><key>ProgramArguments</key><array>{words}</array>"
            ))
        };
        let good =
            job("<string>/x/iasd</string><string>--jsonurl</string><string>https://a.example/</string>");
        assert!(good.usable && good.findings.is_empty() && good.purpose == "a launchd job");
        let bad = job("<string>/x/iasd</string><string>--jsonulr</string>");
        assert_eq!(bad.findings[0].hint.as_deref(), Some("did you mean --jsonurl?"));
        assert!(job("<string>/x/planb</string>").findings[0].problem.contains("/x/planb"));
    }

    #[test]
    fn what_is_settings_is_told_from_the_first_bytes() {
        assert!(is_settings(b"\xef\xbb\xbf\n<?xml?>") && is_settings(b"bplist00"));
        assert!(!is_settings(b"{\"userland\": []}") && !is_settings(b""));
        assert!(!is_settings(b"<!DOCTYPE html><html>") && !is_settings(b"\n<HTML>"));
    }
}
