//! The node's threads: what may hold up what.
//!
//! The link's thread carries the session and decides about walking; it never publishes, never answers a service and waits for
//! no lock of ROS. Each other thread may be held up by a slow subscriber for as long as it takes.

use std::io;
use std::time::{Duration, Instant};

use go2_client::thread::{RuntimeThread, Stopping, Stuck};

/// Threads with tasks, one for each kind of work.
pub(crate) struct Threads {
    /// The link, and everything that decides about walking.
    pub(crate) link: RuntimeThread,
    /// Viewers of the gateway.
    pub(crate) gateway: RuntimeThread,
    /// Services, parameters, what is asked of the robot.
    pub(crate) services: RuntimeThread,
    /// What is small and often: TF, odometry, IMU, joints.
    pub(crate) state: RuntimeThread,
    /// What the node says of itself.
    pub(crate) status: RuntimeThread,
    /// The voxel map, and the scan; clouds are sent by a thread of their own.
    pub(crate) lidar: RuntimeThread,
    /// The camera's stream as it comes; decoded pictures are sent by threads of their own.
    pub(crate) video: RuntimeThread,
    /// Data-channel topics as they are.
    pub(crate) raw: RuntimeThread,
}

impl Threads {
    pub(crate) fn start() -> io::Result<Self> {
        let start = RuntimeThread::start;
        Ok(Self {
            link: start("link")?,
            gateway: start("gateway")?,
            services: start("services")?,
            state: start("state")?,
            status: start("status")?,
            lidar: start("lidar")?,
            video: start("video")?,
            raw: start("raw")?,
        })
    }

    /// Their runtimes.
    pub(crate) fn handles(&self) -> Vec<tokio::runtime::Handle> {
        let Self { link, gateway, services, state, status, lidar, video, raw } = self;
        let all = [link, gateway, services, state, status, lidar, video, raw];
        all.map(|thread| thread.handle().clone()).into()
    }

    /// Ends them all, within `limit` together; returns those that are stuck. The link is to be closed before.
    pub(crate) fn stop(self, limit: Duration) -> Vec<Stuck> {
        let Self { link, gateway, services, state, status, lidar, video, raw } = self;
        let until = Instant::now() + limit;
        let all = [link, gateway, services, state, status, lidar, video, raw];
        let stopping = all.map(RuntimeThread::stop);
        let wait = |one: Stopping| one.wait(until.saturating_duration_since(Instant::now())).err();
        stopping.into_iter().filter_map(wait).collect()
    }
}
