//! How an application is opened: by `open`, its arguments as a vector, never through generated code (R101).

use super::Program;
use crate::{layout::MacPath, sys::tools};
use std::path::Path;

/// What opens the application at `path`; it returns once that was launched.
#[must_use]
pub fn open_app(path: &MacPath, arguments: &[String]) -> Program {
    let mut words = vec!["-a", path.as_str()];
    if !arguments.is_empty() {
        words.push("--args");
        words.extend(arguments.iter().map(String::as_str));
    }
    Program { arguments: words.into_iter().map(Into::into).collect(), ..Program::new(Path::new(tools::OPEN)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r101_arguments_stay_apart() {
        let path = MacPath::new("/Applications/Utilities/DEPNotify.app").unwrap();
        let words = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
            open_app(&path, &arguments).arguments
        };
        assert_eq!(words(&[]), ["-a", path.as_str()]);
        assert_eq!(words(&["-path", "a b; c"]), ["-a", path.as_str(), "--args", "-path", "a b; c"]);
    }
}
