//! The names and places of one installation, and the files that carry them: launchd's jobs and the scripts' `names`.

use plist::{Dictionary, Value};
use shared::{
    layout::{LAUNCH_AGENTS, LAUNCH_DAEMONS},
    settings::{Identifiers, Settings},
};
use std::fmt::Write as _;

const DAEMON_JOB: &str = include_str!("../../../launchd/LaunchDaemons/cz.macadmin.iasd.plist");
const AGENT_JOB: &str = include_str!("../../../launchd/LaunchAgents/cz.macadmin.iasagent.plist");

/// The names of an installation, as its settings have them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a Settings);

/// The settings that name things, in the order of [`Identifiers`], and what each ends with below a prefix.
pub(super) const KEYS: [(&str, &str); 4] = [
    ("Identifier", "ias"),
    ("LaunchDaemonIdentifier", "iasd"),
    ("LaunchAgentIdentifier", "iasagent"),
    ("XPCServiceIdentifier", "ias.xpc"),
];

impl Names<'_> {
    /// The labels.
    pub(super) fn identifiers(&self) -> &Identifiers {
        &self.0.identifiers
    }

    /// The path of an installed program.
    pub(super) fn program(&self, name: &str) -> String {
        format!("{}/{name}", self.0.install_path)
    }

    /// The path of the daemon's job.
    pub(super) fn daemon_job_path(&self) -> String {
        format!("{LAUNCH_DAEMONS}/{}.plist", self.identifiers().daemon)
    }

    /// The path of the agent's job.
    pub(super) fn agent_job_path(&self) -> String {
        format!("{LAUNCH_AGENTS}/{}.plist", self.identifiers().agent)
    }

    /// The daemon's job (R137).
    ///
    /// # Errors
    /// Never with the template this program was built with; tests hold that.
    pub(super) fn daemon_job(&self) -> Result<Vec<u8>, plist::Error> {
        let mut job = template(DAEMON_JOB)?;
        let program = self.program("iasd");
        job.insert("Label".to_owned(), self.identifiers().daemon.clone().into());
        job.insert("Program".to_owned(), program.clone().into());
        job.insert("ProgramArguments".to_owned(), Value::Array(vec![program.into()]));
        let service = [(self.identifiers().service.clone(), Value::from(true))];
        job.insert("MachServices".to_owned(), Value::Dictionary(service.into_iter().collect()));
        as_xml(&Value::Dictionary(job))
    }

    /// The agent's job (R138). It has no settings, so that another service than the usual one is an argument.
    ///
    /// # Errors
    /// As [`Self::daemon_job`].
    pub(super) fn agent_job(&self) -> Result<Vec<u8>, plist::Error> {
        let mut job = template(AGENT_JOB)?;
        let program = self.program("iasagent");
        job.insert("Label".to_owned(), self.identifiers().agent.clone().into());
        job.insert("Program".to_owned(), program.clone().into());
        let service = &self.identifiers().service;
        if *service != Settings::default().identifiers.service {
            let words = [program.as_str(), "--service", service].map(Value::from);
            job.insert("ProgramArguments".to_owned(), Value::Array(words.to_vec()));
        }
        as_xml(&Value::Dictionary(job))
    }

    /// The file `names`, which preinstall and postinstall source (R139).
    pub(super) fn for_scripts(&self) -> String {
        let values = [
            ("DAEMON", self.identifiers().daemon.clone()),
            ("AGENT", self.identifiers().agent.clone()),
            ("DAEMON_JOB", self.daemon_job_path()),
            ("AGENT_JOB", self.agent_job_path()),
            ("DAEMON_PROGRAM", self.program("iasd")),
            ("AGENT_PROGRAM", self.program("iasagent")),
        ];
        let mut text = String::from(
            "# The names of this installation, for preinstall and postinstall: the only place where scripts have them.\n\
             # `iasctl pack` writes this file for the names it is given.\n\
             # shellcheck shell=sh disable=SC2034\n\n",
        );
        for (name, value) in values {
            // Writing to a `String` cannot fail. Between single quotes the shell reads everything but a single quote as it is.
            let _ = writeln!(text, "{name}='{}'", value.replace('\'', r"'\''"));
        }
        text
    }
}

fn template(text: &str) -> Result<Dictionary, plist::Error> {
    plist::from_bytes(text.as_bytes())
}

/// A plist as XML with a final line break, as Apple's tools write it.
///
/// # Errors
/// When the value holds something XML plists cannot.
pub(super) fn as_xml(value: &Value) -> Result<Vec<u8>, plist::Error> {
    let mut bytes = Vec::new();
    value.to_writer_xml(&mut bytes)?;
    if bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::layout::MacPath;

    fn read(xml: &[u8]) -> Dictionary {
        plist::from_bytes(xml).unwrap()
    }

    #[test]
    fn r137_r138_r139_with_the_usual_names_the_files_are_those_of_the_repository() {
        let settings = Settings::default();
        let names = Names(&settings);
        assert_eq!(read(&names.daemon_job().unwrap()), template(DAEMON_JOB).unwrap());
        assert_eq!(read(&names.agent_job().unwrap()), template(AGENT_JOB).unwrap());
        assert_eq!(names.for_scripts(), include_str!("../../../launchd/scripts/names"));
        assert_eq!(names.daemon_job_path(), "/Library/LaunchDaemons/cz.macadmin.iasd.plist");
        let identifiers = Settings::default().identifiers;
        let defaults = [identifiers.log, identifiers.daemon, identifiers.agent, identifiers.service];
        let expected = KEYS.map(|(_, end)| format!("cz.macadmin.{end}"));
        assert_eq!(defaults, expected);
    }

    #[test]
    fn r136_other_names_are_the_same_in_all_files() {
        let identifiers = Identifiers {
            log: "com.acme.ias".to_owned(),
            daemon: "com.acme.d".to_owned(),
            agent: "com.acme.a".to_owned(),
            service: "com.acme.x".to_owned(),
        };
        let install_path = MacPath::new("/Library/Ada's $HOME `x`").unwrap();
        let settings = Settings { identifiers, install_path, ..Settings::default() };
        let names = Names(&settings);
        let daemon = read(&names.daemon_job().unwrap());
        let text = |job: &Dictionary, key: &str| job.get(key).unwrap().as_string().unwrap().to_owned();
        assert_eq!(
            (text(&daemon, "Label"), text(&daemon, "Program")),
            ("com.acme.d".into(), names.program("iasd"))
        );
        assert!(daemon.get("MachServices").unwrap().as_dictionary().unwrap().contains_key("com.acme.x"));
        let agent = read(&names.agent_job().unwrap());
        let words: Vec<&str> = agent
            .get("ProgramArguments")
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_string)
            .collect();
        assert_eq!(words, ["/Library/Ada's $HOME `x`/iasagent", "--service", "com.acme.x"]);
        let script =
            format!("{}printf '%s|%s|%s' \"$AGENT\" \"$DAEMON_JOB\" \"$AGENT_PROGRAM\"", names.for_scripts());
        let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(
            said,
            "com.acme.a|/Library/LaunchDaemons/com.acme.d.plist|/Library/Ada's $HOME `x`/iasagent"
        );
    }
}
