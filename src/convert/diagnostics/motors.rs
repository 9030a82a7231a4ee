//! The motors: temperatures, lost packets, faults.

use go2_link::state::{Fault, Motor, LEG_MOTORS};
use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, Report, ERROR, OK, STALE, WARN};
use crate::convert::joints::motor_name;

/// What each motor has lost so far.
pub(crate) type Lost = [u64; LEG_MOTORS];

/// The lost counters of a low state.
pub(crate) fn lost(motors: &[Motor; LEG_MOTORS]) -> Lost {
    motors.map(|motor| motor.lost)
}

pub(super) fn motors(report: &Report<'_>) -> DiagnosticStatus {
    let motors = report.low_state.and_then(|state| state.motors.as_ref());
    let mut values = motors.map(measured).unwrap_or_default();
    let faults: Vec<_> = report.faults.iter().filter(|fault| is_of_a_motor(fault)).collect();
    values.extend(faults.iter().map(|fault| {
        let motor = fault.motor().map_or("motors".to_owned(), |number| format!("motor {number}"));
        (format!("{motor} fault 0x{:x}", fault.code), fault.to_string())
    }));
    let (level, message) = match (faults.as_slice(), motors) {
        ([first], _) => (ERROR, first.to_string()),
        ([first, more @ ..], _) => (ERROR, format!("{first}, and {} more", more.len())),
        ([], Some(motors)) => judged(report, motors),
        ([], None) => (STALE, "nothing heard of them".to_owned()),
    };
    status(report, "motors", level, message, values)
}

/// Faults say which motor in a count of the robot's own, of which nobody says where it begins.
fn is_of_a_motor(fault: &Fault) -> bool {
    fault.source == 300 || fault.motor().is_some()
}

fn measured(motors: &[Motor; LEG_MOTORS]) -> Vec<(String, String)> {
    let mut values = Vec::new();
    for (number, motor) in motors.iter().enumerate() {
        let name = motor_name(number);
        if let Some(temperature) = motor.temperature {
            values.push((format!("{name} temperature (C)"), format!("{temperature:.0}")));
        }
        values.push((format!("{name} lost packets"), motor.lost.to_string()));
    }
    values
}

fn judged(report: &Report<'_>, motors: &[Motor; LEG_MOTORS]) -> (u8, String) {
    let temperatures = motors.iter().enumerate().filter_map(|(n, m)| Some((n, m.temperature?)));
    let hottest = temperatures.rev().max_by(|(_, a), (_, b)| a.total_cmp(b));
    let before = report.lost_before.unwrap_or_else(|| lost(motors));
    let losing: Vec<_> = (0..LEG_MOTORS)
        .filter(|number| motors[*number].lost > before[*number])
        .map(|number| format!("{} {}", motor_name(number), motors[number].lost - before[number]))
        .collect();
    match hottest {
        Some((number, temperature)) if temperature >= report.settings.motor_temperature_warn => {
            (WARN, format!("{} is hot: {temperature:.0} C", motor_name(number)))
        }
        _ if !losing.is_empty() => (WARN, format!("packets are lost: {}", losing.join(", "))),
        Some((_, temperature)) => (OK, format!("hottest {temperature:.0} C")),
        None => (OK, "no temperatures".to_owned()),
    }
}
