//! The LiDAR as a device: on or off, and what it stamps on the maps that it sends.

use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::{LidarMap, Pose, VoxelFrame};
use crate::options::Firmware;
use crate::profile::LidarFacts;
use crate::world::World;

/// What the stamps of the voxel maps are worth. Firmware is known to repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stamps {
    /// The time of the scan on the robot's clock.
    Good,
    /// The first one for ever.
    Frozen,
    /// Each one twice.
    Repeated,
    /// Now and then wrong by an hour.
    Jumping,
    /// In steps of 1000 s, as older firmware prints them: `1.709106e+09`.
    Steps,
}

/// The robot's LiDAR. It outlives sessions, and is off when the robot starts.
#[derive(Debug)]
pub struct Lidar {
    stamps: Stamps,
    facts: LidarFacts,
    on_since: Option<Instant>,
    /// It stops by itself when it has been on for so long, once.
    stops_after: Option<Duration>,
    map: LidarMap,
    frames: u64,
    last_stamp: Option<Duration>,
    voxels: u32,
}

/// A map to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The message.
    pub frame: VoxelFrame,
    /// The stamp in it, seconds.
    pub stamp: f64,
    /// Its number since the robot started, from 0.
    pub seq: u64,
}

/// Every so many frames the jumping stamp jumps.
const JUMP_EVERY: u64 = 10;
const JUMP: Duration = Duration::from_secs(3600);

impl Lidar {
    /// A LiDAR that is off.
    pub fn new(stamps: Stamps, stops_after: Option<Duration>) -> Self {
        Self {
            stamps,
            facts: LidarFacts::default(),
            on_since: None,
            stops_after,
            map: LidarMap::default(),
            frames: 0,
            last_stamp: None,
            voxels: 0,
        }
    }

    /// As it is in a kind of robot.
    pub fn like(mut self, facts: LidarFacts) -> Self {
        self.facts = facts;
        self
    }

    /// Whether it turns.
    pub fn is_on(&self) -> bool {
        self.on_since.is_some()
    }

    /// Occupied voxels of the last map, none while it is off.
    pub fn voxels(&self) -> u32 {
        if self.is_on() {
            self.voxels
        } else {
            0
        }
    }

    /// Maps since the robot started.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Switches it. `true` if that changed anything. A new start begins a new map.
    pub fn switch(&mut self, on: bool, now: Instant) -> bool {
        if on == self.is_on() {
            return false;
        }
        self.on_since = on.then_some(now);
        if on {
            self.map = LidarMap::new(self.facts);
        }
        true
    }

    /// Whether it has just stopped by itself.
    pub fn stops(&mut self, now: Instant) -> bool {
        let Some((on_since, stops_after)) = self.on_since.zip(self.stops_after) else {
            return false;
        };
        if now.saturating_duration_since(on_since) < stops_after {
            return false;
        }
        self.stops_after = None;
        self.switch(false, now)
    }

    /// Looks around and makes the message, if it is on. `time` is on the robot's clock.
    pub fn scan(
        &mut self,
        world: &World,
        pose: Pose,
        time: Duration,
        firmware: Firmware,
    ) -> Option<Scan> {
        if !self.is_on() {
            return None;
        }
        self.map.scan(world, pose);
        let stamp = self.stamp(time).as_secs_f64();
        let frame = self.map.frame(stamp, firmware)?;
        let seq = self.frames;
        self.frames += 1;
        self.voxels = frame.voxels;
        Some(Scan { frame, stamp, seq })
    }

    fn stamp(&mut self, time: Duration) -> Duration {
        let keeps = match self.stamps {
            Stamps::Good | Stamps::Jumping | Stamps::Steps => false,
            Stamps::Frozen => true,
            Stamps::Repeated => self.frames % 2 == 1,
        };
        let stamp = self.last_stamp.filter(|_| keeps).unwrap_or(time);
        self.last_stamp = Some(stamp);
        match (self.stamps, self.frames % (2 * JUMP_EVERY)) {
            (Stamps::Steps, _) => Duration::from_secs((stamp.as_secs() + 500) / 1000 * 1000),
            (Stamps::Jumping, 7) => stamp + JUMP,
            (Stamps::Jumping, n) if n == JUMP_EVERY + 7 => stamp.saturating_sub(JUMP),
            _ => stamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(stamps: Stamps) -> Vec<f64> {
        let mut lidar = Lidar::new(stamps, None);
        assert!(lidar.switch(true, Instant::now()));
        let world = World::empty();
        let second = |n: u64| Duration::from_secs(10_000 + n);
        let mut scan = |n| lidar.scan(&world, Pose::default(), second(n), Firmware::New).unwrap();
        let scans: Vec<_> = (0..20).map(&mut scan).collect();
        assert!(scans.iter().enumerate().all(|(n, scan)| scan.seq == n as u64));
        scans.iter().map(|scan| scan.stamp - 10_000.0).collect()
    }

    #[test]
    fn stamps_are_as_bad_as_asked_for() {
        let good: Vec<_> = (0..20).map(f64::from).collect();
        assert_eq!(stamps(Stamps::Good), good);
        assert_eq!(stamps(Stamps::Frozen), [0.0; 20]);
        assert_eq!(stamps(Stamps::Repeated)[..6], [0.0, 0.0, 2.0, 2.0, 4.0, 4.0]);
        assert_eq!(stamps(Stamps::Steps), [0.0; 20], "of 10000 s");
        let jumping = stamps(Stamps::Jumping);
        let jumps: Vec<_> = jumping.iter().zip(&good).map(|(stamp, good)| stamp - good).collect();
        assert_eq!(jumps.iter().filter(|jump| **jump == 0.0).count(), 18);
        assert_eq!((jumps[7], jumps[17]), (3600.0, -3600.0));
    }

    #[test]
    fn it_is_off_at_first_and_sees_nothing_then() {
        let now = Instant::now();
        let mut lidar = Lidar::new(Stamps::Good, None);
        let world = World::house();
        let scan =
            |lidar: &mut Lidar| lidar.scan(&world, Pose::default(), Duration::ZERO, Firmware::New);
        assert!(!lidar.is_on() && scan(&mut lidar).is_none());
        assert!(lidar.switch(true, now) && !lidar.switch(true, now));
        let voxels = scan(&mut lidar).unwrap().frame.voxels;
        assert_eq!((lidar.voxels(), lidar.frames()), (voxels, 1));
        assert!(lidar.switch(false, now));
        assert!(scan(&mut lidar).is_none());
        assert_eq!(lidar.voxels(), 0);
    }

    #[test]
    fn it_stops_once_by_itself() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut lidar = Lidar::new(Stamps::Good, Some(Duration::from_secs(5)));
        assert!(!lidar.stops(after(100)), "it was off");
        lidar.switch(true, after(100));
        assert!(!lidar.stops(after(104)) && lidar.stops(after(105)));
        assert!(!lidar.is_on() && !lidar.stops(after(106)));
        lidar.switch(true, after(107));
        assert!(!lidar.stops(after(1000)) && lidar.is_on());
    }
}
