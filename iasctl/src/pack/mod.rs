//! `iasctl pack`: from one settings file to the enrolment package, and everything beside it that an MDM needs.

mod declaration;
mod input;
mod macho;
mod make;
mod manifest;
mod names;
mod package;
mod place;
mod profile;
mod programs;
mod report;
mod seed;
mod signing;

use crate::stdout;
use std::{path::PathBuf, process::ExitCode};

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
    /// A folder of content the package brings along: control file, packages, scripts, for Macs without a network
    #[arg(long, value_name = "DIR")]
    seed: Option<PathBuf>,
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
    let report = match make::all(arguments) {
        Ok(report) => report,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return ExitCode::FAILURE;
        }
    };
    report.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let text = if arguments.json {
        // Plain data: it always has a text.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        report.to_string()
    };
    stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS)
}
