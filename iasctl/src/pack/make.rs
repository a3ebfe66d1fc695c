//! Makes everything `pack` promises, one after another: programs, package, manifest, declaration, profile.

use super::{
    Arguments, Pressed, SettingsIn, declaration,
    input::Input,
    macho::{CodeSigner, Signed},
    manifest::{self, Pieces},
    names,
    package::{Content, Title},
    place::{Addresses, Paths},
    profile,
    programs::{self, BadProgram, Program},
    report::{Installed, Made, Named, Package, Report},
    seed::Seed,
    signing,
};
use crate::chain::chain;
use plist::Value;
use shared::{
    digest::Digester,
    facts::Arch,
    flat_package::write::{Compression, PackageSigner},
    sys::atomic,
};
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// What it means when Apple does not vouch for the programs' signer.
const NO_TEAM: &str = "note: the programs' certificate does not lead to Apple's root (--sign-chain adds what is between), so that they \
     name no team: daemon and agent tell each other by user and session only";

/// Makes the package and everything beside it.
///
/// # Errors
/// Lines for the admin: why nothing, or not everything, could be made.
pub(super) fn all(arguments: &Arguments) -> Result<Report, Vec<String>> {
    let mut input = Input::read(&arguments.settings, arguments.identifier.as_deref())?;
    let mut warnings = std::mem::take(&mut input.warnings);
    let made = from_settings(arguments, &input, &mut warnings);
    made.map_err(|problem| vec![format!("error: {problem}")])
}

fn from_settings(arguments: &Arguments, input: &Input, warnings: &mut Vec<String>) -> Result<Report, String> {
    let paths = Paths::new(&arguments.output, &arguments.package_version);
    let addresses = arguments.url.as_deref().map(|url| Addresses::below(url, &paths)).transpose()?;
    let with_settings = arguments.settings_in == SettingsIn::Package;
    let program_signer = arguments.signing.program_signer()?;
    let programs_signed_by = program_signer.as_ref().map(signing::ProgramSigner::name);
    let content = content(arguments, input, with_settings, program_signer.as_ref(), warnings)?;
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
    let url = addresses.map(|addresses| addresses.package.to_string());
    let package =
        Package { signed_by, programs_signed_by, url, ..describe(&package, bytes, sha256, &title, &content) };
    Ok(Report { package, names: named(input), files, warnings: std::mem::take(warnings) })
}

/// Both programs and everything around them.
fn content(
    arguments: &Arguments,
    input: &Input,
    with_settings: bool,
    signer: Option<&signing::ProgramSigner>,
    warnings: &mut Vec<String>,
) -> Result<Content, String> {
    let folder = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => own_folder()?,
    };
    let names = &input.settings.identifiers;
    let in_words = |error: BadProgram| {
        let how = if matches!(error, BadProgram::Unreadable { .. }) { "" } else { programs::HOW_TO_BUILD };
        format!("{}\n  {how}", chain(&error)).trim_end().to_owned()
    };
    if signer.is_some_and(|signer| signer.team().is_none()) {
        warnings.push(NO_TEAM.to_owned());
    }
    let signer = signer.map(|signer| signer as &dyn CodeSigner);
    let daemon = programs::prepare_daemon(&folder, &names.daemon, signer).map_err(in_words)?;
    let agent = programs::prepare_agent(&folder, &names.agent, signer).map_err(in_words)?;
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
    let seed = arguments.seed.as_deref().map(|folder| Seed::read(folder, &input.settings)).transpose()?;
    let mut seed = seed.unwrap_or_default();
    warnings.append(&mut seed.warnings);
    Content::new(input, (daemon, agent), with_settings, seed).map_err(|error| chain(&error))
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
        url: None,
        signed_by: None,
        programs_signed_by: None,
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
