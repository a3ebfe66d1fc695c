//! Lines for the run's log, from where there is no recorder.

use tokio::sync::mpsc;

/// Tells whoever keeps the log.
#[derive(Debug, Clone)]
pub(super) struct Notices(mpsc::UnboundedSender<String>);

impl Notices {
    /// One who tells, and where it arrives.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (tell, notices) = mpsc::unbounded_channel();
        (Self(tell), notices)
    }

    /// Tells a line.
    pub(super) fn tell(&self, text: String) {
        // Nobody listens any more: then nobody wants to know.
        let _ = self.0.send(text);
    }
}
