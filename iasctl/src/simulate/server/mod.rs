//! The web server of a rehearsal: the admin's folder, under the real host names, on this computer only.

mod authority;
mod grants;
mod http;
mod log;
mod misdeeds;
mod site;
mod title_service;

pub(crate) use authority::Authority;
pub(crate) use http::percent_decoded;
pub(crate) use log::RequestLog;
pub(crate) use misdeeds::{Misdeeds, Planned};
pub(crate) use site::Site;
pub(crate) use title_service::{Lender, TitleService};

use http::{Answer, LONGEST_HEAD, Request, failure, refusal, token_head};
use misdeeds::{Answering, Wrong};
use shared::title::grant::LONGEST_TOKEN;
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// How much is sent at once.
const CHUNK: usize = 64 * 1024;

/// What the server is to do.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// Which file answers for which URL.
    pub(crate) site: Arc<Site>,
    /// How fast each connection sends, in bytes per second.
    pub(crate) speed: Option<u64>,
    /// What it does wrong.
    pub(crate) misdeeds: Arc<Misdeeds>,
    /// Who lends the credential of titles, if anybody does.
    pub(crate) lender: Option<Arc<Lender>>,
    /// Where each request is noted.
    pub(crate) log: Arc<RequestLog>,
    /// Told why requests could not be answered.
    pub(crate) misses: mpsc::UnboundedSender<String>,
}

/// Listens on a free port of the loopback address, for http and https alike, until the returned future is dropped.
///
/// # Errors
/// When no port can be had.
pub(crate) async fn listen(
    served: Served,
    authority: Authority,
) -> io::Result<(SocketAddr, impl Future<Output = ()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let serve = async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, most likely: a moment later there are some again.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            connections.spawn(greet(stream, served.clone(), authority.acceptor.clone()));
            while connections.try_join_next().is_some() {}
        }
    };
    Ok((address, serve))
}

/// A TLS client begins with a handshake record (22), an HTTP client with a letter.
async fn greet(stream: TcpStream, served: Served, acceptor: tokio_rustls::TlsAcceptor) {
    let mut first = [0];
    let is_tls = matches!(stream.peek(&mut first).await, Ok(1) if first == [22]);
    // A client that goes away in the middle has had enough.
    let _ = if is_tls {
        match acceptor.accept(stream).await {
            Ok(stream) => converse(stream, &served).await,
            Err(error) => Err(error),
        }
    } else {
        converse(stream, &served).await
    };
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, served: &Served) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some(head) = read_head(&mut stream, &mut read).await? else { return Ok(()) };
        let Some(request) = Request::parse(&head) else {
            return stream.write_all(refusal("400 Bad Request", false).as_bytes()).await;
        };
        match &served.lender {
            Some(lender) if request.method == "POST" && lender.is_asked(&request) => {
                let Some(token) = read_body(&mut stream, &mut read, &request).await? else {
                    return say(&mut stream, &request, served, &refusal("413 Content Too Large", false))
                        .await;
                };
                lend(&mut stream, &request, (lender, &token), served).await?;
            }
            _ => answer(&mut stream, &request, served).await?,
        }
        stream.flush().await?;
        if !request.keep_alive {
            return stream.shutdown().await;
        }
    }
}

/// The next request's head; `None` at the end of the connection.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            read.drain(..end + 4);
            return Ok(Some(head));
        }
        if read.len() > LONGEST_HEAD || stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// What follows the head of a request; `None` when that is too long for a token, or nobody knows how long it is.
async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
    request: &Request,
) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = request.content_length.filter(|length| *length <= LONGEST_TOKEN) else {
        return Ok(None);
    };
    while read.len() < length {
        if stream.read_buf(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(read.drain(..length).collect()))
}

/// Writes the head of an answer, or all of it, and notes it.
async fn say(
    stream: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    served: &Served,
    answer: &str,
) -> io::Result<()> {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    served.log.note(request, status.unwrap_or_default());
    stream.write_all(answer.as_bytes()).await
}

/// Answers as the service of titles.
async fn lend(
    stream: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    (lender, token): (&Lender, &[u8]),
    served: &Served,
) -> io::Result<()> {
    let (host, path, keep_alive) = (&*request.host, &*request.path, request.keep_alive);
    let answering = Answering { host, path, first: 0, count: 0, length: 0, is_part: false };
    if let Some((status, retry_after)) = served.misdeeds.commit(&answering).status {
        return say(stream, request, served, &failure(status, retry_after, keep_alive)).await;
    }
    let answer = match lender.answer(token, OffsetDateTime::now_utc()) {
        Ok(grant) => token_head(grant.len(), keep_alive) + &grant,
        Err((status, why)) => {
            let _ = served.misses.send(format!("{status}: the service of titles lends nothing: {why}"));
            refusal(status, keep_alive)
        }
    };
    say(stream, request, served, &answer).await
}

async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &Request,
    served: &Served,
) -> io::Result<()> {
    let keep_alive = request.keep_alive;
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        // Its body, if any, would be read as the next request.
        say(stream, request, served, &refusal("405 Method Not Allowed", false)).await?;
        return Err(io::ErrorKind::Unsupported.into());
    }
    if served.lender.as_ref().is_some_and(|lender| lender.keeps_out(request)) {
        return say(stream, request, served, &refusal("401 Unauthorized", keep_alive)).await;
    }
    let opened = served.site.file(&request.host, &request.path).map(|path| open(&path));
    let Some(Ok((file, length, etag))) = opened else {
        // The board is gone when nobody listens.
        let _ = served.misses.send(format!("404: nothing is served at {}{}", request.host, request.path));
        return say(stream, request, served, &refusal("404 Not Found", keep_alive)).await;
    };
    let mut answer = request.answer(length, &etag);
    let (_, first, count) = answer.head(length, &etag, keep_alive);
    let is_part = matches!(answer, Answer::Part { .. });
    let (host, path) = (&*request.host, &*request.path);
    let wrong = match request.method.as_str() {
        "GET" => served.misdeeds.commit(&Answering { host, path, first, count, length, is_part }),
        _ => Wrong::default(),
    };
    if let Some((status, retry_after)) = wrong.status {
        return say(stream, request, served, &failure(status, retry_after, keep_alive)).await;
    }
    if wrong.no_range && is_part {
        answer = Answer::Whole;
    }
    let (head, first, count) = answer.head(length, &etag, keep_alive);
    say(stream, request, served, &head).await?;
    if request.method == "GET" {
        send(stream, file, (first, count), &wrong, served.speed).await
    } else {
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(File, u64, String)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    let etag = format!("\"{:x}-{:x}-{:x}\"", about.len(), about.mtime(), about.mtime_nsec());
    Ok((file, about.len(), etag))
}

/// Sends `count` bytes of `file` from `first` on, at most `speed` bytes in a second, with what is to be wrong.
async fn send(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mut file: File,
    (first, count): (u64, u64),
    wrong: &Wrong,
    speed: Option<u64>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(first))?;
    let speed = wrong.speed.or(speed);
    // Ten pieces a second look smooth.
    let chunk = speed.map_or(CHUNK, |speed| CHUNK.min(usize::try_from(speed / 10).unwrap_or(CHUNK).max(1)));
    let mut buffer = vec![0; chunk];
    let (mut sent, mut stall) = (0, wrong.stall);
    let end = wrong.drop.unwrap_or(count).min(count);
    loop {
        if let Some((_, seconds)) = stall.take_if(|(after, _)| *after == sent) {
            stream.flush().await?;
            be_silent(stream, seconds).await?;
        }
        let stop = stall.map_or(end, |(after, _)| after.min(end));
        let wanted = buffer.len().min(usize::try_from(stop - sent).unwrap_or(usize::MAX));
        let Some(piece) = buffer.get_mut(..wanted).filter(|piece| !piece.is_empty()) else { break };
        // A file that shrank meanwhile ends the connection, as on any server.
        file.read_exact(piece)?;
        let at = wrong.corrupt.and_then(|at| usize::try_from(at.checked_sub(first + sent)?).ok());
        if let Some(byte) = at.and_then(|at| piece.get_mut(at)) {
            *byte = !*byte;
        }
        stream.write_all(piece).await?;
        sent += wanted as u64;
        if let Some(speed) = speed {
            stream.flush().await?;
            let seconds = wanted as f64 / speed.max(1) as f64;
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
    }
    if end == count {
        return Ok(());
    }
    // What was sent is to arrive; the end is to come without a word.
    stream.flush().await?;
    Err(io::ErrorKind::ConnectionAborted.into())
}

/// Says nothing for so long, or until the client goes away.
async fn be_silent(stream: &mut (impl AsyncRead + Unpin), seconds: Option<f64>) -> io::Result<()> {
    let Some(seconds) = seconds else {
        return Err(match stream.read_u8().await {
            Ok(_) => io::ErrorKind::InvalidData.into(),
            Err(gone) => gone,
        });
    };
    tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::fault::Fault;

    /// A server of the file `a`, whose ten bytes are digits, with these faults.
    async fn serve(
        faults: &[&str],
    ) -> (SocketAddr, impl Future<Output = ()>, mpsc::UnboundedReceiver<String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "0123456789").unwrap();
        let mut site = Site::default();
        site.add("example.com", "/", folder.path());
        let (misses, missed) = mpsc::unbounded_channel();
        let planned = faults.iter().enumerate().map(|(at, text)| {
            let Ok(Fault::Server(fault)) = text.parse() else { panic!("{text}") };
            Planned { at, fault, urls: None }
        });
        let misdeeds = Arc::new(Misdeeds::new(planned.collect()));
        let (site, log) = (Arc::new(site), Arc::default());
        let served = Served { site, speed: None, misdeeds, lender: None, log, misses };
        let authority = Authority::new(&["example.com".to_owned()]).unwrap();
        let (address, serve) = listen(served, authority).await.unwrap();
        let serve = async move {
            serve.await;
            drop(folder);
        };
        (address, serve, missed)
    }

    fn get(extra: &str) -> String {
        format!("GET /a HTTP/1.1\r\nHost: example.com\r\n{extra}\r\n")
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn files_are_served_whole_in_part_and_one_after_another_on_a_connection() {
        let (address, serve, mut missed) = serve(&[]).await;
        let conversation = async {
            let twice = ask(address, &(get("") + &get("Range: bytes=7-\r\nConnection: close\r\n"))).await;
            assert!(twice.starts_with("HTTP/1.1 200 OK\r\n"), "{twice}");
            assert!(twice.contains("\r\n\r\n0123456789HTTP/1.1 206 Partial Content\r\n"), "{twice}");
            assert!(twice.ends_with("\r\n\r\n789") && twice.contains("bytes 7-9/10"), "{twice}");
            let head = ask(address, &get("").replace("GET", "HEAD")).await;
            assert!(head.contains("Content-Length: 10\r\n") && head.ends_with("\r\n\r\n"), "{head}");
            assert!(ask(address, &get("").replace("/a", "/b")).await.starts_with("HTTP/1.1 404"));
            assert_eq!(missed.recv().await.as_deref(), Some("404: nothing is served at example.com/b"));
            assert!(ask(address, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
        };
        tokio::select! {
            () = serve => {}
            () = conversation => {}
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn faults_are_committed_in_the_order_they_are_listed_and_then_all_is_well() {
        let faults =
            ["drop=4", "stall=3,seconds=0.01", "status=503,retry-after=7", "corrupt=1", "no-range,times=1"];
        let (address, serve, _missed) = serve(&faults).await;
        let conversation = async {
            let rest = get("Range: bytes=7-\r\n");
            let mut answers = Vec::new();
            for request in [get(""), get(""), get(""), get(""), rest.clone(), rest] {
                answers.push(ask(address, &request).await);
            }
            let ends = |at: usize, end: &str| answers[at].ends_with(end);
            assert!(ends(0, "\r\n\r\n0123") && answers[0].contains("Content-Length: 10\r\n"), "{answers:#?}");
            assert!(ends(1, "\r\n\r\n0123456789"), "{answers:#?}");
            assert!(answers[2].starts_with("HTTP/1.1 503") && answers[2].contains("Retry-After: 7\r\n"));
            // 0xCE, as the reader of text shows it.
            assert!(ends(3, "0\u{fffd}23456789"), "{answers:#?}");
            assert!(answers[4].starts_with("HTTP/1.1 200") && ends(4, "0123456789"), "{answers:#?}");
            assert!(answers[5].starts_with("HTTP/1.1 206") && ends(5, "\r\n789"), "{answers:#?}");
        };
        tokio::select! {
            () = serve => {}
            () = conversation => {}
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_server_that_stalls_for_good_waits_for_the_client_to_go() {
        let (address, serve, _missed) = serve(&["stall=2"]).await;
        let conversation = async {
            // The client closes its side at once, which ends the silence.
            assert!(ask(address, &get("")).await.ends_with("\r\n\r\n01"));
        };
        tokio::select! {
            () = serve => {}
            () = conversation => {}
        }
    }
}
