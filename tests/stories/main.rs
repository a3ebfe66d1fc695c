//! Stories told through the real programs.

fn main() {}
