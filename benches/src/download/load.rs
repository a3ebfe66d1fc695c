//! What is downloaded: files of random bytes, their digests, and the control file that names them.

use crate::{
    Failure,
    web::{Scheme, Web},
};
use shared::digest::{Digest, Digester};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// One row of the table.
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) count: usize,
    pub(super) kib: usize,
    pub(super) scheme: Scheme,
    /// How often each contender is timed: an odd number.
    pub(super) rounds: usize,
    pub(super) promise: Promise,
}

impl Load {
    /// What its row is called.
    pub(super) fn title(&self) -> String {
        format!("{}, {}", self.name, self.scheme.name())
    }
}

/// What was promised for it.
pub(super) enum Promise {
    /// Our time and, where given, our processor time over those of curl and openssl; less is better.
    Ratio { wall: f64, processor: Option<f64> },
    /// Milliseconds for the whole run.
    Milliseconds(f64),
}

/// The files of a load, made.
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) names: Vec<String>,
    digests: Vec<Digest>,
}

impl Files {
    /// Writes them into `folder`.
    pub(super) fn make(folder: PathBuf, load: &Load) -> Result<Self, Failure> {
        let names: Vec<String> = (0..load.count).map(|index| format!("file{index}.bin")).collect();
        let mut block = vec![0_u8; 1024 * load.kib.clamp(1, 1024)];
        let (mut digests, mut state) = (Vec::new(), 0x2545_f491_4f6c_dd1d_u64);
        for name in &names {
            let (mut file, mut digester) = (File::create(folder.join(name))?, Digester::default());
            for _ in 0..load.kib.div_ceil(1024) {
                fill(&mut block, &mut state);
                digester.update(&block);
                file.write_all(&block)?;
            }
            digests.push(digester.finish());
        }
        Ok(Self { folder, names, digests })
    }

    /// Each file's name with its digest.
    pub(super) fn each(&self) -> impl Iterator<Item = (&String, &Digest)> {
        self.names.iter().zip(&self.digests)
    }

    /// Writes a control file called `name` that puts them below `place`, and serves it.
    pub(super) fn control_file(
        &self,
        name: &str,
        (web, scheme): (&Web, Scheme),
        place: &Path,
    ) -> Result<(), Failure> {
        let items: Vec<_> = self
            .each()
            .map(|(name, digest)| {
                serde_json::json!({
                    "name": name,
                    "type": "rootfile",
                    "file": place.join(name),
                    "url": web.url(scheme, name),
                    "hash": digest.to_string(),
                })
            })
            .collect();
        let document = serde_json::json!({ "preflight": [], "setupassistant": items, "userland": [] });
        let path = self.folder.join(name);
        fs::write(&path, serde_json::to_vec(&document)?)?;
        web.add(&path);
        Ok(())
    }

    /// A number without content proves nothing: every file must be there, below `place`.
    pub(super) fn check(&self, place: &Path) -> Result<(), Failure> {
        for (name, digest) in self.each() {
            let path = place.join(name);
            if digest_of(&path)? != *digest {
                return Err(format!("{}: wrong content", path.display()).into());
            }
        }
        Ok(())
    }
}

/// Random enough that nothing compresses it.
fn fill(block: &mut [u8], state: &mut u64) {
    for word in block.chunks_exact_mut(8) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
}

fn digest_of(path: &Path) -> Result<Digest, Failure> {
    let mut sink = Sink(Digester::default());
    io::copy(&mut File::open(path).map_err(|error| format!("{}: {error}", path.display()))?, &mut sink)?;
    Ok(sink.0.finish())
}

struct Sink(Digester);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
