//! Why a program could not be started, in words an admin can act on.

use super::Program;
use crate::sys::tools;
use std::{fs::File, io, io::Read, path::Path};

/// How much of a file is read to see what it is.
const HEAD: u64 = 512;

/// How to execute a script: directly, or under `/bin/sh` when it is text without `#!` (R71).
///
/// Whether that is so is read from `head`, the first bytes of the file, which need not be the one at `path`.
#[must_use]
pub fn script(path: &Path, head: &[u8]) -> Program {
    let head = head.get(..HEAD as usize).unwrap_or(head);
    if head.starts_with(b"#!") || head.contains(&0) {
        return Program::new(path);
    }
    Program { arguments: vec![path.into()], ..Program::new(Path::new(tools::SH)) }
}

/// Turns the error of an exec into a reason; reads the head of the file to name a missing interpreter.
#[must_use]
pub fn of(program: &Path, error: &io::Error) -> String {
    let mut head = Vec::new();
    // What cannot be read is explained by the first error alone.
    let _ = File::open(program).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    explain(program, &head, program.exists(), error)
}

fn explain(program: &Path, head: &[u8], exists: bool, error: &io::Error) -> String {
    let path = program.display();
    match error.kind() {
        io::ErrorKind::NotFound if exists => match interpreter(head) {
            Some(name) if name.ends_with('\r') => format!(
                "{path}: its first line ends with a carriage return, so the interpreter `{}` is not found; \
                 save it with Unix line ends",
                name.escape_debug()
            ),
            Some(name) => format!("{path}: its interpreter `{name}` does not exist on this computer"),
            None => format!("{path}: a file it needs to start does not exist on this computer"),
        },
        io::ErrorKind::NotFound => format!("{path}: there is no such file"),
        io::ErrorKind::PermissionDenied => {
            format!("{path}: it is not executable, or its interpreter or volume does not allow it")
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            format!("{path}: it is not a program for this computer")
        }
        _ => format!("{path}: {error}"),
    }
}

/// What stands behind `#!`, up to the first blank.
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    text.trim_matches([' ', '\t']).split([' ', '\t']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r71_text_without_an_interpreter_line_runs_under_sh() {
        let path = Path::new("/tmp/x");
        assert_eq!(script(path, b"echo hello\n").path, Path::new("/bin/sh"));
        assert_eq!(script(path, b"echo hello\n").arguments, ["/tmp/x"]);
        assert_eq!(script(path, b"").path, Path::new("/bin/sh"));
        assert_eq!(script(path, b"#!/bin/zsh\n").path, path);
        assert_eq!(script(path, b"\xcf\xfa\xed\xfe\x07\0\0\x01").path, path);
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let reason = |head: &[u8], exists| explain(Path::new("/x.sh"), head, exists, &missing);
        assert_eq!(
            reason(b"#! /usr/bin/nosuch -x\n", true),
            "/x.sh: its interpreter `/usr/bin/nosuch` does not exist on this computer"
        );
        assert!(reason(b"#!/bin/sh\r\necho\r\n", true).contains("carriage return"));
        assert_eq!(reason(b"", false), "/x.sh: there is no such file");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(explain(Path::new("/x.sh"), b"", true, &denied).contains("not executable"));
    }
}
