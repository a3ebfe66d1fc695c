//! Values that are one of a few words: `type`, `fail_policy`, `skip_if`, `parallel_group`, `follow_redirects`.

use super::{
    raw::Json,
    word::{self, Coerced, Problem, quoted, unexpected},
};
use crate::{
    facts::Arch,
    hint,
    item::{Blocking, FailPolicy, FollowRedirects, ItemKind, ParallelGroup, SkipIf},
};

/// The words of `skip_if`.
const ARCHITECTURES: [(&str, Arch); 4] = [
    ("arm64", Arch::Arm64),
    ("apple_silicon", Arch::Arm64),
    ("x86_64", Arch::X86_64),
    ("intel", Arch::X86_64),
];

/// `unknown value "failble" (expected failable, …)`, with the nearest word as a hint.
fn unknown(value: &str, expected: &[&'static str]) -> Problem {
    let problem =
        Problem::error(format!("unknown value {} (expected {})", quoted(value), expected.join(", ")));
    match hint::nearest(value, expected.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean {}?", quoted(near))),
        None => problem,
    }
}

/// `type`, in any letters (R10).
pub(super) fn kind(json: &Json<'_>) -> Coerced<ItemKind> {
    word::text(json).then(|text| {
        let Some(kind) = ItemKind::ALL.into_iter().find(|kind| kind.key().eq_ignore_ascii_case(&text)) else {
            let problem = unknown(&text, &ItemKind::ALL.map(ItemKind::key));
            return Coerced::without(match text.as_str() {
                "msi" | "msix" | "exe" | "nupkg" | "powershell" | "ps1" => {
                    problem.hint("this item is for Windows: remove it")
                }
                "application" => problem.hint("did you mean \"app\"?"),
                "munki" | "autoupdate" => problem.hint("did you mean \"title\"?"),
                "pkg" => problem.hint("did you mean \"package\"?"),
                "script" => problem.hint("did you mean \"rootscript\" or \"userscript\"?"),
                "file" => problem.hint("did you mean \"rootfile\" or \"userfile\"?"),
                _ => problem,
            });
        };
        exactly(kind, kind.key(), &text)
    })
}

/// `fail_policy`: any letters, with or without `_` and `-` (R91).
pub(super) fn fail_policy(json: &Json<'_>) -> Coerced<FailPolicy> {
    let fold = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    word::text(json).then(|text| {
        let folded = fold(&text);
        match FailPolicy::ALL.into_iter().find(|policy| fold(policy.key()) == folded) {
            Some(policy) => exactly(policy, policy.key(), &text),
            None => {
                let mut problem = unknown(&text, &FailPolicy::ALL.map(FailPolicy::key));
                // The default, by which it is judged, does not tolerate it.
                problem.text +=
                    "; the item is malformed, and without a known policy that ends the run before anything is done";
                Coerced::without(problem)
            }
        }
    })
}

/// `blocking`: one of three words.
pub(super) fn blocking(json: &Json<'_>) -> Coerced<Blocking> {
    word::text(json).then(|text| {
        match Blocking::ALL.into_iter().find(|blocking| blocking.key().eq_ignore_ascii_case(&text)) {
            Some(blocking) => exactly(blocking, blocking.key(), &text),
            None => Coerced::without(unknown(&text, &Blocking::ALL.map(Blocking::key))),
        }
    })
}

fn exactly<T>(value: T, canonical: &str, written: &str) -> Coerced<T> {
    if canonical == written {
        return Coerced::exact(value);
    }
    let problem = Problem::warning(format!("{} is taken as {}", quoted(written), quoted(canonical)));
    Coerced::mended(value, problem.hint(format!("write {}", quoted(canonical))))
}

/// `skip_if`: one or more words, in a text or an array of texts (R24, R25).
pub(super) fn skip_if(json: &Json<'_>) -> Coerced<Vec<SkipIf>> {
    const EXPECTED: &str = "text or an array of texts";
    let mut texts = Vec::new();
    match json {
        Json::Bool(false) => {}
        Json::Text(text) => texts.push(text.clone()),
        Json::Array(elements) => {
            for element in elements {
                match element.open() {
                    Json::Text(text) => texts.push(text),
                    other => {
                        let text = format!("expected {EXPECTED}, found an array with {}", other.noun());
                        return Coerced::without(Problem::error(text));
                    }
                }
            }
        }
        Json::Bool(true) => {
            return Coerced::without(Problem::error(format!("expected {EXPECTED}, found true")));
        }
        other => return Coerced::without(unexpected(EXPECTED, other)),
    }
    architectures(&texts)
}

fn architectures(texts: &[String]) -> Coerced<Vec<SkipIf>> {
    let mut skip: Vec<SkipIf> = Vec::new();
    let mut strange = None;
    let words = texts.iter().flat_map(|text| text.split(|c: char| c == ',' || c.is_whitespace()));
    for word in words.filter(|word| !word.is_empty()) {
        match ARCHITECTURES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) {
            Some((_, arch)) if skip.contains(&SkipIf(*arch)) => {}
            Some((_, arch)) => skip.push(SkipIf(*arch)),
            None => strange = strange.or(Some(word)),
        }
    }
    let known = ARCHITECTURES.map(|(word, _)| word);
    if let Some(word) = strange {
        let text = format!("unknown word {} is ignored (expected {})", quoted(word), known.join(", "));
        let problem = Problem::warning(text);
        return Coerced::mended(
            skip,
            match hint::nearest(word, known) {
                Some(near) => problem.hint(format!("did you mean {}?", quoted(near))),
                None => problem,
            },
        );
    }
    if skip.len() > 1 {
        let problem = Problem::warning("names both architectures: the item is skipped on every Mac");
        return Coerced::mended(skip, problem);
    }
    Coerced::exact(skip)
}

/// `parallel_group`: an empty name is no group.
pub(super) fn parallel_group(json: &Json<'_>) -> Coerced<ParallelGroup> {
    word::text(json).then(|text| {
        if text.is_empty() {
            let problem = Problem::warning("empty: the item belongs to no group");
            return Coerced::without(problem.hint("remove the key"));
        }
        Coerced::exact(ParallelGroup(text))
    })
}

/// `follow_redirects`: `true` and `false`, or a word.
pub(super) fn follow_redirects(json: &Json<'_>) -> Coerced<FollowRedirects> {
    if let Json::Text(text) = json {
        match text.to_ascii_lowercase().as_str() {
            "all" => return exactly(FollowRedirects::All, "all", text),
            "https" => return exactly(FollowRedirects::Https, "https", text),
            "none" => return exactly(FollowRedirects::None, "none", text),
            _ => {}
        }
    }
    let coerced = word::boolean(json);
    let value = coerced.value.map(|on| if on { FollowRedirects::Https } else { FollowRedirects::None });
    match value {
        Some(_) => Coerced { value, problem: coerced.problem },
        None => Coerced::without(match json {
            Json::Text(text) => unknown(text, &["all", "https", "none"]),
            other => unexpected("true, false, \"all\", \"https\" or \"none\"", other),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Severity;

    fn with<T>(
        json: &str,
        read: impl Fn(&Json<'_>) -> Coerced<T>,
    ) -> (Option<T>, Option<(Severity, String)>) {
        let document = crate::control::raw::Document::parse(json.as_bytes()).unwrap();
        let coerced = read(&document.root().open());
        (coerced.value, coerced.problem.map(|problem| (problem.severity, problem.text)))
    }

    #[test]
    fn r24_one_or_more_words_skip_the_item() {
        const ARM: SkipIf = SkipIf(Arch::Arm64);
        const INTEL: SkipIf = SkipIf(Arch::X86_64);
        let vectors: [(&str, &[SkipIf]); 10] = [
            (r#""arm64""#, &[ARM]),
            (r#""apple_silicon""#, &[ARM]),
            (r#"" Intel ""#, &[INTEL]),
            (r#""x86_64""#, &[INTEL]),
            (r#"["intel"]"#, &[INTEL]),
            (r#"["intel", "x86_64"]"#, &[INTEL]),
            ("false", &[]),
            (r#""""#, &[]),
            ("[]", &[]),
            (r#""ARM64""#, &[ARM]),
        ];
        for (json, expected) in vectors {
            assert_eq!(with(json, skip_if), (Some(expected.to_vec()), None), "{json}");
        }
        let (both, problem) = with(r#""arm64,x86_64""#, skip_if);
        assert_eq!(both.unwrap(), [ARM, INTEL]);
        assert_eq!(problem.unwrap().0, Severity::Warning);
    }

    #[test]
    fn r25_an_unknown_word_is_ignored_and_never_matched_in_parts() {
        let (skip, problem) = with(r#""non-intel""#, skip_if);
        assert_eq!(skip.unwrap(), []);
        assert_eq!(problem.unwrap().0, Severity::Warning);
        for refused in ["true", "1", "{}", "[1]", "[null]"] {
            let (skip, problem) = with(refused, skip_if);
            assert!(skip.is_none() && problem.unwrap().0 == Severity::Error, "{refused}");
        }
    }

    #[test]
    fn r91_policies_in_every_known_spelling() {
        assert_eq!(with(r#""failable""#, fail_policy), (Some(FailPolicy::Failable), None));
        for spelling in ["FailureIsNotAnOption", "failure-is-not-an-option", "FAILURE_IS_NOT_AN_OPTION"] {
            let (policy, problem) = with(&format!("\"{spelling}\""), fail_policy);
            assert_eq!(policy, Some(FailPolicy::FailureIsNotAnOption));
            assert_eq!(problem.unwrap().0, Severity::Warning);
        }
        for refused in [r#""fail""#, r#""""#, "true", "1"] {
            assert_eq!(with(refused, fail_policy).0, None, "{refused}");
        }
    }

    #[test]
    fn r10_types_in_other_letters_are_taken_with_a_warning() {
        assert_eq!(with(r#""package""#, kind), (Some(ItemKind::Package), None));
        let (value, problem) = with(r#""RootScript""#, kind);
        assert_eq!(value, Some(ItemKind::RootScript));
        assert_eq!(problem.unwrap().0, Severity::Warning);
    }

    #[test]
    fn r9_redirects_by_word_or_boolean() {
        let vectors = [
            ("true", Some(FollowRedirects::Https)),
            ("false", Some(FollowRedirects::None)),
            (r#""all""#, Some(FollowRedirects::All)),
            (r#""https""#, Some(FollowRedirects::Https)),
            (r#""yes""#, Some(FollowRedirects::Https)),
            (r#""some""#, None),
            ("7", None),
        ];
        for (json, expected) in vectors {
            assert_eq!(with(json, follow_redirects).0, expected, "{json}");
        }
    }
}
