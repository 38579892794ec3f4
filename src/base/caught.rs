//! Panics of others as values: decoders, encoders and drivers that give up on what a user brought.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// The result of `work`, or nothing if it panicked.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    result.ok()
}

/// Whether a panic of this thread would be caught and told as an error: a program's panic hook then has nothing to print.
pub fn catching() -> bool {
    CATCHING.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_nothing_and_the_thread_is_as_before() {
        assert_eq!(caught(catching), Some(true));
        assert!(!catching());
        let nested = caught(|| (caught(|| -> u32 { panic!("as a decoder does") }), catching()));
        assert_eq!(nested, Some((None, true)));
        assert!(!catching());
    }
}
