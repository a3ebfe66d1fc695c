//! One connection: requests read, answers written, faults committed.

use super::{
    PATIENCE, Seen, Shared,
    reply::{Body, Ranges, Reply},
};
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom, Write},
    ops::Range,
    thread,
    time::{Duration, Instant},
};

/// No request of a test is longer.
const LONGEST_LINE: u64 = 64 * 1024;
const PIECE: usize = 256 * 1024;
/// How often a file that is waited for is looked for.
const GLANCE: Duration = Duration::from_millis(20);

/// Answers requests until the client goes away, or a fault ends the connection.
pub(super) fn serve(stream: impl Read + Write, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = request(&mut stream)? {
        shared.begin();
        let result = answer(&mut stream, &seen, shared);
        shared.end();
        if !result? {
            return Ok(());
        }
    }
    Ok(())
}

fn request(stream: &mut BufReader<impl Read>) -> io::Result<Option<Seen>> {
    let first = line(stream)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut seen = Seen { method, target, headers: Vec::new(), body: Vec::new() };
    loop {
        let line = line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        seen.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    stream.take(length).read_to_end(&mut seen.body)?;
    Ok(Some(seen))
}

fn line(stream: &mut BufReader<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    stream.take(LONGEST_LINE).read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// Whether the connection lives on.
fn answer(stream: &mut BufReader<impl Read + Write>, seen: &Seen, shared: &Shared) -> io::Result<bool> {
    let out = stream.get_mut();
    let Some(reply) = shared.reply(seen) else {
        return send_to(out, seen, &Reply::status(404), Plan::status(200));
    };
    if let Some(file) = &reply.after {
        let asked = Instant::now();
        while !file.exists() && asked.elapsed() < PATIENCE {
            thread::sleep(GLANCE);
        }
    }
    if let Some(garbage) = &reply.garbage {
        let (size, pause) = reply.throttle.unwrap_or((PIECE, Duration::ZERO));
        for piece in garbage.chunks(size) {
            out.write_all(piece)?;
            out.flush()?;
            thread::sleep(pause);
        }
        return Ok(false);
    }
    if let Some(challenge) = reply.guard.as_ref().and_then(|guard| guard.challenge(seen)) {
        shared.put_back(seen.target.split('?').next().unwrap_or_default());
        return send(out, &Reply::status(401).header("WWW-Authenticate", &challenge), Plan::status(401));
    }
    if reply.slow_head {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-")?;
        out.flush()?;
        return wait_for_the_end(stream).map(|()| false);
    }
    let known = seen.header("if-none-match").filter(|known| Some(*known) == reply.etag.as_deref());
    let reply = if known.is_some() { reply.not_modified() } else { reply.made_for(seen) };
    let plan = plan(&reply, seen)?;
    let alive = send_to(stream.get_mut(), seen, &reply, plan)?;
    if reply.stall_after.is_some() {
        wait_for_the_end(stream)?;
    }
    Ok(alive)
}

/// What is answered.
struct Plan {
    status: u16,
    /// Which bytes of the body; `None`: all.
    part: Option<Range<u64>>,
    content_range: Option<String>,
}

impl Plan {
    fn status(status: u16) -> Self {
        Self { status, part: None, content_range: None }
    }
}

fn plan(reply: &Reply, seen: &Seen) -> io::Result<Plan> {
    let everything = Plan::status(reply.status);
    let asked = seen.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = asked else { return Ok(everything) };
    let (Ok(first), total) = (first.parse::<u64>(), length(&reply.body)?) else { return Ok(everything) };
    let end = last.parse::<u64>().map_or(total, |last| total.min(last + 1));
    let same = seen.header("if-range").is_none_or(|known| Some(known) == reply.etag.as_deref());
    let with = |status, first, range| Plan { status, part: Some(first..end), content_range: Some(range) };
    Ok(match &reply.ranges {
        _ if reply.status != 200 => everything,
        Ranges::Ignored => everything,
        Ranges::Wrong(range) => Plan { content_range: Some(range.clone()), ..Plan::status(206) },
        Ranges::Refused => Plan::status(416),
        Ranges::Honoured if !same => everything,
        Ranges::Honoured if first >= total => {
            Plan { content_range: Some(format!("bytes */{total}")), ..Plan::status(416) }
        }
        Ranges::Honoured => with(206, first, format!("bytes {first}-{}/{total}", end - 1)),
    })
}

/// To HEAD, everything but the body.
fn send_to(out: &mut impl Write, seen: &Seen, reply: &Reply, plan: Plan) -> io::Result<bool> {
    if seen.method != "HEAD" {
        return send(out, reply, plan);
    }
    let mut whole = Vec::new();
    let alive = send(&mut whole, reply, plan)?;
    let end = whole.windows(4).position(|window| window == b"\r\n\r\n").map_or(whole.len(), |at| at + 4);
    out.write_all(&whole[..end])?;
    out.flush()?;
    Ok(alive)
}

fn send(out: &mut impl Write, reply: &Reply, plan: Plan) -> io::Result<bool> {
    let status = if reply.status == 200 { plan.status } else { reply.status };
    let Range { start: first, end } = plan.part.unwrap_or(0..length(&reply.body)?);
    let left = end.saturating_sub(first);
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    for (name, value) in [("ETag", &reply.etag), ("Content-Range", &plan.content_range)] {
        if let Some(value) = value {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    if reply.chunked {
        head.push_str("Transfer-Encoding: chunked\r\n\r\n");
    } else {
        let _ = write!(head, "Content-Length: {}\r\n\r\n", reply.announced.unwrap_or(left));
    }
    out.write_all(head.as_bytes())?;
    let end = [reply.drop_after, reply.stall_after].into_iter().flatten().min();
    body(out, reply, (first, end.unwrap_or(left).min(left)))?;
    if reply.endless {
        // Until the client goes away.
        loop {
            body(out, reply, (0, left))?;
        }
    }
    if reply.chunked && end.is_none() {
        out.write_all(b"0\r\n\r\n")?;
    }
    out.flush()?;
    Ok(end.is_none() && reply.announced.is_none_or(|announced| announced == left))
}

fn body(out: &mut impl Write, reply: &Reply, (first, count): (u64, u64)) -> io::Result<()> {
    let (size, pause) = reply.throttle.unwrap_or((PIECE, Duration::ZERO));
    let mut source = reader(&reply.body, first)?.take(count);
    let mut piece = vec![0; size];
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        if reply.chunked {
            write!(out, "{read:x}\r\n")?;
        }
        out.write_all(&piece[..read])?;
        if reply.chunked {
            out.write_all(b"\r\n")?;
        }
        if !pause.is_zero() {
            out.flush()?;
            thread::sleep(pause);
        }
    }
}

fn length(body: &Body) -> io::Result<u64> {
    Ok(match body {
        Body::Bytes(bytes) => bytes.len() as u64,
        // Made before anybody asks how long it is.
        Body::Made(_) => 0,
        Body::File(path) => path.metadata()?.len(),
    })
}

fn reader(body: &Body, first: u64) -> io::Result<Box<dyn Read + '_>> {
    Ok(match body {
        Body::Bytes(bytes) => {
            let first = usize::try_from(first).unwrap_or(usize::MAX).min(bytes.len());
            Box::new(&bytes[first..])
        }
        Body::Made(_) => Box::new(io::empty()),
        Body::File(path) => {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(first))?;
            Box::new(file)
        }
    })
}

/// Reads until the client closes the connection.
fn wait_for_the_end(stream: &mut BufReader<impl Read>) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}
