//! Rosetta: whether Intel code can run on Apple silicon (P67).

use super::tools::{Request, Tools};
use shared::sys::tools::{ARCH, TRUE};

/// What an admin can do without it.
pub(super) const ADVICE: &str = "Rosetta is not on this Mac: let a root script before this package run \
    `softwareupdate --install-rosetta --agree-to-license`";

/// Runs something small as Intel code: the only check that has never gone wrong.
pub(super) fn probe() -> Request {
    Request::new(ARCH, ["-x86_64", TRUE])
}

/// Whether Intel code runs.
pub(super) async fn is_present(tools: &Tools) -> bool {
    tools.ask(&probe()).await.ended.is_success()
}

#[cfg(test)]
mod tests {
    #[test]
    fn p67_the_exact_call() {
        let request = super::probe();
        assert_eq!(
            (request.tool, request.arguments),
            ("/usr/bin/arch", vec!["-x86_64".into(), "/usr/bin/true".into()])
        );
    }
}
