//! `rt/utlidar/lidar_state`: health of the LiDAR.

use serde::Deserialize;

use super::number::Number;
use super::State;
use crate::codec::{topics, DecodeError, Json};

/// Health of the LiDAR.
#[derive(Debug, Clone, PartialEq)]
pub struct LidarState {
    /// Clouds a second, about 15.4 inside the robot.
    pub cloud_frequency: Option<f64>,
    /// Share of the cloud's packets that were lost, as the robot gives it.
    pub cloud_packet_loss_rate: Option<f64>,
    /// The robot's error number, 0 when well.
    pub error_state: Option<i64>,
    /// Dirt on the window in percent, on newer firmware.
    pub dirty_percentage: Option<f64>,
}

/// What keeps a LiDAR from working, or will, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LidarTrouble {
    /// It reports an error. Robots with a dead LiDAR say 6, and zeros beside it.
    #[error("the LiDAR reports error {0}: switch the robot off and on again (power-cycle); if it stays so, the LiDAR is broken")]
    Error(i64),
    /// It measures less often than it should, in clouds a second.
    #[error("the LiDAR measures only {0:.1} times a second instead of 15: if it stays so, switch the robot off and on again")]
    Slow(f64),
    /// Its window is dirty, in percent.
    #[error("the LiDAR's window is dirty ({0:.0} %): wipe it with a soft cloth")]
    Dirty(f64),
}

impl LidarTrouble {
    /// Whether no map can come.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

/// Robots say 15.2 to 15.4.
const SLOW: f64 = 10.0;
/// Percent of dirt. Clean ones say 0 to 5.
const DIRTY: f64 = 30.0;

impl LidarState {
    /// What is wrong with it, the worst first. That it stands still is nothing wrong: it does so while it is off.
    pub fn trouble(&self) -> Option<LidarTrouble> {
        let error = self.error_state.filter(|error| *error != 0).map(LidarTrouble::Error);
        let slow =
            || self.cloud_frequency.filter(|hz| (1e-3..SLOW).contains(hz)).map(LidarTrouble::Slow);
        let dirty = || self.dirty_percentage.filter(|dirt| *dirt >= DIRTY).map(LidarTrouble::Dirty);
        error.or_else(slow).or_else(dirty)
    }

    /// What there is to say when no frame comes although it was switched on again and again. Owners of four robots whose LiDAR
    /// said that it was well found that only a power-cycle helps.
    pub fn without_frames(&self) -> String {
        match (self.trouble(), self.cloud_frequency) {
            (Some(trouble), _) if trouble.is_fatal() => trouble.to_string(),
            (_, Some(hz)) if hz <= 0.0 => {
                "the LiDAR measures nothing (0 clouds a second), and the switch does not help: switch the robot off and on again \
                 (power-cycle)"
                    .to_owned()
            }
            _ => "the LiDAR says that it is well, but sends no frame, and the switch does not help: switch the robot off and on \
                  again (power-cycle)"
                .to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Wire {
    cloud_frequency: Option<Number>,
    cloud_packet_loss_rate: Option<Number>,
    error_state: Option<i64>,
    dirty_percentage: Option<Number>,
}

impl State for LidarState {
    const TOPIC: &'static str = topics::LIDAR_STATE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let wire: Wire = data.decode()?;
        Ok(Self {
            cloud_frequency: wire.cloud_frequency.map(|n| n.0),
            cloud_packet_loss_rate: wire.cloud_packet_loss_rate.map(|n| n.0),
            error_state: wire.error_state,
            dirty_percentage: wire.dirty_percentage.map(|n| n.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_there() {
        let text = r#"{"stamp":1.5,"cloud_frequency":15.4,"error_state":0,"serial_buffer_size":1}"#;
        let state = LidarState::decode(&Json::from(text.to_string())).unwrap();
        assert_eq!((state.cloud_frequency, state.error_state), (Some(15.4), Some(0)));
        assert_eq!((state.dirty_percentage, state.trouble()), (None, None));
    }

    fn trouble(text: &str) -> Option<LidarTrouble> {
        LidarState::decode(&Json::from(text.to_string())).unwrap().trouble()
    }

    #[test]
    fn a_dead_a_slow_and_a_dirty_one_are_told_and_a_silent_firmware_is_not() {
        let dead = r#"{"error_state":6,"cloud_frequency":0,"cloud_size":0,"dirty_percentage":0}"#;
        assert_eq!(trouble(dead), Some(LidarTrouble::Error(6)));
        assert!(trouble(dead).unwrap().to_string().contains("power-cycle"));
        let slow = trouble(r#"{"error_state":0,"cloud_frequency":7.5,"dirty_percentage":99}"#);
        assert_eq!(slow, Some(LidarTrouble::Slow(7.5)));
        assert!(trouble(dead).unwrap().is_fatal() && !slow.unwrap().is_fatal());
        let dirty = r#"{"error_state":0,"cloud_frequency":15.2,"dirty_percentage":40}"#;
        assert_eq!(trouble(dirty), Some(LidarTrouble::Dirty(40.0)));
        assert_eq!(trouble(r#"{"cloud_frequency":15.2,"dirty_percentage":5}"#), None);
        assert_eq!(trouble("{}"), None);
        let off = r#"{"error_state":0,"cloud_frequency":0.000000}"#;
        assert_eq!(trouble(off), None, "it is off");
        let silent = |text: &str| {
            LidarState::decode(&Json::from(text.to_string())).unwrap().without_frames()
        };
        assert!(silent(dead).contains("error 6"));
        assert!(silent(off).contains("0 clouds"));
        assert!(silent("{}").contains("says that it is well"));
    }
}
