//! The log of the server: one line for each request, which never tells what was shown to be let in.

use super::http::Request;
use serde::Serialize;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Where requests are noted; by default nowhere.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Option<Mutex<File>>);

#[derive(Serialize)]
struct Line<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    status: u16,
    /// Whether there was an `Authorization`.
    authorization: bool,
}

impl RequestLog {
    /// Behind what this file has already.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Some(Mutex::new(file))))
    }

    /// Notes a request and the status of its answer.
    pub(super) fn note(&self, request: &Request, status: u16) {
        let Some(file) = &self.0 else { return };
        let Request { method, host, path, authorization, .. } = request;
        let line = Line { method, host, path, status, authorization: authorization.is_some() };
        let Ok(mut text) = serde_json::to_vec(&line) else { return };
        text.push(b'\n');
        // A log that cannot be written is no reason to break the rehearsal off.
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text);
    }
}
