//! `iasctl sign`: the signature of a control file, to be published beside it, in minisign's format.

use crate::stdout;
use serde::Serialize;
use shared::{
    control::signed::{Terms, moment},
    minisign::{BadSecretKey, SUFFIX, SecretKey},
    settings::duration,
    sys::atomic,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use time::OffsetDateTime;

/// What `sign` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control file; the signature is written to FILE.sig
    file: PathBuf,
    /// The secret key, made by `iasctl keygen` or `minisign -G -W`
    #[arg(long, value_name = "FILE", default_value = "ias.key")]
    key: PathBuf,
    /// The number of this edition: a Mac that has used a higher one refuses it. Default: the seconds since 1970
    #[arg(long, value_name = "N")]
    serial: Option<u64>,
    /// When Macs stop using it: a day, which counts to its end in UTC, a time such as 2027-03-01T12:00:00Z, or 90d
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    expires: Option<OffsetDateTime>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

fn expiry(text: &str) -> Result<OffsetDateTime, String> {
    let now = OffsetDateTime::now_utc();
    let at = moment(text).or_else(|| now.checked_add(duration::parse(text)?.try_into().ok()?));
    let at = at.ok_or("expected a day, a time or a span, such as 2027-03-01, 2027-03-01T12:00:00Z or 90d")?;
    if at <= now { Err("that is over already".to_owned()) } else { Ok(at) }
}

/// Signs.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match sign(arguments) {
        Ok(signed) => {
            let text = if arguments.json { signed.as_json() } else { signed.as_text() };
            stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("iasctl sign: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was signed.
#[derive(Debug, Serialize)]
struct Signed {
    signature_file: PathBuf,
    key_id: String,
    trusted_comment: String,
}

impl Signed {
    fn as_text(&self) -> String {
        let Self { signature_file, key_id, trusted_comment } = self;
        format!("{}: signed with the key {key_id}: {trusted_comment}\n", signature_file.display())
    }

    fn as_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn sign(arguments: &Arguments) -> Result<Signed, String> {
    let named = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let key = secret_key(&arguments.key).map_err(|why| named(&arguments.key, &why))?;
    let content = fs::read(&arguments.file).map_err(|error| named(&arguments.file, &error))?;
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp());
    let serial = arguments.serial.or(now.ok());
    let terms = Terms { serial, expires: arguments.expires };
    let trusted_comment = format!("{terms}{}", file_word(&arguments.file));
    let text = key.sign(&content, &trusted_comment).map_err(|error| error.to_string())?;
    let signature_file = beside(&arguments.file);
    atomic::replace(&signature_file, text.as_bytes(), 0o644)
        .map_err(|error| named(&signature_file, &error))?;
    Ok(Signed { signature_file, key_id: key.public().id().to_string(), trusted_comment })
}

fn secret_key(path: &Path) -> Result<SecretKey, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    text.parse().map_err(|error| match error {
        BadSecretKey::Protected => {
            format!("{error}; `minisign -C -W -s FILE` takes it off, `iasctl keygen` makes a key without one")
        }
        _ => format!("{error}"),
    })
}

/// Where the signature of `file` is.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(SUFFIX);
    PathBuf::from(path)
}

/// The word by which minisign tells people what was signed, if the name makes one word.
fn file_word(file: &Path) -> String {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = !name.is_empty() && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if fits { format!(" file:{name}") } else { String::new() }
}
