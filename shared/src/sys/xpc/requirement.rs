//! What is demanded of the other end's code signature, from one's own (R106, R107): pure.
//!
//! Both programs are signed by whoever ships them, so the other end must come from the same team, through Apple's
//! own certificates, and be the program it should be.

use std::ffi::CString;

/// The daemon's name; the last part of its signing identifier.
pub(crate) const DAEMON: &str = "iasd";
/// The agent's name; the last part of its signing identifier.
pub(crate) const AGENT: &str = "iasagent";

/// How this program is signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Signature {
    /// The signing identifier, such as `cz.macadmin.iasd`.
    pub(crate) identifier: Option<String>,
    /// The team, where a certificate of Apple's names one.
    pub(crate) team: Option<String>,
}

/// What can be demanded of the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demands {
    /// In Apple's requirement language (TN3127).
    pub(crate) requirement: Option<CString>,
    /// What is left unchecked, for the log.
    pub(crate) caution: Option<String>,
}

impl Demands {
    /// Nothing but user and session, and why.
    fn none(why: &str) -> Self {
        let caution = format!("{why}: the other end of the agent link is known by its user and session only");
        Self { requirement: None, caution: Some(caution) }
    }
}

/// What a program of this signature and `name` demands of the program called `other`.
pub(crate) fn demands(own: &Signature, name: &str, other: &str) -> Demands {
    let Some(team) = own.team.as_deref() else {
        return Demands::none("this program is not signed by a team");
    };
    if team.len() != 10 || !team.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return Demands::none("the team of this program's signature is not understood");
    }
    let team = format!("anchor apple generic and certificate leaf[subject.OU] = \"{team}\"");
    let (text, caution) = match own.identifier.as_deref().and_then(|own| sibling(own, name, other)) {
        Some(identifier) => (format!("identifier \"{identifier}\" and {team}"), None),
        None => {
            let own = own.identifier.as_deref().unwrap_or_default();
            let why = format!(
                "the signing identifier {own:?} does not end in {name:?}: the other end of the agent link may be any \
                 program of the same team"
            );
            (team, Some(why))
        }
    };
    match CString::new(text) {
        Ok(requirement) => Demands { requirement: Some(requirement), caution },
        Err(_) => Demands::none("this program's signature is not understood"),
    }
}

/// The other program's identifier: signed by the same hands, it differs in its last part only.
fn sibling(own: &str, name: &str, other: &str) -> Option<String> {
    let prefix = own.strip_suffix(name)?;
    let plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let whole = prefix.is_empty() || prefix.ends_with(['.', '-']);
    (plain && whole).then(|| format!("{prefix}{other}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(identifier: &str, team: &str) -> Signature {
        Signature { identifier: Some(identifier.into()), team: Some(team.into()) }
    }

    fn text(demands: &Demands) -> &str {
        demands.requirement.as_deref().map(|text| text.to_str().unwrap()).unwrap_or_default()
    }

    #[test]
    fn r106_the_agent_must_be_the_agent_of_the_daemons_own_team() {
        let demands = demands(&signed("cz.macadmin.iasd", "ABCDE12345"), DAEMON, AGENT);
        assert_eq!(
            text(&demands),
            "identifier \"cz.macadmin.iasagent\" and anchor apple generic and certificate leaf[subject.OU] = \"ABCDE12345\""
        );
        assert_eq!(demands.caution, None);
    }

    #[test]
    fn r107_the_daemon_must_be_the_daemon_of_the_agents_own_team() {
        let by_name = demands(&signed("iasagent", "ABCDE12345"), AGENT, DAEMON);
        assert!(text(&by_name).starts_with("identifier \"iasd\" and anchor apple generic"), "{by_name:?}");
        let renamed = demands(&signed("com.example-it.iasagent", "ABCDE12345"), AGENT, DAEMON);
        assert!(text(&renamed).contains("identifier \"com.example-it.iasd\""), "{renamed:?}");
    }

    #[test]
    fn r106_without_a_team_the_fallback_is_said() {
        let adhoc = Signature { identifier: Some("iasd-5555".into()), team: None };
        let demands = demands(&adhoc, DAEMON, AGENT);
        assert_eq!(demands.requirement, None);
        assert!(demands.caution.unwrap().contains("user and session only"));
    }

    #[test]
    fn r106_an_unusual_identifier_leaves_the_team_and_is_said() {
        for odd in ["com.example.bootstrap", "notiasd", "x\" or anchor apple or identifier \"iasd", "ü.iasd"]
        {
            let demands = demands(&signed(odd, "ABCDE12345"), DAEMON, AGENT);
            assert!(!text(&demands).contains("identifier"), "{demands:?}");
            assert!(text(&demands).contains("\"ABCDE12345\""));
            assert!(demands.caution.is_some());
        }
    }

    #[test]
    fn r106_nothing_but_a_team_gets_into_the_requirement() {
        for odd in ["", "abcde12345", "ABCDE1234", "\" or true or\"", "ABCDE12345\0"] {
            assert_eq!(demands(&signed("cz.macadmin.iasd", odd), DAEMON, AGENT).requirement, None, "{odd:?}");
        }
    }
}
