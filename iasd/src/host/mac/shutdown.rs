//! `shutdown`: restarts the Mac a little later, whatever becomes of us (P65, R83).

use super::tools::Request;
use shared::sys::tools::{SH, SLEEP};
use std::path::Path;

/// Restarts in five seconds. The shell waits, so that we need not; `shutdown` is where `tool` says.
pub(super) fn restart_soon(tool: &Path) -> Request {
    let text = format!("{SLEEP} 5; exec \"$0\" -r now");
    Request::new(SH, [Path::new("-c"), Path::new(&text), tool])
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::sys::tools::SHUTDOWN;

    #[test]
    fn r83_the_exact_call() {
        let request = restart_soon(Path::new(SHUTDOWN));
        assert_eq!(request.tool, "/bin/sh");
        assert_eq!(request.arguments, ["-c", "/bin/sleep 5; exec \"$0\" -r now", "/sbin/shutdown"]);
    }
}
