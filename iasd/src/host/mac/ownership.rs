//! `chown` and `chmod`: whose a copy is, and who may do what with it (T36).

use super::tools::Request;
use shared::sys::tools::{CHMOD, CHOWN};
use std::{ffi::OsString, path::Path};

/// Gives `path` and all that is in it to `user` and `group`; links are not followed.
pub(super) fn own(path: &Path, user: &str, group: &str) -> Request {
    Request::new(CHOWN, [OsString::from("-R"), format!("{user}:{group}").into(), path.into()])
}

/// Sets the mode of `path` and all that is in it, as `chmod` writes modes. The system tool takes what begins with a
/// minus for a mode too, not for an option.
pub(super) fn allow(path: &Path, mode: &str) -> Request {
    Request::new(CHMOD, [Path::new("-R"), Path::new(mode), path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t36_the_exact_calls() {
        let request = own(Path::new("/p/A b.app"), "root", "admin");
        assert_eq!(
            (request.tool, &*request.arguments),
            ("/usr/sbin/chown", &["-R", "root:admin", "/p/A b.app"].map(OsString::from)[..])
        );
        let request = allow(Path::new("/p/A b.app"), "o-w,go+rX");
        assert_eq!(
            (request.tool, &*request.arguments),
            ("/bin/chmod", &["-R", "o-w,go+rX", "/p/A b.app"].map(OsString::from)[..])
        );
    }
}
