//! The robot's pictures to one viewer, as H.264, without decoding them.

use std::time::SystemTime;

use go2_proto::video::AccessUnit;
use go2_server::video::{nal_units, Feedback, Stream, Track};

/// What the sender has to ask of the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    Keyframe,
}

/// A viewer's video.
pub(super) struct Video {
    stream: Stream,
    on: bool,
    /// The number of the picture that may come next without being a keyframe.
    next: Option<u64>,
    /// Time of the last picture, in ticks of 90 kHz, and when it was sent.
    last: Option<(u32, SystemTime)>,
}

impl Video {
    pub(super) fn new(track: Track) -> Self {
        Self { stream: Stream::new(track, true), on: false, next: None, last: None }
    }

    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// Switches it. A viewer that has just come needs a keyframe.
    pub(super) fn switch(&mut self, on: bool) -> Need {
        self.on = on;
        self.next = None;
        if on {
            Need::Keyframe
        } else {
            Need::Nothing
        }
    }

    /// Some pictures are missing.
    pub(super) fn missed(&mut self) -> Need {
        let needs = self.on && self.next.take().is_some();
        if needs {
            Need::Keyframe
        } else {
            Need::Nothing
        }
    }

    /// Sends a picture, if this viewer can do anything with it.
    pub(super) async fn send(&mut self, picture: &AccessUnit) -> Need {
        if !self.on {
            return Need::Nothing;
        }
        if !picture.keyframe && self.next != Some(picture.number) {
            return self.missed();
        }
        self.next = Some(picture.number + 1);
        // RTP counts modulo 2^32.
        let timestamp = picture.timestamp as u32;
        let nals: Vec<_> = nal_units(&picture.data).collect();
        for packet in self.stream.packets(&nals, timestamp) {
            self.stream.send(&packet).await;
        }
        self.last = Some((timestamp, SystemTime::now()));
        Need::Nothing
    }

    /// What the viewer says next. Cancelling loses nothing.
    pub(super) async fn feedback(&mut self) -> Vec<Feedback> {
        self.stream.feedback().await
    }

    /// Sends again what the viewer misses.
    pub(super) async fn hear(&mut self, feedback: Vec<Feedback>) -> Need {
        let mut need = Need::Nothing;
        for feedback in feedback {
            match feedback {
                Feedback::PictureLost => need = Need::Keyframe,
                Feedback::Missing(numbers) => {
                    for packet in numbers.into_iter().filter_map(|number| self.stream.again(number))
                    {
                        self.stream.send(&packet).await;
                    }
                }
                Feedback::Reception { .. } => {}
            }
        }
        need
    }

    /// Tells the viewer which time the pictures' stamps stand for.
    pub(super) async fn report(&mut self) {
        if let Some((timestamp, sent)) = self.last.filter(|_| self.on) {
            let time = sent.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.stream.report(time, timestamp).await;
        }
    }
}
