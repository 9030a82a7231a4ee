//! Spans of time with a sign.

use std::time::Duration;

pub(super) const fn nanoseconds(duration: Duration) -> i64 {
    duration.as_nanos() as i64
}
