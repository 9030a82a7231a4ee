//! What services answer, and when.

use std::time::Duration;

/// What is known of the services.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceFacts {
    /// Whether the obstacle avoidance is on when the robot starts. High: switches in many logs.
    pub avoidance_at_start: bool,
    /// Whether a Move of the obstacle avoidance is refused with 3202 before it was told to take commands (1004). Medium: one
    /// report; otherwise it is answered with success and does nothing.
    pub avoidance_wants_taking: bool,
    /// Actions that are not answered at once, and when they are. Certain: sitting down when it is done, lying down at once.
    pub answers_after: &'static [(&'static str, Duration)],
    /// Pose is refused with 401001 while the robot walks and for so long after a client has connected. High for the status; the
    /// time is a guess.
    pub no_pose_for: Option<Duration>,
    /// Whether StopMove is answered with success in a lasting mode and changes nothing: the robot walks on. Medium: reports of
    /// FreeWalk and LeadFollow.
    pub lasting_outlives_stop: bool,
    /// Whether the robot walks by itself while it follows a leash. A guess, on the harsh side.
    pub follows_by_itself: bool,
    /// Whether Move is refused below 20 % of charge. Medium: one report.
    pub tired_does_not_walk: bool,
}

/// The services beside the unified motion service.
pub(super) const MCF: ServiceFacts = ServiceFacts {
    avoidance_at_start: true,
    avoidance_wants_taking: true,
    answers_after: &[
        ("sit", Duration::from_millis(1180)),
        ("stand_down", Duration::from_millis(7)),
    ],
    no_pose_for: Some(Duration::from_secs(1)),
    lasting_outlives_stop: true,
    follows_by_itself: true,
    tired_does_not_walk: true,
};

/// Before it.
pub(super) const YEAR_2024: ServiceFacts =
    ServiceFacts { answers_after: &[], follows_by_itself: false, ..MCF };

/// Services that answer at once.
pub(super) const IDEAL: ServiceFacts = ServiceFacts {
    avoidance_at_start: false,
    avoidance_wants_taking: false,
    answers_after: &[],
    no_pose_for: None,
    lasting_outlives_stop: false,
    follows_by_itself: false,
    tired_does_not_walk: false,
};
