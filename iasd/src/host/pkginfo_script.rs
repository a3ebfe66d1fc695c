//! A script that stands in a pkginfo as a text: written where only root can reach it, and executed directly (T47).

use super::private::Private;
use cap_std::fs::Dir;
use shared::sys::child::{Account, Program};
use std::{io, path::Path, sync::Arc};

/// Writes `text` below the Mac whose `/` is `dir`, and gives what executes it there, where `root` is what that program
/// sees as `/`; with the folder it lies in. `None` when the text names no interpreter.
///
/// # Errors
/// When it cannot be written.
pub(super) fn written(dir: &Arc<Dir>, root: &Path, text: &str) -> io::Result<Option<(Program, Private)>> {
    if !text.starts_with("#!") {
        return Ok(None);
    }
    let folder = Private::make(dir)?;
    let path = folder.write("script", text.as_bytes(), 0o700)?.under(root);
    let program = Program { environment: Account::root().environment(), ..Program::new(&path) };
    Ok(Some((program, folder)))
}

/// Why a text without `#!` does not begin.
pub(super) const NO_INTERPRETER: &str =
    "could not be started: its first line names no interpreter, such as #!/bin/sh or #!/bin/zsh";
