//! Opens an application in the user's session, its arguments as a vector, never through generated code (R101).

use shared::{
    exit::Ended,
    ipc::message::Outcome,
    layout::MacPath,
    sys::child::{self, Account, Limits, Output, Program},
};
use std::{path::Path, time::Duration};
use tokio::sync::mpsc;

/// How long `open` may take: it returns once the application was launched.
const LIMIT: Duration = Duration::from_secs(60);

/// Opens the application.
pub(crate) async fn open(path: &MacPath, arguments: &[String], account: &Account) -> Outcome {
    let program = Program { environment: account.environment(), ..request(path, arguments) };
    let limits = Limits { timeout: Some(LIMIT), ..Limits::default() };
    // Only its last lines are of interest, and they come with its end.
    let (lines, _) = mpsc::channel(1);
    let (ended, tail) = match child::start(&program, Output::Lines(lines), limits).await {
        Ok(child) => {
            let finished = child.wait().await;
            (finished.ended, finished.tail)
        }
        Err(ended) => (ended, Vec::new()),
    };
    if ended == Ended::Exited(0) {
        return Outcome::Done;
    }
    Outcome::Failed { error: format!("open {path}: {ended} {}", tail.join("; ")).trim_end().to_owned() }
}

fn request(path: &MacPath, arguments: &[String]) -> Program {
    let mut words = vec!["-a", path.as_str()];
    if !arguments.is_empty() {
        words.push("--args");
        words.extend(arguments.iter().map(String::as_str));
    }
    Program {
        arguments: words.into_iter().map(Into::into).collect(),
        ..Program::new(Path::new("/usr/bin/open"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r101_arguments_stay_apart() {
        let path = MacPath::new("/Applications/Utilities/DEPNotify.app").unwrap();
        let words = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
            request(&path, &arguments).arguments
        };
        assert_eq!(words(&[]), ["-a", path.as_str()]);
        assert_eq!(words(&["-path", "a b; c"]), ["-a", path.as_str(), "--args", "-path", "a b; c"]);
    }
}
