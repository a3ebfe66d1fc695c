//! Objects that are no message of ours are refused, without being looked at and without a panic (P24).
#![expect(unsafe_code, reason = "the product never makes such values")]

use crate::{
    rude::{Rude, put},
    sys::{
        link::{Connection, LinkError, Received},
        xpc::{
            message::{BODY, DESCRIPTOR},
            object::Dictionary,
            raw::Object,
        },
    },
    world::{World, soon},
};
use std::{
    ffi::c_char,
    io::{Seek, Write},
    os::fd::AsFd,
    ptr::null,
};

unsafe extern "C" {
    fn xpc_array_create(objects: *const Object, count: usize) -> Object;
    fn xpc_string_create(text: *const c_char) -> Object;
    fn xpc_uuid_create(uuid: *const u8) -> Object;
}

/// Makes a value.
type Maker = fn() -> Object;

/// Each a kind of value that the layer has no use for.
fn makers() -> Vec<Maker> {
    // SAFETY: xpc/xpc.h: an array of nothing; a C string and sixteen bytes, which are copied.
    let mut makers: Vec<Maker> = vec![
        || unsafe { xpc_array_create(null(), 0) },
        || unsafe { xpc_string_create(c"body".as_ptr()) },
        || unsafe { xpc_uuid_create([7; 16].as_ptr()) },
    ];
    makers.extend(only_here());
    makers
}

/// On a Mac these need mapped memory and a listener to be made of.
#[cfg(not(target_vendor = "apple"))]
fn only_here() -> [Maker; 2] {
    use std::ptr::null_mut;

    unsafe extern "C" {
        fn xpc_shmem_create(region: *mut std::ffi::c_void, length: usize) -> Object;
        fn xpc_endpoint_create(listener: Object) -> Object;
    }
    // SAFETY: the stand-in looks at neither.
    [|| unsafe { xpc_shmem_create(null_mut(), 0) }, || unsafe { xpc_endpoint_create(null_mut()) }]
}

#[cfg(target_vendor = "apple")]
fn only_here() -> [Maker; 0] {
    []
}

fn dictionary(fill: impl FnOnce(&mut Dictionary)) -> Dictionary {
    let mut dictionary = Dictionary::empty().unwrap();
    fill(&mut dictionary);
    dictionary
}

fn dictionaries() -> Vec<Dictionary> {
    let file = tempfile::tempfile().unwrap();
    let mut all: Vec<_> = makers()
        .into_iter()
        .flat_map(|make| {
            [
                dictionary(|alone| put(alone, c"what", make())),
                dictionary(|as_body| put(as_body, BODY, make())),
                dictionary(|beside| {
                    beside.set_data(BODY, b"{}");
                    put(beside, c"what", make());
                }),
                dictionary(|as_descriptor| {
                    as_descriptor.set_data(BODY, b"{}");
                    put(as_descriptor, DESCRIPTOR, make());
                }),
            ]
        })
        .collect();
    all.push(dictionary(|no_data| assert!(no_data.set_descriptor(DESCRIPTOR, file.as_fd()))));
    all.push(dictionary(|other_name| other_name.set_data(c"bdoy", b"{}")));
    all.push(dictionary(|two_bodies| {
        two_bodies.set_data(BODY, b"{}");
        two_bodies.set_data(c"again", b"{}");
    }));
    all.push(dictionary(|too_long| too_long.set_data(BODY, &vec![0; 1 << 20])));
    all.push(dictionary(|two_descriptors| {
        two_descriptors.set_data(BODY, b"{}");
        assert!(two_descriptors.set_descriptor(DESCRIPTOR, file.as_fd()));
        assert!(two_descriptors.set_descriptor(c"another", file.as_fd()));
    }));
    all
}

async fn refused(mut guest: Connection) {
    let heard = soon(guest.receiver.receive()).await;
    assert!(matches!(heard, Err(LinkError::Foreign(_) | LinkError::Frame(_))), "{heard:?}");
    assert!(soon(guest.receiver.receive()).await.unwrap().is_none(), "nothing comes after it");
}

#[tokio::test]
async fn p24_foreign_objects_end_their_connection_and_nothing_else() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    for message in dictionaries() {
        let mut rude = Rude::connect(&world);
        rude.connection.send(&message);
        refused(daemon.guest().await).await;
        soon(rude.errors.recv()).await.unwrap();
    }
    let (mut guest, agent) = world.pair(&mut daemon).await;
    let (sent, heard) =
        soon(async { tokio::join!(agent.sender.send(b"hello", None), guest.receiver.receive()) }).await;
    sent.unwrap();
    assert_eq!(heard.unwrap().unwrap().body, b"hello");
}

/// What an agent would take from a daemon that went mad: the same rules hold in that direction.
#[tokio::test]
async fn p24_two_values_are_a_body_and_a_descriptor_or_nothing() {
    let world = World::new().await;
    let mut daemon = world.daemon();
    let (guest, mut agent) = world.pair(&mut daemon).await;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"content").unwrap();
    file.rewind().unwrap();
    let (sent, heard) =
        soon(async { tokio::join!(guest.sender.send(b"", Some(file.as_fd())), agent.receiver.receive()) })
            .await;
    sent.unwrap();
    let Ok(Some(Received { body, descriptor: Some(_) })) = heard else { panic!("{heard:?}") };
    assert!(body.is_empty(), "an empty body is a body");
}
