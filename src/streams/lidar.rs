//! The LiDAR's voxel map: `points` and `scan`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use go2_client::session::LinkHandle;
use go2_proto::geometry::Transform;
use go2_proto::lidar::{
    write_points, Body, ScanError, ScanPose, Scanner, SurfaceFilter, VoxelDecoder, VoxelGrid,
};
use go2_proto::state::LidarState;
use r2r::sensor_msgs::msg::{LaserScan, PointCloud2};
use r2r::Publisher;
use tokio::sync::watch;

use super::poses::Poses;
use super::{LatestLidarState, SendingThread, Source, Tally, CLOUD_QUEUE};
use crate::clock::Stamped;
use crate::convert;
use crate::outlet::Outlet;
use crate::params::{PointsFrame, Settings};

/// Where the robot was.
pub(super) struct Place(pub(super) Arc<Mutex<Poses>>);

impl Place {
    fn poses(&self) -> std::sync::MutexGuard<'_, Poses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clouds on their way out. They have a thread of their own, so that a scan waits for none.
pub(super) struct Points {
    outlet: Outlet<Publisher<PointCloud2>>,
    thread: SendingThread<PointCloud2>,
}

impl Points {
    pub(super) fn start(
        outlet: Outlet<Publisher<PointCloud2>>,
        tally: Tally,
    ) -> std::io::Result<Self> {
        let sender = outlet.clone();
        let thread = SendingThread::start("points", CLOUD_QUEUE, tally, move |cloud| {
            sender.publish(cloud);
        })?;
        Ok(Self { outlet, thread })
    }
}

pub(super) async fn publish_lidar(
    mut source: Source,
    points: Points,
    scan: Outlet<Publisher<LaserScan>>,
    place: Place,
) {
    let mut decoder = VoxelDecoder::default();
    let mut slicer = Slicer::default();
    let mut filter = SurfaceFilter::default();
    while let Some(message) = source.next().await {
        let (to_points, to_scan) = (points.outlet.has_listener(), scan.has_listener());
        if !(to_points || to_scan) || place.poses().is_empty() {
            continue;
        }
        let payload = message.payload.as_deref().unwrap_or_default();
        let grid = match decoder.decode(&message.data, payload) {
            Ok(grid) => grid,
            Err(error) => {
                source.refuse(&error);
                continue;
            }
        };
        let stamped = source.stamps.place(grid.head().time(), message.received);
        let Some(trunk) = place.poses().at(stamped.at) else {
            source.refuse(&"no pose of the robot near its time");
            continue;
        };
        let settings = source.shared.settings();
        if to_points {
            let memory = points.thread.spare().map_or_else(Vec::new, |sent| sent.data);
            points.thread.send(cloud(&grid, &mut filter, &trunk, &settings, &stamped, memory));
        }
        if to_scan {
            let footprint = convert::footprint(&trunk);
            match slicer.slice(&grid, &footprint, &settings, &stamped) {
                Ok(message) if scan.publish(&message) => source.skip_to_newest(),
                Ok(_) => {}
                Err(error) => source.refuse(&error), // the parameters are checked before
            }
        }
    }
}

fn cloud(
    grid: &VoxelGrid<'_>,
    filter: &mut SurfaceFilter,
    trunk: &Transform,
    settings: &Settings,
    stamped: &Stamped,
    mut data: Vec<u8>,
) -> PointCloud2 {
    let to_trunk = trunk.inverse();
    let (frame, to_frame) = match settings.points_frame {
        PointsFrame::Odometry => (&settings.odom_frame, Transform::IDENTITY),
        PointsFrame::Base => (&settings.base_frame, to_trunk),
        PointsFrame::Lidar => (&settings.lidar_frame, settings.lidar_mount.inverse() * to_trunk),
    };
    data.clear();
    let body = Body { shape: settings.body_box, base_from_odom: to_trunk };
    let eye = trunk.apply(settings.lidar_mount.translation);
    let grid = if settings.points_seen_only { filter.apply(grid, eye, Some(&body)) } else { *grid };
    write_points(&grid, &to_frame, Some(&body), &mut data);
    convert::point_cloud(data, frame, &stamped.time)
}

/// Makes scans; its memory is used again for each.
#[derive(Default)]
struct Slicer(Option<Scanner>);

impl Slicer {
    fn slice(
        &mut self,
        grid: &VoxelGrid<'_>,
        footprint: &Transform,
        settings: &Settings,
        stamped: &Stamped,
    ) -> Result<LaserScan, ScanError> {
        let kept = self.0.take().filter(|scanner| scanner.made_of(&settings.scan));
        let scanner = self.0.insert(kept.map_or_else(|| Scanner::new(settings.scan), Ok)?);
        let [x, y, floor] = footprint.translation;
        let pose = ScanPose { position: [x, y], yaw: footprint.rotation.yaw(), floor };
        let ranges = scanner.project(grid, &pose);
        let frame = &settings.footprint_frame;
        Ok(convert::laser_scan(ranges, &scanner.settings(), frame, &stamped.time))
    }
}

/// Keeps what the LiDAR says of itself.
pub(super) async fn keep_state(mut source: Source, latest: watch::Sender<LatestLidarState>) {
    while let Some(message) = source.next().await {
        if let Some(state) = source.decode::<LidarState>(&message) {
            latest.send_replace(Some((Instant::now(), state)));
        }
    }
}

/// Has the link keep the LiDAR as the parameter says.
pub(super) async fn follow_switch(mut settings: watch::Receiver<Arc<Settings>>, link: LinkHandle) {
    loop {
        link.set_lidar(settings.borrow_and_update().lidar);
        if settings.changed().await.is_err() {
            return;
        }
    }
}
