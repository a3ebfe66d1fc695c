//! Downloads with digests: the real `iasd` beside `curl --parallel` followed by `openssl dgst -sha256`.
//!
//! `iasd` is timed as a whole, from its start to its exit: settings, control file, journal, flushes, cleanup.

use crate::{
    Failure,
    measure::{median, peak_memory, time},
    web::Web,
};
use shared::digest::{Digest, Digester};
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// How often each is timed; the median counts.
const ROUNDS: usize = 5;
/// What was promised: our time over the peers' (less is better), and our memory.
const MOST_TIME: f64 = 0.7;
const MOST_MEMORY_KIB: u64 = 64 * 1024;

/// One measurement.
struct Load {
    name: &'static str,
    count: usize,
    mib: usize,
    /// The promised ratio. One file alone is there for its memory: receiving it is one thing after the other.
    most_time: Option<f64>,
}

const LOADS: [Load; 3] = [
    Load { name: "40 files of 5 MiB", count: 40, mib: 5, most_time: Some(MOST_TIME) },
    Load { name: "4 files of 256 MiB", count: 4, mib: 256, most_time: Some(MOST_TIME) },
    Load { name: "1 file of 1 GiB", count: 1, mib: 1024, most_time: None },
];

/// Measures all loads and prints a table.
pub(crate) fn run() -> Result<(), Failure> {
    let iasd = std::env::current_exe()?.with_file_name("iasd");
    if !iasd.exists() {
        return Err(format!("{} is missing: cargo build --release -p iasd", iasd.display()).into());
    }
    println!("{:<20} {:>10} {:>14} {:>7} {:>12}", "", "iasd", "curl+openssl", "ratio", "iasd memory");
    let mut kept = true;
    for load in &LOADS {
        kept &= one(&iasd, load)?;
    }
    let memory = MOST_MEMORY_KIB / 1024;
    println!(
        "promised: a ratio of at most {MOST_TIME} where there is more than one file, at most {memory} MiB of memory"
    );
    if kept { Ok(()) } else { Err("a promise is broken".into()) }
}

fn one(iasd: &Path, load: &Load) -> Result<bool, Failure> {
    let place = tempfile::tempdir_in(disk())?;
    let (files, scratch) = (folder(place.path(), "files")?, folder(place.path(), "web")?);
    let digests = make_files(&files, load)?;
    let web = Web::serve(&files, &scratch)?;
    let names: Vec<String> = (0..load.count).map(name_of).collect();
    let file = files.join("bootstrap.json");
    fs::write(&file, control_file(&web, &names, &digests)?)?;
    web.add(&file);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Turn about, so that neither has the calmer machine.
        let (run, peer) =
            (place.path().join(format!("mac{round}")), place.path().join(format!("peer{round}")));
        ours.push(settled(|| time(&mut iasd_command(iasd, &run, &web)?))?);
        check(&run, &names, &digests)?;
        theirs.push(settled(|| peers(&peer, &web, &names))?);
        for used in [run, peer] {
            fs::remove_dir_all(used)?;
        }
    }
    let memory = peak_memory(&mut iasd_command(iasd, &place.path().join("memory"), &web)?)?;
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "{:<20} {:>8.2} s {:>12.2} s {ratio:>7.2} {:>8.1} MiB   (over {})",
        load.name,
        ours.as_secs_f64(),
        theirs.as_secs_f64(),
        memory as f64 / 1024.0,
        web.name()
    );
    Ok(load.most_time.is_none_or(|most| ratio <= most) && memory <= MOST_MEMORY_KIB)
}

/// Where it all happens: in memory if that can be, because `iasd` flushes what it places and the peers do not, so that
/// on a slow disk the disk would be measured. `TMPDIR` decides otherwise.
fn disk() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if std::env::var_os("TMPDIR").is_none() && memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// Measures when the disk has nothing left to do from before.
fn settled(measure: impl FnOnce() -> Result<Duration, Failure>) -> Result<Duration, Failure> {
    time(&mut Command::new("sync"))?;
    measure()
}

fn iasd_command(iasd: &Path, root: &Path, web: &Web) -> Result<Command, Failure> {
    fs::create_dir(root)?;
    let mut command = Command::new(iasd);
    command.arg("--root").arg(root).args(["--jsonurl", &web.url("bootstrap.json")]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// Both peers, one after the other, as a script would call them.
fn peers(into: &Path, web: &Web, names: &[String]) -> Result<Duration, Failure> {
    fs::create_dir(into)?;
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--parallel", "--remote-name-all", "--noproxy", "*"]);
    // Its meter for parallel transfers ignores --silent.
    curl.args(names.iter().map(|name| web.url(name))).current_dir(into).stderr(Stdio::null());
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256"]).args(names).current_dir(into).stdout(Stdio::null());
    Ok(time(&mut curl)? + time(&mut openssl)?)
}

/// A number without content proves nothing: every file must be there.
fn check(root: &Path, names: &[String], digests: &[Digest]) -> Result<(), Failure> {
    for (name, digest) in names.iter().zip(digests) {
        let path = root.join("Library/Seed").join(name);
        let found = digest_of(&path)?;
        if found != *digest {
            return Err(format!("{}: wrong content", path.display()).into());
        }
    }
    Ok(())
}

fn digest_of(path: &Path) -> Result<Digest, Failure> {
    let mut sink = Sink(Digester::default());
    std::io::copy(&mut File::open(path).map_err(|error| format!("{}: {error}", path.display()))?, &mut sink)?;
    Ok(sink.0.finish())
}

struct Sink(Digester);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn make_files(folder: &Path, load: &Load) -> Result<Vec<Digest>, Failure> {
    let mut block = vec![0_u8; 1 << 20];
    let (mut digests, mut state) = (Vec::new(), 0x2545_f491_4f6c_dd1d_u64);
    for index in 0..load.count {
        let (mut file, mut digester) = (File::create(folder.join(name_of(index)))?, Digester::default());
        for _ in 0..load.mib {
            for word in block.chunks_exact_mut(8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            }
            digester.update(&block);
            file.write_all(&block)?;
        }
        digests.push(digester.finish());
    }
    Ok(digests)
}

fn control_file(web: &Web, names: &[String], digests: &[Digest]) -> Result<Vec<u8>, Failure> {
    let items: Vec<_> = names
        .iter()
        .zip(digests)
        .map(|(name, digest)| {
            serde_json::json!({
                "name": name,
                "type": "rootfile",
                "file": format!("/Library/Seed/{name}"),
                "url": web.url(name),
                "hash": digest.to_string(),
            })
        })
        .collect();
    Ok(serde_json::to_vec(&serde_json::json!({ "setupassistant": items }))?)
}

fn name_of(index: usize) -> String {
    format!("file{index}.bin")
}

fn folder(place: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folder = place.join(name);
    fs::create_dir(&folder)?;
    Ok(folder)
}
