//! go2_sim
