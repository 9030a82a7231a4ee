//! `battery_state`.

use go2_proto::state::{Battery, BatteryStatus, LowState};
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::BatteryState;

use super::header;

/// Volts, amperes (negative while discharging) and charge from 0 to 1. What the robot does not measure is
/// NaN, as the message's definition asks.
pub(crate) fn battery_state(state: &LowState, battery: &Battery, stamp: &Time) -> BatteryState {
    let temperatures = &battery.temperatures;
    let hottest = temperatures.iter().copied().fold(f64::NAN, f64::max);
    BatteryState {
        header: header(stamp, ""),
        voltage: state.voltage.map_or(f32::NAN, |volts| volts as f32),
        temperature: hottest as f32,
        current: battery.current.map_or(f32::NAN, |amperes| amperes as f32),
        charge: f32::NAN,
        capacity: f32::NAN,
        design_capacity: f32::NAN,
        percentage: battery.charge as f32,
        power_supply_status: status(battery) as u8,
        power_supply_health: health(battery) as u8,
        power_supply_technology: BatteryState::POWER_SUPPLY_TECHNOLOGY_LION as u8,
        present: true,
        ..BatteryState::default()
    }
}

fn status(battery: &Battery) -> u32 {
    match (battery.status, battery.current) {
        (Some(BatteryStatus::Charging), _) => BatteryState::POWER_SUPPLY_STATUS_CHARGING as u32,
        (Some(BatteryStatus::Discharging), _) => {
            BatteryState::POWER_SUPPLY_STATUS_DISCHARGING as u32
        }
        (_, Some(amperes)) if amperes > 0.0 => BatteryState::POWER_SUPPLY_STATUS_CHARGING as u32,
        (_, Some(amperes)) if amperes < 0.0 => BatteryState::POWER_SUPPLY_STATUS_DISCHARGING as u32,
        (_, Some(_)) => BatteryState::POWER_SUPPLY_STATUS_NOT_CHARGING as u32,
        (_, None) => BatteryState::POWER_SUPPLY_STATUS_UNKNOWN as u32,
    }
}

fn health(battery: &Battery) -> u32 {
    match battery.status {
        Some(BatteryStatus::Alarm) => BatteryState::POWER_SUPPLY_HEALTH_UNSPEC_FAILURE as u32,
        Some(_) => BatteryState::POWER_SUPPLY_HEALTH_GOOD as u32,
        None => BatteryState::POWER_SUPPLY_HEALTH_UNKNOWN as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use go2_proto::codec::Json;
    use go2_proto::state::State as _;

    #[test]
    fn what_is_measured_is_there_and_the_rest_is_nan() {
        let text = r#"{"bms_state":{"soc":55,"current":-2481,"bq_ntc":[30,29],"mcu_ntc":[33]},"power_v":28.5}"#;
        let state = LowState::decode(&Json::from(text.to_string())).unwrap();
        let stamp = Time { sec: 0, nanosec: 0 };
        let message = battery_state(&state, state.battery.as_ref().unwrap(), &stamp);
        assert_eq!((message.voltage, message.current), (28.5, -2.481));
        assert_eq!((message.percentage, message.temperature), (0.55, 33.0));
        assert_eq!(message.power_supply_status, 2, "discharging");
        assert!(message.charge.is_nan());
    }
}
