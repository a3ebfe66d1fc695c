//! `team_ids`: whose signature a package must carry. What cannot be understood is never as if it were absent: that would
//! take the protection away.

use super::{
    raw::Json,
    word::{self, Coerced, Problem, quoted},
};
use crate::item::{SignerId, TeamId};

/// More signers of one package are surely a mistake.
const MOST_SIGNERS: usize = 16;

const EXPECTED: &str = "an array of texts";

/// Team IDs, and the word `Apple`.
pub(super) fn team_ids(json: &Json<'_>) -> Coerced<Vec<SignerId>> {
    let elements = match json {
        Json::Array(elements) => elements,
        Json::Text(_) => {
            return signer(json).then(|signer| {
                let problem = Problem::warning("one text is taken as an array of one");
                Coerced::mended(vec![signer], problem.hint("write [\"…\"]"))
            });
        }
        other => return Coerced::without(word::unexpected(EXPECTED, other)),
    };
    if elements.is_empty() {
        let problem = Problem::error("empty: nobody could have signed the package");
        return Coerced::without(problem.hint("remove the key to accept any package, also an unsigned one"));
    }
    if elements.len() > MOST_SIGNERS {
        return Coerced::without(Problem::error(format!("more than {MOST_SIGNERS} signers of one package")));
    }
    let (mut signers, mut told) = (Vec::with_capacity(elements.len()), None);
    for element in elements {
        let Coerced { value, problem } = signer(&element.open());
        let Some(signer) = value else { return Coerced { value: None, problem } };
        told = told.or(problem);
        if signers.contains(&signer) {
            let problem = Problem::warning(format!("{signer} is listed twice")).hint("remove one of the two");
            told = told.or(Some(problem));
        } else {
            signers.push(signer);
        }
    }
    Coerced { value: Some(signers), problem: told }
}

fn signer(json: &Json<'_>) -> Coerced<SignerId> {
    word::text(json).then(|text| {
        if text == SignerId::APPLE {
            return Coerced::exact(SignerId::Apple);
        }
        if text.eq_ignore_ascii_case(SignerId::APPLE) {
            return taken_as(SignerId::Apple, &text);
        }
        if let Ok(team) = text.parse() {
            return Coerced::exact(SignerId::Team(team));
        }
        match text.to_ascii_uppercase().parse() {
            Ok(team) => taken_as(SignerId::Team(team), &text),
            Err(_) => Coerced::without(no_signer(&text)),
        }
    })
}

fn taken_as(signer: SignerId, written: &str) -> Coerced<SignerId> {
    let canonical = quoted(&signer.to_string());
    let problem = Problem::warning(format!("{} is taken as {canonical}", quoted(written)));
    Coerced::mended(signer, problem.hint(format!("write {canonical}")))
}

fn no_signer(text: &str) -> Problem {
    let expected = "expected a Team ID of ten letters and digits, or \"Apple\"";
    let problem = Problem::error(format!("{expected}, found {}", quoted(text)));
    // `Developer ID Installer: Acme (ABCDE12345)` is what other tools show.
    let mut parts = text.rsplit(|c: char| !c.is_ascii_alphanumeric());
    match parts.find(|part| TeamId::fits(part)) {
        Some(team) => problem.hint(format!("did you mean {}?", quoted(team))),
        None => problem.hint("iasctl inspect PKG shows the Team ID of a package's signer"),
    }
}
