//! Lines and columns of a text: from a byte offset to what an editor shows.

/// How far apart the known character counts are: a look-up counts at most this many bytes.
const STRIDE: usize = 4096;

/// A 1-based line, and a 1-based column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// The first character of a file.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// Knows the place of every byte of a text; look-ups are quick even when all of it is one line.
pub(super) struct Places<'a> {
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters begin before byte 0, `STRIDE`, 2 × `STRIDE`…
    counts: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let counts = text.as_bytes().chunks(STRIDE).scan(0, |characters, chunk| {
            let before = *characters;
            *characters += starts(chunk);
            Some(before)
        });
        Self { text, lines, counts: counts.collect() }
    }

    /// The place of the character at, or around, byte `offset`; the end of the text when it is beyond.
    pub(super) fn at(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        Place { line: line.max(1), column: self.before(offset).saturating_sub(self.before(start)) + 1 }
    }

    /// The byte offset of a 1-based line and a 1-based column in bytes, as `serde_json` counts.
    pub(super) fn offset(&self, line: usize, byte_column: usize) -> usize {
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        let mut offset = (start + byte_column.saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// How many characters begin before byte `offset`.
    fn before(&self, offset: usize) -> usize {
        let chunk = offset / STRIDE;
        let known = self.counts.get(chunk).copied();
        let (from, count) = known.map_or_else(
            || (self.counts.len().saturating_sub(1) * STRIDE, self.counts.last().copied().unwrap_or(0)),
            |count| (chunk * STRIDE, count),
        );
        count + self.text.as_bytes().get(from..offset).map_or(0, starts)
    }
}

/// How many characters begin in these bytes of UTF-8.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_count_characters_and_lines_count_newlines() {
        let places = Places::of("ab\n\nčd\r\n");
        let at = |offset| (places.at(offset).line, places.at(offset).column);
        assert_eq!(
            [0, 1, 2, 3, 4, 6, 9, 99].map(at),
            [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (4, 1), (4, 1)]
        );
        assert_eq!(Places::of("").at(0), Place::START);
    }

    #[test]
    fn a_long_line_is_counted_right_across_the_known_counts() {
        let text = "č".repeat(3 * STRIDE);
        let places = Places::of(&text);
        for character in [0, 1, STRIDE / 2, STRIDE, 2 * STRIDE + 7, 3 * STRIDE] {
            assert_eq!(places.at(2 * character), Place { line: 1, column: character + 1 });
        }
    }

    proptest! {
        #[test]
        fn a_place_is_what_counting_gives(text in "[a\nčž🍎]{0,60}", part in 0.0_f64..=1.0) {
            let mut offset = (text.len() as f64 * part) as usize;
            while !text.is_char_boundary(offset) { offset -= 1; }
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            prop_assert_eq!(Places::of(&text).at(offset), Place { line, column });
        }
    }
}
