//! Downloads with digests: the real `iasd` beside `curl --parallel` followed by `openssl dgst -sha256`, other peers, and
//! the floor.

mod floor;
mod load;
mod peers;

pub(crate) use floor::floor;

use self::{
    load::{Files, Load, Promise},
    peers::Contender,
};
use crate::{
    Failure,
    measure::{Cost, spread},
    web::{Scheme, Web},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What this program is called with to be the floor.
pub(crate) const FLOOR: &str = "floor";
/// How much memory `iasd` was promised to need, whatever it downloads.
const MOST_MEMORY_KIB: u64 = 14 * 1024;

const LOADS: [Load; 7] = [
    load("40 x 5 MiB", (40, 5 * 1024), Scheme::Http, (0.51, Some(0.82))),
    load("40 x 5 MiB", (40, 5 * 1024), Scheme::Https, (0.69, None)),
    load("4 x 256 MiB", (4, 256 * 1024), Scheme::Http, (0.51, None)),
    load("4 x 256 MiB", (4, 256 * 1024), Scheme::Https, (0.62, None)),
    load("300 x 20 KiB", (300, 20), Scheme::Http, (0.75, None)),
    nothing(Scheme::Http, 12.0),
    nothing(Scheme::Https, 20.0),
];

const fn load(
    name: &'static str,
    (count, kib): (usize, usize),
    scheme: Scheme,
    (wall, processor): (f64, Option<f64>),
) -> Load {
    Load { name, count, kib, scheme, rounds: 5, promise: Promise::Ratio { wall, processor } }
}

const fn nothing(scheme: Scheme, most: f64) -> Load {
    let promise = Promise::Milliseconds(most);
    Load { name: "no items", count: 0, kib: 0, scheme, rounds: 21, promise }
}

/// Measures the loads whose row has `only` in its title and prints a table; `go` is a further peer.
pub(crate) fn run(go: Option<PathBuf>, only: &str) -> Result<(), Failure> {
    let iasd = std::env::current_exe()?.with_file_name("iasd");
    if !iasd.exists() {
        return Err(format!("{} is missing: cargo build --release -p iasd", iasd.display()).into());
    }
    if go.is_none() {
        println!("go: skipped (--go PROGRAM)");
    }
    println!(
        "{:<16} {:>8} {:>8} {:>8} {:>7} {:>9} {:>7} {:>9}",
        "", "min ms", "median", "max", "ratio", "cpu ms", "ratio", "peak MiB"
    );
    let mut broken = Vec::new();
    for load in LOADS.iter().filter(|load| load.title().contains(only)) {
        broken.extend(one(&iasd, go.as_ref(), load)?);
    }
    if broken.is_empty() {
        println!("every promise is kept");
        return Ok(());
    }
    Err(format!("broken promises:\n  {}", broken.join("\n  ")).into())
}

/// Measures one load; gives the promises that were broken.
fn one(iasd: &Path, go: Option<&PathBuf>, load: &Load) -> Result<Vec<String>, Failure> {
    let place = tempfile::tempdir_in(disk())?;
    let (folder, scratch) = (place.path().join("files"), place.path().join("web"));
    for folder in [&folder, &scratch] {
        fs::create_dir(folder)?;
    }
    let files = Files::make(folder, load)?;
    let web = Web::serve(&files.folder, &scratch)?;
    let contenders = Contender::all(iasd.to_owned(), go, load);
    let mut costs = vec![Vec::new(); contenders.len()];
    for _ in 0..load.rounds {
        // Turn about, so that nobody has the calmer machine.
        for (contender, costs) in contenders.iter().zip(&mut costs) {
            let into = place.path().join("into");
            // When the disk has nothing left to do from before.
            Command::new("sync").status()?;
            costs.push(contender.run(&into, &files, (&web, load.scheme))?);
            fs::remove_dir_all(into)?;
        }
    }
    println!("{}, {}", load.title(), web.name());
    let sums: Vec<Sum> = costs.into_iter().map(Sum::of).collect();
    let find = |wanted| contenders.iter().zip(&sums).find(|(one, _)| **one == wanted).map(|(_, sum)| sum);
    let reference = find(Contender::CurlAndOpenssl);
    for (contender, sum) in contenders.iter().zip(&sums) {
        println!("  {:<14} {}", contender.name(), sum.row(reference));
    }
    Ok(find(Contender::Ours(iasd.to_owned())).map_or_else(Vec::new, |ours| broken(load, ours, reference)))
}

/// The costs of all rounds.
struct Sum {
    wall: (Duration, Duration, Duration),
    processor: Duration,
    /// The most of all rounds, in KiB.
    peak: u64,
}

impl Sum {
    fn of(costs: Vec<Cost>) -> Self {
        Self {
            wall: spread(costs.iter().map(|cost| cost.wall).collect()),
            processor: spread(costs.iter().map(|cost| cost.processor).collect()).1,
            peak: costs.iter().map(|cost| cost.peak_kib).max().unwrap_or_default(),
        }
    }

    fn row(&self, reference: Option<&Self>) -> String {
        let ratios = reference.map_or((String::new(), String::new()), |reference| {
            let (wall, processor) = self.ratios(reference);
            (format!("{wall:.2}"), format!("{processor:.2}"))
        });
        format!(
            "{:>8.1} {:>8.1} {:>8.1} {:>7} {:>9.1} {:>7} {:>9.1}",
            ms(self.wall.0),
            ms(self.wall.1),
            ms(self.wall.2),
            ratios.0,
            ms(self.processor),
            ratios.1,
            self.peak as f64 / 1024.0
        )
    }

    fn ratios(&self, reference: &Self) -> (f64, f64) {
        let over = |ours: Duration, theirs: Duration| ours.as_secs_f64() / theirs.as_secs_f64();
        (over(self.wall.1, reference.wall.1), over(self.processor, reference.processor))
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn broken(load: &Load, ours: &Sum, reference: Option<&Sum>) -> Vec<String> {
    let mut compared = vec![("MiB of memory", ours.peak as f64 / 1024.0, MOST_MEMORY_KIB as f64 / 1024.0)];
    match (&load.promise, reference) {
        (Promise::Milliseconds(most), _) => compared.push(("ms", ms(ours.wall.1), *most)),
        (Promise::Ratio { wall, processor }, Some(reference)) => {
            let ratios = ours.ratios(reference);
            compared.push(("of the time", ratios.0, *wall));
            compared.extend(processor.map(|most| ("of the processor time", ratios.1, most)));
        }
        (Promise::Ratio { .. }, None) => {}
    }
    let title = load.title();
    let told = |(what, found, most)| format!("{title}: {found:.2} {what}, promised {most}");
    compared.into_iter().filter(|(_, found, most)| found > most).map(told).collect()
}

/// Where it all happens: in memory if that can be, because `iasd` flushes what it places and the peers do not, so that
/// on a slow disk the disk would be measured. `TMPDIR` decides otherwise.
fn disk() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if std::env::var_os("TMPDIR").is_none() && memory.is_dir() { memory } else { std::env::temp_dir() }
}
