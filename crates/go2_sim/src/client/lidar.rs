//! The LiDAR in session: its switch and its voxel maps.

use go2_proto::codec::Json;
use go2_server::Message;
use serde_json::{json, Value};

use super::{Client, LARGEST_BACKLOG};
use crate::lidar::VOXEL_MAP;
use crate::mishap::Streams;

impl Client<'_> {
    /// A command of the switch. Robots miss the first ones of a session.
    pub(super) fn switch_lidar(&mut self, data: &Json) {
        let on = match data.decode::<String>().unwrap_or_default().as_str() {
            "on" | "ON" => true,
            "off" | "OFF" => false,
            _ => return,
        };
        self.switched += 1;
        if self.switched > self.options.lidar_ignores {
            self.hardware.switch_lidar(on);
        }
    }

    /// Sends a voxel map, if the LiDAR is on and the client has asked for large messages.
    pub(super) async fn send_voxels(&mut self) {
        let on = self.hardware.lidar_now().is_on();
        if !on || self.session.saves_traffic() || self.channel.backlog() > LARGEST_BACKLOG {
            return;
        }
        let mishaps = &self.hardware.mishaps;
        if mishaps.frozen(Streams::Lidar) || mishaps.lidar().is_some() {
            return;
        }
        // What the network has to do in the meantime must not wait for it.
        let hardware = self.hardware.clone();
        let Ok(Some(scan)) = tokio::task::spawn_blocking(move || hardware.scan()).await else {
            return;
        };
        if self.options.log_sent {
            self.log.add(
                "sent",
                json!({"topic": VOXEL_MAP, "stamp": scan.stamp, "voxels": scan.frame.voxels,
                    "seq": scan.seq, "bytes": scan.frame.bytes.len()}),
            );
        }
        self.send_message(Message::Binary(scan.frame.bytes)).await;
    }
}

/// What a dead LiDAR says of itself, made of what it would say otherwise.
pub(super) fn dead(mut state: Value) -> Value {
    for field in [
        "sys_rotation_speed",
        "com_rotation_speed",
        "cloud_frequency",
        "cloud_size",
        "cloud_scan_num",
        "imu_frequency",
    ] {
        state[field] = 0.into();
    }
    state["error_state"] = 6.into();
    state
}
