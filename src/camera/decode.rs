//! The thread that decodes: pictures take milliseconds, which would delay everything else.

use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use go2_link::media::{AccessUnit, Decoder, Picture};
use go2_link::session::LinkHandle;
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::Image;

use super::{Outputs, TRACK};
use crate::convert;
use crate::params::{Encoding, Settings};
use crate::streams::{has_listener, publish, Shared, Tally};

/// Pictures that may wait to be decoded.
const QUEUE: usize = 4;
/// The decoder's memory is given back after so long without a picture.
const IDLE: Duration = Duration::from_secs(10);

/// A picture to decode.
pub(super) struct Job {
    pub(super) unit: AccessUnit,
    pub(super) time: Time,
}

/// The way to the thread; it ends when this is dropped.
pub(super) struct Decoding {
    jobs: SyncSender<Job>,
}

impl Decoding {
    pub(super) fn start(
        outputs: Outputs,
        shared: Shared,
        link: LinkHandle,
    ) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(QUEUE);
        let work = Work {
            outputs,
            shared,
            link,
            decoder: None,
            decoded: None,
            image: Image::default(),
            jpeg: Jpeg::default(),
        };
        std::thread::Builder::new().name("camera".into()).spawn(move || work.run(&inbox))?;
        Ok(Self { jobs })
    }

    /// Has a picture decoded; drops it where too many wait.
    pub(super) fn take(&self, job: Job, tally: &Tally) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            tally.dropped(1, TRACK, &"decoding is late");
        }
    }
}

struct Work {
    outputs: Outputs,
    shared: Shared,
    link: LinkHandle,
    decoder: Option<Decoder>,
    /// The number of the last picture that was decoded; the next one refers to it.
    decoded: Option<u64>,
    /// Kept, so that each picture is written into the memory of the one before.
    image: Image,
    jpeg: Jpeg,
}

impl Work {
    fn run(mut self, inbox: &Receiver<Job>) {
        loop {
            match inbox.recv_timeout(IDLE) {
                Ok(job) => {
                    if let Err(reason) = self.decode(&job) {
                        self.decoded = None;
                        self.shared.camera.dropped(1, TRACK, &reason);
                        self.link.request_keyframe();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.decoder = None;
                    self.decoded = None;
                    self.image = Image::default();
                    self.jpeg = Jpeg::default();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn decode(&mut self, Job { unit, time }: &Job) -> Result<(), String> {
        let follows = self.decoded.is_some_and(|decoded| decoded + 1 == unit.number);
        if !unit.keyframe && !follows {
            self.decoded = None;
            self.link.request_keyframe();
            return Ok(()); // quietly: the next keyframe is never far
        }
        if self.decoder.is_none() {
            self.decoder = Some(Decoder::new().map_err(|error| error.to_string())?);
        }
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let picture = decoder.decode(unit).map_err(|error| error.to_string())?;
        self.decoded = Some(unit.number);
        let Some(picture) = picture else { return Ok(()) };
        let settings = self.shared.settings();
        if has_listener(&self.outputs.image) {
            fill(&mut self.image, &picture, &settings, time);
            publish(&self.outputs.image, &self.image);
        }
        if has_listener(&self.outputs.jpeg) {
            let jpeg = self.jpeg.encode(&picture, settings.jpeg_quality)?;
            let message = convert::compressed_image(jpeg, &settings.camera_frame, time);
            publish(&self.outputs.jpeg, &message);
        }
        Ok(())
    }
}

fn fill(image: &mut Image, picture: &Picture<'_>, settings: &Settings, time: &Time) {
    let encoding = settings.camera_encoding;
    let (width, height) = (picture.width(), picture.height());
    let step = encoding.step(width);
    image.header = convert::header(time, &settings.camera_frame);
    (image.width, image.height, image.step) = (width as u32, height as u32, step as u32);
    if image.encoding != encoding.name() {
        image.encoding = encoding.name().to_owned();
    }
    image.data.resize(step * height, 0);
    match encoding {
        Encoding::Rgb => picture.write_rgb(&mut image.data),
        Encoding::Bgr => picture.write_bgr(&mut image.data),
        Encoding::Yuv => picture.write_yuv422_yuy2(&mut image.data),
    }
}

/// Makes JPEGs from the decoder's planes, without a detour over RGB.
#[derive(Default)]
struct Jpeg {
    compressor: Option<turbojpeg::Compressor>,
    planes: Vec<u8>,
}

impl Jpeg {
    fn encode(&mut self, picture: &Picture<'_>, quality: u8) -> Result<Vec<u8>, String> {
        let failed = |error: turbojpeg::Error| format!("no JPEG could be made: {error}");
        if self.compressor.is_none() {
            self.compressor = Some(turbojpeg::Compressor::new().map_err(failed)?);
        }
        let Some(compressor) = &mut self.compressor else { return Ok(vec![]) };
        let subsamp = turbojpeg::Subsamp::Sub2x2;
        compressor.set_quality(i32::from(quality)).map_err(failed)?;
        compressor.set_subsamp(subsamp).map_err(failed)?;
        picture.write_planes(&mut self.planes);
        let (width, height) = (picture.width(), picture.height());
        let pixels = self.planes.as_slice();
        let image = turbojpeg::YuvImage { pixels, width, align: 1, height, subsamp };
        compressor.compress_yuv_to_vec(image).map_err(failed)
    }
}
