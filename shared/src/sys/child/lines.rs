//! From the bytes a process writes to bounded lines of text (R72): pure, and the same for any chunking.

use std::collections::VecDeque;

/// The longest line that is kept, in bytes (R72).
pub const LINE_LIMIT: usize = 4096;
/// How much output of one process is kept, in bytes (R72).
pub const OUTPUT_LIMIT: u64 = 1 << 20;
/// How many lines of a failed process are shown (R94).
pub const TAIL_LINES: usize = 20;

/// Cuts a stream of bytes into lines.
///
/// Bytes that are not UTF-8 become U+FFFD, a carriage return before the line feed is dropped, and what exceeds
/// [`LINE_LIMIT`] is cut and counted. It holds at most one line, however much it is fed.
#[derive(Debug, Default)]
pub struct LineSplitter {
    line: Vec<u8>,
    surplus: u64,
    in_line: bool,
}

/// A line, and how many of its bytes were cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The text, at most [`LINE_LIMIT`] bytes.
    pub text: String,
    /// How many bytes of the line are missing at its end.
    pub cut: u64,
}

impl LineSplitter {
    /// Takes the next bytes; gives every line they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Split> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.extend(end);
                    lines.push(self.take());
                }
                None => self.extend(piece),
            }
        }
        lines
    }

    /// The last line, when the stream did not end with a line feed.
    pub fn finish(&mut self) -> Option<Split> {
        self.in_line.then(|| self.take())
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.in_line = true;
        // One more than the limit, so that a carriage return at the very end does not count as a cut.
        let room = (LINE_LIMIT + 1).saturating_sub(self.line.len()).min(bytes.len());
        let (kept, surplus) = bytes.split_at(room);
        self.line.extend_from_slice(kept);
        self.surplus += surplus.len() as u64;
    }

    fn take(&mut self) -> Split {
        let mut line = std::mem::take(&mut self.line);
        let mut cut = std::mem::take(&mut self.surplus);
        self.in_line = false;
        if cut == 0 && line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > LINE_LIMIT {
            cut += (line.len() - LINE_LIMIT) as u64;
            line.truncate(LINE_LIMIT);
        }
        if cut > 0 {
            // Half a character at the end is of our making.
            let half = line.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
            line.truncate(line.len() - half);
            cut += half as u64;
        }
        let mut text = String::from_utf8_lossy(&line).into_owned();
        // Replacement characters are longer than what they replace.
        while text.len() > LINE_LIMIT {
            cut += text.pop().map_or(0, char::len_utf8) as u64;
        }
        Split { text, cut }
    }
}

/// What is kept of one process's output: everything up to a limit, then only counts.
#[derive(Debug)]
pub struct Budget {
    left: u64,
    lines: u64,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(OUTPUT_LIMIT)
    }
}

impl Budget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self { left: bytes, lines: 0, bytes: 0 }
    }

    /// Whether `line` may still be kept; once a line was refused, all later ones are.
    pub fn take(&mut self, line: &Split) -> bool {
        self.bytes += line.cut;
        let length = line.text.len() as u64 + 1;
        if self.lines == 0 && length <= self.left {
            self.left -= length;
            return true;
        }
        self.refuse(line);
        false
    }

    /// Counts a line that was within the limits but could not be delivered.
    pub fn refuse(&mut self, line: &Split) {
        self.left = 0;
        self.lines += 1;
        self.bytes += line.text.len() as u64;
    }

    /// One line that says how much is missing; `None` when nothing is.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        match (self.lines, self.bytes) {
            (0, 0) => None,
            (0, bytes) => Some(format!("[output cut: {bytes} bytes of over-long lines are not shown]")),
            (lines, bytes) => Some(format!("[output cut: {lines} more lines, {bytes} bytes, are not shown]")),
        }
    }
}

/// The last lines of an output (R94).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail(VecDeque<String>);

impl Tail {
    /// Takes the next line, forgets the oldest beyond [`TAIL_LINES`].
    pub fn push(&mut self, line: &str) {
        if self.0.len() == TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    /// The lines, oldest first.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(chunks: &[&[u8]]) -> Vec<Split> {
        let mut splitter = LineSplitter::default();
        let mut lines: Vec<Split> = chunks.iter().flat_map(|chunk| splitter.push(chunk)).collect();
        lines.extend(splitter.finish());
        lines
    }

    fn texts(input: &[u8]) -> Vec<String> {
        split(&[input]).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn r72_lines_end_at_line_feeds_and_the_last_may_be_open() {
        assert_eq!(texts(b"a\r\n\nb"), ["a", "", "b"]);
        assert_eq!(texts(b"a\n"), ["a"]);
        assert_eq!(texts(b""), Vec::<String>::new());
        assert_eq!(texts(b"caf\xc3\xa9 \xff"), ["café \u{fffd}"]);
    }

    #[test]
    fn r72_a_long_line_is_cut_at_a_character_and_counted() {
        let exact = "x".repeat(LINE_LIMIT);
        assert_eq!(split(&[exact.as_bytes(), b"\r\n"]), [Split { text: exact.clone(), cut: 0 }]);
        let long = format!("{}é!", "x".repeat(LINE_LIMIT - 1));
        let [line] = split(&[long.as_bytes()]).try_into().unwrap();
        assert_eq!(line.text, "x".repeat(LINE_LIMIT - 1));
        assert_eq!(line.cut, 3);
    }

    #[test]
    fn r72_output_over_the_budget_is_counted_not_kept() {
        let mut budget = Budget::new(10);
        let line = |text: &str| Split { text: text.into(), cut: 0 };
        assert!(budget.take(&line("12345678")));
        assert_eq!(budget.summary(), None);
        assert!(!budget.take(&line("123")));
        assert!(!budget.take(&line("")), "no gaps: what follows a refused line is refused too");
        assert_eq!(budget.summary().unwrap(), "[output cut: 2 more lines, 3 bytes, are not shown]");
    }

    #[test]
    fn r94_the_tail_holds_the_last_twenty_lines() {
        let mut tail = Tail::default();
        (0..25).for_each(|line| tail.push(&line.to_string()));
        let lines = tail.into_lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[19].as_str()), (20, "5", "24"));
    }

    proptest! {
        #[test]
        fn r72_any_chunking_gives_the_same_bounded_lines(
            bytes in proptest::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'\n')], 0..12_000),
            cuts in proptest::collection::vec(0usize..12_000, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
            let whole = split(&[&bytes]);
            prop_assert_eq!(split(&chunks), whole.clone());
            prop_assert!(whole.iter().all(|line| line.text.len() <= LINE_LIMIT && !line.text.contains('\n')));
        }
    }
}
