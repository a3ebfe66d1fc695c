//! `iasctl pack`: from one settings file to the enrolment package, and everything beside it that an MDM needs.

mod declaration;
mod input;
mod macho;
mod manifest;
mod names;
mod package;
mod place;
mod profile;
mod programs;
mod report;
mod signing;

use input::Input;
use macho::Signed;
use manifest::Pieces;
use package::{Content, Title};
use place::{Addresses, Paths};
use plist::Value;
use programs::{BadProgram, Program};
use report::{Installed, Made, Named, Package, Report};
use shared::{
    digest::Digester,
    facts::Arch,
    flat_package::write::{Compression, PackageSigner},
    sys::atomic,
};
use std::{
    error::Error,
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What `pack` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The settings: a plist as iasd.plist, or a configuration profile
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// The https folder the files will be served from, or the package's whole URL; without it there is no manifest
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The new package's version; raise it whenever you pack anew
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"), value_parser = version)]
    package_version: String,
    /// What all names begin with: com.acme makes com.acme.ias, com.acme.iasd, com.acme.iasagent, com.acme.ias.xpc
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    identifier: Option<String>,
    /// The package's name for people
    #[arg(long, value_name = "TEXT", default_value = "ias")]
    title: String,
    /// Your organisation's name, for the profile
    #[arg(long, value_name = "TEXT", default_value = "")]
    organization: String,
    /// Where iasd and iasagent for Macs are: universal, or in folders aarch64 and x86_64; or Cargo's target folder
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Where the settings go: into the package, where they win over the profile's, or into the profile alone
    #[arg(long, value_name = "WHERE", default_value = "package")]
    settings_in: SettingsIn,
    /// How the payload is compressed: pbzx is smallest, gzip is read by every tool
    #[arg(long, value_name = "HOW", default_value = "gzip")]
    compression: Pressed,
    #[command(flatten)]
    signing: signing::Signing,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Print one JSON document instead of text; docs/pack.md describes it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SettingsIn {
    Package,
    Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Pressed {
    Gzip,
    Pbzx,
}

/// Letters, digits and dots, as receipts and file names bear them.
fn version(text: &str) -> Result<String, String> {
    let fits = text.len() <= 40
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if fits && text.starts_with(|first: char| first.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("expected a version such as 1.0.2".to_owned())
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 150 && text.contains('.') && text.split('.').all(fits) {
        Ok(text.to_owned())
    } else {
        Err("expected the beginning of a reverse-DNS name, such as com.acme".to_owned())
    }
}

/// Packs; exit 1 when nothing could be made.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let report = match pack(arguments) {
        Ok(report) => report,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return ExitCode::FAILURE;
        }
    };
    report.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let mut out = io::stdout().lock();
    let printed = if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        write!(out, "{report}")
    };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn pack(arguments: &Arguments) -> Result<Report, Vec<String>> {
    let mut input = Input::read(&arguments.settings, arguments.identifier.as_deref())?;
    let mut warnings = std::mem::take(&mut input.warnings);
    let rest = pack_input(arguments, &input, &mut warnings);
    rest.map_err(|problem| vec![format!("error: {problem}")])
}

fn pack_input(arguments: &Arguments, input: &Input, warnings: &mut Vec<String>) -> Result<Report, String> {
    let paths = Paths::new(&arguments.output, &arguments.package_version);
    let addresses = arguments.url.as_deref().map(|url| Addresses::below(url, &paths)).transpose()?;
    let with_settings = arguments.settings_in == SettingsIn::Package;
    let content = content(arguments, input, with_settings, warnings)?;
    let title = Title {
        title: arguments.title.clone(),
        identifier: input.settings.identifiers.log.clone(),
        version: arguments.package_version.clone(),
    };
    std::fs::create_dir_all(&arguments.output)
        .map_err(|error| format!("{}: {error}", arguments.output.display()))?;
    let compression = match arguments.compression {
        Pressed::Gzip => Compression::Gzip,
        Pressed::Pbzx => Compression::Xz,
    };
    let package = paths.with("pkg");
    let signer = arguments.signing.signer()?;
    let signed_by = signer.as_ref().map(signing::Signer::name);
    let signer = signer.as_ref().map(|signer| signer as &dyn PackageSigner);
    content.write(&package, &title, compression, signer).map_err(|error| chain(&error))?;
    if signer.is_some() {
        warnings.extend(signing::check(&package)?);
    }
    let sha256 = digest(&package).map_err(|error| format!("{}: {error}", package.display()))?;
    let mut files = Vec::new();
    if let Some(addresses) = &addresses {
        files.extend(for_mdm(&paths, addresses, &title, &sha256)?);
    } else {
        warnings.push("note: without --url there is neither manifest nor declaration".to_owned());
    }
    let sender = profile::Sender {
        identifier: &title.identifier,
        organization: &arguments.organization,
        title: &arguments.title,
    };
    files.push(made(
        "profile",
        &paths.with("mobileconfig"),
        &xml(&profile::profile(&input.values, sender))?,
        None,
    )?);
    warn_of_secrets(input, with_settings, warnings);
    let bytes = std::fs::metadata(&package).map_err(|error| format!("{}: {error}", package.display()))?.len();
    let package = Package { signed_by, ..describe(&package, bytes, sha256, &title, &content) };
    Ok(Report { package, names: named(input), files, warnings: std::mem::take(warnings) })
}

/// Both programs and everything around them.
fn content(
    arguments: &Arguments,
    input: &Input,
    with_settings: bool,
    warnings: &mut Vec<String>,
) -> Result<Content, String> {
    let folder = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => own_folder()?,
    };
    let names = &input.settings.identifiers;
    let prepare = |name, identifier: &str| {
        programs::prepare(&folder, name, identifier).map_err(|error| {
            let how =
                if matches!(error, BadProgram::Unreadable { .. }) { "" } else { programs::HOW_TO_BUILD };
            format!("{}\n  {how}", chain(&error)).trim_end().to_owned()
        })
    };
    let (daemon, agent) = (prepare("iasd", &names.daemon)?, prepare("iasagent", &names.agent)?);
    let list = |program: &Program| words(&program.architectures);
    if daemon.architectures != agent.architectures {
        let (daemon, agent) = (list(&daemon), list(&agent));
        return Err(format!("iasd is for {daemon}, iasagent for {agent}; build both for both"));
    }
    if let [only] = daemon.architectures[..] {
        let other = if only == Arch::Arm64 { "Intel" } else { "Apple silicon" };
        warnings.push(format!(
            "warning: the programs are for {} only; Macs with {other} refuse the package",
            only.as_str()
        ));
    }
    for (name, program) in [("iasd", &daemon), ("iasagent", &agent)] {
        if program.signed == Signed::AdHoc {
            warnings.push(format!(
                "note: {name} is signed ad hoc, by nobody: enough to start, not for notarization"
            ));
        }
    }
    Content::new(input, daemon, agent, with_settings).map_err(|error| chain(&error))
}

fn own_folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where is iasctl? {error}"))?;
    own.parent().map(Path::to_owned).ok_or_else(|| "iasctl is in no folder".to_owned())
}

/// Manifest and declaration.
fn for_mdm(paths: &Paths, addresses: &Addresses, title: &Title, sha256: &str) -> Result<[Made; 2], String> {
    let (package, path) = (paths.with("pkg"), paths.with("plist"));
    let pieces = Pieces::of(&package).map_err(|error| format!("{}: {error}", package.display()))?;
    let manifest = xml(&pieces.manifest(&addresses.package, title))?;
    let manifest = made("manifest", &path, &manifest, Some(addresses.manifest.to_string()))?;
    manifest::verify(&path, &package)?;
    let declaration = declaration::declaration(&addresses.manifest, title, sha256);
    let declaration = format!("{declaration:#}\n");
    let declaration = made("declaration", &paths.with("declaration.json"), declaration.as_bytes(), None)?;
    Ok([manifest, declaration])
}

fn warn_of_secrets(input: &Input, with_settings: bool, warnings: &mut Vec<String>) {
    let secrets = input.secrets();
    if with_settings && !secrets.is_empty() {
        warnings.push(format!(
            "warning: the package holds {}, and whoever can load it can read that; with --settings-in profile only the MDM has it",
            secrets.join(", ")
        ));
    }
}

fn made(kind: &'static str, path: &Path, content: &[u8], url: Option<String>) -> Result<Made, String> {
    atomic::replace(path, content, 0o644).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Made { kind, file: path.display().to_string(), bytes: content.len() as u64, url })
}

fn xml(value: &Value) -> Result<Vec<u8>, String> {
    names::as_xml(value).map_err(|error| format!("cannot write a plist: {error}"))
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digester = Digester::default();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(digester.finish().to_string());
        }
        digester.update(buffer.get(..count).unwrap_or_default());
    }
}

fn describe(file: &Path, bytes: u64, sha256: String, title: &Title, content: &Content) -> Package {
    let installed = |(path, mode, bytes)| Installed { path, mode: format!("{mode:04o}"), bytes };
    Package {
        file: file.display().to_string(),
        bytes,
        sha256,
        identifier: title.identifier.clone(),
        version: title.version.clone(),
        minimum_system: content.min_os().to_owned(),
        architectures: content.architectures().iter().map(|arch| arch.as_str()).collect(),
        signed_by: None,
        installs: content.installed().map(installed).collect(),
    }
}

fn named(input: &Input) -> Named {
    let names = input.settings.identifiers.clone();
    Named { log: names.log, daemon: names.daemon, agent: names.agent, service: names.service }
}

fn words(architectures: &[Arch]) -> String {
    architectures.iter().map(|arch| arch.as_str()).collect::<Vec<_>>().join(" and ")
}

/// An error with everything that led to it, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
