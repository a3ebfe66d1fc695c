//! Bounds, and errors of our own: who floods is cut off, and a panic costs one connection (P8, P33).

use crate::{
    rude::Rude,
    sys::{
        link::{Closed, LinkError},
        xpc::{
            block::{Block, Handler},
            message::BODY,
            object::{Dictionary, Event, Kind},
            post::WAITING,
            requirement::Signature,
        },
    },
    world::{World, soon},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::sync::mpsc;

#[tokio::test]
async fn p33_a_full_channel_cancels_the_peer_and_nobody_else() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (mut friend, agent) = world.pair(&mut daemon).await;
    let mut rude = Rude::connect(&world);
    let mut message = Dictionary::empty().unwrap();
    message.set_data(BODY, b"now");
    for _ in 0..WAITING * 4 {
        rude.connection.send(&message);
    }
    let mut guest = daemon.guest().await;
    // Cut off, although nobody has looked yet.
    soon(rude.errors.recv()).await.unwrap();
    let mut heard = 0;
    let why = loop {
        match soon(guest.receiver.receive()).await {
            Ok(Some(_)) => heard += 1,
            end => break end,
        }
    };
    assert_eq!(heard, WAITING, "what had room is kept");
    assert!(matches!(why, Err(LinkError::Closed(Closed::Flooded))), "{why:?}");
    let (sent, received) =
        soon(async { tokio::join!(agent.sender.send(b"x", None), friend.receiver.receive()) }).await;
    sent.unwrap();
    received.unwrap().unwrap();
}

#[tokio::test]
async fn p8_a_panic_at_the_door_turns_one_visitor_away() {
    let world = World::new().await;
    let first = AtomicBool::new(true);
    let gate = move |_: &_| {
        assert!(!first.swap(false, Ordering::Relaxed), "expected by the story");
        Ok(())
    };
    let mut daemon = world.daemon_with(Box::new(gate), &Signature::default());
    assert!(world.agent().await.is_err());
    let told = soon(daemon.listener.accept()).await.err().expect("an error");
    assert!(told.to_string().contains("an error in this program"), "{told}");
    world.pair(&mut daemon).await;
}

/// Panics at each message.
struct Clumsy {
    broken: mpsc::UnboundedSender<()>,
    panics_twice: bool,
}

impl Handler for Clumsy {
    fn handle(&self, event: Event<'_>) {
        assert!(matches!(event.kind(), Kind::Error(_)), "expected by the story");
    }

    fn broke(&self) {
        let _ = self.broken.send(());
        assert!(!self.panics_twice, "expected by the story");
    }
}

#[tokio::test]
async fn p8_a_panic_in_a_block_does_not_abort() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    for panics_twice in [false, true] {
        let (broken, mut told) = mpsc::unbounded_channel();
        let rude = Rude::connect(&world);
        rude.connection.ask(&Dictionary::empty().unwrap(), &Block::new(Clumsy { broken, panics_twice }));
        let mut guest = daemon.guest().await;
        tokio::select! {
            broke = soon(told.recv()) => broke.unwrap(),
            heard = guest.receiver.receive() => panic!("{heard:?}"),
        }
    }
}

/// Counts how often it is told.
struct Count {
    told: Arc<AtomicUsize>,
    done: mpsc::UnboundedSender<()>,
}

impl Handler for Count {
    fn handle(&self, _: Event<'_>) {
        self.told.fetch_add(1, Ordering::SeqCst);
        let _ = self.done.send(());
    }

    fn broke(&self) {}
}

#[tokio::test]
async fn p32_a_reply_or_its_absence_is_told_once() {
    const QUESTIONS: usize = 12;
    let world = World::new().await;
    let mut daemon = world.daemon();
    for answered in 0..=QUESTIONS {
        let rude = Rude::connect(&world);
        let (done, mut ends) = mpsc::unbounded_channel();
        let mut message = Dictionary::empty().unwrap();
        message.set_data(BODY, b"?");
        let counts: Vec<_> = (0..QUESTIONS).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        for told in &counts {
            let count = Count { told: told.clone(), done: done.clone() };
            rude.connection.ask(&message, &Block::new(count));
        }
        drop(done);
        let mut guest = daemon.guest().await;
        for _ in 0..answered {
            soon(guest.receiver.receive()).await.unwrap().unwrap();
        }
        // Both ends end it at once, in the middle of the rest.
        drop(guest);
        drop(rude);
        // The channel ends when the last block is gone: nothing more can be told.
        let mut ended = 0;
        while soon(ends.recv()).await.is_some() {
            ended += 1;
        }
        assert_eq!(ended, QUESTIONS);
        assert!(counts.iter().all(|told| told.load(Ordering::SeqCst) == 1));
    }
}
