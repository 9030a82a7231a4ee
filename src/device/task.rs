//! The task that owns the keepers and sends what they ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::StreamExt as _;
use go2_client::session::LinkHandle;
use go2_proto::codec::{topics, Request};
use go2_proto::commands::{MotionMode, SETTINGS};
use go2_proto::session::{Message, RequestError};
use go2_proto::state::{MultipleState, State as _};
use serde_json::Value;
use tokio::sync::broadcast::{error::RecvError, Receiver};
use tokio::sync::watch;

use super::answer::Answer;
use super::keeper::Keeper;
use super::mode::{Ask, ModeKeeper};
use crate::motion::fresh;
use crate::params::{Store, MOTION_MODE};
use crate::services::again::{self, NOT_YET};
use crate::streams::Shared;

pub(super) struct Task {
    link: LinkHandle,
    store: Arc<Mutex<Store>>,
    shared: Shared,
    keepers: Vec<Keeper>,
    mode: ModeKeeper,
    /// The mode for which the sport service's settings were begun.
    begun: Option<Option<MotionMode>>,
    asked: FuturesUnordered<BoxFuture<'static, (Who, Answer)>>,
    known: watch::Sender<Option<MotionMode>>,
    /// Whether the robot avoids obstacles.
    avoidance: watch::Sender<Option<bool>>,
    /// Whether it was told in this session that the robot does not take settings yet.
    told_early: bool,
}

const OBSTACLE_AVOIDANCE: &str = "obstacle_avoidance";
/// The robot's obstacle avoidance answers nothing for about 10 s after power-on; with what is under way then.
const SERVICE_STARTS: Duration = Duration::from_secs(15);

/// Who asked.
#[derive(Clone, Copy)]
enum Who {
    Mode,
    Keeper(usize),
}

impl Task {
    pub(super) fn new(
        link: LinkHandle,
        store: Arc<Mutex<Store>>,
        shared: Shared,
        known: watch::Sender<Option<MotionMode>>,
        avoidance: watch::Sender<Option<bool>>,
    ) -> Self {
        Self {
            link,
            store,
            shared,
            keepers: SETTINGS.iter().map(Keeper::new).collect(),
            mode: ModeKeeper::default(),
            begun: None,
            asked: FuturesUnordered::new(),
            known,
            avoidance,
            told_early: false,
        }
    }

    /// Runs until the link ends.
    pub(super) async fn run(mut self, mut switches: Receiver<Message>) {
        let mut session = self.link.session();
        let wished = lock(&self.store).wished();
        let live = session.borrow_and_update().is_some();
        self.session_changed(live);
        loop {
            self.act();
            let due = self.poll_timeout();
            tokio::select! {
                () = wished.notified() => {}
                changed = session.changed() => match changed {
                    Ok(()) => {
                        let live = session.borrow_and_update().is_some();
                        self.session_changed(live);
                    }
                    Err(_) => return,
                },
                Some((who, answer)) = self.asked.next() => self.settle(who, answer),
                message = switches.recv() => match message {
                    Ok(message) => self.told(&message),
                    Err(RecvError::Lagged(_)) => {} // the next one says the same
                    Err(RecvError::Closed) => return,
                },
                () = until(due) => {}
            }
        }
    }

    fn session_changed(&mut self, live: bool) {
        let now = Instant::now();
        self.begun = None;
        self.told_early = false;
        self.mode.end();
        self.keepers.iter_mut().for_each(Keeper::end);
        if live {
            self.mode.begin(now);
            for keeper in self.keepers.iter_mut().filter(|keeper| !of_sport(keeper)) {
                complain(keeper.begin(None, now));
            }
        }
    }

    /// Takes up wishes, asks what is due, and shows what is known.
    fn act(&mut self) {
        let now = Instant::now();
        let store = Arc::clone(&self.store);
        // Held throughout, so that what is shown is never older than what the user wants.
        let mut store = lock(&store);
        for (name, wish) in store.take_wishes() {
            if name == MOTION_MODE {
                let mode = wish.as_ref().and_then(Value::as_str).map(MotionMode::new);
                self.mode.wish(mode, now);
            } else if let Some(keeper) = self.keepers.iter_mut().find(|k| k.setting().name == name)
            {
                keeper.wish(wish, now);
            }
        }
        self.begin_sport(now);
        while let Some(ask) = self.mode.poll(now) {
            let settings = self.shared.settings();
            let timeout = match ask {
                Ask::Read => settings.request_timeout,
                Ask::Change(_) => settings.mode_timeout,
            };
            self.ask(Who::Mode, ask.request(), timeout);
        }
        for number in 0..self.keepers.len() {
            while let Some(request) = self.keepers[number].poll(now) {
                let timeout = self.shared.settings().request_timeout;
                self.ask(Who::Keeper(number), request, timeout);
            }
        }
        for keeper in &mut self.keepers {
            let name = keeper.setting().name;
            store.show(name, keeper.shown());
            if let Some(verdict) = keeper.take_verdict() {
                store.judge(name, verdict);
            }
        }
        store.show(MOTION_MODE, self.mode.shown().as_ref());
        store.set_mode(self.mode.known());
        drop(store);
        let avoids = self.keepers.iter().find(|keeper| keeper.setting().name == OBSTACLE_AVOIDANCE);
        let avoids = avoids.and_then(Keeper::certain).and_then(Value::as_bool);
        self.avoidance.send_if_modified(|known| std::mem::replace(known, avoids) != avoids);
        self.known.send_if_modified(|known| {
            let changed = known.as_ref() != self.mode.known();
            if changed {
                *known = self.mode.known().cloned();
            }
            changed
        });
    }

    /// The sport service's settings wait for the motion mode, which says which of them there are, and are set anew
    /// when it changes: another service is in charge then.
    fn begin_sport(&mut self, now: Instant) {
        let mode = self.mode.known().cloned();
        if !self.mode.is_settled() || self.begun.as_ref() == Some(&mode) {
            return;
        }
        for keeper in self.keepers.iter_mut().filter(|keeper| of_sport(keeper)) {
            complain(keeper.begin(mode.as_ref(), now));
        }
        self.begun = Some(mode);
    }

    fn ask(&mut self, who: Who, request: Request, timeout: Duration) {
        let link = self.link.clone();
        self.asked.push(Box::pin(async move { (who, link.request(request, timeout).await) }));
    }

    fn settle(&mut self, who: Who, answer: Answer) {
        let now = Instant::now();
        if let Who::Keeper(number) = who {
            let keeper = &mut self.keepers[number];
            let doing = fresh(*self.shared.doing().borrow());
            let age = self.link.session_age();
            let early = |response| again::is_early(response, age, doing);
            // What is unanswered because its service has not started yet will be answered.
            let starts = age.is_some_and(|age| age < SERVICE_STARTS)
                && keeper.setting().topic == topics::OBSTACLES_AVOID_REQUEST;
            if starts && matches!(answer, Err(RequestError::Timeout(_))) {
                return keeper.postpone(again::PAUSE, now);
            }
            if of_sport(keeper) && answer.as_ref().is_ok_and(early) {
                if !std::mem::replace(&mut self.told_early, true) {
                    tracing::info!(
                        "settings of the sport service: {NOT_YET}; they are asked for again"
                    );
                }
                return keeper.postpone(again::PAUSE, now);
            }
        }
        complain(match who {
            Who::Mode => self.mode.settle(answer, now),
            Who::Keeper(number) => self.keepers[number].settle(answer, now),
        });
    }

    fn told(&mut self, message: &Message) {
        let now = Instant::now();
        let state = match MultipleState::decode(&message.data) {
            Ok(state) => state,
            Err(error) => return self.shared.tallies.of(MultipleState::TOPIC).dropped(1, &error),
        };
        self.shared.tallies.of(MultipleState::TOPIC).received();
        for keeper in &mut self.keepers {
            if let Some(value) = value(&state, keeper.setting().name) {
                keeper.told(value, now);
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let keepers = self.keepers.iter().filter_map(Keeper::poll_timeout);
        keepers.chain(self.mode.poll_timeout()).min()
    }
}

/// What a message says of a setting.
fn value(state: &MultipleState, name: &str) -> Option<Value> {
    match name {
        "volume" => state.volume.map(Value::from),
        "brightness" => state.brightness.map(Value::from),
        OBSTACLE_AVOIDANCE => state.obstacle_avoidance.map(Value::from),
        "speed_level" => state.speed_level.map(Value::from),
        "body_height" => state.body_height.map(Value::from),
        "foot_raise_height" => state.foot_raise_height.map(Value::from),
        _ => None,
    }
}

fn of_sport(keeper: &Keeper) -> bool {
    keeper.setting().topic == topics::SPORT_REQUEST
}

fn complain(complaint: Option<String>) {
    if let Some(complaint) = complaint {
        tracing::warn!("parameter {complaint}");
    }
}

fn lock(store: &Mutex<Store>) -> std::sync::MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
