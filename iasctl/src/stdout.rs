//! Standard output, which may be full, or closed by a reader that has seen enough.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

/// Prints a result. A reader that has gone away is no error.
///
/// # Errors
/// The exit code, after a line on standard error, when the text could not be written.
pub(crate) fn print(text: &str) -> Result<(), ExitCode> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            Err(ExitCode::FAILURE)
        }
        _ => Ok(()),
    }
}

/// Prints a line of something that goes on whether or not anybody can read it.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    // What is shown is no part of what is done.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
}
