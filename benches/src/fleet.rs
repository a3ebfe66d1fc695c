//! A fleet that is enrolled at once: many `iasd` behind one line to one nginx, as when a school opens its boxes.

use crate::{
    Failure,
    line::relay::{Limit, relay},
    web::{Scheme, Web},
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use shared::{digest::Digest, layout::RECORDS_FOLDER};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Bytes a second of the one line.
const RATE: f64 = 40e6;
/// What each Mac loads, in bytes.
const ITEMS: [usize; 6] = [1_500_000, 600_000, 300_000, 60_000, 20_000, 4_000];
/// What the 99th percentile may take of the time the bytes need.
const PROMISED: f64 = 1.2;
/// In how many seconds the Macs come, where they do not come at once.
const SPREAD: f64 = 20.0;
/// How long the server is away, and since when.
const AWAY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));
/// A Mac that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(600);

/// What happens to the fleet.
#[derive(Clone, Copy, PartialEq)]
enum Course {
    AllAtOnce,
    Spread,
    ServerAway,
}

/// One Mac of the fleet.
struct Mac {
    root: PathBuf,
    child: Child,
    /// When it was over, and whether all went well.
    over: Option<(Duration, bool)>,
}

/// Enrols `macs` Macs in each way; an error where a promise is broken.
pub(crate) fn run(macs: usize) -> Result<(), Failure> {
    // A connection takes three descriptors of the relay, and one of nginx.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard)?;
    let iasd = std::env::current_exe()?.with_file_name("iasd");
    let mut broken = Vec::new();
    for (name, course) in [
        ("all at once", Course::AllAtOnce),
        ("within 20 s", Course::Spread),
        ("all at once, and after 10 s the server is away for 10 s", Course::ServerAway),
    ] {
        println!("\n{macs} Macs {name}");
        // Each Mac has a disk of its own; all these share one, so it must be no disk.
        let memory = Path::new("/dev/shm");
        let scratch = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
        let mut fleet = Fleet::new(&iasd, scratch.path())?;
        let told = fleet.enrol(macs, course)?;
        told.print(course);
        if told.failed > 0 {
            broken.push(format!("{name}: {} failed", told.failed));
        }
        if course != Course::ServerAway && told.ratio() > PROMISED {
            broken.push(format!("{name}: {:.2} instead of {PROMISED}", told.ratio()));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(format!("broken promises: {}", broken.join("; ")).into()) }
}

struct Fleet<'a> {
    iasd: &'a Path,
    scratch: &'a Path,
    web: Web,
    line: SocketAddr,
}

impl<'a> Fleet<'a> {
    fn new(iasd: &'a Path, scratch: &'a Path) -> Result<Self, Failure> {
        let served = scratch.join("served");
        fs::create_dir(&served)?;
        let mut digests = Vec::new();
        for (number, bytes) in ITEMS.into_iter().enumerate() {
            let content: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8 ^ number as u8).collect();
            digests.push(Digest::of(&content));
            fs::write(served.join(format!("item{number}")), content)?;
        }
        let web = Web::without_buffers(&served, scratch)?;
        let line = relay(web.authority(Scheme::Http).parse()?, Limit { rate: RATE, shared: true })?;
        let item = |(number, digest): (usize, &Digest)| {
            json!({
                "name": format!("Item {number}"), "type": "rootfile", "file": format!("/Library/Fleet/item{number}"),
                "url": format!("http://{line}/item{number}"), "hash": digest.to_string(),
            })
        };
        let items: Vec<Value> = digests.iter().enumerate().map(item).collect();
        let document = json!({ "preflight": [], "setupassistant": items, "userland": [] });
        let control = served.join("bootstrap.json");
        fs::write(&control, document.to_string())?;
        web.add(&control);
        Ok(Self { iasd, scratch, web, line })
    }

    fn start(&self, number: usize) -> Result<Mac, Failure> {
        let root = self.scratch.join(format!("mac{number}"));
        let mut command = Command::new(self.iasd);
        command.arg("--root").arg(&root).args(["--jsonurl", &format!("http://{}/bootstrap.json", self.line)]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Mac { root, child, over: None })
    }

    fn enrol(&mut self, count: usize, course: Course) -> Result<Told, Failure> {
        let begun = Instant::now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut macs: Vec<Mac> = Vec::with_capacity(count);
        let mut away = (course == Course::ServerAway).then_some(AWAY.0);
        while macs.len() < count || macs.iter().any(|mac| mac.over.is_none()) {
            let now = begun.elapsed();
            let due = match course {
                Course::Spread => (now.as_secs_f64() / SPREAD * count as f64) as usize,
                _ => count,
            };
            while macs.len() < due.min(count) {
                macs.push(self.start(macs.len())?);
            }
            if away.is_some_and(|since| now >= since) {
                away = None;
                self.web.away(AWAY.1)?;
            }
            for mac in macs.iter_mut().filter(|mac| mac.over.is_none()) {
                if let Some(status) = mac.child.try_wait()? {
                    mac.over = Some((begun.elapsed(), status.success()));
                } else if begun.elapsed() > PATIENCE {
                    mac.child.kill()?;
                    mac.child.wait()?;
                    mac.over = Some((begun.elapsed(), false));
                }
            }
            // What is measured takes a minute.
            thread::sleep(Duration::from_millis(5));
        }
        let mut told = Told::of(&macs, wall)?;
        if course == Course::Spread {
            // The last one cannot be over before it came.
            told.floor = told.floor.max(SPREAD);
        }
        Ok(told)
    }
}

/// What came of a fleet.
struct Told {
    /// Sorted.
    times: Vec<f64>,
    failed: usize,
    floor: f64,
    /// Downloads that began, and those that began again, in each second.
    begun: Vec<usize>,
    again: Vec<usize>,
}

impl Told {
    fn of(macs: &[Mac], wall: Duration) -> Result<Self, Failure> {
        let mut times: Vec<f64> = Vec::new();
        let mut told = Self {
            times: Vec::new(),
            failed: 0,
            floor: (macs.len() * ITEMS.iter().sum::<usize>()) as f64 / RATE,
            begun: Vec::new(),
            again: Vec::new(),
        };
        for mac in macs {
            let (time, good) = mac.over.unwrap_or((PATIENCE, false));
            times.push(time.as_secs_f64());
            told.failed += usize::from(!good || !mac.is_whole());
            told.downloads(&mac.root, wall);
        }
        times.sort_by(f64::total_cmp);
        told.times = times;
        Ok(told)
    }

    /// Takes from a Mac's record when it asked for what.
    fn downloads(&mut self, root: &Path, wall: Duration) {
        let record = root.join(RECORDS_FOLDER.trim_start_matches('/')).join("last-run.ndjson");
        let text = fs::read_to_string(record).unwrap_or_default();
        for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if event["event"] != "download_started" {
                continue;
            }
            let at = Duration::from_millis(event["at_ms"].as_u64().unwrap_or_default());
            let second = at.saturating_sub(wall).as_secs() as usize;
            let list = if event["attempt"] == 1 { &mut self.begun } else { &mut self.again };
            if list.len() <= second {
                list.resize(second + 1, 0);
            }
            if let Some(count) = list.get_mut(second) {
                *count += 1;
            }
        }
    }

    fn at(&self, share: f64) -> f64 {
        let index = ((self.times.len() as f64 * share).ceil() as usize).saturating_sub(1);
        self.times.get(index).copied().unwrap_or_default()
    }

    fn ratio(&self) -> f64 {
        self.at(0.99) / self.floor
    }

    fn print(&self, course: Course) {
        println!("  the bytes need   {:>6.1} s at {:.0} MB/s", self.floor, RATE / 1e6);
        for (name, share) in [("half are done", 0.5), ("99 of 100", 0.99), ("the last", 1.0)] {
            println!("  {name:<16} {:>6.1} s  {:.2} x", self.at(share), self.at(share) / self.floor);
        }
        println!("  failed           {:>6}", self.failed);
        plot("downloads begun", &self.begun);
        if course == Course::ServerAway {
            plot("begun again", &self.again);
        }
    }
}

impl Mac {
    /// Whether everything is there.
    fn is_whole(&self) -> bool {
        let size = |number: usize| {
            fs::metadata(self.root.join(format!("Library/Fleet/item{number}"))).map(|file| file.len())
        };
        ITEMS.iter().enumerate().all(|(number, bytes)| size(number).is_ok_and(|size| size == *bytes as u64))
    }
}

/// One column a second.
fn plot(name: &str, counts: &[usize]) {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().max().copied().unwrap_or_default().max(1);
    let bars: String =
        counts.iter().map(|count| BARS.get((count * 8).div_ceil(most)).copied().unwrap_or('█')).collect();
    println!("  {name:<16} {bars}  (a second a column, at most {most})");
}
