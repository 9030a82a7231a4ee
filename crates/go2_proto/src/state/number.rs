//! Numbers of the wire, checked while they are decoded.

use serde::{Deserialize, Deserializer};

/// A number that can be a measure: finite, and small enough that neither its square nor its value as `f32`
/// overflows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Number(pub(super) f64);

const LARGEST: f64 = 1e12;

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        // NaN fails the comparison as well.
        if value.abs() <= LARGEST {
            Ok(Self(value))
        } else {
            Err(serde::de::Error::custom("number out of range"))
        }
    }
}

/// Three numbers as an array.
pub(super) fn triple(numbers: [Number; 3]) -> [f64; 3] {
    numbers.map(|number| number.0)
}

/// A temperature in degrees Celsius; some firmware sends the bits of an `i8` as a `u8`.
pub(super) fn temperature(number: Number) -> f64 {
    if number.0 > 127.0 {
        number.0 - 256.0
    } else {
        number.0
    }
}

/// `{"sec", "nanosec"}` on the robot's clock.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Stamp {
    sec: u32,
    nanosec: u32,
}

impl Stamp {
    /// The time. Robots send `{0, 0}` for a stamp that nobody filled in: none.
    pub(super) fn time(self) -> Option<super::RobotTime> {
        let time = super::RobotTime::new(u64::from(self.sec), self.nanosec % 1_000_000_000);
        (!time.is_zero()).then_some(time)
    }
}
