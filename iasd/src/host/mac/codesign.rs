//! `codesign`: who signed an application, and whether it still is what was signed (P62).

use super::tools::Request;
use shared::{item::SignerId, sys::tools::CODESIGN};
use std::path::Path;

/// Asks whether `app` is intact and signed by one of `signers`, with a certificate that leads to Apple; nothing to ask where
/// there are none.
pub(super) fn verify(app: &Path, signers: &[SignerId]) -> Option<Request> {
    let requirement = |signer: &SignerId| match signer {
        SignerId::Apple => "anchor apple".to_owned(),
        SignerId::Team(team) => {
            format!("anchor apple generic and certificate leaf[subject.OU] = \"{}\"", team.as_str())
        }
    };
    let any: Vec<String> = signers.iter().map(requirement).collect();
    if any.is_empty() {
        return None;
    }
    let requirement = format!("={}", any.join(" or "));
    let [verify, deep, strict, test] =
        ["--verify", "--deep", "--strict", "--test-requirement"].map(Path::new);
    Some(Request::new(CODESIGN, [verify, deep, strict, test, Path::new(&requirement), app]))
}

/// Asks who signed `app`, to be told when it was not who it had to be.
pub(super) fn display(app: &Path) -> Request {
    Request::new(CODESIGN, [Path::new("--display"), Path::new("--verbose=2"), app])
}

/// The team that signed, from the answer to [`display`], which is on standard error.
pub(super) fn team(answer: &str) -> Option<&str> {
    let team = answer.lines().find_map(|line| line.strip_prefix("TeamIdentifier="))?.trim();
    (team != "not set" && !team.is_empty()).then_some(team)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p62_the_exact_calls() {
        let teams = [SignerId::Team("ABCDE12345".parse().unwrap()), SignerId::Apple];
        let request = verify(Path::new("/p/Acme.app"), &teams).unwrap();
        assert_eq!(request.tool, "/usr/bin/codesign");
        assert_eq!(
            request.arguments,
            [
                "--verify",
                "--deep",
                "--strict",
                "--test-requirement",
                "=anchor apple generic and certificate leaf[subject.OU] = \"ABCDE12345\" or anchor apple",
                "/p/Acme.app",
            ]
        );
        assert_eq!(display(Path::new("/p/Acme.app")).arguments, ["--display", "--verbose=2", "/p/Acme.app"]);
    }

    #[test]
    fn p62_where_nobody_is_wanted_nothing_is_asked() {
        assert_eq!(verify(Path::new("/p/Acme.app"), &[]), None);
    }

    #[test]
    fn p62_the_team_is_read() {
        // From https://github.com/fleetdm/fleet/issues/23476
        let chrome = "Executable=/Applications/Google Chrome.app/Contents/MacOS/Google Chrome\n\
            Identifier=com.google.Chrome\n\
            Format=app bundle with Mach-O universal (x86_64 arm64)\n\
            CodeDirectory v=20500 size=1821 flags=0x12a00(kill,restrict,library-validation,runtime) hashes=46+7 location=embedded\n\
            Signature size=8990\n\
            Authority=Developer ID Application: Google LLC (EQHXZ8M8AV)\n\
            Authority=Developer ID Certification Authority\n\
            Authority=Apple Root CA\n\
            Timestamp=Oct 28, 2024 at 8:44:08 PM\n\
            Notarization Ticket=stapled\n\
            Info.plist entries=43\n\
            TeamIdentifier=EQHXZ8M8AV\n\
            Runtime Version=14.0.0\n\
            Sealed Resources version=2 rules=13 files=63\n\
            Internal requirements count=1 size=288\n";
        assert_eq!(team(chrome), Some("EQHXZ8M8AV"));
        // From https://github.com/ocaml/dune/issues/5650
        assert_eq!(team("Signature=adhoc\nInfo.plist=not bound\nTeamIdentifier=not set\n"), None);
        assert_eq!(team("/p/Acme.app: code object is not signed at all\n"), None);
    }
}
