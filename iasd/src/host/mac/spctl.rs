//! `spctl`: whether Gatekeeper would let somebody open a package (P61).

use super::{signer::team_id, tools::Request};
use shared::{
    exit::Ended,
    sys::{child::Answer, tools::SPCTL},
};
use std::path::Path;

/// Asks for the assessment of `package`. It may look on the network for the notarization.
pub(super) fn assess(package: &Path) -> Request {
    let [assess, verbose, kind, install] = ["-a", "-vv", "-t", "install"].map(Path::new);
    Request::new(SPCTL, [assess, verbose, kind, install, package])
}

/// What Gatekeeper says: to be shown, not to decide by, since a policy may have switched it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assessment {
    /// Whether it accepts, or why it could not say.
    pub(super) is_accepted: Result<bool, String>,
    /// By which rule, such as `Notarized Developer ID`.
    pub(super) source: Option<String>,
    /// Who signed.
    pub(super) origin: Option<String>,
}

impl Assessment {
    /// Reads the answer, which is on standard error.
    pub(super) fn parse(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.errors);
        let value = |name: &str| {
            text.lines().find_map(|line| line.trim().strip_prefix(name)).map(|value| value.trim().to_owned())
        };
        let is_accepted = match answer.ended {
            Ended::Exited(0) => Ok(true),
            Ended::Exited(3) => Ok(false),
            _ => Err(answer.reason()),
        };
        Self { is_accepted, source: value("source="), origin: value("origin=") }
    }

    /// One line for the log.
    pub(super) fn line(&self) -> String {
        let verdict = match &self.is_accepted {
            Ok(true) => "accepted".to_owned(),
            Ok(false) => "rejected".to_owned(),
            Err(why) => format!("no verdict, {why}"),
        };
        let source = self.source.as_deref().map(|source| format!(", {source}")).unwrap_or_default();
        let team = self.origin.as_deref().and_then(team_id).map(|team| format!(", team {team}"));
        format!("Gatekeeper: {verdict}{source}{}", team.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: i32, errors: &str) -> String {
        let answer =
            Answer { ended: Ended::Exited(status), output: Vec::new(), errors: errors.as_bytes().to_vec() };
        Assessment::parse(&answer).line()
    }

    #[test]
    fn p61_the_exact_call() {
        let request = assess(Path::new("/tmp/a.pkg"));
        assert_eq!(request.tool, "/usr/sbin/spctl");
        assert_eq!(request.arguments, ["-a", "-vv", "-t", "install", "/tmp/a.pkg"]);
    }

    #[test]
    fn p61_the_exit_status_decides_what_is_said() {
        // Forms: https://github.com/Installomator/Installomator/issues/9 and /pull/477
        let accepted = "a.pkg: accepted\nsource=Notarized Developer ID\norigin=Developer ID Installer: Acme (ABCDE12345)\n";
        assert_eq!(answered(0, accepted), "Gatekeeper: accepted, Notarized Developer ID, team ABCDE12345");
        assert_eq!(
            answered(3, "a.pkg: rejected\nsource=no usable signature\n"),
            "Gatekeeper: rejected, no usable signature"
        );
        assert_eq!(
            answered(0, "a.pkg: accepted\nsource=Apple Installer\norigin=Software Update\n"),
            "Gatekeeper: accepted, Apple Installer"
        );
        assert_eq!(
            answered(1, "a.pkg: internal error in Code Signing subsystem\n"),
            "Gatekeeper: no verdict, a.pkg: internal error in Code Signing subsystem (exit status 1)"
        );
    }
}
