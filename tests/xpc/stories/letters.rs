//! What is sent arrives: once, in order, with its descriptors, within its limits (P80, R111).

use crate::{
    ipc::frame::{FrameError, GREETING_LIMIT, LIMIT},
    sys::link::{LinkError, Received},
    world::{World, soon},
};
use std::{
    fs::File,
    io::{Read, Seek, Write},
    os::fd::AsFd,
};

fn read(received: &Received) -> String {
    let mut text = String::new();
    let mut file = File::from(received.descriptor.as_ref().unwrap().try_clone().unwrap());
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn p80_messages_and_descriptors_arrive_in_order() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (guest, mut agent) = world.pair(&mut daemon).await;
    let long = vec![b'x'; LIMIT];
    let send = async {
        for (number, text) in ["one", "two", "three"].iter().enumerate() {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            guest.sender.send(&long[number..], Some(file.as_fd())).await.unwrap();
            guest.sender.send(text.as_bytes(), None).await.unwrap();
        }
        guest.sender.close();
    };
    let receive = async {
        let mut got = Vec::new();
        while let Ok(Some(received)) = agent.receiver.receive().await {
            got.push(received);
        }
        got
    };
    let ((), got) = soon(async { tokio::join!(send, receive) }).await;
    assert_eq!(got.len(), 6);
    for (number, (pair, text)) in got.chunks(2).zip(["one", "two", "three"]).enumerate() {
        assert_eq!(pair[0].body.len(), LIMIT - number);
        assert_eq!(read(&pair[0]), text);
        assert_eq!(pair[1].body, text.as_bytes());
        assert!(pair[1].descriptor.is_none());
    }
}

#[tokio::test]
async fn p80_a_descriptor_is_not_passed_on_to_children() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (guest, mut agent) = world.pair(&mut daemon).await;
    let file = tempfile::tempfile().unwrap();
    let (sent, received) =
        soon(async { tokio::join!(guest.sender.send(b"x", Some(file.as_fd())), agent.receiver.receive()) })
            .await;
    sent.unwrap();
    let descriptor = received.unwrap().unwrap().descriptor.unwrap();
    let flags = rustix::io::fcntl_getfd(&descriptor).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[tokio::test]
async fn p80_both_ends_may_speak_at_once() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (mut guest, mut agent) = world.pair(&mut daemon).await;
    let (to_agent, to_daemon) = (guest.sender.clone(), agent.sender.clone());
    let say = |sender: std::sync::Arc<dyn crate::sys::link::Sender>, count: u8| async move {
        for number in 0..count {
            sender.send(&[number], None).await.unwrap();
        }
    };
    let mut heard = (0, 0);
    let hear = async {
        while heard != (100, 100) {
            tokio::select! {
                at_daemon = guest.receiver.receive() => {
                    assert_eq!(at_daemon.unwrap().unwrap().body, [heard.0]);
                    heard.0 += 1;
                }
                at_agent = agent.receiver.receive() => {
                    assert_eq!(at_agent.unwrap().unwrap().body, [heard.1]);
                    heard.1 += 1;
                }
            }
        }
    };
    soon(async { tokio::join!(say(to_agent, 100), say(to_daemon, 100), hear) }).await;
}

#[tokio::test]
async fn p81_a_stranger_may_say_less_than_a_friend() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (mut guest, agent) = world.pair(&mut daemon).await;
    guest.receiver.set_limit(LIMIT);
    let long = vec![0; LIMIT];
    let (sent, received) =
        soon(async { tokio::join!(agent.sender.send(&long, None), guest.receiver.receive()) }).await;
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap().body.len(), LIMIT);
    let too_long = agent.sender.send(&vec![0; LIMIT + 1], None).await;
    assert!(matches!(too_long, Err(LinkError::Frame(FrameError::TooLong { .. }))), "never sent");

    let (mut guest, agent) = world.pair(&mut daemon).await;
    let long = vec![0; GREETING_LIMIT + 1];
    let (sent, received) =
        soon(async { tokio::join!(agent.sender.send(&long, None), guest.receiver.receive()) }).await;
    assert!(matches!(sent, Err(LinkError::Closed(_))), "{sent:?}");
    let Err(LinkError::Frame(FrameError::TooLong { length, limit })) = received else {
        panic!("{received:?}")
    };
    assert_eq!((length, limit), (GREETING_LIMIT + 1, GREETING_LIMIT));
}

#[tokio::test]
async fn p82_the_daemon_takes_descriptors_from_nobody() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (mut guest, agent) = world.pair(&mut daemon).await;
    let file = tempfile::tempfile().unwrap();
    let (sent, received) =
        soon(async { tokio::join!(agent.sender.send(b"x", Some(file.as_fd())), guest.receiver.receive()) })
            .await;
    assert!(sent.is_err());
    assert!(matches!(received, Err(LinkError::Foreign(_))), "{received:?}");
}

#[tokio::test]
async fn p33_a_message_counts_as_sent_when_it_was_taken() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (mut guest, agent) = world.pair(&mut daemon).await;
    let mut sending = agent.sender.send(b"x", None);
    tokio::select! {
        sent = &mut sending => panic!("{sent:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(soon(guest.receiver.receive()).await.unwrap().unwrap().body, b"x");
    soon(sending).await.unwrap();
}
