//! launchd's part: a service is a socket in a folder, and whoever wants it waits until a daemon listens.

use crate::{
    connection::{Inner, Other, Phase, Role, connection, make},
    control::{self, Identity},
    object::{_xpc_error_connection_interrupted as INTERRUPTED, Ref},
    wire::{Frame, Letter, Reader},
};
use std::{
    os::unix::net::{UnixListener, UnixStream},
    sync::Arc,
    time::Duration,
};

pub(crate) fn listen(inner: &Inner, service: &str) {
    let path = control::socket(service);
    if !control::is_offered(service) {
        return inner.finish();
    }
    // The port is launchd's and survives the daemon; a socket does not.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    while !inner.is_cancelled() {
        match listener.accept() {
            Ok((stream, _)) => knock(inner, stream),
            Err(_) => drop(inner.changed.wait_timeout(inner.state(), Duration::from_millis(2)).unwrap()),
        }
    }
    // The socket stays: the next daemon may have put its own in this place already.
}

/// Somebody connected: the handler of the listener decides.
fn knock(inner: &Inner, stream: UnixStream) {
    stream.set_nonblocking(false).unwrap();
    let mut reader = Reader::default();
    let Some(hello) = reader.next(&stream) else { return };
    if Letter::hello(&inner.myself).write(&stream).is_err() {
        return;
    }
    let visitor = make(Role::Visitor);
    {
        let mut state = connection(visitor.as_ptr()).state();
        state.other = Some(other(&stream, hello.identity()));
        state.stream = Some(Arc::new(stream));
    }
    inner.event(visitor);
}

fn other(stream: &UnixStream, identity: Identity) -> Other {
    let credentials = rustix::net::sockopt::socket_peercred(stream).unwrap();
    Other {
        uid: identity.uid.unwrap_or(credentials.uid.as_raw()),
        gid: credentials.gid.as_raw(),
        pid: credentials.pid.as_raw_nonzero().get(),
        identity,
    }
}

/// Reaches the service whenever there is something to say to it, until the end.
pub(crate) fn reach(inner: &Arc<Inner>, service: &str) {
    loop {
        let mut state = inner.state();
        while state.unsent.is_empty() && state.phase == Phase::Active {
            state = inner.changed.wait(state).unwrap();
        }
        if state.phase != Phase::Active {
            return;
        }
        drop(state);
        if !control::is_offered(service) {
            return inner.finish();
        }
        let Ok(stream) = UnixStream::connect(control::socket(service)) else {
            // launchd starts the daemon and keeps the message meanwhile.
            drop(inner.changed.wait_timeout(inner.state(), Duration::from_millis(2)).unwrap());
            continue;
        };
        let mut reader = Reader::default();
        if let Some(hello) = greet(inner, &stream, &mut reader) {
            let stream = Arc::new(stream);
            {
                let mut state = inner.state();
                state.other = Some(other(&stream, hello.identity()));
                // What cannot be written is lost, as with a daemon that dies just now.
                std::mem::take(&mut state.unsent).iter().for_each(|letter| drop(letter.write(&stream)));
                state.stream = Some(stream.clone());
            }
            inner.read(&stream, reader);
        }
        if inner.is_cancelled() {
            return;
        }
        {
            let mut state = inner.state();
            state.stream = None;
            state.unsent.clear();
        }
        inner.unwind(&INTERRUPTED);
        inner.event(Ref::error(&INTERRUPTED));
    }
}

fn greet(inner: &Inner, stream: &UnixStream, reader: &mut Reader) -> Option<Frame> {
    Letter::hello(&inner.myself).write(stream).ok()?;
    reader.next(stream)
}
