//! What the robot is made of and where it is: all that outlives a session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::body::Body;
use crate::camera::Camera;
use crate::clock::Clock;
use crate::lidar::{Lidar, Pose, Scan};
use crate::log::Log;
use crate::mishap::Mishaps;
use crate::options::{Firmware, Options};
use crate::sensors::Sensors;
use crate::services::{Reply, Service, Services};
use crate::world::World;

/// Body, services, LiDAR, camera and world of a robot. Clones share them.
#[derive(Clone)]
pub(crate) struct Hardware {
    pub(crate) world: Arc<World>,
    pub(crate) body: Arc<Mutex<Body>>,
    pub(crate) camera: Arc<Camera>,
    lidar: Arc<Mutex<Lidar>>,
    /// Locked before the body.
    services: Arc<Mutex<Services>>,
    pub(crate) mishaps: Mishaps,
    pub(crate) clock: Clock,
    sensors: Arc<Mutex<Sensors>>,
    firmware: Firmware,
    log: Log,
}

impl Hardware {
    /// `None` if the robot would lie in a wall.
    pub(crate) fn new(options: &Options, world: World, log: Log, mishaps: Mishaps) -> Option<Self> {
        let world = Arc::new(world);
        let body = Body::new(options.move_lasts(), Instant::now()).within(Arc::clone(&world))?;
        let habits = options.facts().services;
        let body = body.like(options.facts()).charged(options.services.charge);
        let mut body = body.following(habits.follows_by_itself);
        body.avoid(habits.avoidance_at_start);
        let lidar = Lidar::new(options.lidar_stamp(), options.lidar_stops_after());
        let lidar = lidar.like(options.facts().lidar);
        let body = Arc::new(Mutex::new(body));
        let camera = Camera::new(
            options.video.clone(),
            options.facts().camera,
            Arc::clone(&world),
            Arc::clone(&body),
        );
        Some(Self {
            world,
            body,
            camera: Arc::new(camera),
            lidar: Arc::new(Mutex::new(lidar)),
            services: Arc::new(Mutex::new(Services::new(options))),
            clock: Clock::new(
                options.clock_behind(),
                options.facts().state.clock_drift,
                mishaps.clone(),
            ),
            sensors: Arc::new(Mutex::new(Sensors::new(&options.facts().state, options.noise_seed))),
            mishaps,
            firmware: options.firmware(),
            log,
        })
    }

    /// The body as it is now.
    pub(crate) fn body_now(&self) -> MutexGuard<'_, Body> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.step(Instant::now());
        if let Some(at) = body.take_bump() {
            self.log.add("bump", json!({"x": at.x, "y": at.y, "yaw": at.yaw}));
        }
        body
    }

    /// The services; the body is not locked while this is asked for.
    pub(crate) fn services(&self) -> MutexGuard<'_, Services> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What measures the body.
    pub(crate) fn sensors(&self) -> MutexGuard<'_, Sensors> {
        self.sensors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time on the robot's clock.
    pub(crate) fn time(&self) -> Duration {
        self.clock.now()
    }

    /// Executes a request; `None` if nobody is there to answer it.
    pub(crate) fn execute(
        &self,
        service: Service,
        api_id: Option<i64>,
        parameter: &str,
    ) -> Option<Reply> {
        let mut services = self.services();
        let now = Instant::now();
        let before = services.colour(now);
        let reply = services.execute(service, api_id, parameter, &mut self.body_now(), now);
        let colour = services.colour(now);
        if colour != before {
            self.log.add("light", json!({"color": colour}));
        }
        reply
    }

    /// Has the robot ignore commands to walk for a time from now on.
    pub(crate) fn refuse_motion(&self, time: Duration) {
        self.body_now().refuse_to_walk_until(Instant::now() + time);
    }

    /// A message of the stick channel.
    pub(crate) fn push_sticks(&self, lx: f64, ly: f64, rx: f64) {
        let mut services = self.services();
        let now = Instant::now();
        if services.listens_to_sticks(now) {
            self.body_now().push_sticks(lx, ly, rx, now);
        }
    }

    /// The LiDAR, which may have stopped by itself.
    pub(crate) fn lidar_now(&self) -> MutexGuard<'_, Lidar> {
        let mut lidar = self.lidar.lock().unwrap_or_else(PoisonError::into_inner);
        if lidar.stops(Instant::now()) {
            self.log.add("lidar", json!({"on": false}));
        }
        lidar
    }

    /// Turns the LiDAR on or off.
    pub(crate) fn switch_lidar(&self, on: bool) {
        if self.lidar_now().switch(on, Instant::now()) {
            self.log.add("lidar", json!({"on": on}));
        }
    }

    /// Has the LiDAR look around from where the robot is now. Takes a millisecond or two.
    pub(crate) fn scan(&self) -> Option<Scan> {
        let pose = {
            let body = self.body_now();
            let motion = body.motion();
            Pose { x: motion.x, y: motion.y, z: body.height(), yaw: motion.yaw }
        };
        let time = self.time();
        self.lidar_now().scan(&self.world, pose, time, self.firmware)
    }
}

#[cfg(test)]
mod tests {
    use go2_link::codec::api;

    use super::*;
    use crate::services::ask;

    #[test]
    fn a_bump_is_logged_where_it_is() {
        let log = Log::default();
        let hardware =
            Hardware::new(&Options::default(), World::house(), log.clone(), Mishaps::default())
                .unwrap();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        {
            let mut body = hardware.body_now();
            ask(&mut body, api::BALANCE_STAND, "", start);
            ask(&mut body, api::MOVE, r#"{"x":-0.5,"y":0,"z":0}"#, at(2));
            body.step(at(12));
        }
        drop(hardware.body_now());
        drop(hardware.body_now());
        let bumps = log.of("bump");
        assert_eq!(bumps.len(), 1);
        // The cabinet ends at -2.45 m only to the south; here the wall is at -2.95 m.
        assert!((bumps[0]["x"].as_f64().unwrap() + 2.6).abs() < 0.02, "{bumps:?}");
    }
}
