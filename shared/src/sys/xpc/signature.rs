//! How this program itself is signed, as `codesign` tells (docs/decisions/0004).

use super::requirement::Signature;
use crate::sys::{
    child::{Limits, Output, Program, start},
    tools,
};
use std::{path::Path, time::Duration};
use tokio::sync::mpsc;

/// Signatures are read from one file; this is generous.
const PATIENCE: Duration = Duration::from_secs(10);

/// The signature of this program. What cannot be found out counts as not signed.
pub(crate) async fn own() -> Signature {
    let Ok(path) = std::env::current_exe() else { return Signature::default() };
    let (sender, mut lines) = mpsc::channel(64);
    let limits = Limits { timeout: Some(PATIENCE), ..Limits::default() };
    let Ok(_running) = start(&request(&path), Output::Lines(sender), limits).await else {
        return Signature::default();
    };
    let mut told = Vec::new();
    while let Some(line) = lines.recv().await {
        told.push(line);
    }
    parse(&told)
}

fn request(program: &Path) -> Program {
    let arguments = vec!["--display".into(), "--verbose=2".into(), program.into()];
    Program { arguments, ..Program::new(Path::new(tools::CODESIGN)) }
}

/// Reads `Identifier=…` and `TeamIdentifier=…`; an ad-hoc signature has `not set` for a team.
fn parse(lines: &[String]) -> Signature {
    let value = |key: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.filter(|value| *value != "not set" && !value.is_empty()).map(str::to_owned)
    };
    Signature { identifier: value("Identifier"), team: value("TeamIdentifier") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Signature {
        parse(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn r106_ones_own_team_is_read_from_codesign() {
        let told = "Executable=/Library/installapplications/iasd\nIdentifier=cz.macadmin.iasd\n\
                    Format=Mach-O universal (x86_64 arm64)\nCodeDirectory v=20500 size=1 flags=0x10000(runtime)\n\
                    Authority=Developer ID Application: Example (ABCDE12345)\nTeamIdentifier=ABCDE12345\n";
        let team = Some("ABCDE12345".to_owned());
        assert_eq!(parsed(told), Signature { identifier: Some("cz.macadmin.iasd".into()), team });
    }

    #[test]
    fn r106_an_ad_hoc_or_missing_signature_has_no_team() {
        let adhoc = parsed("Identifier=iasd-55554944\nSignature=adhoc\nTeamIdentifier=not set\n");
        assert_eq!(adhoc, Signature { identifier: Some("iasd-55554944".into()), team: None });
        assert_eq!(parsed("/x/iasd: code object is not signed at all\n"), Signature::default());
        assert_eq!(parsed(""), Signature::default());
    }

    #[test]
    fn p74_the_question_to_codesign() {
        let request = request(Path::new("/Library/installapplications/iasd"));
        assert_eq!(request.path, Path::new("/usr/bin/codesign"));
        assert_eq!(request.arguments, ["--display", "--verbose=2", "/Library/installapplications/iasd"]);
    }
}
