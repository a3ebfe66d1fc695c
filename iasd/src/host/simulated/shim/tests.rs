//! A desk with a simulated Mac's facts on it, at which stand-ins can be asked.

use super::*;
use crate::host::simulated::{
    accounts,
    inside::Seen,
    scenario::{Person, Scenario},
    shape::shape,
};
use shared::sys::sandbox::Ids;
use std::collections::BTreeMap;

/// A Mac in a temporary folder, with Ada at the screen.
pub(super) struct Desk {
    folder: tempfile::TempDir,
    pub(super) inside: Inside,
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Scenario::default();
        let root = shape(&folder.path().join("mac"), &scenario).unwrap();
        accounts::create(&root, &Person::default(), Ids::One).unwrap();
        let mut inside = Inside::new(&scenario, Ids::All);
        inside.behind =
            BTreeMap::from([("date".into(), "/bin/date".into()), ("sed".into(), "/bin/sed".into())]);
        inside.user = Some(Seen { name: "ada".into(), uid: 501 });
        Self { folder, inside }
    }

    /// Where a path of the Mac is.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("mac").join(path.trim_start_matches('/'))
    }

    /// Status and output of a stand-in.
    pub(super) fn say(&self, name: &str, arguments: &[&str]) -> (u8, String) {
        match self.ask(name, arguments) {
            Reply::Say { output, status, .. } => (status, String::from_utf8(output).unwrap()),
            Reply::Become(command) => panic!("{name} becomes {command:?}"),
        }
    }

    /// The words of the command a stand-in becomes.
    pub(super) fn become_words(&self, name: &str, arguments: &[&str]) -> Vec<String> {
        match self.ask(name, arguments) {
            Reply::Become(command) => std::iter::once(command.get_program())
                .chain(command.get_args())
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            reply => panic!("{name} says {reply:?}"),
        }
    }

    fn ask(&self, name: &str, arguments: &[&str]) -> Reply {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        reply(&Call { name, arguments: &arguments, inside: &self.inside, root: &self.path("/") })
    }
}

#[test]
fn no_two_stand_ins_stand_in_the_same_place_and_none_has_two_meanings() {
    let mut names: Vec<_> = SHIMS.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn the_scenario_can_answer_instead() {
    let mut desk = Desk::new();
    desk.inside.answers = serde_json::from_str(
        r#"[{"command": "jamf", "arguments": ["policy"], "output": "no policies\n", "status": 7}]"#,
    )
    .unwrap();
    assert_eq!(desk.say("jamf", &["policy", "-event", "x"]), (7, "no policies\n".into()));
    assert_eq!(desk.say("jamf", &["version"]).0, 0);
}
