//! `tar`: unpacks archives that are no zip, however they are compressed.

use super::tools::Request;
use shared::sys::tools::TAR;
use std::path::Path;

/// Unpacks `archive` into `folder`; who owns what is decided afterwards. By itself it climbs out of no folder.
pub(super) fn unpack(archive: &Path, folder: &Path) -> Request {
    let [extract, owned, from, into] = ["-x", "--no-same-owner", "-f", "-C"].map(Path::new);
    Request::new(TAR, [extract, owned, from, archive, into, folder])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_call() {
        let request = unpack(Path::new("/a b.tbz"), Path::new("/p"));
        assert_eq!(request.tool, "/usr/bin/tar");
        assert_eq!(request.arguments, ["-x", "--no-same-owner", "-f", "/a b.tbz", "-C", "/p"]);
    }
}
