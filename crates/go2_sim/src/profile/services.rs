//! What services answer, and when.

/// What is known of the services.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceFacts {
    /// Whether the obstacle avoidance is on when the robot starts.
    pub avoidance_at_start: bool,
}

/// The services beside the unified motion service.
pub(super) const MCF: ServiceFacts = ServiceFacts { ..IDEAL };

/// Before it.
pub(super) const YEAR_2024: ServiceFacts = ServiceFacts { ..IDEAL };

/// Services that answer at once.
pub(super) const IDEAL: ServiceFacts = ServiceFacts { avoidance_at_start: false };
