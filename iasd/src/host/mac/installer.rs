//! `installer`: puts a package on the running system (P55–P57, R70).

use super::tools::Request;
use crate::host::{Line, installer::Report};
use plist::Value;
use shared::sys::tools::INSTALLER;
use std::path::Path;

/// Installs `package`. Unsigned ones too, without a word: what may be installed was decided before (P62). `choices` is the
/// file with the choices of its title, and `untrusted` allows a signature that is expired or of nobody known (T35).
pub(super) fn install(package: &Path, choices: Option<&Path>, untrusted: bool) -> Request {
    let mut words = ["-verboseR", "-pkg"].map(Path::new).to_vec();
    words.extend([package, Path::new("-target"), Path::new("/")]);
    words.extend(choices.into_iter().flat_map(|file| [Path::new("-applyChoiceChangesXML"), file]));
    words.extend(untrusted.then_some(Path::new("-allowUntrusted")));
    Request::new(INSTALLER, words)
}

/// Asks whether `package` wants a restart.
pub(super) fn restart_action(package: &Path) -> Request {
    let [query, action, of, plist] = ["-query", "RestartAction", "-pkg", "-plist"].map(Path::new);
    Request::new(INSTALLER, [query, action, of, package, plist])
}

/// What `package` wants when it is installed, such as `RequireRestart`; `None` when it wants nothing.
pub(super) fn wanted_restart(answer: &[u8]) -> Option<String> {
    let answer = Value::from_reader_xml(answer).ok()?;
    let action = answer.as_dictionary()?.get("RestartAction")?.as_string()?;
    (action != "None").then(|| action.to_owned())
}

/// Makes lines for the run's log of what `installer` prints: empty and repeated ones are left out.
#[derive(Debug, Default)]
pub(super) struct Reader {
    last: Option<Report>,
}

impl Reader {
    /// Takes the next line.
    pub(super) fn take(&mut self, line: &str) -> Option<Line> {
        let report = Report::parse(line);
        let is_empty = match &report {
            Report::Phase(text) | Report::Status(text) | Report::Message(text) => text.is_empty(),
            Report::Percent(_) | Report::Script(..) => false,
        };
        if is_empty || self.last.as_ref() == Some(&report) {
            return None;
        }
        self.last = Some(report.clone());
        Some(report.into_line())
    }
}

/// Whether a line says that Intel code cannot run on this Mac yet (P67).
pub(super) fn wants_rosetta(line: &str) -> bool {
    line.contains("Rosetta")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r70_the_exact_call() {
        let request = install(Path::new("/Library/ias/Acme Tools.pkg"), None, false);
        assert_eq!(request.tool, "/usr/sbin/installer");
        assert_eq!(request.arguments, ["-verboseR", "-pkg", "/Library/ias/Acme Tools.pkg", "-target", "/"]);
        let request = restart_action(Path::new("/tmp/a.pkg"));
        assert_eq!(request.arguments, ["-query", "RestartAction", "-pkg", "/tmp/a.pkg", "-plist"]);
    }

    #[test]
    fn t35_choices_and_the_allowance_stand_at_the_end() {
        let told = |choices: Option<&str>, untrusted| {
            install(Path::new("/a.pkg"), choices.map(Path::new), untrusted).arguments
        };
        let usual = ["-verboseR", "-pkg", "/a.pkg", "-target", "/"];
        assert_eq!(
            told(Some("/p/choices.xml"), false),
            [&usual[..], &["-applyChoiceChangesXML", "/p/choices.xml"]].concat()
        );
        assert_eq!(told(None, true), [&usual[..], &["-allowUntrusted"]].concat());
        assert_eq!(
            told(Some("/p/c"), true),
            [&usual[..], &["-applyChoiceChangesXML", "/p/c", "-allowUntrusted"]].concat()
        );
    }

    #[test]
    fn p57_a_wanted_restart_is_read() {
        let answer = |action: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>\
                 <key>RestartAction</key><string>{action}</string></dict></plist>\n"
            )
        };
        assert_eq!(wanted_restart(answer("RequireRestart").as_bytes()).as_deref(), Some("RequireRestart"));
        assert_eq!(wanted_restart(answer("None").as_bytes()), None);
        assert_eq!(wanted_restart(b"installer: Error - the package path specified was invalid"), None);
    }

    #[test]
    fn p55_repeated_and_empty_lines_are_left_out() {
        // The prefixes are described at http://ansaurus.com/question/1090575-parsing-the-output-of-usr-sbin-installer
        let printed = "installer: Package name is Acme Tools\n\
            installer: Installing at base path /\n\
            installer:PHASE:Preparing for installation…\n\
            installer:STATUS:\n\
            installer:PHASE:Preparing for installation…\n\
            installer:%12.500000\n\
            installer:%12.500000\n\
            installer:STATUS:Running installer actions…\n\
            installer:%100.000000\n\
            installer: The install was successful.\n";
        let mut reader = Reader::default();
        let lines: Vec<Line> = printed.lines().filter_map(|line| reader.take(line)).collect();
        let text = |text: &str| Line::Output(text.to_owned());
        assert_eq!(
            lines,
            [
                text("installer: Package name is Acme Tools"),
                text("installer: Installing at base path /"),
                text("installer:PHASE:Preparing for installation…"),
                Line::Percent(12.5),
                text("installer:STATUS:Running installer actions…"),
                Line::Percent(100.0),
                text("installer: The install was successful."),
            ]
        );
    }
}
