//! The motors: temperatures, lost packets, faults.

use go2_proto::state::{Fault, Motor, LEG_MOTORS};
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
        (format!("{motor} fault 0x{:x}", fault.code), told(report, fault).1)
    }));
    let (level, message) = match (worst(report, &faults), motors) {
        (Some(worst), _) => worst,
        (None, Some(motors)) => judged(report, motors),
        (None, None) => (STALE, "nothing heard of them".to_owned()),
    };
    status(report, "motors", level, message, values)
}

/// The gravest of these faults, and how many there are beside it.
pub(super) fn worst(report: &Report<'_>, faults: &[&Fault]) -> Option<(u8, String)> {
    let each = faults.iter().map(|fault| told(report, fault));
    // Of equal ones the first.
    let (level, message) = each.rev().max_by_key(|(level, _)| *level)?;
    Some(match faults.len() {
        1 => (level, message),
        count => (level, format!("{message}, and {} more", count - 1)),
    })
}

/// A fault, and how grave it is: one that claims heat where every motor is cool is not believed.
pub(super) fn told(report: &Report<'_>, fault: &Fault) -> (u8, String) {
    let hottest = hottest(report.low_state.and_then(|state| state.motors.as_ref()));
    let hottest = hottest.map(|(_, hottest)| hottest);
    let (believed, words) = fault.told(hottest, report.settings.motor_temperature_warn);
    (if believed { ERROR } else { WARN }, words)
}

/// Of equal ones the first.
fn hottest(motors: Option<&[Motor; LEG_MOTORS]>) -> Option<(usize, f64)> {
    let temperatures = motors?.iter().enumerate().filter_map(|(n, m)| Some((n, m.temperature?)));
    temperatures.rev().max_by(|(_, a), (_, b)| a.total_cmp(b))
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
    let before = report.lost_before.unwrap_or_else(|| lost(motors));
    let losing: Vec<_> = (0..LEG_MOTORS)
        .filter(|number| motors[*number].lost > before[*number])
        .map(|number| format!("{} {}", motor_name(number), motors[number].lost - before[number]))
        .collect();
    match hottest(Some(motors)) {
        Some((number, temperature)) if temperature >= report.settings.motor_temperature_warn => {
            (WARN, format!("{} is hot: {temperature:.0} C", motor_name(number)))
        }
        _ if !losing.is_empty() => (WARN, format!("packets are lost: {}", losing.join(", "))),
        Some((_, temperature)) => (OK, format!("hottest {temperature:.0} C")),
        None => (OK, "no temperatures".to_owned()),
    }
}
