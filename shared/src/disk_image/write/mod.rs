//! Makes a disk image from a tree of files: one HFSX volume in compressed blocks. The same input gives the same bytes.

mod catalog;
mod udif;
mod volume;

use super::Coding;
use crate::flat_package::write::{Source, WriteError};
use std::io::Write;

/// What an image is made like.
#[derive(Debug, Clone, Copy)]
pub struct ImageSpec<'a> {
    /// What the Finder shows as the volume's name.
    pub name: &'a str,
    /// How blocks are stored; those that are all zeros are not. ADC is not written.
    pub coding: Coding,
}

/// Writes an image of a volume that holds `source`.
///
/// # Errors
/// A file cannot be read or has changed, the tree is too large for the format, or the output cannot be written.
pub fn write_image(spec: ImageSpec<'_>, source: Source<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    let mut blocks = udif::BlockWriter::new(out, spec.coding);
    volume::write(spec.name, source, &mut blocks)?;
    Ok(blocks.finish()?)
}
