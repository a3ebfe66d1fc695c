//! An installation from inside: a script of the simulated Mac called `installer`, and this Mac's root is `/`.

use super::{Report, Script, Surroundings};
use shared::{
    exit::Ended,
    sys::child::{Account, script},
};
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _, pipe},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::Stdio,
};

/// Bytes of a line that are kept (R72).
const MAX_LINE: u64 = 4096;
/// Enough to see how a script is to be started.
const HEAD: u64 = 512;

/// Runs scripts as its own children, and prints.
#[derive(Debug)]
pub(in crate::host::simulated) struct FromInside {
    /// Whether progress is printed too (`-verboseR`), not just messages.
    pub(in crate::host::simulated) is_verbose: bool,
}

impl Surroundings for FromInside {
    fn say(&mut self, report: Report) {
        // What scripts write is for the log only, as on a Mac.
        let is_wanted = match report {
            Report::Message(_) => true,
            Report::Script(..) => false,
            Report::Phase(_) | Report::Status(_) | Report::Percent(_) => self.is_verbose,
        };
        if is_wanted {
            // Whoever stopped reading is no reason to stop installing.
            let _ = writeln!(std::io::stdout(), "{report}");
        }
    }

    fn run(&mut self, call: Script, line: &mut dyn FnMut(&str)) -> Ended {
        match start(&call, line) {
            Ok(ended) => ended,
            Err(error) => Ended::NotStarted(format!("{}: {error}", call.program)),
        }
    }

    fn is_stopped(&self) -> bool {
        false
    }
}

fn start(call: &Script, line: &mut dyn FnMut(&str)) -> std::io::Result<Ended> {
    let path = Path::new(call.program.as_str());
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let program = script(path, &head);
    let (reader, writer) = pipe()?;
    let mut command = program.command()?;
    command
        .args(&call.arguments)
        .current_dir(call.folder.as_str())
        .env_clear()
        .envs(Account::root().environment())
        .envs(call.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command.spawn()?;
    // Its ends of the pipe must close here, or the lines never end.
    drop(command);
    let mut reader = BufReader::new(reader);
    loop {
        let mut bytes = Vec::new();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        line(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']));
    }
    let status = child.wait()?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signalled(signal),
        (None, None) => Ended::Lost("it ended without a status".into()),
    })
}
