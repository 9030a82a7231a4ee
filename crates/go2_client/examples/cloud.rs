//! Writes a frame of the LiDAR's voxel map to a PLY file, which CloudCompare and MeshLab open:
//! `cargo run -p go2_client --example cloud -- 192.168.12.1 cloud.ply`
#![allow(clippy::print_stdout)] // that is what they do

use std::io::Write as _;

use go2_client::connect;
use go2_proto::codec::topics::VOXEL_MAP;
use go2_proto::lidar::VoxelDecoder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("which robot? Give its address")?;
    let path = arguments.next().ok_or("which file?")?;
    let robot = connect(address).await?;
    robot.set_lidar(true);
    let mut maps = robot.subscribe_raw(VOXEL_MAP);
    let mut decoder = VoxelDecoder::default();
    let map = maps.recv().await?;
    let grid = decoder.decode(&map.data, map.payload.as_deref().unwrap_or_default())?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    write!(file, "ply\nformat ascii 1.0\nelement vertex {}\n", grid.count())?;
    writeln!(file, "property float x\nproperty float y\nproperty float z\nend_header")?;
    let mut points = Vec::new();
    grid.for_each(|x, y, z| points.push(grid.head().centre([x, y, z].map(|index| index as f64))));
    for [x, y, z] in points {
        writeln!(file, "{x:.3} {y:.3} {z:.3}")?;
    }
    println!("{} points in the odometry frame", grid.count());
    robot.close().await;
    Ok(())
}
