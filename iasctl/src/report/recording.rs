//! Reads what a run left behind: its journal, or a stream of events, whole or cut off anywhere.

use shared::{
    event::Event,
    layout::{JOURNAL_FILE, RECORDS_FOLDER},
};
use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The facts of a run, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Recording {
    /// Where they were read.
    pub(super) source: String,
    /// What happened.
    pub(super) events: Vec<Event>,
    /// Lines that say nothing we understand.
    pub(super) unreadable: usize,
}

/// Reads the recording at `path`: a file, the folder it lies in, the folder that is a Mac's `/`, or `-` for standard input.
///
/// # Errors
/// When there is none, or nothing in it can be read.
pub(super) fn read(path: &Path) -> Result<Recording, String> {
    let (source, bytes) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| format!("standard input: {error}"))?;
        ("standard input".to_owned(), bytes)
    } else {
        let file = find(path)?;
        let bytes =
            fs::read(&file).map_err(|error| format!("{}: {error}{}", file.display(), advice(&error)))?;
        (file.display().to_string(), bytes)
    };
    let recording = parse(source, &bytes);
    if recording.events.is_empty() {
        return Err(format!(
            "{}: no run is recorded there: give `{JOURNAL_FILE}`, or what `iasctl simulate --json` printed",
            recording.source
        ));
    }
    Ok(recording)
}

fn advice(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied { "; it is root's: use sudo" } else { "" }
}

fn find(path: &Path) -> Result<PathBuf, String> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let records = Path::new(RECORDS_FOLDER.trim_start_matches('/'));
    let places = [path.join(JOURNAL_FILE), path.join(records).join(JOURNAL_FILE)];
    places.into_iter().find(|place| place.exists()).ok_or_else(|| {
        format!("{}: there is no {JOURNAL_FILE}, neither here nor in {}", path.display(), records.display())
    })
}

fn parse(source: String, bytes: &[u8]) -> Recording {
    let mut recording = Recording { source, ..Recording::default() };
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice::<Event>(line) {
            // A second rehearsal, to compare how it ends, begins anew.
            Ok(event) if recording.events.last().is_none_or(|last| event.seq > last.seq) => {
                recording.events.push(event);
            }
            Ok(_) => {}
            Err(_) if is_something_else(line) => {}
            Err(_) => recording.unreadable += 1,
        }
    }
    recording
}

/// Progress, the first line of a journal, a verdict: no facts of a run.
fn is_something_else(line: &[u8]) -> bool {
    let known = |object: &serde_json::Map<String, serde_json::Value>| !object.contains_key("event");
    serde_json::from_slice(line).is_ok_and(|object| known(&object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_or_no_fact_is_left_out_and_counted() {
        let text = concat!(
            "{\"journal\":1,\"sum\":\"3ea7b829\"}\n",
            "{\"seq\":1,\"at_ms\":5,\"event\":\"waiting_for_user\",\"sum\":\"x\"}\n",
            "{\"progress\":\"bytes\",\"id\":{\"phase\":\"userland\",\"index\":0},\"received\":1,\"total\":null}\n",
            "{\"seq\":2,\"at_ms\":6,\"event\":\"of_tomorrow\"}\n",
            "{\"seq\":3,\"at_ms\":7,\"event\":\"reboot_req"
        );
        let recording = parse("x".into(), text.as_bytes());
        assert_eq!((recording.events.len(), recording.unreadable), (1, 2));
    }
}
