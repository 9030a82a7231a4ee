//! The front camera's stream.

use crate::camera::Coding;

/// What is known of the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraFacts {
    /// How pictures are coded.
    pub coding: Coding,
    /// Pictures a second.
    pub fps: f64,
    /// Pictures from one IDR picture to the next.
    pub idr_every: u32,
    /// Kilobits a second that the encoder aims at.
    pub kbps: u32,
}

/// The stream that was recorded of the camera. Coding: certain of the topic that the same encoder feeds, likely of the
/// track; the rest: several independent logs.
pub(super) const REAL: CameraFacts =
    CameraFacts { coding: Coding::High, fps: 14.3, idr_every: 30, kbps: 1750 };

/// The stream that is easiest to decode.
pub(super) const IDEAL: CameraFacts =
    CameraFacts { coding: Coding::Baseline, fps: 15.0, idr_every: 30, kbps: 2500 };
