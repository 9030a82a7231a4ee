//! What to ask of the robot for one setting, and what to show of it. Pure: time is an argument.

use std::time::{Duration, Instant};

use go2_proto::codec::Request;
use go2_proto::commands::{MotionMode, Setting};
use serde_json::Value;

use super::answer::{failure, Answer, Failure};

/// For this long after a value was taken, messages that were under way may still tell the one before.
const DEAF: Duration = Duration::from_secs(3);
/// A value that reads back otherwise is read once more after this, for the robot may need a moment.
const SECOND_READING: Duration = Duration::from_secs(1);
/// What does not last is renewed this long before it ends.
const RENEW_BEFORE: Duration = Duration::from_secs(10);
/// Numbers nearer than this are the same: the robot's have 32 bits.
const SAME: f64 = 1e-3;

/// One setting: what the user wants, what the robot has, and what is under way.
pub(super) struct Keeper {
    setting: &'static Setting,
    /// What the user wants; `None`: as it is.
    wish: Option<Value>,
    standing: Standing,
    /// What the robot said last.
    known: Option<Value>,
    /// Whether that was in this session.
    heard: bool,
    /// Whether the robot can be asked.
    in_session: bool,
    /// Whether the robot lacks it in its motion mode.
    lacking: bool,
    under_way: Option<Ask>,
    write_at: Option<Instant>,
    read_at: Option<Instant>,
    deaf_until: Option<Instant>,
    doubted: bool,
    /// What became of the wish, until it is fetched.
    verdict: Option<Result<(), String>>,
}

/// What became of the wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The robot has not taken it yet.
    Open,
    /// The robot took it.
    Taken,
    /// The robot did not answer; tried again in the next session.
    Unanswered,
    /// The robot does not want it; not tried again until it is set anew.
    Refused,
}

enum Ask {
    Write(Value),
    Read,
}

impl Keeper {
    pub(super) fn new(setting: &'static Setting) -> Self {
        Self {
            setting,
            wish: None,
            standing: Standing::Open,
            known: None,
            heard: false,
            in_session: false,
            lacking: false,
            under_way: None,
            write_at: None,
            read_at: None,
            deaf_until: None,
            doubted: false,
            verdict: None,
        }
    }

    pub(super) fn setting(&self) -> &'static Setting {
        self.setting
    }

    /// The user wants a value, or takes the wish back.
    pub(super) fn wish(&mut self, wish: Option<Value>, now: Instant) {
        self.write_at = wish.is_some().then_some(now);
        self.read_at = wish.is_none().then_some(now);
        self.wish = wish;
        self.standing = Standing::Open;
        self.lacking = false;
        self.verdict = None;
    }

    /// What became of the wish since this was last asked.
    pub(super) fn take_verdict(&mut self) -> Option<Result<(), String>> {
        self.verdict.take()
    }

    /// The robot can be asked: a session is there, or its motion mode is another one. Returns what the user must
    /// be told.
    pub(super) fn begin(&mut self, mode: Option<&MotionMode>, now: Instant) -> Option<String> {
        let unavailable = mode.and_then(|mode| self.setting.available(mode).err());
        self.in_session = unavailable.is_none();
        self.heard = false;
        if let Some(reason) = unavailable {
            self.known = None;
            let told = std::mem::replace(&mut self.lacking, true);
            self.verdict = self.wish.as_ref().map(|_| Err(reason.to_string()));
            return (self.wish.is_some() && !told).then(|| self.complaint(&reason.to_string()));
        }
        self.lacking = false;
        let again = self.wish.is_some() && self.standing != Standing::Refused;
        if again {
            self.standing = Standing::Open;
        }
        self.write_at = again.then_some(now);
        self.read_at = (!again).then_some(now);
        None
    }

    /// The session is over.
    pub(super) fn end(&mut self) {
        self.in_session = false;
    }

    /// The next request, if one is due.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Request> {
        if !self.in_session || self.under_way.is_some() {
            return None;
        }
        let due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if let Some(wish) = self.wish.clone().filter(|_| due(&mut self.write_at)) {
            let release = self.setting.release().filter(|_| wish == "");
            let request = release.unwrap_or_else(|| self.setting.write(&wish));
            self.under_way = Some(Ask::Write(wish));
            return Some(request);
        }
        let query = self.setting.query().filter(|_| due(&mut self.read_at))?;
        self.under_way = Some(Ask::Read);
        Some(query)
    }

    /// When [`poll`](Self::poll) has something to say again, unless an answer comes before.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let idle = self.in_session && self.under_way.is_none();
        let read_at = self.read_at.filter(|_| self.setting.query().is_some());
        [self.write_at, read_at].into_iter().flatten().min().filter(|_| idle)
    }

    /// The robot has refused the latest request, but may take it later: it is asked again after the pause.
    pub(super) fn postpone(&mut self, pause: Duration, now: Instant) {
        let at = Some(now + pause);
        match self.under_way.take() {
            // A newer wish is due already.
            Some(Ask::Write(value)) if self.wish.as_ref() == Some(&value) => {
                self.write_at = self.write_at.or(at);
            }
            Some(Ask::Read) => self.read_at = self.read_at.or(at),
            Some(Ask::Write(_)) | None => {}
        }
    }

    /// Takes the answer to the latest request. Returns what the user must be told.
    pub(super) fn settle(&mut self, answer: Answer, now: Instant) -> Option<String> {
        match self.under_way.take()? {
            Ask::Write(value) => self.written(value, answer, now),
            Ask::Read => self.read(answer, now),
        }
    }

    fn written(&mut self, value: Value, answer: Answer, now: Instant) -> Option<String> {
        let newer = self.write_at.is_some() || self.wish.as_ref() != Some(&value);
        let failed = match failure(&answer) {
            None => {
                let released = value == "" && self.setting.release().is_some();
                self.known = Some(value).filter(|_| !released);
                self.heard = true;
                self.deaf_until = Some(now + DEAF);
                if !newer {
                    let renew = |lasts: Duration| now + lasts.saturating_sub(RENEW_BEFORE);
                    self.standing = Standing::Taken;
                    self.verdict = Some(Ok(()));
                    self.write_at = self.setting.lasts().filter(|_| !released).map(renew);
                    self.read_at = Some(now);
                    self.doubted = false;
                }
                return None;
            }
            // The next session asks again.
            Some(Failure::Gone) => return None,
            Some(Failure::Silent(reason)) => (Standing::Unanswered, reason),
            Some(Failure::Refused(reason)) => (Standing::Refused, reason),
        };
        let (standing, reason) = failed;
        if !newer {
            self.standing = standing;
            self.verdict = Some(Err(reason.clone()));
            self.read_at = Some(now);
        }
        Some(format!("{}: {}: {reason}", self.setting.name, wanted(&value)))
    }

    fn read(&mut self, answer: Answer, now: Instant) -> Option<String> {
        let failure = failure(&answer);
        if failure == Some(Failure::Gone) {
            return None;
        }
        let value = answer.ok().filter(|_| failure.is_none());
        let Some(value) = value.and_then(|answer| self.setting.answer(&answer.data)) else {
            if self.standing != Standing::Taken && !self.heard {
                self.known = None;
            }
            return None;
        };
        self.heard = true;
        let Some(wish) = &self.wish else {
            self.known = Some(value);
            return None;
        };
        let as_wished = same(wish, &value);
        let differs = self.standing == Standing::Taken && !as_wished;
        if differs && !self.doubted {
            self.doubted = true;
            self.read_at = Some(now + SECOND_READING);
            return None;
        }
        if self.standing == Standing::Unanswered && as_wished {
            self.standing = Standing::Taken;
        }
        self.known = Some(if as_wished { wish.clone() } else { value });
        differs.then(|| {
            self.standing = Standing::Refused;
            let has = self.known.as_ref().map(plain).unwrap_or_default();
            self.complaint(&format!("the robot took it, but reads back {has}"))
        })
    }

    /// The robot tells the value without being asked.
    pub(super) fn told(&mut self, value: Value, now: Instant) {
        let pending = self.wish.is_some() && self.standing == Standing::Open;
        let deaf = self.deaf_until.is_some_and(|until| now < until);
        let writing = matches!(self.under_way, Some(Ask::Write(_)));
        if pending || deaf || writing || self.lacking {
            return;
        }
        let wish = self.wish.as_ref().filter(|wish| same(wish, &value));
        self.known = Some(wish.cloned().unwrap_or(value));
        self.heard = true;
    }

    /// What the robot has, as far as it is known for certain: it was heard in this session, and no change is under way.
    pub(super) fn certain(&self) -> Option<&Value> {
        let open = self.wish.is_some() && self.standing == Standing::Open;
        self.known.as_ref().filter(|_| self.heard && !open && !self.lacking)
    }

    /// What the parameter says: the wish until the robot has judged it, then what the robot has.
    pub(super) fn shown(&self) -> Option<&Value> {
        let wish = self.wish.as_ref();
        match self.standing {
            _ if self.lacking => None,
            Standing::Open if wish.is_some() => wish,
            Standing::Taken => self.known.as_ref().or(wish),
            _ => self.known.as_ref(),
        }
    }

    fn complaint(&self, reason: &str) -> String {
        let wanted = self.wish.as_ref().map(wanted).unwrap_or_default();
        format!("{}: {wanted}: {reason}", self.setting.name)
    }
}

fn wanted(value: &Value) -> String {
    match value.as_str() {
        Some("") => "no colour was asked for".to_owned(),
        _ => format!("{} was asked for", plain(value)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() < SAME,
        _ => a == b,
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
