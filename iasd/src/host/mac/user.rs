//! A program run as a user of the real Mac: `launchctl` leads into the session, `sudo` out of root's rights (P50, R112).

use super::tools::{Request, Tools};
use nix::unistd::User;
use shared::sys::{
    child::{Account, Program},
    tools::{ENV, LAUNCHCTL, SH, SUDO},
};
use std::{ffi::OsString, io, path::PathBuf};

/// A path with `=` in it would be a variable to `env`.
const EXEC: &str = "exec \"$0\" \"$@\"";

/// The account with this number, never root's.
///
/// # Errors
/// When it is root's, or there is none.
pub(super) fn account(uid: u32) -> io::Result<Account> {
    if uid == 0 {
        return Err(io::Error::other("a user's work is not done as root"));
    }
    let user = User::from_uid(uid.into())?;
    let user = user.ok_or_else(|| io::Error::other(format!("there is no account with user id {uid}")))?;
    Ok(Account { name: user.name, home: user.dir, shell: user.shell, temporary: "/private/tmp".into() })
}

/// Into the session of `uid`, which leaves root's rights; then to uid, gid and groups of the account; then to the
/// environment of `program`, of which nothing is inherited.
pub(super) fn run_as(tools: &Tools, uid: u32, program: &Program) -> Request {
    let place = |tool: &str| tools.place(tool).into_os_string();
    let mut words: Vec<OsString> = vec!["asuser".into(), uid.to_string().into(), place(SUDO)];
    words.extend(["-n", "-u", &format!("#{uid}"), "--"].map(Into::into));
    words.extend([place(ENV), "-i".into()]);
    words.extend(program.environment.iter().map(|(name, value)| {
        let mut variable = name.clone();
        variable.push("=");
        variable.push(value);
        variable
    }));
    words.extend([PathBuf::from(SH).into(), "-c".into(), EXEC.into(), program.path.clone().into()]);
    words.extend(program.arguments.iter().cloned());
    Request::new(LAUNCHCTL, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn r112_p50_the_exact_call() {
        let account = Account {
            name: "ada".into(),
            home: "/Users/ada".into(),
            shell: "/bin/zsh".into(),
            temporary: "/private/tmp".into(),
        };
        let script = Path::new("/Library/installapplications/a=b.sh");
        let program = Program { environment: account.environment(), ..Program::new(script) };
        let request = run_as(&Tools::below(Path::new("/")), 501, &program);
        assert_eq!(request.tool, "/bin/launchctl");
        assert_eq!(
            request.arguments,
            [
                "asuser",
                "501",
                "/usr/bin/sudo",
                "-n",
                "-u",
                "#501",
                "--",
                "/usr/bin/env",
                "-i",
                "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
                "HOME=/Users/ada",
                "USER=ada",
                "LOGNAME=ada",
                "SHELL=/bin/zsh",
                "TMPDIR=/private/tmp",
                "/bin/sh",
                "-c",
                "exec \"$0\" \"$@\"",
                "/Library/installapplications/a=b.sh",
            ]
        );
    }

    #[test]
    fn r112_root_is_no_user() {
        assert_eq!(account(0).unwrap_err().to_string(), "a user's work is not done as root");
    }
}
