//! The video of one session: switches the camera, sends its frames, answers what the client says about them.

use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use go2_server::video::{Feedback, RtpClock, Stream, Track, RTP_HZ};
use rsa::rand_core::{OsRng, RngCore};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::encode::EncodeError;
use super::network::Network;
use super::shoot::{Camera, Frame};
use crate::clock::Clock;
use crate::log::Log;
use crate::mishap::{Mishap, Mishaps, Streams};

/// The video of a session. Ends when dropped.
pub(crate) struct Video {
    on: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Video {
    /// Serves a client's video track; nothing is sent before it is switched on.
    pub(crate) fn start(
        track: Track,
        camera: Arc<Camera>,
        mishaps: Mishaps,
        robot_clock: Clock,
        log: Log,
        log_sent: bool,
    ) -> Self {
        let (on, switch) = watch::channel(false);
        let options = &camera.options;
        let sender = Sender {
            stream: Stream::new(track, !options.no_stap),
            mishaps,
            robot_clock,
            log,
            log_sent,
            network: Network::new(options.badness(), options.seed),
            clock: RtpClock { start: start_of_clock(), first: OsRng.next_u32() },
            shooting: None,
            answered_pli: None,
            camera,
        };
        Self { on, task: tokio::spawn(sender.run(switch)) }
    }

    pub(crate) fn switch(&self, on: bool) {
        self.on.send_replace(on);
    }

    /// Ends, and waits until the camera's thread is done.
    pub(crate) async fn close(self) {
        drop(self.on);
        let _ = self.task.await;
    }
}

/// A camera at work.
struct Shooting {
    /// Asks for an IDR picture; the camera stops when it is gone.
    wishes: SyncSender<()>,
    frames: mpsc::Receiver<Frame>,
    thread: JoinHandle<Result<(), EncodeError>>,
}

enum Input {
    Switch(bool),
    Frame(Option<Frame>),
    Feedback(Vec<Feedback>),
    Report,
    End,
}

/// Frames that may wait; when there are more, the camera waits and leaves pictures out.
const WAITING: usize = 2;
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A picture loss indication is not answered sooner after the last one.
const PLI_EVERY: Duration = Duration::from_millis(500);

struct Sender {
    camera: Arc<Camera>,
    stream: Stream,
    mishaps: Mishaps,
    robot_clock: Clock,
    log: Log,
    log_sent: bool,
    network: Network,
    clock: RtpClock,
    shooting: Option<Shooting>,
    answered_pli: Option<Instant>,
}

impl Sender {
    async fn run(mut self, mut switch: watch::Receiver<bool>) {
        let mut reports = tokio::time::interval(REPORT_EVERY);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let input = tokio::select! {
                changed = switch.changed() => match changed {
                    Ok(()) => Input::Switch(*switch.borrow_and_update()),
                    Err(_) => Input::End,
                },
                frame = next(&mut self.shooting) => Input::Frame(frame),
                feedback = self.stream.feedback() => Input::Feedback(feedback),
                _ = reports.tick() => Input::Report,
            };
            match input {
                Input::Switch(true) if self.shooting.is_none() => self.start(),
                Input::Switch(true) => {}
                Input::Switch(false) | Input::Frame(None) => self.stop().await,
                Input::Frame(Some(frame)) => self.send(&frame).await,
                Input::Feedback(feedback) => {
                    for feedback in feedback {
                        self.hear(feedback).await;
                    }
                }
                Input::Report => self.report().await,
                Input::End => return self.stop().await,
            }
        }
    }

    fn start(&mut self) {
        let (wishes, wished) = sync_channel(1);
        let (sender, frames) = mpsc::channel(WAITING);
        let camera = Arc::clone(&self.camera);
        let thread = tokio::task::spawn_blocking(move || camera.shoot(&wished, &sender));
        self.shooting = Some(Shooting { wishes, frames, thread });
    }

    async fn stop(&mut self) {
        let Some(Shooting { wishes, frames, thread }) = self.shooting.take() else { return };
        drop((wishes, frames));
        if let Ok(Err(error)) = thread.await {
            self.log.add("error", json!({"what": error.to_string()}));
        }
    }

    async fn send(&mut self, frame: &Frame) {
        if self.mishaps.frozen(Streams::Video) {
            return;
        }
        let timestamp = self.clock.at(frame.beat);
        let packets = self.stream.packets(&frame.encoded.nals, timestamp);
        if self.log_sent {
            let taken = frame.taken.duration_since(UNIX_EPOCH).unwrap_or_default();
            self.log.add(
                "frame",
                json!({"counter": frame.counter, "rtp": timestamp,
                    "bytes": frame.encoded.nals.iter().map(Vec::len).sum::<usize>(),
                    "idr": frame.encoded.idr, "t_captured": taken.as_secs_f64()}),
            );
        }
        for packet in packets {
            self.pass(packet).await;
        }
    }

    /// Sends a packet over the bad network.
    async fn pass(&mut self, packet: Bytes) {
        for arriving in self.network.pass(packet) {
            self.stream.send(&arriving).await;
        }
    }

    async fn hear(&mut self, feedback: Feedback) {
        let options = &self.camera.options;
        match feedback {
            Feedback::PictureLost => {
                let rested = self.answered_pli.is_none_or(|last| last.elapsed() >= PLI_EVERY);
                let answered = options.answer_pli && rested && self.shooting.is_some();
                if answered {
                    self.answered_pli = Some(Instant::now());
                    if let Some(shooting) = &self.shooting {
                        let _ = shooting.wishes.try_send(());
                    }
                }
                self.log.add("pli", json!({"answered": answered}));
            }
            Feedback::Missing(missing) => {
                let answered = options.answer_nack;
                let event = json!({"missing": missing.len(), "first": missing.first(), "answered": answered});
                self.log.add("nack", event);
                if answered {
                    for sequence in missing {
                        if let Some(packet) = self.stream.again(sequence) {
                            self.pass(packet).await;
                        }
                    }
                }
            }
            Feedback::Reception { fraction_lost, total_lost, jitter } => {
                let fraction_lost = f64::from(fraction_lost) / 256.0;
                self.log.add(
                    "reception",
                    json!({"fraction_lost": fraction_lost, "total_lost": total_lost,
                        "jitter_s": f64::from(jitter) / f64::from(RTP_HZ)}),
                );
            }
        }
    }

    /// Tells the client which time on the robot's clock the timestamps stand for.
    async fn report(&mut self) {
        let frozen = |mishap: &Mishap| match mishap {
            Mishap::Freeze(streams) => streams.cover(Streams::Video).then_some(()),
            _ => None,
        };
        if self.shooting.is_none() || self.mishaps.find(frozen).is_some() {
            return;
        }
        let time = self.robot_clock.now();
        self.stream.report(time, self.clock.at(Instant::now())).await;
    }
}

/// Before any picture is taken that is sent in this session: a stored one may be taken some pictures before it is sent.
fn start_of_clock() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(10)).unwrap_or(now)
}

/// The next frame; pending while the camera is off, `None` when it has failed.
async fn next(shooting: &mut Option<Shooting>) -> Option<Frame> {
    match shooting {
        Some(shooting) => shooting.frames.recv().await,
        None => std::future::pending().await,
    }
}
