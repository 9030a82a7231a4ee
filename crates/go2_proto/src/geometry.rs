//! Rotations and rigid transforms, in metres and radians.

use std::ops::Mul;

/// A unit quaternion: rotation from a child frame to its parent, as from the body to the odometry frame.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Quaternion {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub w: f64,
}

impl Quaternion {
    /// No rotation.
    pub const IDENTITY: Self = Self { x: 0.0, y: 0.0, z: 0.0, w: 1.0 };

    /// Normalises; `None` for what is too short to have a direction, or not finite.
    pub fn normalised(x: f64, y: f64, z: f64, w: f64) -> Option<Self> {
        let norm = (x * x + y * y + z * z + w * w).sqrt();
        (norm.is_finite() && norm > 0.1).then(|| Self {
            x: x / norm,
            y: y / norm,
            z: z / norm,
            w: w / norm,
        })
    }

    /// From roll, pitch and yaw in radians, turned about the fixed axes in this order.
    pub fn from_rpy([roll, pitch, yaw]: [f64; 3]) -> Self {
        let (sr, cr) = (roll / 2.0).sin_cos();
        let (sp, cp) = (pitch / 2.0).sin_cos();
        let (sy, cy) = (yaw / 2.0).sin_cos();
        Self {
            x: sr * cp * cy - cr * sp * sy,
            y: cr * sp * cy + sr * cp * sy,
            z: cr * cp * sy - sr * sp * cy,
            w: cr * cp * cy + sr * sp * sy,
        }
    }

    /// The rotation about `v` by its length in radians.
    pub fn from_vector(v: [f64; 3]) -> Self {
        let half = length(v) / 2.0;
        // sin(half) / (2 half), which is 1/2 where the angle vanishes.
        let scale = if half < 1e-9 { 0.5 } else { half.sin() / (2.0 * half) };
        Self { x: v[0] * scale, y: v[1] * scale, z: v[2] * scale, w: half.cos() }
    }

    /// Axis times angle in radians, the short way round: no longer than pi.
    pub fn vector(&self) -> [f64; 3] {
        let sign = if self.w < 0.0 { -1.0 } else { 1.0 };
        let v = [self.x * sign, self.y * sign, self.z * sign];
        let sine = length(v);
        let scale = if sine < 1e-9 { 2.0 } else { 2.0 * sine.atan2(self.w * sign) / sine };
        v.map(|v| v * scale)
    }

    /// Rotation about the vertical, -pi to pi.
    pub fn yaw(&self) -> f64 {
        let Self { x, y, z, w } = *self;
        (2.0 * (w * z + x * y)).atan2(1.0 - 2.0 * (y * y + z * z))
    }

    /// The rotation back.
    pub fn inverse(&self) -> Self {
        Self { x: -self.x, y: -self.y, z: -self.z, w: self.w }
    }

    /// `v`, given in the child's axes, in the parent's.
    pub fn rotate(&self, v: [f64; 3]) -> [f64; 3] {
        // v + 2w(q x v) + 2(q x (q x v)), with q the vector part.
        let q = [self.x, self.y, self.z];
        let once = cross(q, v);
        let twice = cross(q, once);
        std::array::from_fn(|i| v[i] + 2.0 * (self.w * once[i] + twice[i]))
    }

    /// The vector in the child's axes that is `v` in the parent's.
    pub fn rotate_inverse(&self, v: [f64; 3]) -> [f64; 3] {
        self.inverse().rotate(v)
    }

    /// The rotation `fraction` of the way to `other` at an even rate, the short way round.
    pub fn slerp(&self, other: &Self, fraction: f64) -> Self {
        let way = (self.inverse() * *other).vector();
        *self * Self::from_vector(way.map(|v| v * fraction))
    }
}

impl Mul for Quaternion {
    type Output = Self;
    /// First the right one, then the left one.
    fn mul(self, o: Self) -> Self {
        Self {
            x: self.w * o.x + self.x * o.w + self.y * o.z - self.z * o.y,
            y: self.w * o.y - self.x * o.z + self.y * o.w + self.z * o.x,
            z: self.w * o.z + self.x * o.y - self.y * o.x + self.z * o.w,
            w: self.w * o.w - self.x * o.x - self.y * o.y - self.z * o.z,
        }
    }
}

/// A rigid transform: the pose of a child frame in its parent. It maps what is given in the child's
/// coordinates to the parent's, so products chain: `odom_from_base * base_from_camera`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// The child's origin in the parent, metres.
    pub translation: [f64; 3],
    /// Rotation from the child to the parent.
    pub rotation: Quaternion,
}

impl Transform {
    /// Child and parent are the same.
    pub const IDENTITY: Self = Self { translation: [0.0; 3], rotation: Quaternion::IDENTITY };

    /// The point in the parent's coordinates that is `point` in the child's.
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        add(self.rotation.rotate(point), self.translation)
    }

    /// The pose of the parent in the child.
    pub fn inverse(&self) -> Self {
        let back = self.rotation.rotate_inverse(self.translation);
        Self { translation: back.map(|v| -v), rotation: self.rotation.inverse() }
    }

    /// The pose `fraction` of the way to `other`: the origin on a straight line, the rotation by
    /// [`Quaternion::slerp`].
    pub fn interpolate(&self, other: &Self, fraction: f64) -> Self {
        Self {
            translation: std::array::from_fn(|i| {
                self.translation[i] + (other.translation[i] - self.translation[i]) * fraction
            }),
            rotation: self.rotation.slerp(&other.rotation, fraction),
        }
    }

    /// The pose after moving by `twist` for `seconds`, which may be negative.
    pub fn moved(&self, twist: &Twist, seconds: f64) -> Self {
        let turn = twist.angular.map(|v| v * seconds);
        let run = twist.linear.map(|v| v * seconds);
        let angle = length(turn);
        let (b, c) = if angle < 1e-4 {
            (0.5, 1.0 / 6.0)
        } else {
            ((1.0 - angle.cos()) / angle.powi(2), (angle - angle.sin()) / angle.powi(3))
        };
        let once = cross(turn, run);
        let twice = cross(turn, once);
        let translation = std::array::from_fn(|i| run[i] + b * once[i] + c * twice[i]);
        *self * Self { translation, rotation: Quaternion::from_vector(turn) }
    }
}

impl Mul for Transform {
    type Output = Self;
    fn mul(self, child: Self) -> Self {
        Self {
            translation: self.apply(child.translation),
            rotation: self.rotation * child.rotation,
        }
    }
}

/// Velocity of a moving frame in its own axes. While it stays the same, the frame runs along a screw line: on
/// the ground, along an arc.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twist {
    /// m/s.
    pub linear: [f64; 3],
    /// rad/s.
    pub angular: [f64; 3],
}

impl Twist {
    /// The constant twist that leads from one pose to another in `seconds`, turning the short way round. `None`
    /// where the time between them is not positive.
    pub fn between(from: &Transform, to: &Transform, seconds: f64) -> Option<Self> {
        if !(seconds > 0.0 && seconds.is_finite()) {
            return None;
        }
        let way = from.inverse() * *to;
        let turn = way.rotation.vector();
        let angle = length(turn);
        let c = if angle < 1e-4 {
            1.0 / 12.0
        } else {
            (1.0 - angle / 2.0 / (angle / 2.0).tan()) / angle.powi(2)
        };
        let once = cross(turn, way.translation);
        let twice = cross(turn, once);
        let run: [f64; 3] =
            std::array::from_fn(|i| way.translation[i] - 0.5 * once[i] + c * twice[i]);
        Some(Self { linear: run.map(|v| v / seconds), angular: turn.map(|v| v / seconds) })
    }
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] + b[i])
}

fn length(v: [f64; 3]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_PI_2, PI};

    fn close(a: [f64; 3], b: [f64; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    fn pose(translation: [f64; 3], rpy: [f64; 3]) -> Transform {
        Transform { translation, rotation: Quaternion::from_rpy(rpy) }
    }

    fn same(a: &Transform, b: &Transform) -> bool {
        [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]].iter().all(|p| close(a.apply(*p), b.apply(*p)))
    }

    #[test]
    fn turns_odometry_velocity_into_the_body() {
        let facing_left = Quaternion::from_rpy([0.0, 0.0, FRAC_PI_2]);
        assert!(close(facing_left.rotate_inverse([0.0, 1.0, 0.0]), [1.0, 0.0, 0.0]));
        assert!(close(facing_left.rotate_inverse([1.0, 0.0, 0.0]), [0.0, -1.0, 0.0]));
        let nose_down = Quaternion::from_rpy([0.0, FRAC_PI_2, 0.0]);
        assert!(close(nose_down.rotate_inverse([0.0, 0.0, -1.0]), [1.0, 0.0, 0.0]));
        let rolled = Quaternion::from_rpy([FRAC_PI_2, 0.0, 0.0]);
        assert!(close(rolled.rotate_inverse([0.0, 0.0, 1.0]), [0.0, 1.0, 0.0]));
        assert!(close(rolled.rotate([0.0, 1.0, 0.0]), [0.0, 0.0, 1.0]));
    }

    #[test]
    fn a_quaternion_of_zeros_is_none() {
        assert_eq!(Quaternion::normalised(0.0, 0.0, 0.0, 0.0), None);
        assert_eq!(Quaternion::normalised(1e200, 1e200, 0.0, 0.0), None);
        assert_eq!(Quaternion::normalised(f64::NAN, 0.0, 0.0, 1.0), None);
        assert_eq!(Quaternion::normalised(0.0, 0.0, 0.0, 2.0), Some(Quaternion::IDENTITY));
    }

    #[test]
    fn products_turn_right_one_first_and_yaw_is_read_back() {
        let yaw = Quaternion::from_rpy([0.0, 0.0, 0.7]);
        let tilt = Quaternion::from_rpy([0.2, -0.3, 0.0]);
        let both = Quaternion::from_rpy([0.2, -0.3, 0.7]);
        assert!(close((yaw * tilt).rotate([1.0, 2.0, 3.0]), both.rotate([1.0, 2.0, 3.0])));
        assert!((both.yaw() - 0.7).abs() < 1e-12);
        assert!((Quaternion::from_rpy([0.0, 0.0, -3.0]).yaw() + 3.0).abs() < 1e-12);
    }

    #[test]
    fn rotation_vectors_go_the_short_way() {
        for v in [[0.0; 3], [1e-10, 0.0, 0.0], [0.3, -0.2, 1.0], [0.0, 0.0, 3.1]] {
            let q = Quaternion::from_vector(v);
            assert!(close(q.vector(), v), "{v:?}");
            let other_sign = Quaternion { x: -q.x, y: -q.y, z: -q.z, w: -q.w };
            assert!(close(other_sign.vector(), v), "{v:?}");
        }
        let (a, b) =
            (Quaternion::from_rpy([0.0, 0.0, 3.0]), Quaternion::from_rpy([0.0, 0.0, -3.0]));
        // Over pi, not back over 0.
        assert!((a.slerp(&b, 0.5).yaw().abs() - PI).abs() < 1e-12);
        assert!((a.slerp(&b, 0.25).yaw() - (3.0 + (PI - 3.0) / 2.0)).abs() < 1e-12);
    }

    #[test]
    fn transforms_chain_and_come_back() {
        let odom_from_base = pose([1.0, 2.0, 0.3], [0.1, -0.2, 2.0]);
        let base_from_camera = pose([0.3, 0.0, 0.05], [-1.5, 0.0, -1.5]);
        let point = [0.5, -0.25, 4.0];
        let chained = (odom_from_base * base_from_camera).apply(point);
        assert!(close(chained, odom_from_base.apply(base_from_camera.apply(point))));
        assert!(close(odom_from_base.inverse().apply(odom_from_base.apply(point)), point));
        assert!(same(&(odom_from_base * odom_from_base.inverse()), &Transform::IDENTITY));
    }

    #[test]
    fn interpolates_between_two_poses() {
        let from = pose([1.0, 0.0, 0.3], [0.0, 0.0, 0.2]);
        let to = pose([2.0, -1.0, 0.3], [0.0, 0.0, 0.6]);
        assert!(same(&from.interpolate(&to, 0.0), &from));
        assert!(same(&from.interpolate(&to, 1.0), &to));
        assert!(same(&from.interpolate(&to, 0.25), &pose([1.25, -0.25, 0.3], [0.0, 0.0, 0.3])));
    }

    #[test]
    fn a_constant_twist_runs_along_an_arc() {
        // A quarter of a circle with radius 2 to the left, in 3 s.
        let start = Transform::IDENTITY;
        let end = pose([2.0, 2.0, 0.0], [0.0, 0.0, FRAC_PI_2]);
        let twist = Twist::between(&start, &end, 3.0).unwrap();
        assert!(close(twist.linear, [PI / 3.0, 0.0, 0.0]), "{twist:?}");
        assert!(close(twist.angular, [0.0, 0.0, PI / 6.0]), "{twist:?}");
        assert!(same(&end.moved(&twist, 3.0), &pose([0.0, 4.0, 0.0], [0.0, 0.0, PI])));
        assert!(same(&end.moved(&twist, -3.0), &start));
        assert_eq!(Twist::between(&start, &end, 0.0), None);
    }

    #[test]
    fn twists_in_space_lead_from_pose_to_pose() {
        let from = pose([1.0, 2.0, 0.3], [0.1, -0.2, 2.0]);
        let poses = [
            pose([1.1, 2.2, 0.5], [-0.3, 0.4, 2.9]),
            pose([1.0, 2.0, 0.3], [0.1, -0.2, 2.0 + 1e-7]),
            pose([1.5, 2.0, 0.3], [0.1, -0.2, 2.0]),
        ];
        for to in poses {
            let twist = Twist::between(&from, &to, 0.1).unwrap();
            assert!(same(&from.moved(&twist, 0.1), &to), "{to:?}");
        }
    }
}
