//! Who carries out what viewers ask for.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use go2_link::codec::{Request, Response};
use go2_link::session::Velocity;

/// Something that is there later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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

    /// Stops the robot. Who drives it may drive on at once; whom somebody else has stopped has to let go first.
    fn stop(&self, by_driver: bool) -> Later<Result<Response, String>>;

    /// Sends a request to the robot; in words why not, or why there is no answer.
    fn request(&self, request: Request) -> Later<Result<Response, String>>;
}
