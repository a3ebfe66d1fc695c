//! A number by chance, to keep a fleet from returning in step (R28); good for nothing that must not be guessed.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// From 0 to 1, another one each time.
pub(crate) fn chance() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_spread_from_0_to_1() {
        let numbers: Vec<f64> = (0..1000).map(|_| chance()).collect();
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
        let low = numbers.iter().filter(|number| **number < 0.5).count();
        assert!((300..700).contains(&low), "{low} of 1000 are low");
    }
}
