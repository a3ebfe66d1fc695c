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

/// Makes lines for the run's log of what `installer` prints: empty and repeated ones are left out. It says its phase again
/// after every percentage.
#[derive(Debug, Default)]
pub(super) struct Reader {
    words: Option<Report>,
    percent: Option<Report>,
}

impl Reader {
    /// Takes the next line.
    pub(super) fn take(&mut self, line: &str) -> Option<Line> {
        let report = Report::parse(line);
        let is_empty = match &report {
            Report::Phase(text) | Report::Status(text) | Report::Message(text) => text.is_empty(),
            Report::Percent(_) | Report::Script(..) => false,
        };
        let last = if matches!(report, Report::Percent(_)) { &mut self.percent } else { &mut self.words };
        if is_empty || last.as_ref() == Some(&report) {
            return None;
        }
        *last = Some(report.clone());
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

    /// What a Mac printed in July 2022 when Multipass 1.10.1 was installed, from Shain Singh's "$ linux on macos". Visual
    /// Studio Code 1.66.2 (J. Mahlman on Jamf's `-showProgress`, May 2022) and SF Symbols 3.2 (App Fair's source, January
    /// 2022) have the same lines, in the same order.
    const RECORDED: &str = "installer: Package name is multipass\n\
        installer: Installing at base path /\n\
        installer:PHASE:Preparing for installation…\n\
        installer:PHASE:Preparing the disk…\n\
        installer:PHASE:Preparing multipass…\n\
        installer:PHASE:Waiting for other installations to complete…\n\
        installer:PHASE:Configuring the installation…\n\
        installer:STATUS:\n\
        installer:%7.797427\n\
        installer:PHASE:Writing files…\n\
        installer:%13.491799\n\
        installer:PHASE:Writing files…\n\
        installer:%91.903978\n\
        installer:PHASE:Registering updated components…\n\
        installer:%92.615220\n\
        installer:PHASE:Registering updated components…\n\
        installer:PHASE:Validating packages…\n\
        installer:%97.750000\n\
        installer:STATUS:Running installer actions…\n\
        installer:STATUS:\n\
        installer:PHASE:Finishing the Installation…\n\
        installer:STATUS:\n\
        installer:%100.000000\n\
        installer:PHASE:The software was successfully installed.\n\
        installer: The install was successful.\n";

    #[test]
    fn p55_what_a_mac_printed_is_told_once_and_without_what_is_empty() {
        let mut reader = Reader::default();
        let lines: Vec<Line> = RECORDED.lines().filter_map(|line| reader.take(line)).collect();
        let text = |text: &str| Line::Output(text.to_owned());
        let phase = |name: &str| text(&format!("installer:PHASE:{name}"));
        assert_eq!(
            lines,
            [
                text("installer: Package name is multipass"),
                text("installer: Installing at base path /"),
                phase("Preparing for installation…"),
                phase("Preparing the disk…"),
                phase("Preparing multipass…"),
                phase("Waiting for other installations to complete…"),
                phase("Configuring the installation…"),
                Line::Percent(7.797_427),
                phase("Writing files…"),
                Line::Percent(13.491_799),
                Line::Percent(91.903_98),
                phase("Registering updated components…"),
                Line::Percent(92.615_22),
                phase("Validating packages…"),
                Line::Percent(97.75),
                text("installer:STATUS:Running installer actions…"),
                phase("Finishing the Installation…"),
                Line::Percent(100.0),
                phase("The software was successfully installed."),
                text("installer: The install was successful."),
            ]
        );
    }

    #[test]
    fn p55_what_failed_is_told_in_the_words_of_the_tool_and_in_any_language() {
        // Printed by two Macs, the second one set to Chinese; the name of the package is changed.
        for line in [
            "installer: The install failed. (The Installer encountered an error that caused the installation to fail. \
             Contact the software manufacturer for assistance. An error occurred while running scripts from the package \
             \"Acme.pkg\".)",
            "installer: The install failed. (安装器遇到了一个错误，导致安装失败。请联系软件生产企业以获得帮助。)",
        ] {
            assert_eq!(Reader::default().take(line), Some(Line::Output(line.to_owned())));
        }
    }

    #[test]
    fn p55_a_percentage_that_is_said_again_is_left_out() {
        let mut reader = Reader::default();
        let told =
            ["installer:%12.500000", "installer:STATUS:", "installer:%12.500000", "installer:%13.000000"];
        let lines: Vec<Line> = told.iter().filter_map(|line| reader.take(line)).collect();
        assert_eq!(lines, [Line::Percent(12.5), Line::Percent(13.0)]);
    }
}
