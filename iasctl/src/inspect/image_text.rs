//! What was found in a disk image or an archive, as text for a terminal.

use super::report::{AppReport, ArchiveReport, Contents, ImageReport, Report, VolumeReport};
use super::text::{Text, bytes, files, line, optional, visible};
use std::fmt::{self, Formatter};

/// A disk image.
pub(super) fn image(f: &mut Formatter<'_>, report: &Report, image: &ImageReport) -> fmt::Result {
    line(f, "Kind", &format!("disk image, {}, {}", image.format, bytes(report.size)))?;
    line(f, "Disk", &bytes(image.disk_bytes))?;
    line(f, "Checksums", &checksums(image, report.errors.is_empty()))?;
    optional(f, "SHA-256", report.sha256.as_ref())?;
    image.volumes.iter().try_for_each(|found| volume(f, found))
}

/// An archive.
pub(super) fn archive(f: &mut Formatter<'_>, report: &Report, archive: &ArchiveReport) -> fmt::Result {
    line(f, "Kind", &format!("{}, {}", archive.kind, bytes(report.size)))?;
    optional(f, "SHA-256", report.sha256.as_ref())?;
    inside(f, &archive.contents)
}

fn checksums(image: &ImageReport, all_right: bool) -> String {
    let parts = image.parts.len();
    match (parts, image.parts_without_checksum) {
        (0, _) => "none: the file is the disk as it is".to_owned(),
        _ if !all_right => "not everything could be read, see below".to_owned(),
        (_, 0) => format!("all {parts} parts match theirs"),
        (_, without) => format!("{without} of {parts} parts have none"),
    }
}

fn volume(f: &mut Formatter<'_>, volume: &VolumeReport) -> fmt::Result {
    writeln!(f, "\n  Volume {}", visible(&volume.name))?;
    let locked = if volume.encrypted { ", encrypted" } else { "" };
    line(f, "File system", &format!("{}, {}{locked}", volume.file_system, bytes(volume.size)))?;
    volume.contents.as_ref().map_or(Ok(()), |contents| inside(f, contents))
}

fn inside(f: &mut Formatter<'_>, contents: &Contents) -> fmt::Result {
    let noun = if contents.entries == 1 { "entry" } else { "entries" };
    line(f, "Contents", &format!("{} {noun}, {}", contents.entries, bytes(contents.bytes)))?;
    contents.apps.iter().try_for_each(|found| app(f, found))?;
    files(f, contents.files.as_deref().unwrap_or_default())?;
    for package in &contents.packages {
        writeln!(f)?;
        write!(f, "{}", Text(package))?;
    }
    Ok(())
}

fn app(f: &mut Formatter<'_>, app: &AppReport) -> fmt::Result {
    line(f, "Application", &app.path)?;
    let identifier = app.identifier.as_deref().unwrap_or("without identifier");
    let version = app.version.as_deref().or(app.build.as_deref()).unwrap_or("without version");
    let build = app.build.as_deref().filter(|build| Some(*build) != app.version.as_deref());
    let build = build.map(|build| format!(" ({build})")).unwrap_or_default();
    line(f, "", &format!("{identifier} {version}{build}"))?;
    optional(f, "Minimum macOS", app.minimum_system.as_ref())
}
