//! Offers that go straight to a robot: the page and the robot then speak to each other, and this computer is out of it.

use std::time::Duration;

use go2_client::progress::Progress;
use go2_client::signaling::Target;
use tokio::sync::Mutex;

use crate::refusal::Refusal;

/// How long a robot may take to answer, everything included.
const LIMIT: Duration = Duration::from_secs(8);

/// The way to a robot that nobody is connected to.
#[derive(Debug)]
pub struct Direct {
    target: Target,
    /// The robot takes one offer at a time, and minds many.
    turn: Mutex<()>,
}

impl Direct {
    /// The way to this robot.
    pub fn new(mut target: Target) -> Self {
        // The limit on the whole is to be the one that is felt.
        target.http_timeout = LIMIT + Duration::from_secs(1);
        Self { target, turn: Mutex::default() }
    }

    /// What the robot is known by.
    pub fn robot(&self) -> String {
        self.target.name()
    }

    /// The SDP of the robot's answer.
    pub async fn answer(&self, sdp: &str) -> Result<String, Refusal> {
        let exchange = async {
            let _turn = self.turn.lock().await;
            let progress = Progress::default();
            self.target.reach(&progress).await?.exchange(sdp, &progress).await
        };
        match tokio::time::timeout(LIMIT, exchange).await {
            Ok(answer) => answer.map_err(Refusal::Robot),
            Err(_) => Err(Refusal::TimedOut(LIMIT)),
        }
    }
}
