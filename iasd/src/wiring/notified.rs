//! Shows notifications to the user, with the program that the settings name (`TitleNotifier`, T102).

use crate::host::{Host, Launch, Output, UserWork};
use shared::{facts::ConsoleUser, layout::MacPath};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How long the program may take to show one.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `program` once for each of `notices`, as whoever is at the screen; that it fails is no concern of the run.
pub(super) async fn show(
    host: Arc<dyn Host>,
    program: MacPath,
    mut notices: mpsc::UnboundedReceiver<Vec<String>>,
) {
    while let Some(arguments) = notices.recv().await {
        let user = host.console_user().borrow().clone().filter(ConsoleUser::is_real);
        let Some(user) = user else { continue };
        // Nobody reads what it says.
        let (lines, _) = mpsc::channel(1);
        let launch = Launch { timeout: Some(LIMIT), output: Output::Lines(lines) };
        let work = UserWork::Program { path: &program, arguments: &arguments };
        if let Ok(running) = host.run_as(&user, work, launch).await {
            // How it ended does not matter, only that the next one waits its turn.
            let _ = running.finish().await;
        }
    }
}
