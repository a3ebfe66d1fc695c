//! Tells swiftDialog how far the run is: a list of the items, through the file that an open window reads, and through
//! the description of a window to be opened.
//!
//! [`commands`] decides on what is shown. The description, `dialog.json`, lies in the records folder, which is root's, and
//! is replaced as a whole; whoever opens a window later sees where the run is.

mod commands;
mod language;

use super::{Reporter, Troubles, command_file::CommandFile};
use crate::folders;
use commands::Window;
use rustix::fd::AsFd as _;
use shared::{
    event::{Event, EventKind, Progress},
    settings::SwiftDialogSettings,
    state::RunState,
    sys::atomic,
};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The description of a window, in the records folder.
const DESCRIPTION: &str = "dialog.json";

/// Writes swiftDialog's command file, and the description of its window.
#[derive(Debug)]
pub(crate) struct SwiftDialog {
    window: Window,
    /// Whether the window speaks what the user speaks.
    adapts: bool,
    file: CommandFile,
    root: PathBuf,
    owner: u32,
    path: String,
    troubles: Troubles,
    dry_run: bool,
}

impl SwiftDialog {
    /// A reporter for the Mac whose `/` is `root`, and where `owner` owns what root owns. Nothing is written in a dry run
    /// (R74).
    pub(crate) fn new(root: &Path, settings: &SwiftDialogSettings, owner: u32, troubles: Troubles) -> Self {
        Self {
            window: Window::new(settings.language.unwrap_or_default()),
            adapts: settings.language.is_none(),
            file: CommandFile::new("swiftDialog", (root, &settings.file), owner, troubles.clone()),
            root: root.to_owned(),
            owner,
            path: settings.file.to_string(),
            troubles,
            dry_run: false,
        }
    }

    /// Lets the window speak what `user` speaks, or before anybody is there, the Mac.
    fn adapt(&mut self, user: Option<&str>) {
        if self.adapts
            && let Some(language) = language::chosen(&self.root, user)
        {
            self.window.speak(language);
        }
    }

    fn describe(&self) {
        let mut document = self.window.document();
        if let Some(document) = document.as_object_mut() {
            document.insert("commandfile".into(), self.path.as_str().into());
        }
        let written =
            folders::records(&self.root, self.owner).map_err(|error| error.to_string()).and_then(|folder| {
                let text = serde_json::to_vec_pretty(&document).map_err(|error| error.to_string())?;
                atomic::replace_in(folder.as_fd(), OsStr::new(DESCRIPTION), &text, 0o644)
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            self.troubles.tell(format!("{DESCRIPTION} is not written: {error}"));
        }
    }
}

impl Reporter for SwiftDialog {
    fn event(&mut self, event: &Event, state: &RunState) {
        match &event.kind {
            EventKind::RunStarted { dry_run, .. } => {
                self.dry_run = *dry_run;
                self.adapt(None);
            }
            EventKind::UserPresent { user } => {
                self.file.user(user.uid);
                self.adapt(Some(&user.name));
            }
            _ => {}
        }
        if self.dry_run {
            return;
        }
        let lines = self.window.event(&event.kind, state);
        if !lines.is_empty() {
            self.describe();
            self.file.write(lines);
        }
    }

    fn progress(&mut self, progress: &Progress, _state: &RunState) {
        let lines = if self.dry_run { Vec::new() } else { self.window.progress(progress) };
        if !lines.is_empty() {
            self.file.write(lines);
        }
    }

    fn finish(&mut self) {
        self.file.write(None);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use shared::{layout::MacPath, wording::user::Language};
    use std::{collections::BTreeMap, fs};

    /// What a window would show that read these commands: its rows as status and text.
    fn shown(commands: &str) -> Vec<(String, String, String)> {
        let mut rows = Vec::new();
        for line in commands.lines() {
            let (word, rest) = line.split_once(": ").unwrap_or((line, ""));
            if line == "list: clear" {
                rows.clear();
            }
            if word != "listitem" {
                continue;
            }
            let parts = rest.split(", ").map(|part| part.split_once(": ").unwrap_or((part, "")));
            let parts: BTreeMap<&str, &str> = parts.collect();
            let of = |name: &str| parts.get(name).map(|text| (*text).to_owned()).unwrap_or_default();
            match parts.get("index") {
                Some(place) => {
                    let row: &mut (String, String, String) = &mut rows[place.parse::<usize>().unwrap()];
                    (row.1, row.2) = (of("status"), of("statustext"));
                }
                None => rows.push((of("title"), of("status"), of("statustext"))),
            }
        }
        rows
    }

    fn told(language: Language) -> (String, serde_json::Value) {
        let root = tempfile::tempdir().unwrap();
        let me = rustix::process::geteuid().as_raw();
        let file = MacPath::new("/dialog.log").unwrap();
        let settings = SwiftDialogSettings { enable: true, file, language: Some(language) };
        let troubles = Troubles::default();
        let mut reporter = SwiftDialog::new(root.path(), &settings, me, troubles.clone());
        sample::tell(&mut reporter, sample::failing());
        assert_eq!(troubles.take(), Vec::<String>::new());
        let description = shared::layout::records_folder().under(root.path()).join(DESCRIPTION);
        let commands = fs::read_to_string(root.path().join("dialog.log")).unwrap();
        (commands, serde_json::from_slice(&fs::read(description).unwrap()).unwrap())
    }

    #[test]
    fn the_window_ends_with_what_became_of_each_item_and_so_does_one_that_is_opened_then() {
        let (commands, description) = told(Language::German);
        let rows = shown(&commands);
        assert!(rows.iter().any(|row| row.1 == "fail" && row.2 == "Fehlgeschlagen"), "{rows:?}");
        let listed = description["listitem"].as_array().unwrap();
        let listed: Vec<_> = listed
            .iter()
            .map(|row| ["title", "status", "statustext"].map(|key| row[key].as_str().unwrap().to_owned()))
            .map(|[title, status, text]| (title, status, text))
            .collect();
        assert_eq!(rows, listed);
        assert_eq!(description["commandfile"], "/dialog.log");
        assert!(commands.ends_with("button1: enable\n"), "{commands}");
    }
}
