//! Munki's LooseVersion order, used for every dialect (R18).

use std::cmp::Ordering;

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Digits without leading zeros: longer is larger, so size is unlimited.
    Number(&'a str),
    Text(&'a str),
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Digits,
    Lower,
    Dot,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '0'..='9' => Class::Digits,
        'a'..='z' => Class::Lower,
        '.' => Class::Dot,
        _ => Class::Other,
    }
}

fn parts(version: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let kind = class(first);
        let end = rest.find(|c| class(c) != kind).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        match kind {
            Class::Dot => {}
            Class::Digits => parts.push(Part::Number(run.trim_start_matches('0'))),
            Class::Lower | Class::Other => parts.push(Part::Text(run)),
        }
    }
    parts
}

fn compare_parts(a: &Part<'_>, b: &Part<'_>) -> Ordering {
    match (a, b) {
        (Part::Number(a), Part::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Part::Number(_), Part::Text(_)) => Ordering::Less,
        (Part::Text(_), Part::Number(_)) => Ordering::Greater,
        (Part::Text(a), Part::Text(b)) => a.cmp(b),
    }
}

/// Compares two versions: runs of digits, runs of `a-z` and anything else are parts; the shorter list is padded
/// with zeros; a number is smaller than a text; texts compare by code point.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    let zero = Part::Number("");
    (0..a.len().max(b.len()))
        .map(|i| compare_parts(a.get(i).unwrap_or(&zero), b.get(i).unwrap_or(&zero)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn v1_vectors() {
        use Ordering::{Equal, Greater, Less};
        let vectors = [
            ("10.6", "10.6.0", Equal),
            ("1.10", "1.9", Greater),
            ("1.0b1", "1.0", Greater),
            ("1.0", "1.0b1", Less),
            ("1.0a", "1.0", Greater),
            ("1.0rc1", "1.0b2", Greater),
            ("1.0-1", "1.0.1", Greater),
            ("1.0B", "1.0b", Less),
            ("2021.04.01", "2021.4.1", Equal),
            ("v1.0", "1.0", Greater),
            ("1..2", "1.2", Equal),
            ("0.0.0.0.0", "", Equal),
            ("99999999999999999999999", "99999999999999999999998", Greater),
        ];
        for (a, b, expected) in vectors {
            assert_eq!(compare(a, b), expected, "{a} against {b}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_antisymmetric_and_reflexive(a in "[0-9a-cB.-]{0,12}", b in "[0-9a-cB.-]{0,12}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        }

        #[test]
        fn the_order_is_transitive(a in "[0-9a.]{0,5}", b in "[0-9a.]{0,5}", c in "[0-9a.]{0,5}") {
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }
    }
}
