//! The LiDAR's voxel frames as point clouds and scans. Pure.
//!
//! The robot does not send what its LiDAR measures but a window of voxels around it, in the odometry frame,
//! with what it saw of late. [`VoxelDecoder`] makes a [`VoxelGrid`] of a frame, [`write_points`] the bytes of
//! a cloud, [`Scanner`] the ranges of a scan; [`SurfaceFilter`] leaves what the LiDAR can see.

mod body;
mod cloud;
mod grid;
mod scan;
mod surfaces;
#[cfg(test)]
mod synthetic;

pub use body::{Body, BodyBox};
pub use cloud::{write_points, POINT_SIZE};
pub use grid::{VoxelDecoder, VoxelError, VoxelGrid, VoxelHead, MAX_ORIGIN, MAX_SIDE, MAX_VOXELS};
pub use scan::{ScanError, ScanPose, ScanSettings, Scanner, MAX_BEAMS};
pub use surfaces::SurfaceFilter;
