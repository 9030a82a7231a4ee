//! What no robot should say, and some do.

use bytes::Bytes;

use super::Client;
use crate::garbage;
use crate::peer::Message;

/// Bad voxel maps that are sent at a time.
const MAPS: usize = 4;
/// Unsent bytes beyond which there is no more: the proper messages must come through.
const LARGEST_BACKLOG: usize = 8 * 1024;

impl Client<'_> {
    /// Bad messages of every kind that a client must survive; the long ones in turns.
    pub(super) async fn garble(&mut self) {
        if self.channel.backlog() > LARGEST_BACKLOG {
            return;
        }
        for text in garbage::TEXTS {
            self.send_text((*text).to_owned()).await;
        }
        for bytes in garbage::BINARIES {
            let _ = self.channel.send(Message::Binary(Bytes::from_static(bytes)));
        }
        let maps = garbage::voxel_maps();
        for map in maps.iter().cycle().skip(self.garbled).take(MAPS) {
            let _ = self.channel.send(Message::Binary(map.clone()));
        }
        self.garbled = (self.garbled + MAPS) % maps.len();
    }
}
