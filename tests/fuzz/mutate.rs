//! Makes hostile input from good input, the same in each run: no clock, no chance.

/// The longest input that is made.
const LONGEST: usize = 1 << 16;

/// Pieces that mean something to somebody.
const WORDS: [&[u8]; 26] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"../",
    b"/",
    b"\x1b[2J",
    b"-1",
    b"0",
    b"18446744073709551615",
    b"4294967296",
    b"9223372036854775808",
    b"1e999",
    b"null",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"<![CDATA[",
    b"&#0;",
    b"<a>",
    b"</a>",
    b"\xff\xff\xff\xff",
    b"\xef\xbb\xbf",
];

/// Makes one input after the other.
pub(crate) struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// From good inputs.
    pub(crate) fn new(seeds: Vec<Vec<u8>>) -> Self {
        Self { seeds, state: 0x1a5 }
    }

    /// The next one: a good input changed in one to eight places.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut input = self.seeds[seed].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let until = (at + 1 + self.length()).min(input.len()).max(at);
        match self.below(9) {
            0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
            1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.number() as u8),
            2 => drop(input.drain(at..until)),
            3 => {
                let piece = input[at..until].to_vec();
                let times = 1 + self.length();
                let room = LONGEST.saturating_sub(input.len()) / piece.len().max(1);
                drop(input.splice(at..at, piece.repeat(times.min(room))));
            }
            4 | 5 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at..at, word.iter().copied()));
            }
            6 => {
                // Something of another good input.
                let other = &self.seeds[(self.state >> 8) as usize % self.seeds.len()];
                let from = (self.state >> 24) as usize % (other.len() + 1);
                let piece: Vec<u8> = other[from..].iter().copied().take(until - at + 16).collect();
                drop(input.splice(at..until, piece));
            }
            7 => self.other_number(input, at),
            _ => input.truncate(at),
        }
    }

    /// Another number where the next one stands in the text.
    fn other_number(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(from) = input[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else {
            return;
        };
        let length = input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let numbers = [0, 1, 255, 65_536, u64::from(u32::MAX), i64::MAX as u64, u64::MAX, self.number()];
        let number = numbers[self.below(numbers.len())].to_string();
        drop(input.splice(from..from + length, number.into_bytes()));
    }

    /// Short more often than long.
    fn length(&mut self) -> usize {
        let most = 1 << self.below(11);
        self.below(most)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// SplitMix64.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.state;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}
