//! What somebody asks of the next run: the file `iasctl repair` leaves for `iasd`.
//!
//! ```text
//! iasctl: written, with a new id ─► iasd: in the journal's first line ─► removed ─► carried out
//! ```
//!
//! The journal has it before the file goes, so a power cut in between neither loses it nor has it carried out twice.

use crate::{hint::nearest, item::Phase, state::RunState};
use serde::{Deserialize, Serialize};

/// The version of the format; a newer one is not guessed at.
pub const REQUEST_VERSION: u32 = 1;
/// No request is longer, in bytes.
pub const LONGEST_REQUEST: u64 = 64 * 1024;

/// A repair that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The version of the format.
    pub request: u32,
    /// Tells it from every other request.
    pub id: String,
    /// Names of the only items to look at; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Repeat them whether or not they are done.
    #[serde(default)]
    pub force: bool,
}

/// A request that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// A newer `iasctl` wrote it.
    #[error("it has format {0}, this program knows {REQUEST_VERSION} and older: a newer iasctl wrote it")]
    Newer(u32),
    /// It is no request.
    #[error("it is no request: {0}")]
    Malformed(String),
}

/// What any version has.
#[derive(Deserialize)]
struct Versioned {
    request: u32,
}

impl Request {
    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(bytes: &[u8]) -> Result<Self, BadRequest> {
        let malformed = |error: serde_json::Error| BadRequest::Malformed(error.to_string());
        let Versioned { request } = serde_json::from_slice(bytes).map_err(malformed)?;
        if request > REQUEST_VERSION {
            return Err(BadRequest::Newer(request));
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// The content of the file.
    ///
    /// # Errors
    /// Never, for plain data like this.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Whether an item of this name is to be looked at: the exact name, in any case.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| is_same(wanted, name))
    }

    /// One line for the log.
    #[must_use]
    pub fn summary(&self) -> String {
        let which = match self.only.as_slice() {
            [] => "all items".to_owned(),
            only => only.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "),
        };
        let how =
            if self.force { "also what is there already" } else { "what is missing, changed or failed" };
        format!("a repair of {which} was asked for, {how} (request {})", self.id)
    }
}

fn is_same(wanted: &str, name: &str) -> bool {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    fold(wanted.trim()) == fold(name.trim())
}

/// What is wrong with names that were asked for, one line for each: `items` are all names with their phases.
///
/// Preflight is no part of a repair: its scripts said what they had to say when the Mac was new.
#[must_use]
pub fn unknown_names(only: &[String], items: &[(Phase, &str)]) -> Vec<String> {
    let problem = |wanted: &String| {
        let mut found = items.iter().filter(|(_, name)| is_same(wanted, name)).peekable();
        if found.peek().is_none() {
            let known = items.iter().filter(|(phase, _)| *phase != Phase::Preflight).map(|(_, name)| *name);
            let hint = nearest(wanted, known).map(|name| format!(": did you mean \"{name}\"?"));
            return Some(format!("no item is called \"{wanted}\"{}", hint.unwrap_or_default()));
        }
        let in_preflight = found.all(|(phase, _)| *phase == Phase::Preflight);
        in_preflight
            .then(|| format!("\"{wanted}\" is a preflight script, and a repair asks none of those again"))
    };
    only.iter().filter_map(problem).collect()
}

/// The same for the items of a run on record; nothing when it does not know its items.
#[must_use]
pub fn unknown_in(only: &[String], run: &RunState) -> Vec<String> {
    if run.items.is_empty() {
        return Vec::new();
    }
    let items = run.items.values().map(|item| (item.listed.id.phase, item.listed.name.as_str()));
    unknown_names(only, &items.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(only: &[&str]) -> Request {
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        Request { request: REQUEST_VERSION, id: "7f3a".to_owned(), only, force: true }
    }

    #[test]
    fn a_request_reads_back_and_a_newer_or_broken_one_is_refused() {
        let asked = request(&["Acme Tools"]);
        assert_eq!(Request::read(asked.to_text().unwrap().as_bytes()), Ok(asked));
        assert_eq!(Request::read(br#"{"request": 2, "what": []}"#), Err(BadRequest::Newer(2)));
        assert!(matches!(Request::read(br#"{"request": 1}"#), Err(BadRequest::Malformed(_))));
        assert!(matches!(Request::read(b""), Err(BadRequest::Malformed(_))));
    }

    #[test]
    fn names_are_exact_in_any_case() {
        let asked = request(&["acme TOOLS", "Über"]);
        assert!(asked.wants("Acme Tools") && asked.wants("über"));
        assert!(!asked.wants("Acme") && !asked.wants("Acme Tools 2"));
        assert!(request(&[]).wants("anything"));
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest_one() {
        let items = [(Phase::Preflight, "Look"), (Phase::SetupAssistant, "Acme Tools")];
        let problems = |only: &[&str]| unknown_names(&request(only).only, &items);
        assert_eq!(problems(&["acme tools"]), [""; 0]);
        assert_eq!(
            problems(&["Acme Tolls"]),
            ["no item is called \"Acme Tolls\": did you mean \"Acme Tools\"?"]
        );
        assert_eq!(problems(&["Printers", "Look"]).len(), 2);
        assert!(problems(&["look"])[0].contains("preflight script"));
    }
}
