//! Faults that the robot reports: `errors`, `add_error` and `rm_error` messages.

use serde::de::IgnoredAny;

use crate::codec::{DecodeError, Json, Kind};

/// One fault: a source and a single bit of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fault {
    /// Part of the robot, in hundreds; 301 and up are single motors.
    pub source: i64,
    /// The bit.
    pub code: i64,
}

/// A change of the list of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultChange {
    /// The whole list.
    Snapshot(Vec<Fault>),
    /// New faults.
    Added(Vec<Fault>),
    /// Faults that are over.
    Removed(Vec<Fault>),
}

impl FaultChange {
    /// Reads the data of a message of kind `Errors`, `AddError` or `RmError`.
    pub fn decode(kind: Kind, data: &Json) -> Result<Self, DecodeError> {
        type Entry = (IgnoredAny, i64, i64); // time, source, code

        // Some firmware sends the single entry of a change inside a list, some bare.
        let entries: Vec<Entry> = data.decode().or_else(|_| data.decode().map(|one| vec![one]))?;
        let faults = entries.into_iter().map(|(_, source, code)| Fault { source, code }).collect();
        match kind {
            Kind::Errors => Ok(Self::Snapshot(faults)),
            Kind::AddError => Ok(Self::Added(faults)),
            Kind::RmError => Ok(Self::Removed(faults)),
            _ => Err(DecodeError::Shape),
        }
    }

    /// Brings a list of faults up to date.
    pub fn apply(self, list: &mut Vec<Fault>) {
        match self {
            Self::Snapshot(faults) => *list = faults,
            Self::Added(faults) => list.extend(faults),
            Self::Removed(faults) => list.retain(|fault| !faults.contains(fault)),
        }
        list.sort_unstable();
        list.dedup();
        list.truncate(Self::LARGEST_LIST);
    }

    /// No robot has more; a peer that sends more is not believed.
    const LARGEST_LIST: usize = 256;
}

const COMMUNICATION: &[(i64, &str)] = &[
    (0x01, "DDS message timeout"),
    (0x02, "distribution switch abnormal"),
    (0x10, "battery communication error"),
    (0x20, "remote control communication error"),
    (0x40, "MCU communication error"),
    (0x80, "motor communication error"),
];
const FANS: &[(i64, &str)] =
    &[(0x01, "rear left fan jammed"), (0x02, "rear right fan jammed"), (0x04, "front fan jammed")];
const MOTOR: &[(i64, &str)] = &[
    (0x01, "overcurrent"),
    (0x02, "overvoltage"),
    (0x04, "driver overheating"),
    (0x08, "bus undervoltage"),
    (0x10, "winding overheating"),
    (0x20, "encoder abnormal"),
    (0x40, "calibration abnormal"),
    (0x80, "abnormal reset"),
    (0x100, "communication interrupted"),
];
const LIDAR: &[(i64, &str)] = &[
    (0x01, "rotation speed abnormal"),
    (0x02, "point cloud abnormal"),
    (0x04, "serial data abnormal"),
    (0x10, "dirt on the window"),
];
const UWB: &[(i64, &str)] =
    &[(0x01, "serial port does not open"), (0x02, "robot information abnormal")];
const MOTION: &[(i64, &str)] =
    &[(0x04, "over-temperature protection"), (0x08, "low-battery protection")];

impl Fault {
    /// Whether it says that a motor, or its driver, is too hot. Robots are known to report such a fault for hours while
    /// every motor is cool: it is worth as much as the temperatures say.
    pub fn is_heat(&self) -> bool {
        match self.source {
            600 => self.code == 0x04,
            _ => (self.source == 300 || self.motor().is_some()) && matches!(self.code, 0x04 | 0x10),
        }
    }

    /// The fault in words, and whether it is believed: one that says heat is not where the hottest motor, whose temperature is
    /// given in °C as far as it is known, is cooler than `hot`.
    pub fn told(&self, hottest: Option<f64>, hot: f64) -> (bool, String) {
        match hottest {
            Some(hottest) if self.is_heat() && hottest < hot => {
                let Self { source, code } = self;
                let place = self.motor().map_or("the robot".to_owned(), |n| format!("motor {n}"));
                let words = format!(
                    "{place} reports heat (source {source} code 0x{code:x}), but the hottest motor has {hottest:.0} C"
                );
                (false, words)
            }
            _ => (true, self.to_string()),
        }
    }

    /// The motor that it is about, in the robot's own count.
    pub fn motor(&self) -> Option<i64> {
        match self.source {
            301..=399 => Some(self.source - 300),
            3000..=3999 => Some(self.source % 100),
            _ => None,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (part, labels): (&str, &[_]) = match self.source {
            100 => ("communication", COMMUNICATION),
            200 => ("fans", FANS),
            300..=399 | 3000..=3999 => ("motor", MOTOR),
            400 => ("LiDAR", LIDAR),
            500 => ("UWB", UWB),
            600 => ("motion control", MOTION),
            700 => ("battery management", &[]),
            _ => ("unknown part", &[]),
        };
        f.write_str(part)?;
        if let Some(number) = self.motor() {
            write!(f, " {number}")?;
        }
        match labels.iter().find(|(code, _)| *code == self.code) {
            Some((_, label)) => write!(f, ": {label}"),
            None => write!(f, ": source {} code 0x{:x}", self.source, self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: Kind, text: &str) -> Result<FaultChange, DecodeError> {
        FaultChange::decode(kind, &Json::from(text.to_string()))
    }

    #[test]
    fn follows_snapshots_and_changes_in_both_forms() {
        let mut list = Vec::new();
        decode(Kind::Errors, "[[1700000000,400,16]]").unwrap().apply(&mut list);
        decode(Kind::AddError, "[1700000001,303,1]").unwrap().apply(&mut list);
        decode(Kind::AddError, "[[1700000001,303,1]]").unwrap().apply(&mut list);
        assert_eq!(list, [Fault { source: 303, code: 1 }, Fault { source: 400, code: 16 }]);
        decode(Kind::RmError, "[1700000002,400,16]").unwrap().apply(&mut list);
        assert_eq!(list, [Fault { source: 303, code: 1 }]);
        decode(Kind::Errors, "[]").unwrap().apply(&mut list);
        assert!(list.is_empty());
        assert_eq!(decode(Kind::Errors, r#"[["x"]]"#), Err(DecodeError::Shape));
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let mut list = Vec::new();
        for code in 0..1000 {
            FaultChange::Added(vec![Fault { source: 100, code }]).apply(&mut list);
        }
        assert_eq!(list.len(), FaultChange::LARGEST_LIST);
        let all = (0..1000).map(|code| Fault { source: 100, code }).collect();
        FaultChange::Snapshot(all).apply(&mut list);
        assert_eq!(list.len(), FaultChange::LARGEST_LIST);
    }

    #[test]
    fn faults_of_heat_are_known() {
        let heat = |source, code| Fault { source, code }.is_heat();
        assert!(heat(309, 0x04) && heat(3007, 0x10) && heat(300, 0x04) && heat(600, 0x04));
        assert!(!heat(309, 0x01) && !heat(400, 0x10) && !heat(400, 0x04) && !heat(600, 0x08));
    }

    #[test]
    fn faults_have_names() {
        let name = |source, code| Fault { source, code }.to_string();
        assert_eq!(name(303, 0x10), "motor 3: winding overheating");
        assert_eq!(name(3007, 0x100), "motor 7: communication interrupted");
        assert_eq!(name(400, 0x10), "LiDAR: dirt on the window");
        assert_eq!(name(700, 5), "battery management: source 700 code 0x5");
    }
}
