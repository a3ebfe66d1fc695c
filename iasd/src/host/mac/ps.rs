//! `ps`: which programs are running (T45).

use super::tools::Request;
use shared::sys::tools::PS;

/// Asks for the first argument of every process, as long as it is. On a Mac `comm` is that, not a short name; and where
/// it stands alone, no blank in a path is taken for the end of it.
pub(super) fn running() -> Request {
    Request::new(PS, ["-axww", "-o", "comm="])
}

/// The first arguments, from the answer.
pub(super) fn first_arguments(answer: &str) -> Vec<String> {
    answer.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t45_the_exact_call() {
        assert_eq!(running().tool, "/bin/ps");
        assert_eq!(running().arguments, ["-axww", "-o", "comm="]);
    }

    #[test]
    fn t45_paths_with_blanks_stay_whole() {
        // What the column holds is seen at https://github.com/vanodevium/processes/pull/3
        let answer = "/sbin/launchd\n/Applications/Google Chrome.app/Contents/MacOS/Google Chrome\n\
            /System/Applications/Messages.app/Contents/MacOS/Messages   \n-zsh\n\n";
        let expected = [
            "/sbin/launchd",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            "/System/Applications/Messages.app/Contents/MacOS/Messages",
            "-zsh",
        ];
        assert_eq!(first_arguments(answer), expected);
    }
}
