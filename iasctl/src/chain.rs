//! An error with everything that led to it, on one line.

use std::error::Error;

/// The text of `error` and of its sources, with colons between.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
