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
        assert_eq!(state.dirty_percentage, None);
    }
}
