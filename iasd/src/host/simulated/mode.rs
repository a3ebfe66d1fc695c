//! Modes as `chmod` writes them: `755`, or `o-w,go+rX` (T36).

/// A change of modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// To this one.
    To(u32),
    /// Step by step.
    Steps(Vec<Step>),
}

/// One step, such as `go+rX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Whose bits: those of owner, group and others.
    whose: u32,
    /// `+`, `-` or `=`.
    action: char,
    /// Which of `rwx`, for everybody.
    bits: u32,
    /// Whether `x` is for folders and for what somebody may execute already.
    is_careful: bool,
}

const OWNER: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
/// What a step without `ugoa` leaves alone.
const UMASK: u32 = 0o022;

impl Change {
    /// Reads `text`; `None` when it is no mode. Setuid, setgid and sticky bits are read, and not kept in a rehearsal.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)?;
            return Some(Self::To(mode & 0o777));
        }
        let mut steps = Vec::new();
        for clause in text.split(',') {
            steps.extend(clauses(clause)?);
        }
        Some(Self::Steps(steps))
    }

    /// What it makes of `mode`.
    pub(super) fn apply(&self, mode: u32, is_folder: bool) -> u32 {
        match self {
            Self::To(mode) => *mode,
            Self::Steps(steps) => steps.iter().fold(mode & 0o777, |mode, step| step.apply(mode, is_folder)),
        }
    }
}

impl Step {
    fn apply(self, mode: u32, is_folder: bool) -> u32 {
        let careful = if self.is_careful && (is_folder || mode & 0o111 != 0) { 0o111 } else { 0 };
        let bits = (self.bits | careful) & self.whose;
        match self.action {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !self.whose | bits,
        }
    }
}

/// The steps of one clause: `u=rw-x` has two.
fn clauses(clause: &str) -> Option<Vec<Step>> {
    let begin = clause.find(['+', '-', '='])?;
    let (who, mut rest) = clause.split_at(begin);
    let mut whose = 0;
    for letter in who.chars() {
        whose |= match letter {
            'u' => OWNER,
            'g' => GROUP,
            'o' => OTHERS,
            'a' => OWNER | GROUP | OTHERS,
            _ => return None,
        };
    }
    if who.is_empty() {
        whose = 0o777 & !UMASK;
    }
    let mut steps = Vec::new();
    while let Some(action) = rest.chars().next() {
        let after = rest.get(1..)?;
        let end = after.find(['+', '-', '=']).unwrap_or(after.len());
        let (letters, next) = after.split_at(end);
        let mut step = Step { whose, action, bits: 0, is_careful: false };
        for letter in letters.chars() {
            match letter {
                'r' => step.bits |= 0o444,
                'w' => step.bits |= 0o222,
                'x' => step.bits |= 0o111,
                'X' => step.is_careful = true,
                's' | 't' => {}
                _ => return None,
            }
        }
        steps.push(step);
        rest = next;
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(mode: &str, from: u32, is_folder: bool) -> u32 {
        Change::parse(mode).unwrap().apply(from, is_folder)
    }

    #[test]
    fn t36_modes_mean_what_they_mean_to_chmod() {
        // As `chmod` of GNU and BSD have it.
        assert_eq!(changed("o-w,go+rX", 0o602, false), 0o644);
        assert_eq!(changed("o-w,go+rX", 0o702, false), 0o755);
        assert_eq!(changed("o-w,go+rX", 0o702, true), 0o755);
        assert_eq!(changed("o-w,go+rX", 0o600, true), 0o655);
        assert_eq!(changed("755", 0o600, false), 0o755);
        assert_eq!(changed("0644", 0o777, true), 0o644);
        assert_eq!(changed("4755", 0o600, false), 0o755, "setuid is not kept in a rehearsal");
        assert_eq!(changed("a=r,u+w", 0o777, false), 0o644);
        assert_eq!(changed("u=rw-x+x", 0o077, false), 0o777);
        assert_eq!(changed("+w", 0o444, false), 0o644, "the mask holds where nobody is named");
        assert_eq!(changed("g=", 0o775, true), 0o705);
    }

    #[test]
    fn what_is_no_mode() {
        for bad in ["", "rwx", "z+r", "u+q", "9", "07777777", "u+r,,g+r", "é+r"] {
            assert_eq!(Change::parse(bad), None, "{bad}");
        }
    }
}
