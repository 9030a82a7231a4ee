//! What to ask of the robot about its motion mode, and what to show of it. Pure: time is an argument.

use std::time::{Duration, Instant};

use go2_proto::codec::api::motion_switcher;
use go2_proto::codec::{topics, Request};
use go2_proto::commands::MotionMode;
use serde_json::{json, Value};

use super::answer::{failure, Answer, Failure};

/// Between two questions that are not answered; each pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// For this long after the robot agreed to change, it may still tell the mode before.
const SETTLING: Duration = Duration::from_secs(10);
/// Status: it is changing its mode.
const BUSY: i64 = 7002;

/// The motion mode: what the user wants, what the robot has, and what is under way.
#[derive(Default)]
pub(super) struct ModeKeeper {
    /// What the user wants; `None`: as it is.
    wish: Option<MotionMode>,
    /// Whether the robot has not taken the wish yet, nor refused it.
    open: bool,
    refused: bool,
    /// In this session.
    known: Option<MotionMode>,
    in_session: bool,
    /// Whether more is known than a moment ago: the mode, or that the robot does not tell it.
    settled: bool,
    under_way: Option<Ask>,
    read_at: Option<Instant>,
    write: bool,
    pause: Duration,
    judgement: Option<Judgement>,
    complained: bool,
}

/// The next reading decides about the wish.
struct Judgement {
    /// Until then the mode may still change.
    until: Instant,
    reason: String,
}

/// What goes to the robot.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    Read,
    /// Takes long.
    Change(MotionMode),
}

impl Ask {
    pub(super) fn request(&self) -> Request {
        let (api_id, parameter) = match self {
            Self::Read => (motion_switcher::GET, String::new()),
            Self::Change(mode) => {
                (motion_switcher::SELECT, json!({ "name": mode.name() }).to_string())
            }
        };
        let topic = topics::MOTION_SWITCHER_REQUEST.to_owned();
        Request { topic, api_id, parameter, priority: false }
    }
}

impl ModeKeeper {
    /// The user wants a mode, or takes the wish back.
    pub(super) fn wish(&mut self, wish: Option<MotionMode>, now: Instant) {
        self.open = wish.is_some();
        self.wish = wish;
        self.refused = false;
        self.complained = false;
        self.judgement = None;
        self.write = false;
        // A robot that is in the mode already must not sit down for it: it is asked first.
        self.ask(now);
    }

    /// A session begins.
    pub(super) fn begin(&mut self, now: Instant) {
        self.in_session = true;
        self.known = None;
        self.settled = false;
        self.write = false;
        self.complained = false;
        self.open = self.wish.is_some() && !self.refused;
        self.ask(now);
    }

    /// The session is over.
    pub(super) fn end(&mut self) {
        self.in_session = false;
        self.known = None;
        self.settled = false;
        self.open = self.wish.is_some() && !self.refused;
    }

    fn ask(&mut self, now: Instant) {
        self.read_at = Some(now);
        self.pause = FIRST_PAUSE;
    }

    /// What to ask next, if something is due.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Ask> {
        if !self.in_session || self.under_way.is_some() {
            return None;
        }
        let change = self.wish.clone().filter(|_| std::mem::take(&mut self.write)).map(Ask::Change);
        let read = || self.read_at.take_if(|at| *at <= now).map(|_| Ask::Read);
        self.under_way = change.or_else(read);
        self.under_way.clone()
    }

    /// When [`poll`](Self::poll) has something to say again, unless an answer comes before.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.read_at.filter(|_| self.in_session && self.under_way.is_none())
    }

    /// Takes the answer to the latest question. Returns what the user must be told.
    pub(super) fn settle(&mut self, answer: Answer, now: Instant) -> Option<String> {
        match self.under_way.take()? {
            Ask::Read => self.read(answer, now),
            Ask::Change(mode) => {
                self.changed(&mode, &answer, now);
                None
            }
        }
    }

    fn changed(&mut self, mode: &MotionMode, answer: &Answer, now: Instant) {
        self.ask(now);
        if self.wish.as_ref() != Some(mode) {
            return; // the newest is judged on its own
        }
        let judgement = |until, reason| Some(Judgement { until, reason });
        self.judgement = match failure(answer) {
            None => judgement(now + SETTLING, "the robot took it, but stays as it is".to_owned()),
            Some(Failure::Refused(reason) | Failure::Silent(reason)) => judgement(now, reason),
            // Whether the robot heard is seen in the next session: it is not made to sit down twice.
            Some(Failure::Gone) => judgement(now, "the connection was lost meanwhile".to_owned()),
        };
    }

    fn read(&mut self, answer: Answer, now: Instant) -> Option<String> {
        let reason = match failure(&answer) {
            None => match answer.ok().and_then(|answer| mode(&answer.data)) {
                Some(mode) => return self.heard(mode, now),
                None => {
                    self.settled = true;
                    "its answer has no mode".to_owned()
                }
            },
            Some(Failure::Gone) => return None,
            Some(Failure::Refused(reason) | Failure::Silent(reason)) => {
                self.settled |= !answer.is_ok_and(|answer| answer.code == BUSY);
                reason
            }
        };
        self.read_at = Some(now + self.pause);
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        let tell = self.open && self.settled && !std::mem::replace(&mut self.complained, true);
        tell.then(|| self.complaint(&format!("it does not tell its mode: {reason}")))
    }

    fn heard(&mut self, mode: MotionMode, now: Instant) -> Option<String> {
        let as_wished = self.wish.as_ref() == Some(&mode);
        self.known = Some(mode);
        self.pause = FIRST_PAUSE;
        if as_wished {
            (self.refused, self.open, self.judgement) = (false, false, None);
        }
        if !self.open {
            self.settled = true;
            return None;
        }
        match self.judgement.take() {
            None => {
                self.write = true;
                self.settled = false;
                None
            }
            Some(judgement) if now < judgement.until => {
                self.judgement = Some(judgement);
                self.read_at = Some(now + FIRST_PAUSE);
                None
            }
            Some(Judgement { reason, .. }) => {
                (self.refused, self.open, self.settled) = (true, false, true);
                Some(self.complaint(&reason))
            }
        }
    }

    fn complaint(&self, reason: &str) -> String {
        let wanted = self.wish.as_ref().map(MotionMode::name).unwrap_or_default();
        format!("motion_mode: {wanted} was asked for: {reason}")
    }

    /// The robot's mode; `None` without a session, and while it does not tell.
    pub(super) fn known(&self) -> Option<&MotionMode> {
        self.known.as_ref()
    }

    /// Whether it is not about to become known or to change.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// What the parameter says: the wish until the robot has judged it, then what the robot has.
    pub(super) fn shown(&self) -> Option<Value> {
        let wish = self.wish.as_ref().filter(|_| self.open);
        wish.or(self.known.as_ref()).map(|mode| mode.name().into())
    }
}

/// The mode in an answer.
fn mode(data: &str) -> Option<MotionMode> {
    let answer: Value = serde_json::from_str(data).ok()?;
    let name = answer.get("name")?.as_str()?;
    let sane = name.len() <= 32 && name.chars().all(|each| each.is_ascii_graphic());
    sane.then(|| MotionMode::new(name))
}

#[cfg(test)]
#[path = "mode_tests.rs"]
mod tests;
