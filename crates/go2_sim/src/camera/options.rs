//! What the camera and the network to the client are like.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::encode::Encoding;
use super::network::Badness;
use crate::options::probability;
use crate::profile::CameraFacts;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Coding {
    /// High profile with CABAC, where pictures tell their order (type 0) and gaps in the numbers of frames are allowed.
    High,
    /// Constrained Baseline, where pictures are shown as they come (type 2).
    Baseline,
}

/// The options of the front camera.
#[derive(Debug, Clone, Args)]
pub struct VideoOptions {
    /// Send this stream again and again in place of what the camera sees: H.264 with start codes (Annex B), which begins with a
    /// keyframe. What else is said of how pictures are coded has no effect then; still pictures stay what the camera sees
    #[arg(id = "camera-file", long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How pictures of the front camera are coded, unlike the profile's
    #[arg(id = "video-coding", long)]
    pub coding: Option<Coding>,
    /// Pictures a second of the front camera, unlike the profile's
    #[arg(id = "video-fps", long, value_parser = clap::value_parser!(u32).range(1..=30))]
    pub fps: Option<u32>,
    /// Kilobits a second that the encoder aims at, unlike the profile's
    #[arg(id = "video-kbps", long, value_parser = clap::value_parser!(u32).range(100..=20_000))]
    pub kbps: Option<u32>,
    /// Seconds from one IDR picture to the next, unlike the profile's
    #[arg(id = "video-idr-every", long)]
    pub idr_every: Option<f64>,
    /// Split pictures into slices of at most this many bytes; by default a picture is one slice
    #[arg(id = "video-slice-bytes", long, value_parser = clap::value_parser!(u32).range(500..=100_000))]
    pub slice_bytes: Option<u32>,
    /// Send the parameter sets in packets of their own instead of one for both
    #[arg(id = "video-no-stap", long)]
    pub no_stap: bool,
    /// Begin with an IDR picture; by default the client comes into the middle of a group of pictures
    #[arg(id = "video-starts-clean", long)]
    pub starts_clean: bool,
    /// Probability that a video packet is lost
    #[arg(id = "video-loss", long, default_value_t = 0.0, value_parser = probability)]
    pub loss: f64,
    /// Probability that a video packet is held back until one to three others have overtaken it
    #[arg(id = "video-reorder", long, default_value_t = 0.0, value_parser = probability)]
    pub reorder: f64,
    /// Probability that a video packet arrives twice
    #[arg(id = "video-duplicate", long, default_value_t = 0.0, value_parser = probability)]
    pub duplicate: f64,
    /// Which packets these are; the same number gives the same ones
    #[arg(id = "video-seed", long, default_value_t = 1)]
    pub seed: u64,
    /// Answer picture loss indications with an IDR picture, at most two a second; real robots may not
    #[arg(id = "answer-pli", long)]
    pub answer_pli: bool,
    /// Send again what the client says is missing, out of the last 512 packets; real robots may not
    #[arg(id = "answer-nack", long)]
    pub answer_nack: bool,
}

impl Default for VideoOptions {
    /// The defaults of the command line.
    fn default() -> Self {
        crate::options::Options::default().video
    }
}

impl VideoOptions {
    /// What the encoder is to do: as the options say, and else as the robot of the profile does.
    pub(super) fn encoding(&self, facts: &CameraFacts) -> Encoding {
        let fps = self.fps.map_or(facts.fps, f64::from);
        let every = |seconds: f64| (seconds * fps).round() as u32;
        Encoding {
            coding: self.coding.unwrap_or(facts.coding),
            fps,
            bitrate: self.kbps.unwrap_or(facts.kbps) * 1000,
            idr_every: self.idr_every.map_or(facts.idr_every, every),
            slice: self.slice_bytes,
        }
    }

    pub(super) fn badness(&self) -> Badness {
        Badness { loss: self.loss, reorder: self.reorder, duplicate: self.duplicate }
    }
}
