//! `iasctl check` of the signature beside a control file: what a Mac that has seen no earlier edition would say of it.

use crate::sign::beside;
use shared::{
    control::{
        Finding, Severity,
        signed::{Endorsement, Newest, judge},
    },
    minisign::{LONGEST, PublicKey},
};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};
use time::OffsetDateTime;

/// A public key, as text or in a file.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, String> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(error) => match fs::read_to_string(text) {
            Ok(file) => file.parse().map_err(|error| format!("{error}")),
            Err(_) => Err(format!("{error}, nor a file that holds one")),
        },
    }
}

/// Judges the signature of `file`, whose content is `content`: what it comes to, and what is wrong with it. Without an
/// endorsement the control file cannot be used.
pub(crate) fn check(
    file: &str,
    content: &[u8],
    keys: &[PublicKey],
) -> (Option<Endorsement>, Option<Finding>) {
    if file == "-" {
        let problem = "standard input has no signature beside it";
        return (None, Some(finding(Severity::Error, "stdin", problem, None)));
    }
    let path = beside(Path::new(file));
    let name = path.display().to_string();
    let signature = match read(&path) {
        Ok(signature) => signature,
        Err(error) => {
            let problem = format!("the signature cannot be read: {error}");
            let hint = "make it with iasctl sign, and publish it beside the control file";
            return (None, Some(finding(Severity::Error, &name, problem, Some(hint))));
        }
    };
    match judge(content, &signature, keys, &Newest::default(), OffsetDateTime::now_utc()) {
        Ok(endorsement) if endorsement.terms.serial.is_none() => {
            let problem = "there is no serial: an older edition could be put in the place of a newer one";
            let hint = "sign with iasctl sign, or with minisign -t 'serial:N'";
            (Some(endorsement), Some(finding(Severity::Warning, &name, problem, Some(hint))))
        }
        Ok(endorsement) => (Some(endorsement), None),
        Err(refusal) => (None, Some(finding(Severity::Error, &name, refusal.to_string(), None))),
    }
}

/// A problem of the signature as a whole.
fn finding(severity: Severity, file: &str, problem: impl Into<String>, hint: Option<&str>) -> Finding {
    Finding {
        severity,
        file: file.to_owned(),
        line: 1,
        column: 1,
        item: None,
        name: None,
        key: None,
        problem: problem.into(),
        hint: hint.map(str::to_owned),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
