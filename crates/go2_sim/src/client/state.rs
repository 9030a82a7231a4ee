//! State messages, each at its rate.

use std::time::{Duration, Instant};

use go2_proto::codec::topics;
use serde_json::{json, Value};

use super::{Client, LARGEST_BACKLOG};
use crate::lidar::VOXEL_MAP;
use crate::messages;
use crate::mishap::{LidarFailure, Mishap, Streams};
use crate::odd;
use crate::options::Options;

/// A state message that the robot can send and when it is due.
pub(super) struct Ticker {
    pub(super) topic: &'static str,
    pub(super) due: Instant,
    every: Duration,
    burst: u32,
}

/// All of them.
pub(super) fn tickers(options: &Options, now: Instant) -> Vec<Ticker> {
    let ticker = |topic, hz: f64, burst: u32| {
        let every = Duration::from_secs_f64(f64::from(burst.max(1)) / hz.max(1e-3));
        (hz > 0.0).then_some(Ticker { topic, every, burst: burst.max(1), due: now })
    };
    let remote_hz = if options.services.remote { 10.0 } else { 0.0 };
    let tickers = [
        ticker(topics::LOW_STATE, options.low_hz(), 1),
        ticker(topics::SPORT_MODE_STATE, options.sport_hz(), 1),
        ticker(topics::ROBOT_POSE, options.pose_hz(), options.pose_burst),
        ticker(topics::LIDAR_STATE, options.facts().state.lidar_hz, 1),
        ticker(topics::MULTIPLE_STATE, 1.0, 1),
        ticker(topics::AUDIOHUB_STATE, 4.0, 1),
        ticker(messages::RTC_STATE, 1.0, 1),
        ticker(messages::NETWORK_STATUS, 1.0, 1),
        // It says itself when it is due.
        ticker(topics::SERVICE_STATE, 10.0, 1),
        ticker(topics::WIRELESS_CONTROLLER, remote_hz, 1),
        // The last, because it takes longest.
        ticker(VOXEL_MAP, options.lidar_hz(), 1),
    ];
    tickers.into_iter().flatten().collect()
}

/// What is sent so soon after it was due is stamped as if it had been sent then.
const PUNCTUAL: Duration = Duration::from_millis(5);

impl Client<'_> {
    /// Sends the state that is due.
    pub(super) async fn send_states(&mut self, now: Instant) {
        let mut tickers = std::mem::take(&mut self.tickers);
        for ticker in tickers.iter_mut().filter(|ticker| ticker.due <= now) {
            if self.session.is_subscribed(ticker.topic) {
                for _ in 0..ticker.burst {
                    match ticker.topic {
                        VOXEL_MAP => self.send_voxels().await,
                        // Those of a burst are not of one moment: no robot stamps two poses alike.
                        topic if ticker.burst > 1 => self.send_state(topic, Instant::now()).await,
                        topic => self.send_state(topic, ticker.due).await,
                    }
                }
            }
            // Late ticks are left out, not made up for.
            while ticker.due <= now {
                ticker.due += ticker.every;
            }
        }
        self.tickers = tickers;
    }

    /// Sends what a topic has to say at `due`.
    pub(super) async fn send_state(&mut self, topic: &'static str, due: Instant) {
        let mishaps = &self.hardware.mishaps;
        if self.channel.backlog() > LARGEST_BACKLOG || mishaps.frozen(Streams::State) {
            return;
        }
        // The robot samples on time, whenever its message is sent then.
        let sampled = if due.elapsed() < PUNCTUAL { due } else { Instant::now() };
        let time = self.hardware.clock.at(sampled);
        let firmware = self.options.firmware();
        let data = {
            let mut services = self.hardware.services();
            let body = self.hardware.body_now();
            let sensors = &mut *self.hardware.sensors();
            match topic {
                topics::LOW_STATE => messages::low_state(&body, sensors),
                topics::SPORT_MODE_STATE => {
                    messages::sport_mode_state(&body, &services.settings, firmware, time, sensors)
                }
                topics::ROBOT_POSE => messages::robot_pose(&body, time, sensors),
                topics::LIDAR_STATE => {
                    messages::lidar_state(&self.hardware.lidar_now(), time, sensors)
                }
                topics::AUDIOHUB_STATE => {
                    messages::player_state(&services.player(Instant::now()), sensors)
                }
                topics::SERVICE_STATE => match services.take_report(Instant::now()) {
                    Some(list) => Value::String(list.to_string()),
                    None => return,
                },
                topics::WIRELESS_CONTROLLER => messages::remote(time),
                messages::RTC_STATE => json!({"connection_state": "not_connected"}),
                messages::NETWORK_STATUS => {
                    json!({"network_status": "NetworkStatus.ON_WIFI_CONNECTED"})
                }
                _ => messages::multiple_state(&services.settings, firmware),
            }
        };
        let data = match (topic, mishaps.lidar()) {
            (topics::LIDAR_STATE, Some(LidarFailure::Dead)) => super::lidar::dead(data),
            _ => data,
        };
        if self.options.log_sent {
            self.log.add("sent", json!({"topic": topic, "data": data}));
        }
        let for_people = [topics::AUDIOHUB_STATE, topics::SERVICE_STATE].contains(&topic);
        if for_people && mishaps.feels(&Mishap::Texts) {
            self.say("msg", topic, odd::json(data)).await;
            self.say("err", "", odd::text().into()).await;
        } else {
            self.say("msg", topic, data).await;
        }
    }
}
