//! `shutdown`: restarts the Mac a little later, whatever becomes of us (P65, R83).

use super::tools::Request;
use std::path::Path;

/// Restarts in five seconds. The shell waits, so that we need not; `shutdown` is where `tool` says.
pub(super) fn restart_soon(tool: &Path) -> Request {
    let [run, text] = ["-c", "/bin/sleep 5; exec \"$0\" -r now"].map(Path::new);
    Request::new("/bin/sh", [run, text, tool])
}

/// The tool itself.
pub(super) const TOOL: &str = "/sbin/shutdown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r83_the_exact_call() {
        let request = restart_soon(Path::new(TOOL));
        assert_eq!(request.tool, "/bin/sh");
        assert_eq!(request.arguments, ["-c", "/bin/sleep 5; exec \"$0\" -r now", "/sbin/shutdown"]);
    }
}
