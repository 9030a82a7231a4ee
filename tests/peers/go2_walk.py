"""What the simulated GO2 says of its body, on the topics of its state."""

from __future__ import annotations

import json
import math
import time
from typing import Any

RADIUS, SPEED, BODY_HEIGHT = 1.5, 0.4, 0.3195


class Walk:
    """A robot that walks circles, from the moment it was made."""

    def __init__(self, new_firmware: bool) -> None:
        self._new = new_firmware
        self._start = time.monotonic()

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    @property
    def _yaw(self) -> float:
        return math.remainder(SPEED / RADIUS * self._elapsed, math.tau)

    def _rpy(self) -> list[float]:
        sway = 0.02 * math.sin(2 * math.pi * 2.0 * self._elapsed)
        return [round(sway, 6), round(-sway / 2, 6), round(self._yaw, 6)]

    def _wxyz(self) -> list[float]:
        roll, pitch, yaw = (a / 2 for a in self._rpy())
        cr, cp, cy = math.cos(roll), math.cos(pitch), math.cos(yaw)
        sr, sp, sy = math.sin(roll), math.sin(pitch), math.sin(yaw)
        return [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ]

    def _xyz(self) -> list[float]:
        yaw = self._yaw
        return [RADIUS * math.sin(yaw), RADIUS * (1 - math.cos(yaw)), BODY_HEIGHT]

    def place(self) -> tuple[float, float]:
        """Where the trunk is in the odometry frame, m."""
        x, y, _ = self._xyz()
        return x, y

    def _motor(self, index: int) -> dict[str, Any]:
        if index >= 12:
            return {"q": 0, "temperature": 0, "lost": 0, "reserve": [0, 0]}
        # Motors come as FR, FL, RR, RL; a trot moves FR with RL and FL with RR.
        leg, joint = divmod(index, 3)
        phase = math.sin(2 * math.pi * 2.0 * self._elapsed + (math.pi if leg in (1, 2) else 0.0))
        rest, swing = ((0.0, 0.02), (0.8, 0.2), (-1.6, 0.3))[joint]
        q = round(rest + swing * phase, 6)
        return {"q": q, "temperature": 30 + index, "lost": 0, "reserve": [0, 674]}

    def lowstate(self) -> dict[str, Any]:
        return {
            "imu_state": {"rpy": self._rpy()},
            "motor_state": [self._motor(i) for i in range(20)],
            "bms_state": {
                "version_high": 1,
                "version_low": 18,
                "soc": 55,
                "current": -2481,
                "cycle": 56,
                "bq_ntc": [30, 29],
                "mcu_ntc": [33, 32],
            },
            "foot_force": [97, 84, 81, 80 + int(self._elapsed) % 10],
            "temperature_ntc1": 48,
            "power_v": 28.33,
        }

    def sportmodestate(self) -> dict[str, Any]:
        yaw = self._yaw
        # Since the AI policy the feet are not reported, mode stays 0 and error_code has the mode.
        feet = [0.0] * 12 if self._new else [0.19, -0.14, -0.32] * 4
        return {
            "stamp": _stamp(),
            "error_code": 1015 if self._new else 0,
            "imu_state": {
                "quaternion": self._wxyz(),
                "gyroscope": [0.01, -0.02, SPEED / RADIUS],
                "accelerometer": [0.05, SPEED**2 / RADIUS, 9.81],
                "rpy": self._rpy(),
                "temperature": 72,
            },
            "mode": 0 if self._new else 3,
            "progress": 0.0,
            "gait_type": 1,
            "foot_raise_height": 0.09,
            "position": self._xyz(),
            "body_height": 0.32,
            "velocity": [SPEED, 0.0, 0.0],
            "yaw_speed": SPEED / RADIUS,
            "range_obstacle": [1.5, 2.0, 2.5, 3.0],
            "foot_force": [97, 84, 81, 81],
            "foot_position_body": feet,
            "foot_speed_body": [0.0] * 12,
        }

    def robot_pose(self) -> dict[str, Any]:
        w, x, y, z = self._wxyz()
        px, py, pz = self._xyz()
        return {
            "header": {"stamp": _stamp(), "frame_id": "odom"},
            "pose": {
                "position": {"x": px, "y": py, "z": pz},
                "orientation": {"x": x, "y": y, "z": z, "w": w},
            },
        }

    def lidar_state(self) -> dict[str, Any]:
        return {
            "stamp": time.time(),
            "firmware_version": "1.40",
            "software_version": "1.5",
            "sdk_version": "1.2",
            "sys_rotation_speed": 85.9,
            "com_rotation_speed": 212.0,
            "error_state": 0,
            **({"dirty_percentage": 2} if self._new else {}),
            "cloud_frequency": 15.4,
            "cloud_packet_loss_rate": 0.0,
            "cloud_size": 21_000 + int(self._elapsed) % 100,
            "cloud_scan_num": 18,
            "imu_frequency": 250.0,
            "imu_packet_loss_rate": 0.0,
            "imu_rpy": self._rpy(),
            "serial_recv_stamp": time.time(),
            "serial_buffer_size": 4096,
            "serial_buffer_read": 1024,
        }

    def multiplestate(self) -> str:
        """std_msgs/String: a JSON string that holds JSON."""
        state: dict[str, Any] = {
            "brightness": 3,
            "obstaclesAvoidSwitch": False,
            "uwbSwitch": False,
            "volume": 1 + int(self._elapsed) % 9,
        }
        if not self._new:
            state |= {"bodyHeight": 0.32, "footRaiseHeight": 0.09, "speedLevel": 0}
        return json.dumps(state)


def _stamp() -> dict[str, int]:
    sec, nanosec = divmod(time.time_ns(), 10**9)
    return {"sec": sec, "nanosec": nanosec}
