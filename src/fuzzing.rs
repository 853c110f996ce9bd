//! What `fuzz/` runs: one function a target, which panics when something does not hold. They live here so that stable
//! Rust type-checks them, they reach what is private to the crate, and `tests/fuzz_seeds.rs` replays every seed through
//! them. No part of the public face.

mod browser;
mod datagrams;
mod head;
mod input;
mod lan;
mod offer;
mod operations;
mod room_messages;
mod room_wire;
mod sctp;
mod sessions;
mod stun;

pub use datagrams::datagrams;
pub use head::head;
pub use offer::offer;
pub use operations::operations;
pub use room_messages::room_messages;
pub use sctp::sctp;
pub use sessions::sessions;
