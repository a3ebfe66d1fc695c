//! `sntp`: sets the clock of a Mac that has not done so by itself yet (T62).

use super::tools::{Request, Tools};
use crate::host::HostError;
use shared::sys::tools::SNTP;

/// Whose clock counts; the one macOS goes by, too.
const SERVER: &str = "time.apple.com";

/// Sets the clock, by a step if it is far off.
pub(super) fn set() -> Request {
    Request::new(SNTP, ["-sS", SERVER])
}

/// Sets the clock.
///
/// # Errors
/// When the server cannot be asked, or this is not root.
pub(super) async fn set_clock(tools: &Tools) -> Result<(), HostError> {
    tools.text(&set()).await.map(drop)
}

#[cfg(test)]
mod tests {
    #[test]
    fn t62_the_exact_call() {
        let request = super::set();
        assert_eq!(
            (request.tool, request.arguments),
            ("/usr/bin/sntp", vec!["-sS".into(), "time.apple.com".into()])
        );
    }
}
