//! Tells the user of titles that were installed, in the words of a notification (`TitleNotifier`, T102).
//!
//! What it says goes to whoever shows it; nothing waits for that, and no failure of it is any of the run's.

use super::Reporter;
use shared::{
    event::{Event, EventKind, ItemEnd},
    item::{ItemId, Phase},
    state::RunState,
    title::Step,
    wording::one_line,
};
use tokio::sync::mpsc;

/// Says what is to be shown.
#[derive(Debug)]
pub(crate) struct Notifier(mpsc::UnboundedSender<Vec<String>>);

impl Notifier {
    /// One that says it, and where the arguments of the program that shows it arrive.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Vec<String>>) {
        let (tell, told) = mpsc::unbounded_channel();
        (Self(tell), told)
    }
}

impl Reporter for Notifier {
    fn event(&mut self, event: &Event, state: &RunState) {
        let EventKind::ItemFinished { id, end: ItemEnd::Done, .. } = &event.kind else { return };
        // Before somebody has logged in there is nobody to tell.
        if id.phase != Phase::Userland {
            return;
        }
        if let Some(step) = step(*id, state) {
            // Nobody shows it any more.
            let _ = self.0.send(arguments(step));
        }
    }
}

/// The title with this id, if it is one.
fn step(id: ItemId, state: &RunState) -> Option<&Step> {
    let part = state.titles.as_ref()?.titles.parts.iter().find(|part| part.id == id)?;
    part.outcome.as_ref().ok()
}

/// What Notifier 3 is told; each text is an argument of its own, and goes through no shell.
fn arguments(step: &Step) -> Vec<String> {
    let message = format!("Version {} has been installed.", step.version);
    ["--type", "banner", "--title", &one_line(&step.shown), "--message", &one_line(&message)]
        .map(str::to_owned)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        digest::Digest,
        state::KnownTitles,
        title::{Method, Part, Presence, Refusal, Resolution, Restart, Role},
    };

    fn part(id: ItemId, outcome: Result<Step, Refusal>) -> Part {
        Part { id, title: "Acme".into(), role: Role::Asked, needs: Vec::new(), outcome }
    }

    fn acme() -> Step {
        Step {
            name: "AcmeTools".into(),
            version: "2.4".into(),
            shown: "Acme Tools; $(id)".into(),
            catalog: "production".into(),
            download: None,
            method: Method::ScriptsOnly,
            presence: Presence::OnDemand,
            blocking_applications: Vec::new(),
            restart: Restart::Nothing,
            preinstall_script: None,
            postinstall_script: None,
            installed_kib: 0,
        }
    }

    /// What is said when the item with this id ends so.
    fn said(id: ItemId, end: ItemEnd) -> Option<Vec<String>> {
        let installed = [ItemId::new(Phase::Userland, 1), ItemId::new(Phase::SetupAssistant, 1)];
        let mut parts: Vec<Part> = installed.map(|id| part(id, Ok(acme()))).into();
        parts.push(part(ItemId::new(Phase::Userland, 2), Err(Refusal::NothingFits(Vec::new()))));
        let titles = Resolution { parts, ..Resolution::default() };
        let titles = Some(KnownTitles { control: Digest::of(b""), titles });
        let state = RunState { titles, ..RunState::default() };
        let (mut notifier, mut told) = Notifier::new();
        let kind = EventKind::ItemFinished { id, end, ms: 1, last_lines: Vec::new() };
        notifier.event(&Event { seq: 1, at_ms: 0, kind }, &state);
        told.try_recv().ok()
    }

    #[test]
    fn t102_the_user_is_told_of_a_title_that_was_installed_each_text_an_argument() {
        let told = said(ItemId::new(Phase::Userland, 1), ItemEnd::Done).unwrap();
        let message = "Version 2.4 has been installed.";
        assert_eq!(told, ["--type", "banner", "--title", "Acme Tools; $(id)", "--message", message]);
    }

    #[test]
    fn t102_never_in_setupassistant_nor_of_what_is_no_title_or_was_not_installed() {
        assert_eq!(said(ItemId::new(Phase::SetupAssistant, 1), ItemEnd::Done), None);
        assert_eq!(said(ItemId::new(Phase::Userland, 0), ItemEnd::Done), None);
        assert_eq!(said(ItemId::new(Phase::Userland, 1), ItemEnd::NotStarted), None);
    }
}
