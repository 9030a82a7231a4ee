//! What the robot is made of and where it is: all that outlives a session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use go2_proto::codec::api;
use go2_proto::commands;
use go2_proto::commands::{Action, Space};
use serde_json::json;

use crate::body::Body;
use crate::camera::{Camera, StoredStream};
use crate::clock::Clock;
use crate::lidar::{Lidar, Pose, Scan};
use crate::log::Log;
use crate::mishap::{Mishap, Mishaps};
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
    /// A robot whose camera sends what it sees, or this. `None` if the robot would lie in a wall.
    pub(crate) fn new(
        options: &Options,
        world: World,
        stored: Option<StoredStream>,
        log: Log,
        mishaps: Mishaps,
    ) -> Option<Self> {
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
            camera: Arc::new(camera.playing(stored)),
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
        if let Some(reply) = self.ignored(service, api_id) {
            return Some(reply);
        }
        let before = services.colour(now);
        let reply = services.execute(service, api_id, parameter, &mut self.body_now(), now);
        let colour = services.colour(now);
        if colour != before {
            self.log.add("light", json!({"color": colour}));
        }
        reply
    }

    /// Has the robot do an action that somebody asks for with its remote control or the phone app; returns whether it does.
    fn act_by_remote(&self, action: &'static Action) -> bool {
        let spaces = [Space::Mcf, Space::Ai, Space::Normal];
        let api = spaces.into_iter().find_map(|space| action.api(space));
        api.is_some_and(|api| self.body_now().act(action, api, true).is_ok())
    }

    /// Has the robot do what is asked for by remote control. Runs as long as the robot.
    pub(crate) async fn obey_remote(&self) {
        loop {
            let (id, name) = self.mishaps.remote().await;
            let taken = commands::action(&name).is_some_and(|action| self.act_by_remote(action));
            self.log.add("remote", json!({"action": name, "taken": taken}));
            self.mishaps.carried_out(id, &name);
        }
    }

    /// The answer to a request that a robot does not heed which goes on with what it does.
    fn ignored(&self, service: Service, api_id: Option<i64>) -> Option<Reply> {
        let moves = matches!(service, Service::Sport | Service::ObstaclesAvoid);
        let heeds = service == Service::Sport && api_id == Some(api::DAMP);
        let ignores = moves && !heeds && self.mishaps.feels(&Mishap::Runaway);
        ignores.then_some(Reply::OK)
    }

    /// Has the robot ignore commands to walk for a time from now on.
    pub(crate) fn refuse_motion(&self, time: Duration) {
        self.body_now().refuse_to_walk_until(Instant::now() + time);
    }

    /// A message of the stick channel.
    pub(crate) fn push_sticks(&self, lx: f64, ly: f64, rx: f64) {
        let mut services = self.services();
        let now = Instant::now();
        if self.mishaps.feels(&Mishap::Runaway) {
            return;
        }
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
    use super::*;
    use crate::body::Posture;
    use crate::mishap::{Fate, Span};
    use crate::services::ask;

    #[tokio::test]
    async fn the_remote_control_is_obeyed() {
        let (log, mishaps) = (Log::default(), Mishaps::default());
        let options = Options::default();
        let hardware =
            Hardware::new(&options, World::house(), None, log.clone(), mishaps.clone()).unwrap();
        for (name, posture) in [
            ("recovery_stand", Posture::Balancing),
            ("stand_down", Posture::Lying),
            ("damp", Posture::Damped),
        ] {
            let id = mishaps.begin(Mishap::Remote(name.to_owned()), Span::Open);
            let obeyed = mishaps.wait(id, crate::SOON, |fate| fate.over);
            let fate = tokio::select! {
                fate = obeyed => fate,
                () = hardware.obey_remote() => unreachable!("it runs as long as the robot"),
            };
            assert_eq!(fate, Some(Fate { felt: 1, over: true }), "{name}");
            assert_eq!(hardware.body_now().posture(), posture);
            assert_eq!(log.of("remote").last().unwrap()["taken"], true);
        }
    }

    #[test]
    fn a_robot_that_goes_on_says_yes_to_everything_and_heeds_damp_alone() {
        let mishaps = Mishaps::default();
        let (options, log) = (Options::default(), Log::default());
        let hardware = Hardware::new(&options, World::house(), None, log, mishaps.clone()).unwrap();
        let tell = |api_id| hardware.execute(Service::Sport, Some(api_id), "").unwrap().code;
        assert_eq!(tell(api::BALANCE_STAND), 0);
        let runs = mishaps.begin(Mishap::Runaway, Span::Open);
        assert_eq!((tell(api::STAND_DOWN), tell(api::STOP_MOVE)), (0, 0));
        assert_eq!(hardware.body_now().posture(), Posture::Balancing);
        assert_eq!(mishaps.fate(runs).unwrap().felt, 2);
        assert_eq!(tell(api::DAMP), 0);
        assert_eq!(hardware.body_now().posture(), Posture::Damped);
        mishaps.end(runs);
        assert_eq!(tell(api::RECOVERY_STAND), 0);
        assert_eq!(hardware.body_now().posture(), Posture::Balancing);
    }

    #[test]
    fn a_bump_is_logged_where_it_is() {
        let log = Log::default();
        let options = Options::default();
        let hardware =
            Hardware::new(&options, World::house(), None, log.clone(), Mishaps::default()).unwrap();
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
