//! The Team ID in the name of a signer, as tools print it; what decides is read from the certificate itself (P39).

/// The last parenthesised ten characters: an organisation's own name may contain parentheses too (P61).
pub(super) fn team_id(signer: &str) -> Option<&str> {
    let team = signer.trim_end().strip_suffix(')')?.rsplit_once('(')?.1;
    let is_id =
        team.len() == 10 && team.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id.then_some(team)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p61_the_team_is_the_last_in_parentheses() {
        assert_eq!(team_id("Developer ID Installer: Acme (ABCDE12345)"), Some("ABCDE12345"));
        assert_eq!(team_id("Developer ID Installer: Acme (West) (ABCDE12345)"), Some("ABCDE12345"));
        assert_eq!(team_id("Developer ID Installer: Acme (Wholesale)"), None);
        assert_eq!(team_id("Software Update"), None);
        assert_eq!(team_id(""), None);
    }
}
