//! Paths that others wrote and that must stay in the folder they belong to (T17), and when two of them are one.

use shared::title::composed;

/// Whether `place` is the path of a file below some folder.
///
/// # Errors
/// Why not, to stand behind its name.
pub(super) fn check(place: &str) -> Result<(), &'static str> {
    if place.is_empty() {
        Err("is empty")
    } else if place.starts_with('/') {
        Err("is an absolute path")
    } else if place.contains('\\') || place.chars().any(char::is_control) {
        Err("has a backslash or a control character in it")
    } else if place.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Err("has an empty, `.` or `..` part")
    } else {
        Ok(())
    }
}

/// What is equal for two paths that some disk takes for one: neither case nor the way accents are written counts.
pub(super) fn folded(place: &str) -> String {
    composed(place).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t17_only_paths_below_the_folder_are_taken() {
        assert!(["a", "apps/A-1.0.pkg", "a b/ü", ".a", "a..b"].iter().all(|place| check(place).is_ok()));
        for place in ["", "/a", "a//b", "a/", "./a", "a/../b", "..", "a\\b", "a\nb"] {
            assert!(check(place).is_err(), "{place:?}");
        }
    }

    #[test]
    fn t20_case_and_the_way_accents_are_written_make_no_other_path() {
        assert_eq!(folded("Apps/Cafe\u{301}.pkg"), folded("apps/CAF\u{c9}.pkg"));
        assert_ne!(folded("apps/Cafe.pkg"), folded("apps/Caf\u{e9}.pkg"));
    }
}
