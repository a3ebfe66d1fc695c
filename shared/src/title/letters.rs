//! When two names are the same, though their accents are written in different ways (T20).
//!
//! Catalogs made on old file systems hold `e` with an accent behind it where others hold `é`. Latin letters with one accent,
//! up to U+017F, are made equal; anything beyond is compared as it is written. Whole Unicode would want tables larger than all
//! the rest of titles.

use std::borrow::Cow;

/// An accent behind a letter, the letters it stands behind, and what they are with it.
const ACCENTS: [(char, &str, &str); 13] = [
    ('\u{300}', "AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
    ('\u{301}', "AEIOUYaeiouyCcLlNnRrSsZz", "ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹź"),
    ('\u{302}', "AEIOUaeiouCcGgHhJjSsWwYy", "ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷ"),
    ('\u{303}', "ANOanoIiUu", "ÃÑÕãñõĨĩŨũ"),
    ('\u{304}', "AaEeIiOoUu", "ĀāĒēĪīŌōŪū"),
    ('\u{306}', "AaEeGgIiOoUu", "ĂăĔĕĞğĬĭŎŏŬŭ"),
    ('\u{307}', "CcEeGgIZz", "ĊċĖėĠġİŻż"),
    ('\u{308}', "AEIOUaeiouyY", "ÄËÏÖÜäëïöüÿŸ"),
    ('\u{30a}', "AaUu", "ÅåŮů"),
    ('\u{30b}', "OoUu", "ŐőŰű"),
    ('\u{30c}', "CcDdEeLlNnRrSsTtZz", "ČčĎďĚěĽľŇňŘřŠšŤťŽž"),
    ('\u{327}', "CcGgKkLlNnRrSsTt", "ÇçĢģĶķĻļŅņŖŗŞşŢţ"),
    ('\u{328}', "AaEeIiUu", "ĄąĘęĮįŲų"),
];

/// The name with each letter and the accent behind it as one character.
#[must_use]
pub fn composed(name: &str) -> Cow<'_, str> {
    if name.is_ascii() || !name.contains(|c| ACCENTS.iter().any(|(accent, ..)| *accent == c)) {
        return Cow::Borrowed(name);
    }
    let mut composed = String::with_capacity(name.len());
    for c in name.chars() {
        match composed.chars().next_back().and_then(|letter| with_accent(letter, c)) {
            Some(letter) => {
                composed.pop();
                composed.push(letter);
            }
            None => composed.push(c),
        }
    }
    Cow::Owned(composed)
}

fn with_accent(letter: char, accent: char) -> Option<char> {
    let (_, letters, composed) = ACCENTS.iter().find(|(known, ..)| *known == accent)?;
    composed.chars().nth(letters.chars().position(|known| known == letter)?)
}

/// What is left of a name when case, spaces and hyphens do not count (T96).
pub(super) fn bare(name: &str) -> String {
    composed(name).chars().filter(|c| !matches!(c, ' ' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t20_a_name_is_the_same_however_its_accents_are_written() {
        assert_eq!(composed("Cafe\u{301} Me\u{302}le\u{301}"), "Café Mêlé");
        assert_eq!(composed("Café"), "Café");
        assert_eq!(composed("\u{301}e"), "\u{301}e");
        assert_eq!(composed("x\u{301}"), "x\u{301}", "there is no such letter");
    }

    #[test]
    fn every_accent_has_one_letter_for_each() {
        for (accent, letters, composed) in ACCENTS {
            assert_eq!(letters.chars().count(), composed.chars().count(), "U+{:x}", u32::from(accent));
        }
    }

    #[test]
    fn t96_case_spaces_and_hyphens_do_not_count() {
        assert_eq!(bare("Google Chrome"), bare("google-chrome"));
        assert_ne!(bare("Google Chrome"), bare("Google Chrome2"));
    }
}
