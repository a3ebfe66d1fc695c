//! A body that must keep coming (R123): an idle deadline for each piece and a lowest average rate.

use super::{
    fetch::{Body, FetchError},
    http::broken,
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The rate is judged over windows of this length.
const WINDOW: Duration = Duration::from_secs(300);
/// 1 KiB/s over a window.
const LEAST: u64 = 300 * 1024;

/// How much came in the current window.
#[derive(Debug)]
struct Pace {
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0 }
    }

    fn take(&mut self, now: Instant, bytes: usize) -> Result<(), FetchError> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let passed = now.duration_since(self.since);
        if passed < WINDOW {
            return Ok(());
        }
        if self.bytes < LEAST {
            return Err(FetchError::TooSlow(self.bytes, passed));
        }
        *self = Self::new(now);
        Ok(())
    }
}

/// `pieces`, ended by an error when they stop or trickle.
pub(crate) fn paced(
    pieces: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    idle: Duration,
) -> Body {
    let start = Some((pieces.boxed(), Pace::new(Instant::now())));
    stream::unfold(start, move |state| async move {
        let (mut pieces, mut pace) = state?;
        let piece = match timeout(idle, pieces.next()).await {
            Err(_) => Err(FetchError::Idle(idle)),
            Ok(None) => return None,
            Ok(Some(Err(error))) => Err(broken(&error)),
            Ok(Some(Ok(bytes))) => pace.take(Instant::now(), bytes.len()).map(|()| bytes),
        };
        let more = piece.is_ok().then_some((pieces, pace));
        Some((piece, more))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of `pieces` pieces of `size` bytes, `every` so long.
    async fn drain(pieces: usize, size: usize, every: Duration) -> Result<usize, FetchError> {
        let source = stream::unfold(0, move |sent| async move {
            tokio::time::sleep(every).await;
            (sent < pieces).then(|| (Ok(Bytes::from(vec![0; size])), sent + 1))
        });
        let mut body = paced(source, Duration::from_secs(60));
        let mut received = 0;
        while let Some(piece) = body.next().await {
            received += piece?.len();
        }
        Ok(received)
    }

    #[tokio::test(start_paused = true)]
    async fn r123_a_trickle_is_given_up_after_five_minutes() {
        let slow = drain(1000, 1024, Duration::from_secs(2)).await;
        assert!(matches!(slow, Err(FetchError::TooSlow(bytes, _)) if bytes < LEAST), "{slow:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn r123_a_slow_but_steady_body_may_take_hours() {
        assert_eq!(drain(2000, 64 * 1024, Duration::from_secs(30)).await, Ok(2000 * 64 * 1024));
    }

    #[tokio::test(start_paused = true)]
    async fn r123_silence_ends_the_body() {
        let silent = drain(5, 1 << 20, Duration::from_secs(61)).await;
        assert_eq!(silent, Err(FetchError::Idle(Duration::from_secs(60))));
    }
}
