//! Code requirements in the form macOS compiles them to: by what it knows a program again, whatever its version.

use super::code_signature::words;

/// The operations of the language that are needed here, as Apple's Security framework numbers them (`requirement.h`).
const IDENTIFIER: u32 = 2;
const AND: u32 = 6;
const CERTIFICATE_FIELD: u32 = 11;
const CERTIFICATE_EXTENSION: u32 = 14;
const APPLE_GENERIC_ANCHOR: u32 = 15;
/// How a field is compared.
const EXISTS: u32 = 0;
const EQUALS: u32 = 1;
/// Places in a chain of certificates.
const LEAF: u32 = 0;
const ISSUER: u32 = 1;
/// What a requirement is for: to be the same program.
const DESIGNATED: u32 = 3;
/// A requirement as one expression.
const EXPRESSION: u32 = 1;

/// Markers Apple puts into certificates, below 1.2.840.113635.100.6: of Developer ID's issuers, and of its leaves.
const DEVELOPER_ID_ISSUER: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 6, 2, 6];
const DEVELOPER_ID_LEAF: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 6, 1, 13];

/// A set with the designated requirement, or the empty set.
pub(super) fn set(designated: Option<Vec<u8>>) -> Vec<u8> {
    const HEAD: u32 = 12;
    const ENTRY: u32 = 8;
    let Some(requirement) = designated else { return words(&[0xfade_0c01, HEAD, 0]) };
    let total = HEAD + ENTRY + requirement.len() as u32;
    let mut set = words(&[0xfade_0c01, total, 1, DESIGNATED, HEAD + ENTRY]);
    set.extend(requirement);
    set
}

/// What `codesign` designates for a Developer ID: the identifier, under Apple's root, with a Developer ID of this team.
pub(super) fn developer_id(identifier: &str, team: &str) -> Vec<u8> {
    let marked = |place: u32, marker: &[u8]| {
        [words(&[CERTIFICATE_EXTENSION, place]), data(marker), words(&[EXISTS])].concat()
    };
    let named = [words(&[IDENTIFIER]), data(identifier.as_bytes())].concat();
    let unit = [words(&[CERTIFICATE_FIELD, LEAF]), data(b"subject.OU")].concat();
    let team = [unit, words(&[EQUALS]), data(team.as_bytes())].concat();
    let certified = both(marked(ISSUER, DEVELOPER_ID_ISSUER), both(marked(LEAF, DEVELOPER_ID_LEAF), team));
    let whole = both(named, both(words(&[APPLE_GENERIC_ANCHOR]), certified));
    [words(&[0xfade_0c00, 12 + whole.len() as u32, EXPRESSION]), whole].concat()
}

fn both(one: Vec<u8>, other: Vec<u8>) -> Vec<u8> {
    [words(&[AND]), one, other].concat()
}

/// Length and bytes, filled up to whole words.
fn data(bytes: &[u8]) -> Vec<u8> {
    let mut data = words(&[bytes.len() as u32]);
    data.extend(bytes);
    data.resize(data.len().next_multiple_of(4), 0);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Apple's `codesign` wrote into the program `codex` of the npm package `@openai/codex` 0.58.0.
    const OF_CODEX: &str = "\
        fade0c01000000a8000000010000000300000014fade0c00000000940000000100000006000000020000000563\
        6f646578000000000000060000000f000000060000000e000000010000000a2a864886f7636406020600000000\
        0000000000060000000e000000000000000a2a864886f7636406010d0000000000000000000b00000000000000\
        0a7375626a6563742e4f550000000000010000000a324443343332474c4c320000";

    #[test]
    fn p46_a_program_with_a_developer_id_is_known_again_by_what_codesign_designates() {
        let made: String =
            set(Some(developer_id("codex", "2DC432GLL2"))).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(made, OF_CODEX);
        assert_eq!(set(None), [0xfa, 0xde, 0x0c, 0x01, 0, 0, 0, 12, 0, 0, 0, 0]);
    }
}
