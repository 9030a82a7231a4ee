//! The ends of walking that somebody orders: they end the modes that walk by themselves, too; and the hold.

use std::time::{Duration, Instant};

use go2_proto::codec::Response;
use go2_proto::session::RequestError;
use tokio::sync::oneshot;

use super::modes::End;
use super::readiness::fresh;
use super::{Motion, Stopped};

/// How long the link may take to hand over the last that is to be sent.
const HANDED_OVER: Duration = Duration::from_millis(100);

/// For so long after its end the robot may still tell a mode.
const TOLD_LATE: Duration = Duration::from_millis(500);

/// Who stops the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopper {
    /// Somebody beside the driver: it does not walk again before the driver has let go.
    Other,
    /// The driver, who may drive on at once.
    Driver,
    /// The driver, who has paused: a gait that was chosen goes on.
    Pause,
}

impl Motion {
    /// Stops the robot; the answer to StopMove goes back.
    pub(super) fn stop(&mut self, by: Stopper, reply: oneshot::Sender<Stopped>) {
        let now = Instant::now();
        self.waiting.push(reply);
        self.ends_modes |= by != Stopper::Pause;
        match by {
            Stopper::Other => self.governor.stop_and_hold(now),
            Stopper::Driver | Stopper::Pause => self.governor.stop(now),
        }
    }

    /// Holds the robot, which stops it, or releases it.
    pub(super) fn hold(&mut self, held: bool, reply: oneshot::Sender<Stopped>) {
        self.governor.latch(held, Instant::now());
        // StopMove could make a limp robot stand.
        if held && !(self.doing().is_some() && self.readiness.is_at_rest()) {
            return self.stop(Stopper::Other, reply);
        }
        let nothing = Response {
            id: None,
            api_id: None,
            code: 0,
            data: String::new(),
            payload: Default::default(),
        };
        let _ = reply.send(Ok(nothing));
    }

    /// The mode that the robot was last heard to be in, if that says anything of now.
    pub(super) fn told_mode(&self) -> Option<&'static str> {
        self.doing().and_then(|doing| doing.lasting)
    }

    /// A stop was ordered, and its StopMove has just been sent.
    pub(super) fn end_modes(&mut self) {
        let (told, at_rest) = (self.told_mode(), self.rests && self.doing().is_some());
        let ends = self.modes.stopped(told, at_rest);
        self.send_ends(ends);
    }

    fn send_ends(&mut self, ends: Vec<End>) {
        let timeout = self.settings.borrow().request_timeout;
        for End { name, request } in ends {
            tracing::info!("a stop does not end {name}: it is switched off");
            let answer = self.link.submit(request, timeout);
            self.ends.push(Box::pin(async move { (name, answer.await) }));
        }
    }

    /// The robot has answered the end of a mode, or has not.
    pub(super) fn ended(&mut self, name: &str, answer: &Result<Response, RequestError>) {
        let reason = match answer {
            Ok(response) if response.code == 0 => {
                self.ended_at = Some(Instant::now());
                return self.modes.ended(name);
            }
            Ok(response) => crate::services::refusal(response),
            Err(error) => error.to_string(),
        };
        tracing::warn!("the robot may still be in {name}, and walk: {reason}");
    }

    /// Looks whether the robot has come to rest, or walks by itself although it is held.
    pub(super) fn look(&mut self) {
        let Some(doing) = fresh(*self.heard.doing.borrow()) else { return };
        self.rests = self.rest.hear(&doing);
        self.modes.heard(&doing, self.readiness.is_at_rest());
        if self.rests {
            let ends = self.modes.rested(doing.lasting);
            self.send_ends(ends);
        }
        let idle = !self.governor.is_active() && self.stops.is_empty() && self.ends.is_empty();
        let over = |at: Instant| doing.at.saturating_duration_since(at) < TOLD_LATE;
        let idle = idle && !self.ended_at.is_some_and(over);
        let told = doing.lasting.filter(|_| self.governor.is_latched() && idle);
        if told.is_some_and(|told| self.modes.walks_by_itself(told)) {
            if let Some(more) = self.walks_held.allow(Instant::now()) {
                tracing::warn!("the robot is held and walks by itself: stopping it{more}");
                self.ends_modes = true;
                self.governor.stop(Instant::now());
            }
        }
    }

    /// At the end of the node: has what is ended at rest ended, if the robot comes to rest by then.
    pub(super) async fn end_at_rest(&mut self, by: Instant) {
        let mut doing = self.heard.doing.clone();
        let rest = async {
            while self.modes.waits(self.told_mode()) && doing.changed().await.is_ok() {
                self.look();
            }
        };
        let _ = tokio::time::timeout_at(by.into(), rest).await; // it stays in it, standing
        let handed_over =
            async { while futures::StreamExt::next(&mut self.ends).await.is_some() {} };
        let _ = tokio::time::timeout(HANDED_OVER, handed_over).await;
    }
}
