//! Answers to a server that asks who we are (R120): the strongest scheme both sides know.

pub(crate) mod challenge;
pub(crate) mod digest;

use challenge::Challenge;
use shared::item::Secret;

/// How to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// User and password as they are.
    Basic,
    /// This `Authorization` value.
    Digest(String),
}

/// What has been answered already for one URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tried {
    /// Nothing.
    #[default]
    Nothing,
    /// One challenge.
    Once,
    /// One challenge, and one that said the nonce was stale.
    Stale,
}

/// Answers the challenges of one 401, or `None` when there is nothing new to say.
///
/// One try for each challenge: a second is answered only when the server calls the first one's nonce stale.
pub(crate) fn answer(
    offered: &[String],
    credentials: &(String, Secret),
    target: &str,
    (cnonce, tried): (&str, Tried),
) -> Option<(Answer, Tried)> {
    let challenges: Vec<Challenge> = offered.iter().flat_map(|header| challenge::parse(header)).collect();
    let best = digest::Digest::strongest(&challenges);
    let now = match (tried, &best) {
        (Tried::Nothing, _) => Tried::Once,
        (Tried::Once, Some(digest)) if digest.stale => Tried::Stale,
        _ => return None,
    };
    let (user, Secret(password)) = credentials;
    if let Some(digest) = best {
        return Some((Answer::Digest(digest.authorization(user, password, target, cnonce)), now));
    }
    challenges.iter().any(|challenge| challenge.is("basic")).then_some((Answer::Basic, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(offered: &[&str], tried: Tried) -> Option<(Answer, Tried)> {
        let offered: Vec<String> = offered.iter().map(|text| (*text).to_owned()).collect();
        answer(&offered, &("u".into(), Secret("p".into())), "/x", ("c", tried))
    }

    const DIGEST: &str = r#"Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256"#;
    const STALE: &str = r#"Digest realm="r", nonce="m", qop="auth", algorithm=SHA-256, stale=true"#;

    #[test]
    fn r120_digest_is_preferred_over_basic() {
        let both = format!("Basic realm=x, {DIGEST}");
        for offered in [vec!["Basic realm=x", DIGEST], vec![both.as_str()]] {
            assert!(matches!(ask(&offered, Tried::Nothing), Some((Answer::Digest(_), Tried::Once))));
        }
        assert_eq!(ask(&["Basic realm=x"], Tried::Nothing), Some((Answer::Basic, Tried::Once)));
    }

    #[test]
    fn r120_there_is_one_try_and_one_more_for_a_stale_nonce() {
        assert_eq!(ask(&["Basic realm=x"], Tried::Once), None);
        assert_eq!(ask(&[DIGEST], Tried::Once), None);
        assert!(matches!(ask(&[STALE], Tried::Once), Some((Answer::Digest(_), Tried::Stale))));
        assert_eq!(ask(&[STALE], Tried::Stale), None);
    }

    #[test]
    fn a_scheme_nobody_knows_is_not_answered() {
        assert_eq!(ask(&["Negotiate", "Bearer realm=x"], Tried::Nothing), None);
        assert_eq!(ask(&[], Tried::Nothing), None);
    }
}
