//! The body: postures, mode codes, how it walks.

/// What is known of the body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MotionFacts {
    /// Height of the trunk in metres, lying, sitting, standing.
    pub heights: [f64; 3],
}

/// The unified motion service of firmware 1.1.7 and later.
pub(super) const MCF: MotionFacts = MotionFacts { ..IDEAL };

/// Before it.
pub(super) const YEAR_2024: MotionFacts = MotionFacts { ..IDEAL };

/// A body that obeys at once and exactly.
pub(super) const IDEAL: MotionFacts = MotionFacts { heights: [0.08, 0.22, 0.32] };
