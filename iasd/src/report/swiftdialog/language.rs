//! In which language a Mac speaks to its user: what the user, or Setup Assistant, has chosen.

use rustix::fs::{Mode, OFlags, open};
use shared::{property_list, wording::user::Language};
use std::{fs::File, io::Read as _, path::Path};

/// Preferences that are larger say nothing of use.
const LARGEST: u64 = 1 << 20;
const PREFERENCES: &str = "Library/Preferences/.GlobalPreferences.plist";

/// The first language in the preferences of `user`, or else of the Mac whose `/` is `root`, that we have.
///
/// The user's file is the user's: whatever lies there, a language is all that comes of it.
pub(super) fn chosen(root: &Path, user: Option<&str>) -> Option<Language> {
    let is_name = |name: &&str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    let own =
        user.filter(is_name).and_then(|name| preferred(&root.join("Users").join(name).join(PREFERENCES)));
    own.or_else(|| preferred(&root.join(PREFERENCES)))
}

fn preferred(path: &Path) -> Option<Language> {
    // Without O_NONBLOCK a named pipe would hold us up for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).ok()?);
    let mut bytes = Vec::new();
    if !file.metadata().ok()?.is_file() || file.take(LARGEST).read_to_end(&mut bytes).is_err() {
        return None;
    }
    let value = property_list::read::<{ LARGEST as usize }>(&bytes).ok()?;
    let languages = value.as_dictionary()?.get("AppleLanguages")?.as_array()?;
    languages.iter().filter_map(plist::Value::as_string).find_map(Language::named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(path: &Path, languages: &[&str]) {
        let languages: String = languages.iter().map(|code| format!("<string>{code}</string>")).collect();
        let text = format!("<plist><dict><key>AppleLanguages</key><array>{languages}</array></dict></plist>");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_users_choice_goes_before_the_macs_and_what_we_do_not_speak_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let of = |user| chosen(root.path(), user);
        assert_eq!(of(Some("ada")), None);
        write(&root.path().join(PREFERENCES), &["pl-PL", "de-CH", "en"]);
        assert_eq!(of(None), Some(Language::German));
        assert_eq!(of(Some("ada")), Some(Language::German));
        let own = root.path().join("Users/ada").join(PREFERENCES);
        write(&own, &["fr_CA"]);
        assert_eq!(of(Some("ada")), Some(Language::French));
        assert_eq!(of(Some("../ada")), Some(Language::German));
        fs::write(&own, b"bplist00 no").unwrap();
        assert_eq!(of(Some("ada")), Some(Language::German));
        fs::remove_file(&own).unwrap();
        nix::unistd::mkfifo(&own, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(of(Some("ada")), Some(Language::German), "a pipe is no preference");
    }
}
