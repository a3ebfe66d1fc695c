//! `ditto`: copies with everything a Mac knows of files, and unpacks zip archives (T36).

use super::tools::Request;
use shared::sys::tools::DITTO;
use std::path::Path;

/// Copies `from` to `to`, without the mark of a download.
pub(super) fn copy(from: &Path, to: &Path) -> Request {
    let [verbose, unmarked] = ["-V", "--noqtn"].map(Path::new);
    Request::new(DITTO, [verbose, unmarked, from, to])
}

/// Unpacks the zip `archive` into `folder`.
pub(super) fn unpack(archive: &Path, folder: &Path) -> Request {
    let [extract, zip, unmarked] = ["-x", "-k", "--noqtn"].map(Path::new);
    Request::new(DITTO, [extract, zip, unmarked, archive, folder])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t36_the_exact_calls() {
        let request = copy(Path::new("/Volumes/A/Acme Tools.app"), Path::new("/p/Acme Tools.app"));
        assert_eq!(request.tool, "/usr/bin/ditto");
        assert_eq!(request.arguments, ["-V", "--noqtn", "/Volumes/A/Acme Tools.app", "/p/Acme Tools.app"]);
        let request = unpack(Path::new("/a.zip"), Path::new("/p"));
        assert_eq!(request.arguments, ["-x", "-k", "--noqtn", "/a.zip", "/p"]);
    }
}
