//! The numbers we promise.

fn main() {}
