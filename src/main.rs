//! go2_bridge
fn main() {}
