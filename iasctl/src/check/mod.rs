//! `iasctl check`: every problem of control files and settings before a Mac meets it (R17), also those of what is served.

mod github;
mod online;
mod sarif;
pub(crate) mod settings;
pub(crate) mod signature;

use self::{
    online::{Online, Seen},
    settings::CheckedSettings,
};
use crate::{chain::chain, excerpt::Excerpts, pem, stdout};
use clap::ValueEnum;
use serde::Serialize;
use shared::{
    control::{self, Context, Finding, Reading, Severity, signed::Endorsement},
    item::HashCheckPolicy,
    layout::MacPath,
    minisign::PublicKey,
    settings::Origin,
};
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::PathBuf,
    process::ExitCode,
};

/// One byte more than the largest control file: enough to see that a file is too large (R4).
pub(crate) const MOST_BYTES: u64 = 16 * 1024 * 1024 + 1;

/// What `check` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Control files, settings plists, profiles, launchd jobs; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Ask the servers for what the items name, and compare what comes with what they say
    #[arg(long)]
    online: bool,
    /// A certificate that is trusted beside the system's, in PEM or DER, for --online
    #[arg(long, value_name = "FILE", requires = "online")]
    ca: Vec<PathBuf>,
    /// No more than this is taken from one address, for --online
    #[arg(long, value_name = "MB", default_value_t = 20_000)]
    most: u64,
    /// Exit with 2 when there are warnings, but no errors
    #[arg(long)]
    strict: bool,
    /// The InstallPath of the run: relative files are taken below it
    #[arg(long, value_name = "PATH", default_value = "/Library/installapplications", value_parser = install_path)]
    install_path: MacPath,
    /// The HashCheckPolicy of the run: Strict wants a hash for every download
    #[arg(long, value_name = "POLICY", default_value = "Strict", value_parser = hash_check_policy)]
    hash_check_policy: HashCheckPolicy,
    /// A key of ControlFileKeys, or its file: control files must be signed with one of those given, in FILE.sig
    #[arg(long, value_name = "KEY", value_parser = signature::public_key)]
    key: Vec<PublicKey>,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// One JSON document
    Json,
    /// Annotations of a pull request on GitHub
    Github,
    /// SARIF 2.1.0, for code scanning services
    Sarif,
}

fn install_path(text: &str) -> Result<MacPath, String> {
    MacPath::new(text).map_err(|why| why.to_string())
}

/// One of the names and synonyms of the setting `HashCheckPolicy`.
pub(crate) fn hash_check_policy(text: &str) -> Result<HashCheckPolicy, String> {
    HashCheckPolicy::named(text).ok_or_else(|| {
        let names = HashCheckPolicy::ALL.map(HashCheckPolicy::name);
        format!("expected {}", names.join(", "))
    })
}

/// Checks every file; results go to standard output, what kept a file from being read to standard error.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let context =
        Context { install_path: arguments.install_path.clone(), hash_check: arguments.hash_check_policy };
    let mut checked: Vec<Checked> =
        arguments.files.iter().map(|file| Checked::of(file, &context, &arguments.key)).collect();
    if arguments.online {
        match online(arguments) {
            Ok(mut online) => checked.iter_mut().for_each(|file| file.look(&mut online)),
            Err(why) => {
                eprintln!("error: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let verdict = Verdict::of(&checked);
    for unreadable in checked.iter().filter_map(|file| file.unreadable.as_ref()) {
        eprintln!("error: {unreadable}");
    }
    let text = match if arguments.json { Format::Json } else { arguments.format } {
        Format::Json => as_json(&checked, verdict),
        Format::Github => checked.iter().map(Checked::as_annotations).collect(),
        Format::Sarif => as_sarif(&checked),
        Format::Text => {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            checked.iter().map(|file| file.as_text(colour)).collect()
        }
    };
    stdout::print(&text).err().unwrap_or_else(|| verdict.exit_code(arguments.strict))
}

fn online(arguments: &Arguments) -> Result<Online, String> {
    let roots = pem::authorities(&arguments.ca)?;
    Online::new(roots, arguments.most.saturating_mul(1_000_000)).map_err(|error| chain(&error))
}

/// One file, checked, or not even read.
struct Checked {
    file: String,
    bytes: Vec<u8>,
    reading: Option<Reading>,
    settings: Option<CheckedSettings>,
    signed: Option<Endorsement>,
    unreadable: Option<String>,
    /// What its servers gave, when they were asked.
    seen: Vec<Seen>,
}

impl Checked {
    fn of(file: &str, context: &Context, keys: &[PublicKey]) -> Self {
        let name = if file == "-" { "stdin" } else { file };
        let mut checked = Self {
            file: name.to_owned(),
            bytes: Vec::new(),
            reading: None,
            settings: None,
            signed: None,
            unreadable: None,
            seen: Vec::new(),
        };
        match bytes_of(file) {
            Ok(bytes) => checked.bytes = bytes,
            Err(why) => {
                checked.unreadable = Some(format!("{name}: cannot be read: {why}"));
                return checked;
            }
        }
        if settings::is_settings(&checked.bytes) {
            checked.settings = Some(settings::check(name, &checked.bytes));
            return checked;
        }
        let mut reading = control::read(&checked.bytes, name, context);
        if !keys.is_empty() {
            let (signed, finding) = signature::check(file, &checked.bytes, keys);
            reading.findings.extend(finding);
            if signed.is_none() {
                reading.control = None;
            }
            checked.signed = signed;
        }
        checked.reading = Some(reading);
        checked
    }

    /// Asks the servers.
    fn look(&mut self, online: &mut Online) {
        let Some(reading) = &mut self.reading else { return };
        let Some(control) = &reading.control else { return };
        let (findings, seen) = online.look(&self.file, &self.bytes, control);
        reading.findings.extend(findings);
        self.seen = seen;
    }

    fn as_annotations(&self) -> String {
        let unreadable = self.unreadable.as_ref().map(|why| github::unreadable(&self.file, why));
        github::annotations(self.findings().iter()) + &unreadable.unwrap_or_default()
    }

    fn findings(&self) -> &[Finding] {
        match (&self.reading, &self.settings) {
            (Some(reading), _) => &reading.findings,
            (None, Some(settings)) => &settings.findings,
            (None, None) => &[],
        }
    }

    /// Whether a run could begin with it.
    fn is_usable(&self) -> bool {
        self.items().is_some() || self.settings.as_ref().is_some_and(|settings| settings.usable)
    }

    /// Whether the line of a finding can be shown: it is in this file, and known.
    fn has_line(&self, finding: &Finding) -> bool {
        finding.file == self.file && (self.settings.is_none() || finding.line > 1)
    }

    /// How many items the file lists; `None` when it cannot be used.
    fn items(&self) -> Option<usize> {
        Some(self.reading.as_ref()?.control.as_ref()?.entries().count())
    }

    fn as_text(&self, colour: bool) -> String {
        let excerpts = Excerpts::of(&self.bytes);
        let mut text = String::new();
        for finding in self.findings() {
            let _ = writeln!(text, "{}", painted(finding, colour));
            if self.has_line(finding) {
                text.push_str(&excerpts.under(finding).unwrap_or_default());
            }
            if let Some(hint) = &finding.hint {
                let _ = writeln!(text, "hint: {hint}");
            }
        }
        if let Some(settings) = &self.settings {
            settings.notes.iter().for_each(|note| text.push_str(&format!("{note}\n")));
            text.push_str(&settings.table());
        }
        self.seen.iter().for_each(|seen| text.push_str(&format!("{}\n", seen.line())));
        let what = match (&self.settings, self.items()) {
            (Some(settings), _) => settings.purpose.to_owned(),
            (None, Some(items)) => counted(items, "item"),
            (None, None) if self.unreadable.is_some() => return text,
            (None, None) => "cannot be used".to_owned(),
        };
        let (errors, warnings) = counts(self.findings());
        let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
        let signed = self.signed.as_ref().map(|Endorsement { key, terms, .. }| {
            let terms = terms.to_string();
            if terms.is_empty() {
                format!(", signed with {key}")
            } else {
                format!(", signed with {key}: {terms}")
            }
        });
        let _ = writeln!(text, "{}: {what}, {errors}, {warnings}{}", self.file, signed.unwrap_or_default());
        text
    }
}

fn bytes_of(file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file {
        "-" => io::stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes)?,
        path => File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn painted(finding: &Finding, colour: bool) -> String {
    let text = finding.to_string();
    match (colour, finding.severity, text.split_once(':')) {
        (true, Severity::Error, Some((word, rest))) => format!("\x1b[1;31m{word}\x1b[0m:{rest}"),
        (true, Severity::Warning, Some((word, rest))) => format!("\x1b[1;33m{word}\x1b[0m:{rest}"),
        _ => text,
    }
}

fn counts(findings: &[Finding]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What all files together come to.
#[derive(Clone, Copy)]
struct Verdict {
    errors: usize,
    warnings: usize,
}

impl Verdict {
    fn of(checked: &[Checked]) -> Self {
        let unreadable = checked.iter().filter(|file| file.unreadable.is_some()).count();
        checked.iter().map(|file| counts(file.findings())).fold(
            Self { errors: unreadable, warnings: 0 },
            |sum, (errors, warnings)| Self { errors: sum.errors + errors, warnings: sum.warnings + warnings },
        )
    }

    fn exit_code(self, strict: bool) -> ExitCode {
        match self {
            Self { errors: 1.., .. } => ExitCode::FAILURE,
            Self { warnings: 1.., .. } if strict => ExitCode::from(2),
            _ => ExitCode::SUCCESS,
        }
    }
}

/// The document of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    files: Vec<FileDocument<'a>>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct FileDocument<'a> {
    file: &'a str,
    /// Whether a run would begin with this file: it could be read and nothing in it is fatal (R4).
    usable: bool,
    items: Option<usize>,
    errors: usize,
    warnings: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
    findings: &'a [Finding],
    /// Of a control file whose signature is accepted: the key, and what the signature says.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<SignedDocument>,
    /// Of settings: what is worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a [String]>,
    /// Of settings: every key with its effective value and its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'a [Origin]>,
    /// What the servers gave.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    online: &'a [Seen],
}

#[derive(Serialize)]
struct SignedDocument {
    key: String,
    terms: String,
}

fn as_json(checked: &[Checked], verdict: Verdict) -> String {
    let file = |file: &'_ Checked| {
        let (errors, warnings) = counts(file.findings());
        (errors + usize::from(file.unreadable.is_some()), warnings)
    };
    let files = checked.iter().map(|checked| {
        let (errors, warnings) = file(checked);
        FileDocument {
            file: &checked.file,
            usable: checked.is_usable(),
            items: checked.items(),
            errors,
            warnings,
            unreadable: checked.unreadable.as_deref(),
            findings: checked.findings(),
            signed: checked.signed.as_ref().map(|signed| SignedDocument {
                key: signed.key.to_string(),
                terms: signed.terms.to_string(),
            }),
            notes: checked.settings.as_ref().map(|settings| settings.notes.as_slice()),
            settings: checked.settings.as_ref().map(|settings| settings.origins.as_slice()),
            online: &checked.seen,
        }
    });
    let document = Document { files: files.collect(), errors: verdict.errors, warnings: verdict.warnings };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn as_sarif(checked: &[Checked]) -> String {
    let findings = checked.iter().flat_map(Checked::findings);
    let unreadable =
        checked.iter().filter_map(|file| Some((file.file.as_str(), file.unreadable.as_deref()?)));
    format!("{:#}\n", sarif::document(findings, unreadable))
}
