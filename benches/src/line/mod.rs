//! The real `iasd` over lines with a limit, beside fixed numbers of downloads.

pub(crate) mod relay;

use self::relay::{Limit, relay};
use crate::{
    Failure,
    measure::{cost, spread},
    schedule::{
        load::{Lane, Line, Load},
        makespan,
        policy::{MOST, Policy},
    },
    web::{Scheme, Web},
};
use shared::digest::Digest;
use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

/// How often each way is tried on each line: an odd number.
const ROUNDS: usize = 3;
/// The defaults, and fixed numbers of downloads: nobody knows beforehand which one is best on a line.
const WAYS: [(&str, Option<u32>); 4] =
    [("the defaults", None), ("one download at a time", Some(1)), ("two", Some(2)), ("four", Some(4))];

/// Prints the table; an error where a promise is broken.
pub(crate) fn run() -> Result<(), Failure> {
    let iasd = std::env::current_exe()?.with_file_name("iasd");
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("served");
    fs::create_dir(&folder)?;
    let load = scripts(Load::onboarding());
    let items = write(&folder, &load)?;
    let web = Web::serve(&folder, scratch.path())?;
    let server: SocketAddr = web.authority(Scheme::Http).parse()?;
    let site = Site { iasd: &iasd, scratch: scratch.path(), folder: &folder, items: &items, web: &web };
    println!("no limit: {:.2} s", site.once(server, None)?.as_secs_f64());
    let mut broken = Vec::new();
    for (name, line, promised) in crate::schedule::PROMISED {
        let shared = line.all.is_finite();
        let address = relay(server, Limit { rate: if shared { line.all } else { line.each }, shared })?;
        let mut times = WAYS.map(|_| Vec::new());
        for _ in 0..ROUNDS {
            for ((_, fixed), times) in WAYS.iter().zip(&mut times) {
                times.push(site.once(address, *fixed)?);
            }
        }
        println!("{name}: {:.2} s by the simulator of schedules", best(&load, line));
        let medians = times.map(|times| spread(times).1.as_secs_f64());
        let [ours, fixed @ ..] = medians;
        let best = fixed.into_iter().fold(f64::INFINITY, f64::min);
        for ((way, _), seconds) in WAYS.iter().zip(medians) {
            println!("  {seconds:>6.2} s  {:>5.2} x  {way}", seconds / best);
        }
        if ours > best * promised {
            broken.push(format!("{name}: {:.3} instead of {promised}", ours / best));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(format!("broken promises: {}", broken.join("; ")).into()) }
}

fn best(load: &Load, line: Line) -> f64 {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    (1..=most).map(|count| makespan(load, line, Policy::Fixed(count))).fold(f64::INFINITY, f64::min)
}

/// The same with scripts only, which need no package to be made.
fn scripts(load: Load) -> Load {
    let mut load = load;
    for work in load.phases.iter_mut().flatten().flatten() {
        work.lane = Lane::Beside;
    }
    load
}

/// One item of the control file.
struct Script {
    name: String,
    group: Option<String>,
    digest: Digest,
}

/// Scripts of the sizes of `load`, which sleep as long as it says.
fn write(folder: &Path, load: &Load) -> Result<Vec<Script>, Failure> {
    let mut scripts = Vec::new();
    for (number, batch) in load.phases.iter().flatten().enumerate() {
        for work in batch {
            let name = format!("script{}.sh", scripts.len());
            let mut text = format!("#!/bin/sh\nsleep {}\nexit 0\n", work.seconds).into_bytes();
            let wanted = usize::try_from(Duration::from_secs_f64(work.bytes).as_secs())?;
            text.resize(wanted.max(text.len()), b'#');
            let digest = Digest::of(&text);
            fs::write(folder.join(&name), text)?;
            let group = (batch.len() > 1).then(|| format!("group{number}"));
            scripts.push(Script { name, group, digest });
        }
    }
    Ok(scripts)
}

/// What all runs have in common.
struct Site<'a> {
    iasd: &'a Path,
    scratch: &'a Path,
    folder: &'a Path,
    items: &'a [Script],
    web: &'a Web,
}

impl Site<'_> {
    /// How long a new Mac takes behind `line`, with `fixed` downloads at a time, or the defaults.
    fn once(&self, line: SocketAddr, fixed: Option<u32>) -> Result<Duration, Failure> {
        let items: Vec<_> = self.items.iter().map(|script| script.item(line)).collect();
        let document = serde_json::json!({ "preflight": [], "setupassistant": items, "userland": [] });
        let control = self.folder.join("line.json");
        fs::write(&control, serde_json::to_vec(&document)?)?;
        self.web.add(&control);
        let root = tempfile::tempdir_in(self.scratch)?;
        let mut command = Command::new(self.iasd);
        command.arg("--root").arg(root.path()).args(["--jsonurl", &self.web.url(Scheme::Http, "line.json")]);
        if let Some(count) = fixed {
            for option in ["--min-download-concurrency", "--max-download-concurrency"] {
                command.arg(option).arg(count.to_string());
            }
        }
        Ok(cost(&command)?.wall)
    }
}

impl Script {
    fn item(&self, line: SocketAddr) -> serde_json::Value {
        let mut item = serde_json::json!({
            "name": self.name,
            "type": "rootscript",
            "file": format!("/Library/installapplications/{}", self.name),
            "url": format!("http://{line}/{}", self.name),
            "hash": self.digest.to_string(),
        });
        if let (Some(group), Some(item)) = (&self.group, item.as_object_mut()) {
            item.insert("parallel_group".into(), group.as_str().into());
        }
        item
    }
}
