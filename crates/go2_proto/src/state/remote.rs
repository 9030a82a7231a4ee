//! `rt/wirelesscontroller`: the hand-held remote.

use serde::Deserialize;

use super::number::Number;
use super::State;
use crate::codec::{topics, DecodeError, Json};

/// What is pushed and pressed on the hand-held remote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Remote {
    /// The left stick: to the right, and up; -1 to 1.
    pub left: [f64; 2],
    /// The right stick: to the right, and up; -1 to 1.
    pub right: [f64; 2],
    /// A bit for each button, in the order of [`Remote::BUTTONS`] from the lowest.
    pub keys: u16,
}

impl Remote {
    /// The buttons, in the order of the bits.
    pub const BUTTONS: [&'static str; 16] = [
        "R1", "L1", "Start", "Select", "R2", "L2", "F1", "F2", "A", "B", "X", "Y", "Up", "Right",
        "Down", "Left",
    ];

    /// Whether each button is pressed, in the order of [`Remote::BUTTONS`].
    pub fn buttons(&self) -> [bool; 16] {
        std::array::from_fn(|bit| self.keys >> bit & 1 == 1)
    }
}

#[derive(Deserialize)]
struct Wire {
    lx: Number,
    ly: Number,
    rx: Number,
    ry: Number,
    #[serde(default)]
    keys: Option<i64>,
}

/// Sticks that are not calibrated go a little beyond 1.
const FARTHEST: f64 = 1.5;

fn stick(axes: [Number; 2]) -> Result<[f64; 2], DecodeError> {
    let axes = axes.map(|axis| axis.0);
    let fits = axes.iter().all(|axis| axis.abs() <= FARTHEST);
    fits.then(|| axes.map(|axis| axis.clamp(-1.0, 1.0))).ok_or(DecodeError::Number)
}

impl State for Remote {
    const TOPIC: &'static str = topics::WIRELESS_CONTROLLER;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let Wire { lx, ly, rx, ry, keys } = data.decode()?;
        // Sixteen bits, whether they come as a signed number or as an unsigned one.
        let keys = match keys.unwrap_or(0) {
            keys @ -0x8000..=0xffff => keys as u16,
            _ => return Err(DecodeError::Number),
        };
        Ok(Self { left: stick([lx, ly])?, right: stick([rx, ry])?, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Remote, DecodeError> {
        Remote::decode(&Json::from(text.to_owned()))
    }

    #[test]
    fn reads_sticks_and_keys() {
        let remote = decode(r#"{"lx":0.5,"ly":-1,"rx":0,"ry":0.25,"keys":33025}"#).unwrap();
        assert_eq!((remote.left, remote.right), ([0.5, -1.0], [0.0, 0.25]));
        let pressed: Vec<_> = std::iter::zip(Remote::BUTTONS, remote.buttons())
            .filter_map(|(name, pressed)| pressed.then_some(name))
            .collect();
        assert_eq!(pressed, ["R1", "A", "Left"]);
    }

    #[test]
    fn is_tolerant() {
        let still = Remote { left: [0.0; 2], right: [0.0; 2], keys: 0 };
        assert_eq!(decode(r#"{"lx":0,"ly":0,"rx":0,"ry":0,"battery":3}"#), Ok(still));
        let wrapped = r#""{\"lx\":0,\"ly\":0,\"rx\":0,\"ry\":0,\"keys\":0}""#;
        assert_eq!(decode(wrapped), Ok(still));
        let pushed = decode(r#"{"lx":1.02,"ly":0,"rx":0,"ry":0,"keys":-32768}"#).unwrap();
        assert_eq!((pushed.left[0], pushed.keys), (1.0, 0x8000));
    }

    #[test]
    fn refuses_what_no_remote_has() {
        for (bad, error) in [
            (r#"{"lx":2,"ly":0,"rx":0,"ry":0}"#, DecodeError::Number),
            (r#"{"lx":0,"ly":0,"rx":0,"ry":0,"keys":65536}"#, DecodeError::Number),
            (r#"{"lx":0,"ly":0,"rx":0}"#, DecodeError::Shape),
            (r#"{"lx":"0","ly":0,"rx":0,"ry":0}"#, DecodeError::Shape),
            (r#"{"lx":1e999,"ly":0,"rx":0,"ry":0}"#, DecodeError::Shape),
            ("null", DecodeError::Shape),
        ] {
            assert_eq!(decode(bad), Err(error), "{bad}");
        }
    }
}
