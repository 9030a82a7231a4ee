//! The front camera: the H.264 stream as it comes, and pictures decoded from it.
//!
//! The robot's video is on while somebody listens to one of the camera's topics, and pictures are decoded
//! while somebody listens to decoded ones.

mod calibration; // camera_info
mod decode; // the thread that decodes

pub(crate) use calibration::{Calibration, CalibrationError};

use std::future::Future;
use std::time::{Duration, Instant};

use go2_client::session::{LinkBuilder, LinkHandle};
use go2_proto::session::VIDEO;
use go2_proto::video::AccessUnit;
use r2r::builtin_interfaces::msg::Time;
use r2r::foxglove_msgs::msg::CompressedVideo;
use r2r::sensor_msgs::msg::{CameraInfo, CompressedImage};
use r2r::{Publisher, PublisherUntyped};
use tokio::sync::broadcast::{error::RecvError, Receiver};
use tokio::time::MissedTickBehavior;

use crate::clock::{Stamped, StreamStamps};
use crate::convert;
use crate::outlet::Outlet;
use crate::streams::{sensor_qos, Shared, Tally};
use decode::{Decoding, Job};

/// How often it is looked whether somebody listens.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For how long the video stays on when nobody listens any more.
const LINGER: Duration = Duration::from_secs(5);
const IMAGE: &str = "sensor_msgs/msg/Image";

/// The publishers and what feeds them.
pub(crate) struct Camera {
    shared: Shared,
    tally: Tally,
    outputs: Outputs,
    video: Outlet<Publisher<CompressedVideo>>,
    info: Outlet<Publisher<CameraInfo>>,
    calibration: Calibration,
    pictures: Receiver<AccessUnit>,
}

/// Publishers of decoded pictures.
#[derive(Clone)]
struct Outputs {
    /// Of `sensor_msgs/Image`, which goes out as bytes: see [`convert::RawImage`].
    image: Outlet<PublisherUntyped>,
    jpeg: Outlet<Publisher<CompressedImage>>,
}

impl Outputs {
    fn have_listeners(&self) -> bool {
        self.image.has_listener() || self.jpeg.has_listener()
    }
}

impl Camera {
    pub(crate) fn new(
        node: &mut r2r::Node,
        link: &LinkBuilder,
        shared: Shared,
        calibration: Calibration,
    ) -> r2r::Result<Self> {
        let gauges = &shared.gauges.clone();
        let raw = "camera/image_raw";
        Ok(Self {
            tally: shared.tallies.of(VIDEO),
            shared,
            outputs: Outputs {
                image: Outlet::untyped(node, gauges, raw, IMAGE, sensor_qos())?,
                jpeg: Outlet::new(node, gauges, "camera/image_raw/compressed", sensor_qos())?,
            },
            video: Outlet::new(node, gauges, "camera/video", sensor_qos())?,
            info: Outlet::new(node, gauges, "camera/camera_info", sensor_qos())?,
            calibration,
            pictures: link.pictures(),
        })
    }

    /// Starts the threads that decode and send pictures; what is returned runs until the link ends.
    pub(crate) fn start(self, link: LinkHandle) -> std::io::Result<impl Future<Output = ()>> {
        let decoding = Decoding::start(self.outputs.clone(), self.shared.clone(), link.clone())?;
        Ok(self.run(link, decoding))
    }

    async fn run(mut self, link: LinkHandle, decoding: Decoding) {
        // The video's time stamps are of a clock of their own.
        let stamps = self.shared.stamps.of_another_clock().stream(VIDEO);
        self.tally.stamped_by(&stamps);
        let mut place = Place::default();
        let mut listened: Option<Instant> = None;
        // The number of the picture that may come next without being a keyframe.
        let mut next = None;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                picture = self.pictures.recv() => match picture {
                    Ok(picture) if picture.keyframe || next == Some(picture.number) => {
                        next = Some(picture.number + 1);
                        self.take(picture, &stamps, &mut place, &decoding);
                    }
                    Ok(_) => {
                        next = None;
                        self.tally.dropped(1, &"the picture before it is missing");
                        link.request_keyframe();
                    }
                    Err(RecvError::Lagged(count)) => {
                        self.tally.dropped(count, &"publishing is late");
                        link.request_keyframe();
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = look.tick() => {
                    let now = Instant::now();
                    if self.have_listeners() {
                        if listened.is_none() {
                            link.set_video(true);
                        }
                        listened = Some(now);
                    } else if listened.is_some_and(|listened| now - listened > LINGER) {
                        listened = None;
                        link.set_video(false);
                    }
                }
            }
        }
    }

    fn have_listeners(&self) -> bool {
        self.video.has_listener() || self.info.has_listener() || self.outputs.have_listeners()
    }

    /// Publishes what needs no decoding, and passes the picture on where somebody wants it decoded.
    fn take(
        &self,
        unit: AccessUnit,
        stamps: &StreamStamps,
        place: &mut Place,
        decoding: &Decoding,
    ) {
        self.tally.received();
        let settings = self.shared.settings();
        let time = place.of(&unit, stamps);
        if self.video.has_listener() {
            let video = convert::compressed_video(&unit.data, &settings.camera_frame, &time);
            self.video.publish(&video);
        }
        if self.info.has_listener() {
            let mut info = self.calibration.info(unit.size.0, unit.size.1);
            info.header = convert::header(&time, &settings.camera_frame);
            self.info.publish(&info);
        }
        if self.outputs.have_listeners() {
            decoding.take(Job { unit, time }, &self.tally);
        }
    }
}

/// When pictures were taken.
#[derive(Default)]
struct Place {
    /// The latest: its own timestamp, and when that was.
    latest: Option<(Duration, Stamped)>,
}

impl Place {
    fn of(&mut self, unit: &AccessUnit, stamps: &StreamStamps) -> Time {
        let taken = unit.time();
        // A B picture comes behind one that was taken after it. Its timestamp says nothing new about the clock, which would
        // seem to go back. Other sessions' timestamps are of another clock, and each begins with a keyframe.
        let latest = self.latest.as_ref().filter(|(latest, _)| !unit.keyframe && taken < *latest);
        if let Some((latest, stamped)) = latest {
            return stamps.before(stamped, *latest - taken);
        }
        let stamped = stamps.place(Some(taken), unit.received);
        let time = stamped.time.clone();
        self.latest = Some((taken, stamped));
        time
    }
}
