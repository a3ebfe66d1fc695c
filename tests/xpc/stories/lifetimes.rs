//! Dropping everything in every order: no order leaks, hangs, or releases what must not be released (P31, P32).

use crate::{
    sys::{
        link::{Closed, LinkError},
        xpc::{connection::Inactive, requirement::Signature},
    },
    world::{World, soon},
};
use std::any::Any;

/// All orders of `count` things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let longer = |shorter: Vec<usize>| {
        (0..count).map(move |at| {
            let mut order = shorter.clone();
            order.insert(at, count - 1);
            order
        })
    };
    orders(count - 1).into_iter().flat_map(longer).collect()
}

#[tokio::test]
async fn p31_everything_may_be_dropped_in_every_order() {
    let orders = orders(5);
    assert_eq!(orders.len(), 120);
    for order in orders {
        let world = World::new().await;
        let mut daemon = world.daemon();
        let (guest, agent) = world.pair(&mut daemon).await;
        // On its way, never taken.
        tokio::select! {
            biased;
            sent = agent.sender.send(b"lost", None) => panic!("{sent:?}"),
            () = tokio::task::yield_now() => {}
        }
        let mut parts: Vec<Option<Box<dyn Any>>> = vec![
            Some(Box::new(daemon.listener)),
            Some(Box::new(guest.sender)),
            Some(Box::new(guest.receiver)),
            Some(Box::new(agent.sender)),
            Some(Box::new(agent.receiver)),
        ];
        order.into_iter().for_each(|part| drop(parts[part].take()));
        // `World` counts what is left.
    }
}

#[tokio::test]
async fn p31_a_connection_that_never_became_active_is_not_just_released() {
    let world = World::new().await;
    drop::<Inactive>(world.client());
    let _daemon = world.daemon();
    drop(world.client());
}

#[tokio::test]
async fn p31_a_daemon_that_leaves_while_somebody_knocks_turns_them_away() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let agent = async { world.agent().await.err().expect("nobody was there") };
    let leave = async {
        let guest = daemon.guest().await;
        drop((daemon, guest));
    };
    soon(async { tokio::join!(agent, leave) }).await;
}

#[tokio::test]
async fn p32_a_send_that_waits_is_told_when_the_other_end_goes() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (guest, agent) = world.pair(&mut daemon).await;
    let (sent, ()) = soon(async { tokio::join!(agent.sender.send(b"x", None), async { drop(guest) }) }).await;
    assert!(matches!(sent, Err(LinkError::Closed(Closed::Interrupted | Closed::Invalid))), "{sent:?}");
}

#[tokio::test]
async fn p32_what_was_closed_here_is_a_proper_end_here() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (mut guest, mut agent) = world.pair(&mut daemon).await;
    agent.sender.close();
    assert!(soon(agent.receiver.receive()).await.unwrap().is_none());
    assert!(soon(guest.receiver.receive()).await.unwrap().is_none());
    let late = soon(agent.sender.send(b"late", None)).await;
    assert!(matches!(late, Err(LinkError::Closed(Closed::Invalid))), "{late:?}");
}

#[tokio::test]
async fn p24_what_cannot_be_checked_is_said() {
    let world = World::new().await;
    let daemon = world.daemon_with(Box::new(|_| Ok(())), &Signature::default());
    assert!(daemon.listener.caution().unwrap().contains("user and session only"));
}
