//! The front camera's stream.

/// What is known of the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraFacts {
    /// Pictures a second.
    pub fps: f64,
    /// Pictures from one IDR picture to the next.
    pub idr_every: u32,
}

/// The stream that was recorded of the camera.
pub(super) const REAL: CameraFacts = CameraFacts { ..IDEAL };

/// The stream that is easiest to decode.
pub(super) const IDEAL: CameraFacts = CameraFacts { fps: 15.0, idr_every: 30 };
