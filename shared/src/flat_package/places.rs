//! Where the entries of an archive lie in its heap: inside, apart from each other, and not more than a package has (P38).

use super::toc::Toc;
use super::xar::XarError;

/// All entries together stand for so many bytes for each byte of the file, and for this many anyway: several may share
/// the same few bytes, and a few bytes may decompress to very many.
const MOST_DECODED: (u64, u64) = (50, 64 << 20);

/// No two things may share bytes of the heap, unless they are the same bytes, and none may lie outside.
pub(super) fn check(toc: &Toc, heap: u64) -> Result<(), XarError> {
    let mut places: Vec<(u64, u64, &str)> = Vec::new();
    for entry in &toc.entries {
        places.extend(entry.data.as_ref().map(|data| (data.offset, data.length, entry.path.as_str())));
    }
    places.extend(toc.digest.as_ref().map(|place| (place.offset, place.size, "its own checksum")));
    places.extend(toc.signatures.iter().map(|place| (place.offset, place.size, "its signature")));
    let stored = toc.entries.iter().filter_map(|entry| entry.data.as_ref());
    let decoded = stored.fold(0_u64, |sum, data| sum.saturating_add(data.size));
    if decoded > heap.saturating_mul(MOST_DECODED.0).saturating_add(MOST_DECODED.1) {
        return Err(XarError::Inconsistent(format!(
            "its entries stand for {decoded} bytes in a file of {heap}; do not unpack it"
        )));
    }
    places.retain(|(_, length, _)| *length > 0);
    places.sort_unstable();
    let mut before: Option<(u64, u64, &str)> = None;
    for (offset, length, name) in places {
        let end = offset.checked_add(length).filter(|end| *end <= heap).ok_or_else(|| {
            XarError::Inconsistent(format!(
                "{name} lies beyond the end of the file ({length} bytes at {offset})"
            ))
        })?;
        if let Some((start, until, other)) = before
            && offset < until
            && (start, until) != (offset, end)
        {
            return Err(XarError::Inconsistent(format!("{name} and {other} overlap")));
        }
        before = Some((offset, end, name));
    }
    Ok(())
}
