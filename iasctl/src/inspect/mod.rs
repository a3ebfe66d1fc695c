//! `iasctl inspect`: what is inside a flat package, a disk image or an archive, with every byte read and checked.

mod advice;
mod contents;
pub(crate) mod expand;
mod image;
mod image_text;
pub(crate) mod report;
mod signature;
pub(crate) mod survey;
mod text;

use crate::{chain::chain, stdout};
use image::Container;
use report::Report;
use shared::archive::Archive;
use shared::digest::{Digest, Digester};
use shared::disk_image::DiskImage;
use shared::flat_package::FlatPackage;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use survey::{Wanted, survey};
use time::OffsetDateTime;

/// What `inspect` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Packages, disk images and archives to look into
    #[arg(required = true, value_name = "FILE")]
    packages: Vec<PathBuf>,
    /// List the files they install or hold
    #[arg(long)]
    files: bool,
    /// Show the text of their scripts
    #[arg(long)]
    scripts: bool,
    /// Take the package apart into this new folder, payload and scripts too; unpack the disk image or archive there
    #[arg(long, value_name = "DIR")]
    expand: Option<PathBuf>,
    /// Trust the root certificates in this file, too (PEM or DER)
    #[arg(long, value_name = "FILE")]
    trust_root: Vec<PathBuf>,
    /// Print an array of reports instead of text; docs/inspect.md describes them
    #[arg(long)]
    json: bool,
}

/// Carries it out: 0 when every file can be read and its every byte fits, else 1.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if arguments.expand.is_some() && arguments.packages.len() > 1 {
        eprintln!("iasctl inspect: --expand takes one package at a time");
        return ExitCode::FAILURE;
    }
    let roots = match signature::roots(&arguments.trust_root) {
        Ok(roots) => roots,
        Err(error) => {
            eprintln!("iasctl inspect: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (files, scripts, now) = (arguments.files, arguments.scripts, OffsetDateTime::now_utc());
    let wanted = Wanted { files, scripts, roots, now };
    let mut reports: Vec<Report> = arguments.packages.iter().map(|path| inspect(path, &wanted)).collect();
    if let (Some(folder), [path], [report]) =
        (&arguments.expand, arguments.packages.as_slice(), &mut *reports)
    {
        take_apart(path, folder, report);
    }
    for report in reports.iter().filter(|report| report.unreadable) {
        report.errors.iter().for_each(|error| eprintln!("error: {}: {error}", report.file));
    }
    let text = if arguments.json { as_json(&reports) } else { as_text(&reports) };
    let verdict = if reports.iter().all(|report| report.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    stdout::print(&text).err().unwrap_or(verdict)
}

/// Expands what was found to be whole; what happens goes into its report.
fn take_apart(path: &Path, folder: &Path, report: &mut Report) {
    if !report.ok {
        report.errors.push("not expanded, because of the errors above".to_owned());
        return;
    }
    let opened = File::open(path).map(BufReader::new).map_err(|error| error.to_string());
    let expanded = opened.and_then(|file| {
        if report.image.is_some() {
            let mut image = DiskImage::open(file).map_err(|error| chain(&error))?;
            return expand::expand_image(&mut image, folder);
        }
        if report.archive.is_some() {
            let archive = Archive::open(file).map_err(|error| chain(&error))?;
            return expand::expand_archive(archive, folder);
        }
        let mut package = FlatPackage::open(file).map_err(|error| chain(&error))?;
        expand::expand(&mut package, folder)
    });
    match expanded {
        Ok(remarks) => report.warnings.extend(remarks),
        Err(error) => report.errors.push(error),
    }
    report.ok = report.errors.is_empty();
}

fn as_json(reports: &[Report]) -> String {
    // Plain data: it always has a text.
    serde_json::to_string_pretty(reports).unwrap_or_default() + "\n"
}

fn as_text(reports: &[Report]) -> String {
    let readable = reports.iter().filter(|report| !report.unreadable);
    readable.map(|report| text::Text(report).to_string()).collect::<Vec<_>>().join("\n")
}

fn inspect(path: &Path, wanted: &Wanted) -> Report {
    let file = path.display().to_string();
    let opened = File::open(path).and_then(|mut source| {
        if source.metadata()?.is_dir() {
            let text = "it is a folder; an old bundle-style package must be rebuilt as a flat one";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
        }
        let (digest, size) = digest(&mut source)?;
        let container = Container::of(path, &mut source)?;
        Ok((BufReader::new(source), container, digest, size))
    });
    match opened {
        Ok((source, container, digest, size)) => {
            let report = match container {
                Some(container) => container.survey(file, source, size, wanted),
                None => survey(file, source, size, wanted),
            };
            Report { sha256: Some(digest), ..report }
        }
        Err(error) => Report {
            file,
            size: 0,
            sha256: None,
            ok: false,
            errors: vec![format!("cannot be read: {error}")],
            warnings: Vec::new(),
            unreadable: true,
            package: None,
            image: None,
            archive: None,
        },
    }
}

fn digest(source: &mut File) -> io::Result<(Digest, u64)> {
    let (mut digester, mut size) = (Digester::default(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            source.rewind()?;
            return Ok((digester.finish(), size));
        }
        digester.update(buffer.get(..count).unwrap_or_default());
        size += count as u64;
    }
}
