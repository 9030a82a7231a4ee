//! What no robot should say, and some do.

use bytes::Bytes;
use go2_server::Message;

use super::Client;
use crate::garbage;
use crate::mishap::Garbage;

/// Bad voxel maps that are sent at a time.
const MAPS: usize = 4;
/// Unsent bytes beyond which there is no more: the proper messages must come through.
const LARGEST_BACKLOG: usize = 8 * 1024;

impl Client<'_> {
    /// Bad messages that a client must survive, of the kinds that go wrong now; the long ones in turns.
    pub(super) async fn garble(&mut self) {
        if self.channel.backlog() > LARGEST_BACKLOG {
            return;
        }
        let Some(kinds) = self.hardware.mishaps.garbage() else { return };
        let texts = [(Garbage::Json, garbage::TEXTS), (Garbage::Numbers, garbage::NUMBERS)];
        for (_, texts) in texts.iter().filter(|(kind, _)| kinds.covers(*kind)) {
            for text in *texts {
                self.send_text((*text).to_owned()).await;
            }
        }
        if kinds.covers(Garbage::Utf8) {
            for bytes in garbage::NOT_UTF8 {
                self.send_message(Message::Raw(Bytes::from_static(bytes))).await;
                self.send_message(Message::Binary(Bytes::from_static(bytes))).await;
            }
        }
        if kinds.covers(Garbage::Truncated) {
            for bytes in garbage::BINARIES {
                self.send_message(Message::Binary(Bytes::from_static(bytes))).await;
            }
            let maps = garbage::voxel_maps();
            for map in maps.iter().cycle().skip(self.garbled).take(MAPS) {
                self.send_message(Message::Binary(map.clone())).await;
            }
            self.garbled = (self.garbled + MAPS) % maps.len();
        }
        // What is too long for any client ends sessions; it is only sent where it is asked for.
        if kinds == Garbage::Oversized {
            self.send_message(Message::Binary(garbage::oversized())).await;
        }
    }
}
