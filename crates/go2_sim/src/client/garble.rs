//! What no robot should say, and some do.

use bytes::Bytes;

use super::Client;
use crate::garbage;
use crate::peer::Message;

/// Bad voxel maps that are sent at a time.
const MAPS: usize = 8;

impl Client<'_> {
    /// Bad messages of every kind that a client must survive; the long ones in turns.
    pub(super) async fn garble(&mut self) {
        for text in garbage::TEXTS {
            self.send_text((*text).to_owned()).await;
        }
        for bytes in garbage::BINARIES {
            let _ = self.channel.send(Message::Binary(Bytes::from_static(bytes))).await;
        }
        let maps = garbage::voxel_maps();
        for map in maps.iter().cycle().skip(self.garbled).take(MAPS) {
            let _ = self.channel.send(Message::Binary(map.clone())).await;
        }
        self.garbled = (self.garbled + MAPS) % maps.len();
    }
}
