//! `iasagent`.
fn main() {}
