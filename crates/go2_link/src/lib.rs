//! go2_link
