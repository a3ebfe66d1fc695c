//! Waiting for a value that changes.

use tokio::sync::watch;

/// What `find` finds, as soon as it finds anything; `None` when whoever changes the value has gone.
///
/// Unlike `wait_for` it gives no reference into the channel, so that a task may be anywhere when it goes on.
pub(crate) async fn found<T, R>(
    watched: &mut watch::Receiver<T>,
    find: impl Fn(&T) -> Option<R>,
) -> Option<R> {
    loop {
        if let Some(found) = find(&watched.borrow_and_update()) {
            return Some(found);
        }
        watched.changed().await.ok()?;
    }
}
