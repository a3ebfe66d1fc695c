//! Looks into disk images and into archives that hold an application.

use super::contents::{Found, contents};
use super::report::{ArchiveReport, Contents, ImageReport, Report, VolumeReport};
use super::survey::Wanted;
use crate::chain::chain;
use shared::archive::Archive;
use shared::disk_image::{DiskImage, Volume};
use shared::flat_package::impostor::{BYTES_NEEDED, Impostor};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What is inspected here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Image,
    Archive,
}

impl Container {
    /// What a file is, by its content; images without a trailer are told by their name.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn of(path: &Path, source: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        let size = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(size.saturating_sub(BYTES_NEEDED as u64)))?;
        source.by_ref().take(BYTES_NEEDED as u64).read_to_end(&mut last)?;
        source.rewind()?;
        source.by_ref().take(BYTES_NEEDED as u64).read_to_end(&mut first)?;
        source.rewind()?;
        let named = |names: &[&str]| {
            let name = path.extension().and_then(|extension| extension.to_str());
            name.is_some_and(|name| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
        };
        Ok(match Impostor::judge(&first, &last) {
            // The last block begins so, whatever the first says.
            _ if last.starts_with(b"koly") => Some(Self::Image),
            Impostor::DiskImage => Some(Self::Image),
            Impostor::Zip | Impostor::Compressed => Some(Self::Archive),
            Impostor::Unknown | Impostor::Text if named(&["dmg", "iso", "cdr"]) => Some(Self::Image),
            _ if named(&["tar"]) || first.get(257..).is_some_and(|rest| rest.starts_with(b"ustar")) => {
                Some(Self::Archive)
            }
            _ => None,
        })
    }

    /// Inspects it.
    pub(super) fn survey(self, file: String, source: impl Read + Seek, size: u64, wanted: &Wanted) -> Report {
        let empty = Report {
            file,
            size,
            sha256: None,
            ok: false,
            errors: Vec::new(),
            warnings: Vec::new(),
            unreadable: false,
            package: None,
            image: None,
            archive: None,
        };
        let mut report = match self {
            Self::Image => image(empty, source, wanted),
            Self::Archive => archive(empty, source, wanted),
        };
        report.ok = report.errors.is_empty();
        report
    }
}

fn image(mut report: Report, source: impl Read + Seek, wanted: &Wanted) -> Report {
    let mut image = match DiskImage::open(source) {
        Ok(image) => image,
        Err(error) => {
            report.errors.push(format!("this is a disk image that cannot be read: {}", chain(&error)));
            return report;
        }
    };
    match image.verify() {
        Ok(wrong) => report.errors.extend(wrong),
        Err(error) => report.warnings.push(format!("its checksums were not verified: {}", chain(&error))),
    }
    if image.has_licence() {
        let text = "it shows a licence that somebody must agree to when it is attached; iasd agrees";
        report.warnings.push(text.to_owned());
    }
    let mut volumes = Vec::new();
    for found in image.volumes().to_vec() {
        volumes.push(volume(&mut image, &found, &mut report, wanted));
    }
    if volumes.is_empty() {
        report.errors.push("no volume is in it that this program can read (HFS+ or APFS)".to_owned());
    } else {
        advise(volumes.iter().filter_map(|volume| volume.contents.as_ref()), &mut report.warnings);
    }
    let parts = image.tables().iter().map(|table| table.name.clone()).collect();
    let without_checksum = image.tables().iter().filter(|table| table.crc.is_none()).count();
    report.image = Some(ImageReport {
        format: image.format(),
        disk_bytes: image.size(),
        licence: image.has_licence(),
        parts,
        parts_without_checksum: without_checksum,
        volumes,
    });
    report
}

fn volume<R: Read + Seek>(
    image: &mut DiskImage<R>,
    volume: &Volume,
    report: &mut Report,
    wanted: &Wanted,
) -> VolumeReport {
    let found = match image.walk(volume, Path::new("")) {
        Ok(Some(walk)) => Some(contents(walk, wanted)),
        Ok(None) => None,
        Err(error) if volume.encrypted => {
            report.warnings.push(chain(&error));
            None
        }
        Err(error) => {
            report.errors.push(chain(&error));
            None
        }
    };
    VolumeReport {
        name: volume.name.clone(),
        file_system: volume.file_system.to_string(),
        size: volume.size,
        encrypted: volume.encrypted,
        contents: found.map(|found| take(found, report)),
    }
}

fn archive(mut report: Report, source: impl Read + Seek, wanted: &Wanted) -> Report {
    let opened = Archive::open(source).map(|archive| (archive.kind, contents(archive.into_walk(), wanted)));
    match opened {
        Ok((kind, found)) => {
            let contents = take(found, &mut report);
            advise([&contents].into_iter(), &mut report.warnings);
            report.archive = Some(ArchiveReport { kind: kind.to_string(), contents });
        }
        Err(error) => {
            let text = "this looks like a zip archive or a compressed file that cannot be read";
            report.errors.push(format!("{text}: {}", chain(&error)));
        }
    }
    report
}

/// Moves what is to be said into the report.
fn take(found: Found, report: &mut Report) -> Contents {
    report.errors.extend(found.errors);
    report.warnings.extend(found.warnings);
    found.contents
}

fn advise<'a>(mut all: impl Iterator<Item = &'a Contents>, warnings: &mut Vec<String>) {
    if all.all(|contents| contents.apps.is_empty() && contents.packages.is_empty()) {
        warnings.push("neither an application nor a package is in it".to_owned());
    }
}
