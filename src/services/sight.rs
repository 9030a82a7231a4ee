//! Services of LiDAR and camera.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use go2_proto::codec::topics::VOXEL_MAP;
use go2_proto::codec::Request;
use r2r::sensor_msgs::msg::CompressedImage;
use r2r::ParameterValue;

use super::servers::{Outcome, Servers};
use super::{refusal, Robot};
use crate::convert;
use crate::outlet::Outlet;
use crate::streams::latched_qos;

/// Without a frame for this long the LiDAR is off.
const LIDAR_OFF: Duration = Duration::from_secs(1);
/// How a JPEG begins.
const JPEG_START: &[u8] = &[0xff, 0xd8];
const LIDAR_POLL: Duration = Duration::from_millis(50);

pub(super) fn serve(servers: &mut Servers<'_>, robot: &Robot) -> r2r::Result<()> {
    let gauges = &robot.shared.gauges;
    let publisher = Outlet::new(servers.node, gauges, "camera/snapshot", latched_qos())?;
    let camera = robot.clone();
    servers.trigger(
        "~/snapshot",
        move || {
            let (robot, publisher) = (camera.clone(), publisher.clone());
            async move {
                let image = robot.snapshot().await?;
                publisher.publish(&image);
                Ok(format!("a JPEG of {} bytes is on camera/snapshot", image.data.len()))
            }
        },
        || {},
    )?;
    let lidar = robot.clone();
    servers.switch(
        "~/lidar",
        move |on| {
            let robot = lidar.clone();
            async move { robot.switch_lidar(on).await }
        },
        || {},
    )
}

impl Robot {
    /// Takes a still picture.
    async fn snapshot(&self) -> Result<CompressedImage, String> {
        let answer = self.request(Request::snapshot()).await.map_err(|e| e.to_string())?;
        if answer.code != 0 {
            return Err(refusal(&answer));
        }
        let jpeg = answer.payload;
        if !jpeg.starts_with(JPEG_START) {
            return Err(format!("the robot answers {} bytes that are no JPEG", jpeg.len()));
        }
        // The picture has no time of its own.
        let time = self.shared.clock.now();
        Ok(convert::compressed_image(jpeg.to_vec(), &self.settings.borrow().camera_frame, &time))
    }

    /// Sets the parameter, and waits until the frames show that the robot has heard it.
    async fn switch_lidar(&self, on: bool) -> Outcome {
        let since = Instant::now();
        let changed = self
            .store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .change("lidar", &ParameterValue::Bool(on));
        if let Err(refused) = changed {
            return Err(refused.to_string());
        }
        let timeout = self.settings.borrow().request_timeout;
        while since.elapsed() < timeout {
            tokio::time::sleep(LIDAR_POLL).await;
            let last = self.shared.tallies.of(VOXEL_MAP).counts().last;
            if on && last.is_some_and(|last| last > since) {
                return Ok("frames come".to_owned());
            }
            if !on && last.unwrap_or(since).max(since).elapsed() > LIDAR_OFF {
                return Ok("no frames come any more".to_owned());
            }
        }
        let seen = if on { "no frames come" } else { "frames still come" };
        Err(format!("{seen} after {:.1} s; the node goes on switching", timeout.as_secs_f64()))
    }
}
