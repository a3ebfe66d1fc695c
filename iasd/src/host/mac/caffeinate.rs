//! `caffeinate`: keeps the Mac awake as long as this process lives (P64).

use super::tools::Request;
use shared::sys::tools::CAFFEINATE;

/// Holds off idle sleep until process `pid` ends, however that comes about.
pub(super) fn while_running(pid: u32) -> Request {
    Request::new(CAFFEINATE, ["-i".to_owned(), "-w".to_owned(), pid.to_string()])
}

#[cfg(test)]
mod tests {
    #[test]
    fn p64_the_exact_call() {
        let request = super::while_running(815);
        assert_eq!(request.tool, "/usr/bin/caffeinate");
        assert_eq!(request.arguments, ["-i", "-w", "815"]);
    }
}
