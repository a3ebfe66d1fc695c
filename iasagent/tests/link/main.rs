//! The real agent, led by a small daemon made of the shared pieces (P82).

mod daemon;
mod reconnect;
mod requests;
