//! `iasctl keygen`: a new pair of keys for signing control files, in minisign's format, without a password.

use crate::{chain::chain, stdout};
use serde::Serialize;
use shared::minisign::SecretKey;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What `keygen` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to put them: NAME.key, readable by you only, and NAME.pub. Neither may exist
    #[arg(value_name = "NAME", default_value = "ias")]
    name: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Makes the keys.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match make(&arguments.name) {
        Ok(made) => {
            let text = if arguments.json { made.as_json() } else { made.as_text() };
            stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("iasctl keygen: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The pair that was made.
#[derive(Debug, Serialize)]
struct Made {
    secret_key_file: PathBuf,
    public_key_file: PathBuf,
    key_id: String,
    public_key: String,
}

impl Made {
    fn as_text(&self) -> String {
        format!(
            "{}: the secret key; whoever has it can sign: keep it off web servers and out of repositories\n\
             {}: the public key {}; it goes into the setting ControlFileKeys:\n\
             {}\n",
            self.secret_key_file.display(),
            self.public_key_file.display(),
            self.key_id,
            self.public_key,
        )
    }

    fn as_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn make(name: &Path) -> Result<Made, String> {
    let beside = |extension: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(extension);
        PathBuf::from(path)
    };
    let (secret_key_file, public_key_file) = (beside(".key"), beside(".pub"));
    let key = SecretKey::from_seed(random()?, random()?).map_err(|error| chain(&error))?;
    write_new(&secret_key_file, &key.to_file(), 0o600)?;
    if let Err(error) = write_new(&public_key_file, &key.public().to_file(), 0o644) {
        // Nobody has used it yet, and half a pair helps nobody.
        let _ = fs::remove_file(&secret_key_file);
        return Err(error);
    }
    let public = key.public();
    let (key_id, public_key) = (public.id().to_string(), public.to_string());
    Ok(Made { secret_key_file, public_key_file, key_id, public_key })
}

/// A key is never overwritten: what was signed with it could not be signed again.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{} exists, and keys are never overwritten; choose another NAME", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // It is ours, and it is not whole.
        let _ = fs::remove_file(path);
        format!("{}: {error}", path.display())
    })
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut bytes).map_err(|_| "the system has no randomness".to_owned())?;
    Ok(bytes)
}
