//! Munki's version order, which decides what "newest" means for titles (T26, T27).
//!
//! AutoPkg orders versions otherwise (T28), and so do receipts in control files ([`crate::version`]).

use std::{cmp::Ordering, iter};

/// The version without the zeros at its end that follow a first and a second part.
#[must_use]
pub fn trimmed(version: &str) -> &str {
    let mut trimmed = version;
    while let Some(shorter) = trimmed.strip_suffix(".0").filter(|shorter| shorter.contains('.')) {
        trimmed = shorter;
    }
    trimmed
}

/// Compares two versions: numbers in them by value, whatever their length, everything else by code unit.
///
/// Empty parts count for nothing, and the shorter version goes on with `.0`. So what follows a number is compared with the
/// `.` of the next part: `1.0b1` is newer than `1.0`, `1.0-beta` is older.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    // One part more than there is makes the end of the longer one meet a dot as well.
    let parts = 1 + parts(a).count().max(parts(b).count());
    let (mut a, mut b) = (padded(a, parts).peekable(), padded(b, parts).peekable());
    loop {
        let order = match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (Some(left), Some(right)) if is_digit(left) && is_digit(right) => compare_numbers(&mut a, &mut b),
            (left, right) => {
                a.next();
                b.next();
                left.cmp(&right)
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn parts(version: &str) -> impl Iterator<Item = &str> {
    version.split('.').filter(|part| !part.is_empty())
}

/// The code units of a version of so many parts.
fn padded(version: &str, count: usize) -> impl Iterator<Item = u16> {
    let parts = parts(version).chain(iter::repeat("0")).take(count).enumerate();
    parts.flat_map(|(index, part)| {
        (index > 0).then_some(u16::from(b'.')).into_iter().chain(part.encode_utf16())
    })
}

fn is_digit(unit: u16) -> bool {
    (u16::from(b'0')..=u16::from(b'9')).contains(&unit)
}

/// Takes the number at the head of each and compares them.
fn compare_numbers<I: Iterator<Item = u16>>(
    a: &mut iter::Peekable<I>,
    b: &mut iter::Peekable<impl Iterator<Item = u16>>,
) -> Ordering {
    while a.next_if(|unit| *unit == u16::from(b'0')).is_some() {}
    while b.next_if(|unit| *unit == u16::from(b'0')).is_some() {}
    let mut order = Ordering::Equal;
    loop {
        match (a.next_if(|unit| is_digit(*unit)), b.next_if(|unit| is_digit(*unit))) {
            (None, None) => return order,
            (left, right) if left.is_none() || right.is_none() => {
                // The longer number is the larger one, whatever the digits before said.
                return left.cmp(&right);
            }
            (left, right) => order = order.then(left.cmp(&right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};
    use proptest::prelude::*;

    #[test]
    fn t27_vectors() {
        let vectors = [
            ("1.0", Equal, "1.0.0.0"),
            ("1.2", Less, "1.10"),
            ("01.02", Equal, "1.2"),
            ("1..2", Equal, "1.2"),
            (".1.2", Equal, "1.2"),
            ("1.2.", Equal, "1.2"),
            ("10.15", Less, "10.15.1"),
            ("131.0.6778.86", Less, "131.0.6778.109"),
            ("", Equal, "0"),
            ("1.10.0", Greater, "1.9.9"),
            ("1.0b2", Less, "1.0b10"),
            ("1.0B1", Less, "1.0a1"),
            ("1.0a", Greater, "1.0.1"),
            ("v2.0", Greater, "3.0"),
            ("UNKNOWN", Greater, "1"),
            ("1.0b1", Greater, "1.0"),
            ("1.0_1", Greater, "1.0"),
            ("1.0-beta", Less, "1.0"),
            ("1.0-rc1", Less, "1.0"),
            ("1.0 b1", Less, "1.0"),
            ("1.0+5", Less, "1.0"),
            ("99999999999999999999999999", Greater, "99999999999999999999999998"),
            ("18446744073709551617", Greater, "1"),
        ];
        for (a, expected, b) in vectors {
            assert_eq!(compare(a, b), expected, "{a} against {b}");
            assert_eq!(compare(b, a), expected.reverse(), "{b} against {a}");
        }
    }

    #[test]
    fn t26_only_whole_zeros_behind_two_parts_are_trimmed() {
        let vectors = [
            ("10.0.0.0", "10.0"),
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0-abc1", "10.0.0-abc1"),
            ("10.0.0-abc1.0", "10.0.0-abc1"),
            ("1.0", "1.0"),
            ("1.00.0", "1.00"),
            ("0", "0"),
            ("", ""),
            (".0.0", ".0"),
            ("1..0", "1."),
        ];
        for (version, expected) in vectors {
            assert_eq!(trimmed(version), expected, "{version}");
        }
    }

    /// The rule as it is written down, on whole strings and with numbers of 128 bits.
    fn model(a: &str, b: &str) -> Ordering {
        let count = a.chars().count().max(b.chars().count());
        let pad = |version: &str| {
            let mut parts: Vec<&str> = version.split('.').filter(|part| !part.is_empty()).collect();
            parts.resize(count.max(parts.len()), "0");
            parts.join(".")
        };
        let tokens = |version: String| {
            let mut tokens: Vec<(u32, u128)> = Vec::new();
            let mut in_number = false;
            for c in version.chars() {
                match c.to_digit(10).map(u128::from) {
                    Some(digit) if in_number => {
                        tokens.last_mut().unwrap().1 = tokens.last().unwrap().1 * 10 + digit
                    }
                    Some(digit) => tokens.push((u32::from('0'), digit)),
                    None => tokens.push((u32::from(c), 0)),
                }
                in_number = c.is_ascii_digit();
            }
            tokens
        };
        tokens(pad(a)).cmp(&tokens(pad(b)))
    }

    proptest! {
        #[test]
        fn t26_the_order_is_that_of_the_rule(a in "[0-2.abB_+ -]{0,10}", b in "[0-2.abB_+ -]{0,10}") {
            prop_assert_eq!(compare(&a, &b), model(&a, &b));
        }

        #[test]
        fn the_order_is_antisymmetric_and_reflexive(a in ".{0,12}", b in ".{0,12}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &a), Equal);
        }

        #[test]
        fn the_order_is_transitive(a in "[0-1a.-]{0,5}", b in "[0-1a.-]{0,5}", c in "[0-1a.-]{0,5}") {
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }

        #[test]
        fn trimming_changes_no_order(a in "[0-2a.]{0,8}", b in "[0-2a.]{0,8}") {
            prop_assert_eq!(compare(trimmed(&a), trimmed(&b)), compare(&a, &b));
        }
    }
}
