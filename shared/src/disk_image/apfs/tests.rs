//! The checksum of blocks; whole volumes are in the corpus.

use super::node::checksum;

#[test]
fn a_block_is_checked_with_fletchers_sum() {
    // The sum is such that summing it up with the block gives nothing.
    let mut block = vec![0; 4096];
    block[8..24].copy_from_slice(b"0123456789abcdef");
    let sum = checksum(&block);
    let words = |bytes: &[u8]| -> Vec<u64> {
        bytes.chunks(4).map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap()))).collect()
    };
    let (mut low, mut high) = (0u64, 0u64);
    for word in [&block[8..], &sum.to_le_bytes()].concat().chunks(4).flat_map(words) {
        low = (low + word) % 0xffff_ffff;
        high = (high + low) % 0xffff_ffff;
    }
    assert_eq!((low, high), (0, 0));
}
