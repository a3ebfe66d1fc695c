//! The words of `--item`, in the spellings of both generators, as what is asked of one item (R128, R131).

use std::collections::BTreeMap;

/// The words, of every dialect and our own (R132).
pub(super) const WORDS: [&str; 17] = [
    "item-name",
    "item-path",
    "item-stage",
    "item-type",
    "item-url",
    "script-do-not-wait",
    "pkg-skip-if",
    "retries",
    "retrywait",
    "required",
    "fail-policy",
    "parallel-group",
    "packageid",
    "version",
    "file",
    "hash",
    "timeout",
];

/// What is asked of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(BTreeMap<&'static str, String>);

impl Words {
    /// The words of one `--item`.
    ///
    /// # Errors
    /// Every word that cannot be taken, and why.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Vec<String>> {
        let arguments = match arguments {
            [one] => pieces(one)?.unwrap_or_else(|| vec![one.clone()]),
            several => several.to_vec(),
        };
        let (mut words, mut problems) = (Self::default(), Vec::new());
        for argument in &arguments {
            match word(argument) {
                Ok((known, value)) if words.0.contains_key(known) => {
                    problems.push(format!("{known}: given twice, also as {value:?}"));
                }
                Ok((known, value)) => {
                    words.0.insert(known, value.to_owned());
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(words) } else { Err(problems) }
    }

    /// Adds or replaces one.
    pub(super) fn with(mut self, word: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(word, value.into());
        self
    }

    /// A word as it was written, also an empty one.
    pub(super) fn written(&self, word: &str) -> Option<&str> {
        self.0.get(word).map(String::as_str)
    }

    /// A word with something in it.
    pub(super) fn get(&self, word: &str) -> Option<&str> {
        self.written(word).filter(|value| !value.is_empty())
    }
}

fn word(argument: &str) -> Result<(&'static str, &str), String> {
    let Some((key, value)) = argument.split_once('=') else {
        return Err(format!("{argument:?}: expected WORD=VALUE; quote a value with blanks in it"));
    };
    match WORDS.into_iter().find(|known| *known == key) {
        Some(known) => Ok((known, value)),
        None => {
            let near = shared::hint::nearest(key, WORDS);
            let hint = match near {
                Some(near) => format!("; did you mean {near}?"),
                None => format!("; expected one of {}", WORDS.join(", ")),
            };
            Err(format!("{key}: unknown word{hint}"))
        }
    }
}

/// go-installapplications wants all words in one text. `None`: it is one word, blanks and all.
fn pieces(argument: &str) -> Result<Option<Vec<String>>, Vec<String>> {
    let is_known = |piece: &str| WORDS.iter().any(|word| piece.starts_with(&format!("{word}=")));
    // Without quotes that are taken off: a first look must not fail at an apostrophe.
    if argument.split_whitespace().filter(|piece| is_known(piece)).nth(1).is_none() {
        return Ok(None);
    }
    let (mut pieces, mut piece, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in argument.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => piece.push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                begun = true;
            }
            (None, _) if c.is_whitespace() => {
                if begun {
                    pieces.push(std::mem::take(&mut piece));
                }
                begun = false;
            }
            (None, _) => {
                piece.push(c);
                begun = true;
            }
        }
    }
    if let Some(open) = quote {
        return Err(vec![format!("a quotation mark {open} is never closed")]);
    }
    if begun {
        pieces.push(piece);
    }
    Ok(Some(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Words, Vec<String>> {
        Words::parse(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn words(pairs: &[(&'static str, &str)]) -> Words {
        pairs.iter().fold(Words::default(), |words, (word, value)| words.with(word, *value))
    }

    #[test]
    fn r128_both_spellings_say_the_same() {
        let expected = words(&[("item-name", "A b"), ("item-path", "a.sh"), ("item-url", "https://x/?a=1")]);
        let vectors: [&[&str]; 4] = [
            &["item-name=A b", "item-path=a.sh", "item-url=https://x/?a=1"],
            &["item-url=https://x/?a=1", "item-path=a.sh", "item-name=A b"],
            &["item-name='A b' item-path=a.sh item-url=https://x/?a=1"],
            &[" item-path=a.sh  \"item-name=A b\" item-url=\"https://x/?a=1\" "],
        ];
        for vector in vectors {
            assert_eq!(parsed(vector), Ok(expected.clone()), "{vector:?}");
        }
        assert_eq!(
            parsed(&["item-path=/My Things/Bob's.sh"]),
            Ok(words(&[("item-path", "/My Things/Bob's.sh")]))
        );
        assert_eq!(parsed(&["item-name=", "item-path=a.sh"]).unwrap().get("item-name"), None);
    }

    #[test]
    fn r131_what_cannot_be_taken_is_named() {
        let vectors: [(&[&str], &str); 5] = [
            (&["item-pth=a.sh"], "item-pth: unknown word; did you mean item-path?"),
            (&["a.sh"], "\"a.sh\": expected WORD=VALUE"),
            (&["item-path=a", "item-path=b"], "item-path: given twice"),
            (&["item-name=My App item-path=a.sh"], "\"App\": expected WORD=VALUE; quote"),
            (&["item-name='A item-path=a.sh"], "never closed"),
        ];
        for (vector, expected) in vectors {
            let problems = parsed(vector).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{vector:?}: {problems:?}");
        }
    }
}
