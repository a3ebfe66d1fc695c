//! Messages to a thread that takes what has gathered: waking it for each one would cost more than what it does with them.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The end of those who send; closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mailbox<T>>);

/// The end of the thread that takes.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mailbox<T>>);

#[derive(Debug)]
struct Mailbox<T> {
    content: Mutex<Content<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Content<T> {
    waiting: Vec<T>,
    /// Whether one of them must not wait for others.
    urgent: bool,
    closed: bool,
    /// Nobody takes any more.
    gone: bool,
}

/// Both ends.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let content = Content { waiting: Vec::new(), urgent: false, closed: false, gone: false };
    let mailbox = Arc::new(Mailbox { content: Mutex::new(content), changed: Condvar::new() });
    (Sender(Arc::clone(&mailbox)), Receiver(mailbox))
}

impl<T> Mailbox<T> {
    fn content(&self) -> MutexGuard<'_, Content<T>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Sends a message; an `urgent` one makes all that have gathered be taken at once. Dropped when nobody takes any more.
    pub(crate) fn send(&self, message: T, urgent: bool) {
        let mut content = self.0.content();
        if content.gone {
            return;
        }
        content.waiting.push(message);
        let first = content.waiting.len() == 1;
        let wakes = first || (urgent && !content.urgent);
        content.urgent |= urgent;
        drop(content);
        if wakes {
            self.0.changed.notify_one();
        }
    }

    /// How many wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.0.content().waiting.len()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.content().closed = true;
        self.0.changed.notify_one();
    }
}

impl<T> Receiver<T> {
    /// What has gathered `within` so long since the first of it, or until something urgent came; `None` at the end.
    pub(crate) fn take(&self, within: Duration) -> Option<Vec<T>> {
        let poisoned = PoisonError::into_inner;
        let nothing = |content: &mut Content<T>| content.waiting.is_empty() && !content.closed;
        let content = self.0.changed.wait_while(self.0.content(), nothing).unwrap_or_else(poisoned);
        let calm = |content: &mut Content<T>| !content.urgent && !content.closed;
        let (mut content, _) = self
            .0
            .changed
            .wait_timeout_while(content, within, calm)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        content.urgent = false;
        let waiting = std::mem::take(&mut content.waiting);
        (!waiting.is_empty()).then_some(waiting)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut content = self.0.content();
        content.gone = true;
        let waiting = std::mem::take(&mut content.waiting);
        drop(content);
        // Whoever waits for one of these learns that now, and may send again.
        drop(waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread, time::Instant};

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn what_is_urgent_takes_along_all_that_waits() {
        let (sender, receiver) = channel();
        sender.send(1, false);
        sender.send(2, false);
        let taker = thread::spawn(move || receiver.take(LONG));
        sender.send(3, true);
        assert_eq!(taker.join().unwrap(), Some(vec![1, 2, 3]));
    }

    #[test]
    fn what_is_not_urgent_is_taken_after_a_while_and_at_the_end() {
        let (sender, receiver) = channel();
        sender.send(1, false);
        let begun = Instant::now();
        assert_eq!(receiver.take(Duration::from_millis(20)), Some(vec![1]));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        sender.send(2, false);
        drop(sender);
        assert_eq!(receiver.take(LONG), Some(vec![2]));
        assert_eq!(receiver.take(LONG), None);
    }

    #[test]
    fn what_nobody_will_take_is_dropped_at_once() {
        let (sender, receiver) = channel();
        let (held, dropped) = mpsc::channel::<()>();
        sender.send(held.clone(), false);
        drop(receiver);
        sender.send(held, true);
        assert_eq!(dropped.recv(), Err(mpsc::RecvError));
    }
}
