//! Who carries out what viewers ask for.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use go2_proto::codec::{Request, Response};
use go2_proto::motion::Velocity;

/// Something that is there later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A stop that a viewer orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By somebody who does not drive: who drives has to let go first.
    Other,
    /// By who drives, and may drive on at once.
    Driver,
    /// Who drives has paused: what it has chosen to walk in goes on.
    Pause,
}

/// The owner of the robot's session, whose own safety is between viewers and robot: limits, the watchdog over commands, stops.
pub trait Pilot: Send + Sync + 'static {
    /// Has the robot walk for as long as a command counts as fresh. The newest replaces those before, whether or not the outcome
    /// is awaited: that it was taken up, or in words why not.
    fn drive(&self, velocity: Velocity) -> Later<Result<(), String>>;

    /// Tells that the viewer at an address drives from now on, or that the owner does again. The robot is stopped either way,
    /// and the owner's commands do not count before they have paused.
    fn hand_over(&self, to_viewer: Option<IpAddr>);

    /// Tells how many viewers there are now.
    fn seated(&self, viewers: usize);

    /// Stops the robot, and but for a pause ends what walks it by itself; in words why it does not stand then.
    fn stop(&self, stop: Stop) -> Later<Result<Response, String>>;

    /// Holds the robot from now on, whether or not the outcome is awaited, or releases it: nobody walks it meanwhile. A hold stops
    /// it first; in words why it does not stand then.
    fn hold(&self, held: bool) -> Later<Result<(), String>>;

    /// Sends a request to the robot; in words why not, or why there is no answer.
    fn request(&self, request: Request) -> Later<Result<Response, String>>;
}
