//! The request rate of one REST connection.

use parking_lot::Mutex;

use crate::realm::Millis;

/// How fast one connection sends, a second at a time.
pub struct RequestRate {
    per_second: u32,
    window: Mutex<(Millis, u32)>,
}

impl RequestRate {
    /// A connection that may send so many requests a second.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, window: Mutex::default() }
    }

    /// Counts one; the time to wait if that is too many.
    pub(super) fn count(&self, now: Millis) -> Result<(), Millis> {
        let mut window = self.window.lock();
        let (second, sent) = &mut *window;
        if *second != now / 1_000 {
            (*second, *sent) = (now / 1_000, 0);
        }
        *sent += 1;
        if *sent > self.per_second { Err(1_000 - now % 1_000) } else { Ok(()) }
    }
}
