//! Reads files to their end, piece by piece.

use std::{fs::File, io::Read as _, os::unix::fs::FileExt as _};

/// How much is read or copied at once.
pub(crate) const PIECE: usize = 256 * 1024;

/// Reads to the end, piece by piece; gives the number of bytes.
pub(crate) fn read_pieces(
    from: &mut File,
    take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<u64> {
    drain(|piece, _| from.read(piece), take)
}

/// The same from the beginning, without moving the offset, which everybody who holds the file shares.
pub(crate) fn read_at_pieces(
    from: &File,
    take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<u64> {
    drain(|piece, at| from.read_at(piece, at), take)
}

fn drain(
    mut read: impl FnMut(&mut [u8], u64) -> std::io::Result<usize>,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<u64> {
    let (mut piece, mut bytes) = (vec![0; PIECE], 0);
    loop {
        match read(&mut piece, bytes) {
            Ok(0) => return Ok(bytes),
            Ok(count) => {
                take(piece.get(..count).unwrap_or_default())?;
                bytes += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
