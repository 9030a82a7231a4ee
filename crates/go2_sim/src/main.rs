//! go2_sim
fn main() {}
