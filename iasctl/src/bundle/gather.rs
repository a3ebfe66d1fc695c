//! What a run leaves on a Mac, as texts, and the secrets that may be in them.

use crate::{check::settings, report};
use rustix::fs::{Mode, OFlags, open};
use shared::{
    layout::RECORDS_FOLDER,
    settings::{
        DOMAIN, Source,
        document::{self, Document},
        keys::KEYS,
        profile::Use,
    },
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// So much of the end of a file is taken.
const MOST: u64 = 8 << 20;
/// So much of the end of what the system's installer wrote about everything it ever installed.
const MOST_OF_INSTALLER: u64 = 1 << 20;

/// Files of the records folder. Not what waits to be sent: that is said in other words there.
const RECORDS: [&str; 8] = [
    "last-run.ndjson",
    "previous-run.ndjson",
    "last-dry-run.ndjson",
    "unreadable-run.ndjson",
    "status.json",
    "status.txt",
    "report.json",
    "repair.json",
];
/// Where settings lie on a Mac.
const SETTINGS: [&str; 2] = ["Library/installapplications/iasd.plist", "Library/Managed Preferences/"];
const LOGS: &str = "private/var/log/ias";
const INSTALLER: &str = "private/var/log/install.log";

/// What was found.
#[derive(Default)]
pub(super) struct Gathered {
    /// Texts by their names in the bundle.
    pub(super) files: BTreeMap<String, String>,
    pub(super) secrets: Vec<String>,
    pub(super) remarks: Vec<String>,
}

/// Gathers from the Mac whose `/` is `root`; `more` are settings that lie elsewhere.
///
/// # Errors
/// When there is no run, or `more` cannot be read.
pub(super) fn gather(root: &Path, more: &[PathBuf]) -> Result<Gathered, String> {
    let mut gathered = Gathered::default();
    let records = root.join(RECORDS_FOLDER.trim_start_matches('/'));
    for name in RECORDS {
        gathered.take(format!("records/{name}"), &records.join(name), MOST);
    }
    if gathered.files.is_empty() {
        let why = gathered.remarks.first().cloned().unwrap_or_default();
        return Err(format!("{}: no run is recorded there {why}", records.display()).trim_end().to_owned());
    }
    let [own, managed] = SETTINGS;
    let managed = root.join(format!("{managed}{DOMAIN}.plist"));
    for (name, path) in [("iasd.plist", root.join(own)), ("managed.plist", managed)] {
        match fs::read(&path) {
            Ok(bytes) => gathered.settings(root, name, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => gathered.remarks.push(format!("{}: {error}", path.display())),
        }
    }
    for path in more {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        gathered.settings(root, &name, &bytes);
    }
    gathered.logs(root);
    let journal = records.join("last-run.ndjson");
    match report::told(&journal) {
        Ok((page, text)) => {
            gathered.files.insert("run.html".to_owned(), page);
            gathered.files.insert("run.txt".to_owned(), text);
        }
        Err(why) => gathered.remarks.push(why),
    }
    Ok(gathered)
}

impl Gathered {
    fn take(&mut self, name: String, path: &Path, most: u64) {
        match end_of(path, most) {
            Ok((text, whole)) => {
                if !whole {
                    self.remarks.push(format!("{name}: only its end"));
                }
                self.files.insert(name, text);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.remarks.push(format!("{}: {error}", path.display())),
        }
    }

    fn logs(&mut self, root: &Path) {
        let folder = root.join(LOGS);
        let entries = fs::read_dir(&folder).map(|entries| entries.flatten().collect::<Vec<_>>());
        for entry in entries.unwrap_or_default() {
            // A link may lead anywhere.
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let name = entry.file_name().to_string_lossy().into_owned();
                self.take(format!("logs/{name}"), &entry.path(), MOST);
            }
        }
        self.take("logs/install.log".to_owned(), &root.join(INSTALLER), MOST_OF_INSTALLER);
    }

    /// Takes what settings come to, their secrets apart, and the log they name.
    fn settings(&mut self, root: &Path, name: &str, bytes: &[u8]) {
        let checked = settings::check(name, bytes);
        let mut text: String = checked.findings.iter().map(|finding| format!("{finding}\n")).collect();
        text.push_str(&checked.table());
        self.files.insert(format!("settings/{name}.txt"), text);
        self.secrets.extend(secrets(bytes));
        let log = checked.settings.and_then(|settings| settings.log_file);
        if let Some(log) = log {
            self.take(format!("logs/{}", log.file_name()), &log.under(root), MOST);
        }
    }
}

/// The values of all keys that are secret.
fn secrets(bytes: &[u8]) -> Vec<String> {
    let Ok(Document { value, .. }) = document::read(bytes, &Source::File(String::new())) else {
        return Vec::new();
    };
    let dictionaries = match Use::of(value) {
        Some(Use::Settings(values)) => vec![values],
        Some(Use::Profile(domains)) => domains.into_iter().map(|(_, values)| values).collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for values in &dictionaries {
        for key in KEYS.iter().filter(|key| key.secret) {
            values.get(key.name).into_iter().for_each(|value| texts(value, &mut found));
        }
        // Basic authentication has both in one, encoded: it tells the password also where `Basic` is not in front of it.
        let text = |key: &str| values.get(key).and_then(plist::Value::as_string);
        if let (Some(user), Some(password)) = (text("HTTPAuthUser"), text("HTTPAuthPassword")) {
            found.push(format!("{user}:{password}"));
        }
        // What may hold a user and a password, or a query.
        for key in ["JSONURL", "TitleRepoURL", "TitleEnvQueryURL", "OTLPEndpoint"] {
            let url =
                values.get(key).and_then(plist::Value::as_string).and_then(|text| url::Url::parse(text).ok());
            found.extend(url.iter().filter_map(|url| url.password().map(str::to_owned)));
            found.extend(url.iter().filter_map(|url| url.query().map(str::to_owned)));
        }
    }
    found
}

fn texts(value: &plist::Value, found: &mut Vec<String>) {
    match value {
        plist::Value::String(text) => found.push(text.clone()),
        plist::Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        plist::Value::Dictionary(values) => values.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// The end of a file as text, whole lines, and whether that is all of it. A link is not followed: it may lead to what is no log.
fn end_of(path: &Path, most: u64) -> io::Result<(String, bool)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let length = metadata.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    if length > most {
        // A line cut in two might end in half a secret.
        let begin = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
        bytes.drain(..begin);
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), length <= most))
}

#[cfg(test)]
mod tests {
    use super::{super::scrub::Scrub, *};

    #[test]
    fn a_password_is_found_in_what_basic_authentication_sends() {
        let settings = b"<plist><dict><key>HTTPAuthUser</key><string>ada</string>\
            <key>HTTPAuthPassword</key><string>hunter2-password</string></dict></plist>";
        let sent = shared::base64::encode(b"ada:hunter2-password");
        let told = Scrub::new(secrets(settings)).apply(&format!("auth={sent} done"));
        assert_eq!(told, "auth=<redacted> done");
    }
}
