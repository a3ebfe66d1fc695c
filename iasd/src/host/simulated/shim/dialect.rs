//! Programs that Macs and Linux both have, but with different habits: the Mac's forms are translated.

use super::{Call, Reply};
use std::{os::unix::process::CommandExt, process::Command};

/// `zsh` where the host has none: bash, without the options it would not understand.
pub(super) fn zsh(call: &Call<'_>) -> Reply {
    let mut command = Command::new("/bin/bash");
    command.arg0("zsh");
    let mut options = true;
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        options &= word.starts_with('-') || word.starts_with('+');
        match word.as_str() {
            "--no-rcs" | "--no-globalrcs" | "--norcs" | "--errexit" | "-f" | "-d" if options => {}
            "-o" if options => drop(words.next()),
            word => {
                command.arg(word);
            }
        }
    }
    Reply::Become(command)
}
