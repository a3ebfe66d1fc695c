//! A part of a file that behaves like a file of its own, for packages stored inside packages.

use std::io::{self, Read, Seek, SeekFrom};

/// Anything that can be read at any place.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The bytes from `start` on, `length` of them.
pub struct Section<'a> {
    source: &'a mut dyn ReadSeek,
    start: u64,
    length: u64,
    at: u64,
}

impl<'a> Section<'a> {
    /// A section of `source`; reading past the end of `source` gives fewer bytes.
    pub fn new(source: &'a mut dyn ReadSeek, start: u64, length: u64) -> Self {
        Self { source, start, length, at: 0 }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.source.seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let count = self.source.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at =
            target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the beginning"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_section_is_read_and_sought_like_a_file_of_its_own() {
        let mut file = Cursor::new(b"0123456789".to_vec());
        let mut section = Section::new(&mut file, 2, 5);
        let mut text = String::new();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "23456");
        assert_eq!(section.seek(SeekFrom::End(-2)).unwrap(), 3);
        text.clear();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "56");
        assert!(section.seek(SeekFrom::Current(-9)).is_err());
        section.seek(SeekFrom::Start(99)).unwrap();
        assert_eq!(section.read(&mut [0; 4]).unwrap(), 0);
    }
}
