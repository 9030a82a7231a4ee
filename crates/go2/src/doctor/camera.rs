//! The camera: whether its pictures can be decoded, all of them, and how many come a second.

use std::time::{Duration, Instant};

use go2_client::error_code::ErrorCode;
use go2_client::video::Decoder;
use go2_proto::video::{AccessUnit, Late, StreamInfo, TICKS_PER_SECOND};
use tokio::sync::broadcast::{error::RecvError, Receiver};

use super::report::Finding;
use super::streams::CAMERA;

/// Pictures are decoded for so many groups: what goes wrong with a stream does so within one.
const GROUPS: u32 = 2;
/// But not for longer, after the first keyframe.
const LONGEST: Duration = Duration::from_secs(10);

/// What came of the pictures from the first keyframe on.
#[derive(Default)]
struct Tried {
    decoder: Option<Decoder>,
    info: Option<StreamInfo>,
    keyframes: u32,
    units: usize,
    pictures: usize,
    size: (usize, usize),
    late: Option<Late>,
    /// Timestamps of the first picture and the last.
    span: Option<(u64, u64)>,
    /// Why a unit gave no picture.
    why: Option<String>,
}

impl Tried {
    /// Takes a unit; false at the one that is not looked at any more.
    fn take(&mut self, unit: &AccessUnit) -> bool {
        if unit.keyframe {
            self.keyframes += 1;
            self.info = self.info.take().or_else(|| StreamInfo::of(unit));
        }
        if self.keyframes > GROUPS {
            return false;
        }
        if self.keyframes == 0 {
            return true;
        }
        self.units += 1;
        let (first, last) = self.span.unwrap_or((unit.timestamp, unit.timestamp));
        self.span = Some((first, last.max(unit.timestamp)));
        if self.decoder.is_none() {
            self.decoder = Decoder::new().map_err(|error| self.why = Some(error.to_string())).ok();
        }
        let Some(decoder) = &mut self.decoder else { return true };
        match decoder.decode(unit) {
            Ok(Some(picture)) => {
                self.pictures += 1;
                self.size = (picture.width(), picture.height());
                self.late = picture.late();
            }
            Ok(None) => {}
            // The first reason is the cause of the others.
            Err(error) => self.why = self.why.take().or(Some(error.to_string())),
        }
        true
    }

    /// Pictures a second, by the robot's clock.
    fn rate(&self) -> Option<f64> {
        let (first, last) = self.span?;
        let seconds = last.saturating_sub(first) as f64 / TICKS_PER_SECOND as f64;
        (seconds > 0.0).then(|| (self.units - 1) as f64 / seconds)
    }

    /// Whether all is well, and what is to be told.
    fn tell(self) -> (bool, String) {
        let (width, height) = self.size;
        let rate = self.rate().map(|rate| format!(", {rate:.1} a second")).unwrap_or_default();
        let info = self.info.map(|info| format!(" ({info})")).unwrap_or_default();
        // What is still to come of a stream whose pictures are late.
        let kept = if self.late.is_some() { self.units - self.pictures } else { 0 };
        let mut text = format!("{} of {} pictures", self.pictures, self.units);
        if self.pictures > 0 {
            text += &format!(" of {width} x {height}");
        }
        text += &rate;
        if let Some(late) = self.late {
            text += &format!(", each one picture late: {late}");
        }
        if let Some(why) = &self.why {
            text += &format!(": {why}");
        }
        let good = self.pictures > 0 && self.why.is_none() && self.pictures + kept == self.units;
        (good, text + &info)
    }
}

/// Decodes two groups of pictures from the first keyframe on, for ten seconds at most.
pub(super) async fn pictures(
    mut pictures: Receiver<AccessUnit>,
    begun: Instant,
    limit: Duration,
) -> Finding {
    let mut tried = Tried::default();
    let mut end = tokio::time::Instant::from_std(begun + limit);
    loop {
        let unit = match tokio::time::timeout_at(end, pictures.recv()).await {
            Ok(Ok(unit)) => unit,
            // The decoder notices the gap.
            Ok(Err(RecvError::Lagged(_))) => continue,
            Ok(Err(RecvError::Closed)) | Err(_) => break,
        };
        if tried.units == 0 && unit.keyframe {
            end = tokio::time::Instant::now() + LONGEST;
        }
        if !tried.take(&unit) {
            break;
        }
    }
    let took = begun.elapsed();
    let code = ErrorCode::NoPictures;
    if tried.units == 0 {
        let why = format!("no picture came, within {} s", limit.as_secs());
        return Finding::failed(CAMERA, took, &why, code);
    }
    match tried.tell() {
        (true, text) => Finding::passed(CAMERA, took, text),
        (false, text) => Finding::failed(CAMERA, took, &text, code),
    }
}
