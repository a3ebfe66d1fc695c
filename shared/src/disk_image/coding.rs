//! Turns a stored chunk of a disk image into its sectors.

use super::udif::Coding;
use crate::flat_package::MOST_LZMA_KIB;
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::ZlibDecoder;
use lzfse_rust::LzfseRingDecoder;
use lzma_rust2::{LzmaReader, XzReader};
use std::io::{self, BufRead, BufReader, Read};

/// Exactly `length` bytes, decoded from `stored`; the caller has bounded `length`.
pub(super) fn decode(coding: Coding, stored: impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut stored = BufReader::with_capacity(1 << 16, stored);
    let sectors = match coding {
        Coding::Unused | Coding::Zero => all(io::repeat(0), length),
        Coding::Raw => all(stored, length),
        Coding::Adc => adc(stored, length),
        Coding::Zlib => all(ZlibDecoder::new(stored), length),
        Coding::Bzip2 => all(MultiBzDecoder::new(stored), length),
        Coding::Lzfse => lzfse(stored, length),
        Coding::Lzma if stored.fill_buf()?.first() == Some(&0xfd) => {
            all(XzReader::new_mem_limit(stored, false, MOST_LZMA_KIB), length)
        }
        Coding::Lzma => all(LzmaReader::new_mem_limit(stored, MOST_LZMA_KIB, None)?, length),
    }?;
    if sectors.len() as u64 == length {
        return Ok(sectors);
    }
    let text = format!("a chunk has {} bytes instead of {length}", sectors.len());
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

fn all(decoder: impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut sectors = Vec::new();
    decoder.take(length).read_to_end(&mut sectors)?;
    Ok(sectors)
}

/// LZFSE, or LZVN in its blocks.
pub(super) fn lzfse(mut stored: impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut decoder = LzfseRingDecoder::default();
    all(decoder.reader(&mut stored), length)
}

/// LZVN without the block around it, as files compressed on the volume have it.
pub(super) fn lzvn(stored: &[u8], length: u64) -> io::Result<Vec<u8>> {
    let sizes = u32::try_from(length).ok().zip(u32::try_from(stored.len()).ok());
    let (plain, packed) =
        sizes.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a chunk is too large"))?;
    let head = [&b"bvxn"[..], &plain.to_le_bytes(), &packed.to_le_bytes()].concat();
    lzfse(head.as_slice().chain(stored).chain(&b"bvx$"[..]), length)
}

/// A first byte with bit 7: so many bytes as they are; with bit 6: a long copy from before; else a short one.
fn adc(mut stored: impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a chunk copies from before its beginning");
    let mut byte = |rest: &mut [u8]| stored.read_exact(rest);
    let mut sectors: Vec<u8> = Vec::new();
    while (sectors.len() as u64) < length {
        let mut rest = [0; 2];
        let mut first = [0];
        byte(&mut first)?;
        let first = first[0];
        if first & 0x80 != 0 {
            let mut plain = [0; 128];
            let plain = plain.get_mut(..usize::from(first & 0x7f) + 1).unwrap_or_default();
            byte(plain)?;
            sectors.extend_from_slice(plain);
            continue;
        }
        let (count, back) = if first & 0x40 != 0 {
            byte(&mut rest)?;
            (usize::from(first & 0x3f) + 4, usize::from(u16::from_be_bytes(rest)))
        } else {
            byte(rest.get_mut(1..).unwrap_or_default())?;
            (usize::from(first >> 2) + 3, usize::from(first & 3) << 8 | usize::from(rest[1]))
        };
        let from = sectors.len().checked_sub(back + 1).ok_or_else(damaged)?;
        for index in from..from + count {
            sectors.push(sectors.get(index).copied().ok_or_else(damaged)?);
        }
    }
    sectors.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(sectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adc_copies_literals_and_what_came_before() {
        // "abc", a short copy of 3 from 3 back, a long copy of 4 from 1 back.
        let stored = [0x82, b'a', b'b', b'c', 0x00, 0x02, 0x40, 0x00, 0x00];
        assert_eq!(decode(Coding::Adc, &stored[..], 10).unwrap(), b"abcabccccc"[..10]);
        assert!(decode(Coding::Adc, &[0x00, 0x02][..], 3).is_err(), "nothing came before");
        assert!(decode(Coding::Adc, &stored[..], 11).is_err(), "it ends");
    }

    #[test]
    fn what_lzfse_and_lzvn_pack_is_unpacked() {
        let plain = b"to be or not to be, that is what is to be packed ".repeat(40);
        let mut packed = Vec::new();
        lzfse_rust::encode_bytes(&plain, &mut packed).unwrap();
        assert_eq!(decode(Coding::Lzfse, &packed[..], plain.len() as u64).unwrap(), plain);
        assert!(decode(Coding::Lzfse, &packed[..packed.len() / 2], plain.len() as u64).is_err());
        // Small inputs are packed with LZVN: its block without the block's head and the end of the stream.
        let plain = b"abcabcabcabcabcabcabcabcabcabcabcabcabc";
        packed.clear();
        lzfse_rust::encode_bytes(plain, &mut packed).unwrap();
        assert_eq!(&packed[..4], b"bvxn");
        assert_eq!(lzvn(&packed[12..packed.len() - 4], plain.len() as u64).unwrap(), plain);
    }
}
