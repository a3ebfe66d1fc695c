//! Who may have signed a package: the words of `team_ids`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Apple's name for a developer: ten letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamId(String);

/// The text is no Team ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Team ID has ten capital letters and digits")]
pub struct NoTeamId;

impl TeamId {
    /// Whether `text` has the form of one.
    #[must_use]
    pub fn fits(text: &str) -> bool {
        text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }

    /// Its ten characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TeamId {
    type Err = NoTeamId;

    fn from_str(text: &str) -> Result<Self, NoTeamId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for TeamId {
    type Error = NoTeamId;

    fn try_from(text: String) -> Result<Self, NoTeamId> {
        if Self::fits(&text) { Ok(Self(text)) } else { Err(NoTeamId) }
    }
}

impl From<TeamId> for String {
    fn from(team: TeamId) -> Self {
        team.0
    }
}

/// One of those who may have signed a package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignerId {
    /// Apple, for its own software.
    Apple,
    /// A developer.
    Team(TeamId),
}

impl SignerId {
    /// How [`SignerId::Apple`] is written; too short to be a Team ID.
    pub const APPLE: &str = "Apple";
}

impl fmt::Display for SignerId {
    /// As in a control file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apple => Self::APPLE,
            Self::Team(team) => team.as_str(),
        })
    }
}

/// `A`, `A or B`, `A, B or C`: any of these may have signed.
#[must_use]
pub fn any_of(signers: &[SignerId]) -> String {
    match signers {
        [] => String::new(),
        [one] => one.to_string(),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(SignerId::to_string).collect();
            format!("{} or {last}", others.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(text: &str) -> SignerId {
        SignerId::Team(text.parse().unwrap())
    }

    #[test]
    fn p39_a_team_id_has_ten_capital_letters_and_digits() {
        assert_eq!("ABCDE12345".parse::<TeamId>().unwrap().as_str(), "ABCDE12345");
        for other in ["", "ABCDE1234", "ABCDE123456", "abcde12345", "ABCDE-1234", "ÄBCDE1234", " ABCDE1234"]
        {
            assert!(other.parse::<TeamId>().is_err(), "{other}");
        }
        assert!(!TeamId::fits(SignerId::APPLE));
    }

    #[test]
    fn several_signers_are_told_as_people_do() {
        assert_eq!(any_of(&[]), "");
        assert_eq!(any_of(&[SignerId::Apple]), "Apple");
        assert_eq!(any_of(&[team("ABCDE12345"), SignerId::Apple]), "ABCDE12345 or Apple");
        let three = [team("ABCDE12345"), team("FGHIJ67890"), SignerId::Apple];
        assert_eq!(any_of(&three), "ABCDE12345, FGHIJ67890 or Apple");
    }
}
