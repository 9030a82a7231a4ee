//! The thread that decodes: pictures take milliseconds, which would delay everything else.

use std::collections::VecDeque;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use go2_client::session::LinkHandle;
use go2_client::video::{DecodeError, Decoder, Matrix, Picture, Planes};
use go2_proto::session::VIDEO;
use go2_proto::video::{AccessUnit, Late};
use r2r::builtin_interfaces::msg::Time;
use r2r::sensor_msgs::msg::CompressedImage;

use super::Outputs;
use crate::convert::{self, Layout, RawImage};
use crate::outlet::SendingThread;
use crate::params::{Encoding, Settings};
use crate::streams::{Shared, Tally};

/// How much the thread stands back, of 19.
const NICE: i32 = 10;
/// Pictures that may wait to be decoded: half a second of them, since one that is dropped costs all until the next
/// keyframe.
const QUEUE: usize = 15;
/// Decoded pictures that may wait to be sent; each has megabytes.
const SEND_QUEUE: usize = 2;
/// Pictures that a decoder may keep back at most.
const KEPT: usize = 16;
/// Nanoseconds: a second, and between two pictures at least.
const SECOND: i64 = 1_000_000_000;
const JUST_AFTER: i64 = 100_000;
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
        let tally = shared.tallies.of(VIDEO);
        let (image, jpeg) = (outputs.image.clone(), outputs.jpeg.clone());
        let send = move |picture: &RawImage| image.publish_bytes(picture.bytes());
        let images = SendingThread::start("image_raw", SEND_QUEUE, tally.clone(), send)?;
        let send = move |picture: &CompressedImage| {
            jpeg.publish(picture);
        };
        let jpegs = SendingThread::start("compressed", SEND_QUEUE, tally, send)?;
        let work = Work {
            outputs,
            shared,
            link,
            decoder: None,
            times: VecDeque::new(),
            shown: None,
            late: None,
            refused: None,
            images,
            jpegs,
            jpeg: Jpeg::default(),
        };
        std::thread::Builder::new().name("camera".into()).spawn(move || work.run(&inbox))?;
        Ok(Self { jobs })
    }

    /// Has a picture decoded; drops it where too many wait.
    pub(super) fn take(&self, job: Job, tally: &Tally) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            tally.dropped(1, &"decoding is late");
        }
    }
}

struct Work {
    outputs: Outputs,
    shared: Shared,
    link: LinkHandle,
    decoder: Option<Decoder>,
    /// When the latest units were taken, by their timestamps: some streams' pictures come later than their units.
    times: VecDeque<(u64, Time)>,
    /// The time of the latest picture of a stream whose pictures may come in another order than their units.
    shown: Option<Time>,
    /// What was told of pictures that come late.
    late: Option<Late>,
    /// What was told of a stream that cannot be decoded.
    refused: Option<DecodeError>,
    images: SendingThread<RawImage>,
    jpegs: SendingThread<CompressedImage>,
    jpeg: Jpeg,
}

/// Why a unit gives no picture.
enum Failure {
    /// This one does not.
    Picture(String),
    /// None of the stream does.
    Stream(DecodeError),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Picture(reason)
    }
}

impl Work {
    fn run(mut self, inbox: &Receiver<Job>) {
        // State and velocities go first where the processor is busy. On Linux this is the thread's own.
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::debug!("decoding has the same priority as everything else: {error}");
        }
        loop {
            match inbox.recv_timeout(IDLE) {
                Ok(job) => {
                    if let Err(failure) = self.decode(&job) {
                        self.fail(&failure);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.decoder = None;
                    drop(self.images.spare());
                    self.jpeg = Jpeg::default();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Tells why there is no picture.
    fn fail(&mut self, failure: &Failure) {
        let tally = self.shared.tallies.of(VIDEO);
        match failure {
            Failure::Picture(reason) => {
                tally.dropped(1, reason);
                self.link.request_keyframe();
            }
            // It is the same with each keyframe, and no other keyframe would help.
            Failure::Stream(error) => {
                let reason = format!("{error}; no picture is decoded, use camera/video");
                if self.refused != Some(*error) {
                    self.refused = Some(*error);
                    tracing::error!("camera: {reason}");
                }
                tally.dropped_as_told(1, &reason);
            }
        }
    }

    fn decode(&mut self, Job { unit, time }: &Job) -> Result<(), Failure> {
        if self.decoder.is_none() {
            self.decoder = Some(Decoder::new().map_err(|error| error.to_string())?);
        }
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        if self.times.len() >= KEPT {
            self.times.pop_front();
        }
        self.times.push_back((unit.timestamp, time.clone()));
        let decoded = decoder.decode(unit);
        let picture = match decoded {
            Ok(picture) => picture,
            Err(DecodeError::NeedsKeyframe) => {
                self.link.request_keyframe();
                return Ok(()); // quietly: somebody has just begun to look, or the gap was told
            }
            Err(error) if error.is_of_the_stream() => return Err(Failure::Stream(error)),
            Err(error) => return Err(error.to_string().into()),
        };
        let Some(picture) = picture else { return Ok(()) };
        let late = picture.late();
        if self.late != late {
            self.late = late;
            if let Some(reason) = late {
                tracing::warn!("image_raw comes one picture late, as the stream is not decoded at once: {reason}");
            }
        }
        let taken = self.times.iter().find(|(timestamp, _)| *timestamp == picture.timestamp());
        let time = taken.map_or(time, |(_, time)| time);
        let time = &match (late, &self.shown) {
            (Some(_), Some(before)) => later(time, before),
            _ => time.clone(),
        };
        self.shown = late.map(|_| time.clone());
        let settings = self.shared.settings();
        if self.outputs.image.has_listener() {
            // Each picture is written into the memory of one that was sent.
            let mut image = self.images.spare().unwrap_or_default();
            fill(&mut image, &picture, &settings, time)?;
            self.images.send(image);
        }
        if self.outputs.jpeg.has_listener() {
            let jpeg = self.jpeg.encode(&picture, &settings)?;
            self.jpegs.send(convert::compressed_image(jpeg, &settings.camera_frame, time));
        }
        Ok(())
    }
}

/// A picture's time, or just after that of the picture before: what is still being learned of the robot's clock moves the times
/// of B pictures. A clock that was set back is followed.
fn later(time: &Time, before: &Time) -> Time {
    let nanoseconds = |time: &Time| i64::from(time.sec) * SECOND + i64::from(time.nanosec);
    let least = nanoseconds(before) + JUST_AFTER;
    if !(nanoseconds(time)..nanoseconds(time) + SECOND).contains(&least) {
        return time.clone();
    }
    Time { sec: (least / SECOND) as i32, nanosec: (least % SECOND) as u32 }
}

fn fill(
    image: &mut RawImage,
    picture: &Picture<'_>,
    settings: &Settings,
    time: &Time,
) -> Result<(), String> {
    let encoding = settings.camera_encoding;
    let (width, height) = (picture.width(), picture.height());
    let colors = picture.colors(settings.camera_colors);
    let layout = Layout {
        frame: &settings.camera_frame,
        width,
        height,
        encoding: encoding.name(),
        step: encoding.step(width),
    };
    let data = image.begin(&layout, time);
    let written = match encoding {
        Encoding::Rgb => picture.write_rgb(colors, data),
        Encoding::Bgr => picture.write_bgr(colors, data),
        Encoding::Yuv => picture.write_yuv422_yuy2(data),
    };
    written.map_err(|error| error.to_string())
}

/// Makes JPEGs from the decoder's planes, without a detour over RGB.
#[derive(Default)]
struct Jpeg {
    compressor: Option<turbojpeg::Compressor>,
    planes: Vec<u8>,
}

impl Jpeg {
    fn encode(&mut self, picture: &Picture<'_>, settings: &Settings) -> Result<Vec<u8>, String> {
        let failed = |error: turbojpeg::Error| format!("no JPEG could be made: {error}");
        if self.compressor.is_none() {
            self.compressor = Some(turbojpeg::Compressor::new().map_err(failed)?);
        }
        let Some(compressor) = &mut self.compressor else { return Ok(vec![]) };
        let subsamp = turbojpeg::Subsamp::Sub2x2;
        compressor.set_quality(i32::from(settings.jpeg_quality)).map_err(failed)?;
        compressor.set_subsamp(subsamp).map_err(failed)?;
        let (width, height) = (picture.width(), picture.height());
        let colors = picture.colors(settings.camera_colors);
        if colors.matrix != Matrix::Bt601 {
            // A JPEG's colours are made by BT.601.
            self.planes.resize(3 * width * height, 0);
            picture.write_rgb(colors, &mut self.planes).map_err(|error| error.to_string())?;
            let (pixels, pitch) = (self.planes.as_slice(), 3 * width);
            let format = turbojpeg::PixelFormat::RGB;
            let image = turbojpeg::Image { pixels, width, pitch, height, format };
            return compressor.compress_to_vec(image).map_err(failed);
        }
        pack(&picture.planes(), colors.full_range, &mut self.planes);
        let pixels = self.planes.as_slice();
        let image = turbojpeg::YuvImage { pixels, width, align: 1, height, subsamp };
        compressor.compress_yuv_to_vec(image).map_err(failed)
    }
}

/// Writes the planes one after the other, without the padding of their rows, in a JPEG's range: its black is 0 and its
/// white 255, where the camera's are 16 and 235 unless it uses the full range too.
fn pack(planes: &Planes<'_>, full_range: bool, target: &mut Vec<u8>) {
    target.clear();
    let half = (planes.width.div_ceil(2), planes.height.div_ceil(2));
    let stretch =
        |plane: &[u8], stride, (width, height), to_full: fn(u8) -> u8, target: &mut Vec<u8>| {
            for row in plane.chunks(stride).take(height) {
                target.extend(row[..width].iter().map(|sample| to_full(*sample)));
            }
        };
    let [luma, chroma]: [fn(u8) -> u8; 2] =
        if full_range { [|sample| sample; 2] } else { [full_luma, full_chroma] };
    stretch(planes.y, planes.y_stride, (planes.width, planes.height), luma, target);
    stretch(planes.u, planes.uv_stride, half, chroma, target);
    stretch(planes.v, planes.uv_stride, half, chroma, target);
}

/// 255 / 219 in steps of 1 / 4096.
fn full_luma(sample: u8) -> u8 {
    (((i32::from(sample) - 16) * 4769 + 2048) >> 12).clamp(0, 255) as u8
}

/// 255 / 224 in steps of 1 / 4096, about the middle.
fn full_chroma(sample: u8) -> u8 {
    ((((i32::from(sample) - 128) * 4663 + 2048) >> 12).clamp(-128, 127) + 128) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_grey_are_those_of_a_jpeg() {
        assert_eq!([16, 235, 0, 255].map(full_luma), [0, 255, 0, 255]);
        assert_eq!([128, 16, 240, 0, 255].map(full_chroma), [128, 0, 255, 0, 255]);
    }

    #[test]
    fn pictures_that_are_shown_later_are_stamped_later() {
        let time = |sec, nanosec| Time { sec, nanosec };
        let before = time(7, 999_950_000);
        assert_eq!(later(&time(8, 30_000_000), &before), time(8, 30_000_000));
        assert_eq!(later(&time(7, 900_000_000), &before), time(8, 50_000));
        assert_eq!(later(&time(7, 999_950_000), &before), time(8, 50_000));
        assert_eq!(later(&time(3, 0), &before), time(3, 0), "the clock was set back");
    }

    #[test]
    fn padding_is_left_out() {
        let (y, u, v) = ([16; 24], [128; 8], [240; 8]);
        let planes = Planes { width: 4, height: 3, y: &y, u: &u, v: &v, y_stride: 8, uv_stride: 4 };
        let mut packed = vec![9];
        pack(&planes, false, &mut packed);
        assert_eq!(packed, [vec![0; 12], vec![128; 4], vec![255; 4]].concat());
        pack(&planes, true, &mut packed);
        assert_eq!(packed, [vec![16; 12], vec![128; 4], vec![240; 4]].concat());
    }
}
