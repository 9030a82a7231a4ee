//! Pictures out of H.264 access units.

mod convert;
mod decoder;

#[cfg(test)]
mod bad_stream_tests;
#[cfg(test)]
mod loss_tests;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
#[path = "../../../go2_proto/src/video/testing.rs"]
mod testing;

pub use convert::{Colors, Matrix, Planes, SizeError};
pub use decoder::{DecodeError, Decoder, Picture};

#[cfg(test)]
use go2_proto::video::{AccessUnit, Assembler, Packet};
