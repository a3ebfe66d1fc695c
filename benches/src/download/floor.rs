//! The floor: no more than must be done for a download over http (receive, digest, write), by four threads with one
//! connection each. It keeps no promise: no deadline, no journal, no resume, no check of anything.

use crate::Failure;
use shared::digest::Digester;
use std::{
    ffi::OsString,
    fs::File,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

/// As many transfers at once as `iasd` has.
const LANES: usize = 4;
const PIECE: usize = 256 * 1024;

/// Downloads the URLs behind the first argument into the folder that it names, and prints their digests.
pub(crate) fn floor(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let folder = PathBuf::from(arguments.next().ok_or("floor: which folder?")?);
    let urls = arguments.map(|url| url.into_string().map_err(|url| format!("{}: no URL", url.display())));
    let urls = Mutex::new(urls.collect::<Result<Vec<_>, _>>()?.into_iter());
    let failures: Vec<String> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(|| lane(&folder, &urls))).collect();
        let ends =
            lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err("a lane panicked".into())));
        ends.filter_map(Result::err).collect()
    });
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn lane(folder: &Path, urls: &Mutex<std::vec::IntoIter<String>>) -> Result<(), String> {
    let (mut piece, mut connection) = (vec![0; PIECE], None);
    loop {
        let Some(url) = urls.lock().map_err(|error| error.to_string())?.next() else { return Ok(()) };
        one(folder, &url, &mut piece, &mut connection).map_err(|error| format!("{url}: {error}"))?;
    }
}

fn one(
    folder: &Path,
    url: &str,
    piece: &mut [u8],
    connection: &mut Option<TcpStream>,
) -> Result<(), Failure> {
    let (host, name) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("not a http URL")?;
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(TcpStream::connect(host)?),
    };
    // In one packet: a second one would wait until the first is acknowledged.
    stream.write_all(format!("GET /{name} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
    let (mut have, mut head) = (0, None);
    while head.is_none() {
        let count = stream.read(piece.get_mut(have..).unwrap_or_default())?;
        have += count;
        head = piece.get(..have).and_then(|bytes| bytes.windows(4).position(|end| end == b"\r\n\r\n"));
        if count == 0 {
            return Err("no answer".into());
        }
    }
    let begin = head.unwrap_or_default() + 4;
    let text = String::from_utf8_lossy(piece.get(..begin).unwrap_or_default()).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).ok_or("no length")?;
    let mut left: usize = length.trim().parse()?;
    let (mut file, mut digester) = (File::create_new(folder.join(name))?, Digester::default());
    let mut bytes = begin..have;
    loop {
        let part = piece.get(bytes).unwrap_or_default();
        digester.update(part);
        file.write_all(part)?;
        left = left.saturating_sub(part.len());
        if left == 0 {
            println!("{} {name}", digester.finish());
            return Ok(());
        }
        bytes = 0..stream.read(piece)?;
        if bytes.is_empty() {
            return Err("it ends early".into());
        }
    }
}
