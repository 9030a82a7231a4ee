//! `rt/lf/lowstate`: joints and battery.
//!
//! Over WebRTC the robot sends a trimmed object: joint angles and temperatures, but no velocity, no
//! torque and no angular rates.

use serde::Deserialize;

use super::number::{temperature, triple, Number};
use super::State;
use crate::codec::{topics, DecodeError, Json};

/// Motors in the legs. The robot sends twenty entries; the others are zeros.
pub const LEG_MOTORS: usize = 12;

/// Low-level state.
#[derive(Debug, Clone, PartialEq)]
pub struct LowState {
    /// The leg motors in the robot's order: FR, FL, RR, RL, and in each leg hip, thigh, calf.
    pub motors: Option<[Motor; LEG_MOTORS]>,
    /// The battery, where the firmware sends it.
    pub battery: Option<Battery>,
    /// Supply voltage in volts.
    pub voltage: Option<f64>,
    /// Roll, pitch and yaw in radians.
    pub rpy: Option<[f64; 3]>,
    /// Raw counts of the foot sensors, FR, FL, RR, RL; constants on models without them.
    pub foot_force: Option<[f64; 4]>,
}

/// One leg motor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motor {
    /// Joint angle in radians.
    pub position: f64,
    /// Degrees Celsius, where sent.
    pub temperature: Option<f64>,
    /// Packets to the motor that were lost so far.
    pub lost: u64,
}

/// The battery pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Battery {
    /// State of charge, 0 to 1.
    pub charge: f64,
    /// Amperes, negative while discharging.
    pub current: Option<f64>,
    /// Charge cycles so far.
    pub cycles: Option<u32>,
    /// What the battery management is doing, where the firmware tells.
    pub status: Option<BatteryStatus>,
    /// Degrees Celsius of the sensors that are there.
    pub temperatures: Vec<f64>,
}

/// What the battery management says it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BatteryStatus {
    Charging,
    Discharging,
    Idle,
    Alarm,
}

#[derive(Deserialize)]
struct Wire {
    imu_state: Option<WireImu>,
    motor_state: Option<Vec<WireMotor>>,
    bms_state: Option<WireBms>,
    foot_force: Option<[Number; 4]>,
    power_v: Option<Number>,
}

#[derive(Deserialize)]
struct WireImu {
    rpy: Option<[Number; 3]>,
}

#[derive(Deserialize)]
struct WireMotor {
    q: Number,
    temperature: Option<Number>,
    #[serde(default)]
    lost: u64,
}

#[derive(Deserialize)]
struct WireBms {
    soc: Number,
    status: Option<i64>,
    current: Option<Number>,
    cycle: Option<u32>,
    #[serde(default)]
    bq_ntc: Vec<Number>,
    #[serde(default)]
    mcu_ntc: Vec<Number>,
}

impl State for LowState {
    const TOPIC: &'static str = topics::LOW_STATE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let wire: Wire = data.decode()?;
        Ok(Self {
            motors: wire.motor_state.map(motors).transpose()?,
            battery: wire.bms_state.map(battery).transpose()?,
            voltage: wire.power_v.map(|v| v.0),
            rpy: wire.imu_state.and_then(|imu| imu.rpy).map(triple),
            foot_force: wire.foot_force.map(|force| force.map(|f| f.0)),
        })
    }
}

fn motors(wire: Vec<WireMotor>) -> Result<[Motor; LEG_MOTORS], DecodeError> {
    let legs = wire.get(..LEG_MOTORS).ok_or(DecodeError::Shape)?;
    Ok(std::array::from_fn(|i| Motor {
        position: legs[i].q.0,
        temperature: legs[i].temperature.map(temperature),
        lost: legs[i].lost,
    }))
}

fn battery(wire: WireBms) -> Result<Battery, DecodeError> {
    if !(0.0..=100.0).contains(&wire.soc.0) {
        return Err(DecodeError::Number);
    }
    Ok(Battery {
        charge: wire.soc.0 / 100.0,
        current: wire.current.map(|milliamperes| milliamperes.0 / 1000.0),
        cycles: wire.cycle,
        status: wire.status.and_then(status),
        temperatures: wire.bq_ntc.into_iter().chain(wire.mcu_ntc).map(temperature).collect(),
    })
}

fn status(code: i64) -> Option<BatteryStatus> {
    match code {
        7 => Some(BatteryStatus::Charging),
        8 => Some(BatteryStatus::Discharging),
        0 | 1 | 6 | 9 => Some(BatteryStatus::Idle),
        11..=13 => Some(BatteryStatus::Alarm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<LowState, DecodeError> {
        LowState::decode(&Json::from(text.to_string()))
    }

    fn motor_states(count: usize) -> String {
        let motor = r#"{"q":0.5,"temperature":40,"lost":2,"reserve":[0,674]}"#;
        format!(r#"{{"motor_state":[{}]}}"#, vec![motor; count].join(","))
    }

    #[test]
    fn reads_a_captured_battery_and_attitude() {
        let state = decode(
            r#"{"imu_state":{"rpy":[0.008,-0.0075,2.98]},"bms_state":{"version_high":1,"version_low":18,
            "soc":55,"current":-2481,"cycle":56,"bq_ntc":[30,29],"mcu_ntc":[33,251]},
            "foot_force":[97,84,81,81],"temperature_ntc1":48,"power_v":28.33}"#,
        )
        .unwrap();
        let battery = state.battery.unwrap();
        assert_eq!(
            (battery.charge, battery.current, battery.cycles),
            (0.55, Some(-2.481), Some(56))
        );
        assert_eq!(battery.temperatures, [30.0, 29.0, 33.0, -5.0]);
        assert_eq!(state.voltage, Some(28.33));
        assert_eq!(state.rpy, Some([0.008, -0.0075, 2.98]));
        assert_eq!(state.motors, None);
    }

    #[test]
    fn takes_the_twelve_leg_motors() {
        let motors = decode(&motor_states(20)).unwrap().motors.unwrap();
        assert_eq!(motors[11], Motor { position: 0.5, temperature: Some(40.0), lost: 2 });
        assert!(decode(&motor_states(12)).unwrap().motors.is_some());
        assert_eq!(decode(&motor_states(3)), Err(DecodeError::Shape));
    }

    #[test]
    fn nothing_that_is_no_number_gets_in() {
        for bad in [
            r#"{"power_v":1e999}"#,
            r#"{"power_v":1e300}"#,
            r#"{"power_v":null,"motor_state":[{"q":null}]}"#,
            r#"{"imu_state":{"rpy":[0,0]}}"#,
            r#"{"power_v":"28"}"#,
            "[]",
        ] {
            assert_eq!(decode(bad), Err(DecodeError::Shape), "{bad}");
        }
        assert_eq!(decode(r#"{"bms_state":{"soc":130}}"#), Err(DecodeError::Number));
        assert!(decode("{}").is_ok());
    }
}
