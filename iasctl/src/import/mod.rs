//! `iasctl import`: a control file from what other tools read, and a list of everything that could not be carried over.

mod baseline;
mod bootstrapmate;
mod carried;
mod document;
mod format;
mod munki;
mod setup_manager;
mod setup_your_mac;

use crate::{
    control_text::{Dialect, Phases},
    generate::Base,
    stdout,
};
use carried::{Carried, Terms};
use document::Document;
use format::Format;
use serde_json::json;
use shared::{
    control::{self, Context, Finding, Severity, USUAL_NAME},
    item::HashCheckPolicy,
    layout::MacPath,
    sys::atomic,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What `import` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What the files were written for: auto, baseline, setup-manager, setup-your-mac, bootstrapmate, munki
    #[arg(value_name = "FORMAT", value_parser = format)]
    format: Wanted,
    /// Profiles, property lists, JSON or YAML; with munki, manifests with what they include, and catalogs
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the control file here instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where files that the other tool brought along itself will be published, in a folder for each phase
    #[arg(long, value_name = "URL", value_parser = Base::new)]
    base_url: Option<Base>,
    /// A folder with copies of the packages and scripts: digests, ids and versions are taken from them
    #[arg(long, value_name = "DIR")]
    copies: Option<PathBuf>,
    /// Write scripts into this folder for what were commands, to be published below the base URL
    #[arg(long, value_name = "DIR", requires = "base_url")]
    scripts: Option<PathBuf>,
    /// The InstallPath of the run
    #[arg(long, value_name = "PATH", default_value = "/Library/installapplications", value_parser = install_path)]
    install_path: MacPath,
    /// Exit with 2 when something could not be carried over
    #[arg(long)]
    strict: bool,
    /// Print one JSON document, with the control file in it as text
    #[arg(long)]
    json: bool,
}

/// A format, or what the contents say; it is a type of its own because clap takes an `Option` for an absent word.
#[derive(Debug, Clone, Copy)]
struct Wanted(Option<Format>);

fn format(text: &str) -> Result<Wanted, String> {
    if text == "auto" {
        return Ok(Wanted(None));
    }
    <Format as clap::ValueEnum>::from_str(text, true).map(|format| Wanted(Some(format))).map_err(|_| {
        "expected auto, baseline, setup-manager, setup-your-mac, bootstrapmate or munki".to_owned()
    })
}

fn install_path(text: &str) -> Result<MacPath, String> {
    MacPath::new(text).map_err(|why| why.to_string())
}

/// Carries over what can be; exit 1 when a file cannot be read or nothing came of all of them.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut errors = Vec::new();
    let documents = documents(arguments, &mut errors);
    let terms = Terms {
        base: arguments.base_url.clone(),
        files: arguments.copies.clone(),
        writes_scripts: arguments.scripts.is_some(),
        install_path: arguments.install_path.clone(),
    };
    let mut carried = Carried::new(&terms);
    for (format, document) in &documents {
        match format {
            Format::Baseline => baseline::carry(document, &mut carried),
            Format::SetupManager => setup_manager::carry(document, &mut carried),
            Format::SetupYourMac => setup_your_mac::carry(document, &mut carried),
            Format::BootstrapMate => bootstrapmate::carry(document, &mut carried),
            Format::Munki => {}
        }
    }
    // They belong together.
    let of_munki: Vec<&Document> = documents
        .iter()
        .filter_map(|(format, document)| (*format == Format::Munki).then_some(document))
        .collect();
    munki::carry(&of_munki, &mut carried);
    carried.finish();
    let context = Context {
        install_path: arguments.install_path.clone(),
        hash_check: HashCheckPolicy::WarningRequireMatch,
    };
    carried.keep_what_is_sound(&context);
    carried.losses.iter().for_each(|loss| eprintln!("{}", loss.line()));
    let phases = carried.phases();
    if phases.count() == 0 && errors.is_empty() {
        errors.push("nothing could be carried over".to_owned());
    }
    let (text, findings) = checked(arguments, &phases, &context, &mut errors);
    let told = if errors.is_empty() { write(arguments, &carried, &text) } else { Ok(()) };
    errors.extend(told.err());
    errors.iter().for_each(|error| eprintln!("error: {error}"));
    let is_good = errors.is_empty();
    let printed = match (arguments.json, is_good && arguments.output.is_none()) {
        (true, _) => stdout::print(&as_json(&documents, &carried, &findings, (is_good, &text), &errors)),
        (false, true) => stdout::print(&text),
        (false, false) => Ok(()),
    };
    let is_whole = carried.losses.is_empty() && findings.is_empty();
    let code = match (is_good, is_whole || !arguments.strict) {
        (false, _) => ExitCode::FAILURE,
        (true, false) => ExitCode::from(2),
        (true, true) => ExitCode::SUCCESS,
    };
    printed.err().unwrap_or(code)
}

/// Every file that can be read and is of a known format.
fn documents(arguments: &Arguments, errors: &mut Vec<String>) -> Vec<(Format, Document)> {
    let mut documents = Vec::new();
    for path in &arguments.files {
        let read = Document::read(path).and_then(|document| {
            let format = match arguments.format.0 {
                Some(format) => format,
                None => format::detect(&document).map_err(|why| format!("{}: {why}", document.file))?,
            };
            let readable = format.settings(&document).is_some() || format::is_catalog(&document.root);
            let why = || format!("{}: nothing that {} reads", document.file, format.tool());
            if readable { Ok((format, document)) } else { Err(why()) }
        });
        match read {
            Ok(read) => documents.push(read),
            Err(why) => errors.push(why),
        }
    }
    documents
}

/// The control file, and what `iasctl check` says of it where downloads without a digest are accepted.
fn checked(
    arguments: &Arguments,
    phases: &Phases,
    context: &Context,
    errors: &mut Vec<String>,
) -> (String, Vec<Finding>) {
    let text = phases.text(Dialect::Ia) + "\n";
    let name = arguments.output.as_ref().map_or(USUAL_NAME.to_owned(), |path| path.display().to_string());
    let findings = control::read(text.as_bytes(), &name, context).findings;
    for finding in &findings {
        eprintln!("{finding}");
        finding.hint.iter().for_each(|hint| eprintln!("hint: {hint}"));
    }
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        errors.push(format!("{name}: not written, because of the errors above"));
    }
    (text, findings)
}

/// Writes the scripts, and the control file when it has a place.
fn write(arguments: &Arguments, carried: &Carried<'_>, text: &str) -> Result<(), String> {
    let failed = |path: &Path, error: io::Error| format!("{}: cannot be written: {error}", path.display());
    for script in &carried.scripts {
        let Some(folder) = &arguments.scripts else { break };
        let folder = folder.join(script.phase.key());
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        let path = folder.join(&script.name);
        atomic::replace(&path, script.text.as_bytes(), 0o755).map_err(|error| failed(&path, error))?;
    }
    let Some(path) = &arguments.output else { return Ok(()) };
    atomic::replace(path, text.as_bytes(), 0o644).map_err(|error| failed(path, error))?;
    let (items, losses) = (carried.phases().count(), carried.losses.len());
    eprintln!("{}: {items} carried over; {losses} things were not, see above", path.display());
    Ok(())
}

fn as_json(
    documents: &[(Format, Document)],
    carried: &Carried<'_>,
    findings: &[Finding],
    (is_good, text): (bool, &str),
    errors: &[String],
) -> String {
    let file =
        |(format, document): &(Format, Document)| json!({ "file": document.file, "format": format.tool() });
    let files: Vec<_> = documents.iter().map(file).collect();
    let document = json!({
        "files": files,
        "items": carried.phases().count(),
        "not_carried": carried.losses,
        "findings": findings,
        "errors": errors,
        "control_file": is_good.then_some(text),
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Words of all formats, and what stands where it should not.
    const WORDS: [&str; 34] = [
        "Packages",
        "Scripts",
        "InitialScripts",
        "Installomator",
        "WaitFor",
        "PackagePath",
        "ScriptPath",
        "DisplayName",
        "TeamID",
        "MD5",
        "enrollmentActions",
        "shell",
        "watchPath",
        "wait",
        "policy",
        "label",
        "steps",
        "trigger_list",
        "trigger",
        "preflight",
        "userland",
        "setupassistant",
        "type",
        "file",
        "url",
        "hash",
        "package",
        "rootscript",
        "skipIf",
        "managed_installs",
        "included_manifests",
        "conditional_items",
        "https://x.example/a.pkg",
        "/Library/a.sh",
    ];

    fn any_value() -> impl Strategy<Value = Value> {
        let word = || prop::sample::select(WORDS.to_vec());
        let leaf = prop_oneof![
            4 => word().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i32>().prop_map(Value::from),
            1 => ".{0,8}".prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(word(), inner, 0..6).prop_map(|members| {
                    Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_files_say_the_control_file_is_sound(root in any_value(), writes_scripts in any::<bool>()) {
            let terms = Terms {
                base: Base::new("https://x.example").ok(),
                files: None,
                writes_scripts,
                install_path: MacPath::new("/Library/ias").unwrap(),
            };
            let document =
                Document { file: "f".to_owned(), name: "a".to_owned(), root, domains: Vec::new() };
            let mut carried = Carried::new(&terms);
            baseline::carry(&document, &mut carried);
            setup_manager::carry(&document, &mut carried);
            setup_your_mac::carry(&document, &mut carried);
            bootstrapmate::carry(&document, &mut carried);
            munki::carry(&[&document], &mut carried);
            carried.finish();
            let context = Context {
                install_path: terms.install_path.clone(),
                hash_check: HashCheckPolicy::WarningRequireMatch,
            };
            carried.keep_what_is_sound(&context);
            let text = carried.phases().text(Dialect::Ia);
            let reading = control::read(text.as_bytes(), "made", &context);
            let errors: Vec<_> =
                reading.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            prop_assert!(reading.control.is_some() && errors.is_empty(), "{errors:?}");
        }
    }
}
