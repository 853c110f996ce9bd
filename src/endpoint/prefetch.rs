//! Memory that is asked for before it is needed.
//!
//! Between two messages of one peer come those of all others, and the kernel's own work, so what is kept about a peer is no longer in
//! the processor's caches, and each place that is looked at takes as long as some hundred instructions. So a connection is one piece of
//! memory, which is asked for whole, and with those of the rest of a batch (docs/BENCHMARKS.md).
#![allow(unsafe_code)]

/// Of x86-64, whose lines have no other length. Elsewhere nothing is asked for.
#[cfg(target_arch = "x86_64")]
const LINE_BYTES: usize = 64;

/// Asks for all of a value, and for nothing that it points to.
#[cfg(target_arch = "x86_64")]
pub(super) fn prefetch<T>(value: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

    let start: *const i8 = std::ptr::from_ref(value).cast();
    // It may begin in the middle of a line, so that there is one line more.
    for offset in (0..size_of::<T>() + LINE_BYTES - 1).step_by(LINE_BYTES) {
        // SAFETY: PREFETCHh is a hint. It reads nothing that a program could see and raises no exception, whatever the address
        // (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, PREFETCHh), and SSE, which it needs, is
        // part of x86-64. `wrapping_add` may leave the value, since nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
    }
}

/// There is no such instruction in stable Rust.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prefetch<T>(_value: &T) {}
