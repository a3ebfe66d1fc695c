//! The members of one object, sorted by the keys that are known there: duplicates, other spellings and strangers are
//! told apart (R5, R8).

use super::{
    findings::Findings,
    raw::{Json, Member, Value},
    word::{Problem, quoted, shown},
};
use std::collections::BTreeMap;

/// The member that stands for each known key.
pub(super) struct Fields<'a> {
    chosen: BTreeMap<&'static str, Member<'a>>,
}

/// A problem with a key as such.
pub(super) struct KeyProblem {
    /// Byte offset of what is wrong.
    pub(super) offset: usize,
    /// The key as written.
    pub(super) key: String,
    /// What is wrong with it.
    pub(super) problem: Problem,
}

impl<'a> Fields<'a> {
    /// Sorts `members` by `known`. An exact key wins over one in other letters, a later one over an earlier one (R5).
    /// `stranger` says what to tell of a key that is not known; it looks for similar words, so it is not asked in vain.
    pub(super) fn sort(
        members: Vec<Member<'a>>,
        known: &[&'static str],
        findings: &Findings<'a>,
        stranger: impl Fn(&str) -> Problem,
    ) -> (Self, Vec<KeyProblem>) {
        let mut fields = Self { chosen: BTreeMap::new() };
        let mut problems = Vec::new();
        for member in members {
            match known.iter().find(|key| key.eq_ignore_ascii_case(&member.key)) {
                Some(key) => fields.choose(key, member, findings, &mut problems),
                None => problems.push(KeyProblem {
                    offset: findings.offset(member.key_value),
                    problem: match findings.is_full() {
                        true => Problem::warning("unknown key, ignored"),
                        false => stranger(&member.key),
                    },
                    key: shown(&member.key),
                }),
            }
        }
        for (key, member) in &fields.chosen {
            if member.key != **key {
                let text = format!("taken as {}: keys are written in lower case", quoted(key));
                let problem = Problem::warning(text).hint(format!("write {}", quoted(key)));
                let offset = findings.offset(member.key_value);
                problems.push(KeyProblem { offset, key: shown(&member.key), problem });
            }
        }
        (fields, problems)
    }

    fn choose(
        &mut self,
        key: &'static str,
        member: Member<'a>,
        findings: &Findings<'a>,
        problems: &mut Vec<KeyProblem>,
    ) {
        let Some(earlier) = self.chosen.remove(key) else {
            self.chosen.insert(key, member);
            return;
        };
        let earlier_wins = earlier.key == key && member.key != key;
        let (winner, loser) = if earlier_wins { (earlier, member) } else { (member, earlier) };
        let used = findings.place(findings.offset(winner.key_value));
        let unused = findings.place(findings.offset(loser.key_value));
        let text = format!(
            "given twice: the value at {}:{} is used, the one at {}:{} is ignored",
            used.line, used.column, unused.line, unused.column
        );
        let later = if earlier_wins { &loser } else { &winner };
        problems.push(KeyProblem {
            offset: findings.offset(later.key_value),
            key: shown(&later.key),
            problem: Problem::warning(text).hint("remove one of the two"),
        });
        self.chosen.insert(key, winner);
    }

    /// The value of a known key; `null` is as good as absent (R14).
    pub(super) fn get(&self, key: &str) -> Option<(Value<'a>, Json<'a>)> {
        let value = self.chosen.get(key)?.value;
        match value.open() {
            Json::Null => None,
            json => Some((value, json)),
        }
    }
}
