//! How many bytes may wait to be acknowledged for a message to be sent. Pure.
//!
//! A transport gives the session up where more than [`LARGEST_BACKLOG`] bytes wait. Nothing that is sent here gets as far as
//! that: who asks for too much is refused, and what goes by itself is left out, so that no session ends by what somebody
//! wants of it.

use crate::codec::Outbound;

/// Bytes that wait to be acknowledged beyond which a link is given up. Below the 128 KiB at which the engine blocks.
pub const LARGEST_BACKLOG: usize = 64 * 1024;

/// From here on a velocity is held back for a newer one: on a stuck link, old velocities must not queue up to be walked
/// later. These are about three velocities. The zeros of a stop then fit into the same packet, so that what is repeated
/// after a hole in the network brings both or neither.
pub const VELOCITY: usize = 450;
/// As much for a zero, which ends what came before it.
pub const ZERO: usize = 4096;
/// As much for a subscription that has waited for long.
pub const PATIENT: usize = 1024;
/// What requests may fill.
const REQUESTS: usize = LARGEST_BACKLOG / 2;
/// What requests with priority and heartbeats may fill.
const URGENT: usize = LARGEST_BACKLOG - 1024;
/// A link with less than this carries everything: then one message may be longer than [`REQUESTS`].
const IDLE: usize = 1024;
/// Bytes of the longest message. Behind it there is space for some stops.
pub const LONGEST: usize = 60 * 1024;

/// Whether a message of `length` bytes may be sent where `backlog` bytes wait.
pub fn admits(message: &Outbound, length: usize, backlog: usize) -> bool {
    let limit = match message {
        Outbound::Request { request, .. } if request.priority => URGENT,
        Outbound::Heartbeat | Outbound::Validation { .. } => URGENT,
        _ => REQUESTS,
    };
    backlog + length <= limit || (backlog < IDLE && length <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{api, Request};

    #[test]
    fn nothing_that_is_sent_fills_the_channel() {
        let stop = Request::sport(api::STOP_MOVE).with_priority();
        let messages = [
            Outbound::Request { id: 1, request: stop },
            Outbound::Request { id: 1, request: Request::sport(1) },
            Outbound::Publish { topic: "rt/x".into(), data: "x".into() },
            Outbound::Heartbeat,
            Outbound::Subscribe("rt/x".into()),
            Outbound::Video(true),
        ];
        for message in &messages {
            for length in [50, 200, 5000, 30_000, LONGEST, LARGEST_BACKLOG] {
                let mut backlog = 0;
                while admits(message, length, backlog) {
                    backlog += length;
                }
                assert!(backlog < LARGEST_BACKLOG, "{message:?} of {length}: {backlog}");
            }
        }
    }

    #[test]
    fn a_stop_finds_space_behind_everything_else() {
        let stop =
            Outbound::Request { id: 1, request: Request::sport(api::STOP_MOVE).with_priority() };
        let request = Outbound::Request { id: 1, request: Request::sport(1) };
        let mut backlog = 0;
        while admits(&request, 300, backlog) {
            backlog += 300;
        }
        assert!(!admits(&Outbound::Video(true), 300, backlog));
        assert!((0..100).all(|stops| admits(&stop, 200, backlog + 200 * stops)));
        let full = IDLE - 1 + LONGEST;
        assert!(admits(&request, LONGEST, IDLE - 1) && !admits(&request, 1, full));
        assert!((0..8).all(|stops| admits(&stop, 200, full + 200 * stops)));
    }
}
