//! Whether a package is signed by one of those its item accepts, asked of the very bytes that will be installed.

use super::{Downloader, VerifiedArtifact};
use shared::{flat_package::signature::verify_whole, item::SignerId, plan::signer};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
};
use time::OffsetDateTime;

impl Downloader {
    /// Verifies signature and content of `package`, judges them by `wanted`, and then confirms that nothing changed
    /// meanwhile. Where nobody is wanted, nothing is read.
    ///
    /// # Errors
    /// What was found, and what is wanted.
    pub(crate) async fn signed_by(
        &self,
        package: &VerifiedArtifact,
        wanted: &[SignerId],
    ) -> Result<(), String> {
        if wanted.is_empty() {
            return Ok(());
        }
        let (package, wanted) = (package.clone(), wanted.to_vec());
        let (roots, now) = (self.package_roots.clone(), OffsetDateTime::now_utc());
        let checked = tokio::task::spawn_blocking(move || {
            let verdict = verify_whole(AtItsOwnPlace::of(package.file()), &roots, now);
            signer::accept(&verdict, &wanted).map_err(|refused| refused.to_string())?;
            // What was read must be what was digested, and what the installer will open.
            package.confirm().map_err(|changed| changed.to_string())
        });
        checked.await.map_err(|error| error.to_string())?
    }
}

/// Reads an open file whose own offset is shared with others, and leaves that where it is.
struct AtItsOwnPlace<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> AtItsOwnPlace<'a> {
    fn of(file: &'a File) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for AtItsOwnPlace<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for AtItsOwnPlace<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        let outside =
            || io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning of the file");
        self.at = from.checked_add_signed(by).ok_or_else(outside)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn two_who_read_one_file_do_not_disturb_each_other() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(3)).unwrap();
        let (mut one, mut other) = (AtItsOwnPlace::of(&file), AtItsOwnPlace::of(&file));
        let mut piece = [0; 2];
        assert_eq!(one.seek(SeekFrom::End(-2)).unwrap(), 8);
        other.read_exact(&mut piece).unwrap();
        assert_eq!(&piece, b"01");
        one.read_exact(&mut piece).unwrap();
        assert_eq!((&piece, one.read(&mut piece.clone()).unwrap()), (b"89", 0));
        assert_eq!(one.seek(SeekFrom::Current(-9)).unwrap(), 1);
        assert!(one.seek(SeekFrom::Current(-2)).is_err());
        one.read_exact(&mut piece).unwrap();
        assert_eq!(&piece, b"12");
        assert_eq!((&file).stream_position().unwrap(), 3, "the shared offset stays");
    }
}
