//! A stream out of a file, sent in place of what the camera sees: for shapes that the encoder does not make.

use std::path::Path;
use std::sync::Arc;

use go2_server::video::nal_units;

use super::encode::Encoded;
use super::order;

/// Bytes of the largest file: some minutes of the robot's video.
const LARGEST: u64 = 64 * 1024 * 1024;

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It would fill the memory.
    #[error("it has {0} bytes, and {most} are the most", most = LARGEST)]
    TooLarge(u64),
    /// It is something else, or its pictures are in a container.
    #[error("no picture is found in it: it has to be H.264 with start codes (Annex B), as FFmpeg writes to a file that ends in .h264")]
    NoPicture,
    /// What follows its end, when it begins again, could not be decoded.
    #[error("it has to begin with a keyframe and its parameter sets (SPS, PPS, IDR picture)")]
    NoKeyframe,
}

/// The pictures of a file, each with all NAL units that belong to it.
#[derive(Debug)]
pub(crate) struct StoredStream {
    units: Vec<Unit>,
}

#[derive(Debug)]
pub(super) struct Unit {
    pub(super) encoded: Encoded,
    /// How many pictures before it is sent it was taken: B pictures are sent behind later ones.
    pub(super) waited: u32,
}

impl StoredStream {
    /// Reads a byte stream (Annex B).
    pub(crate) fn load(path: &Path) -> Result<Self, StreamError> {
        let size = std::fs::metadata(path)?.len();
        if size > LARGEST {
            return Err(StreamError::TooLarge(size));
        }
        Self::read(&std::fs::read(path)?)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, StreamError> {
        let units = access_units(bytes);
        let first = units.first().ok_or(StreamError::NoPicture)?;
        let holds = |wanted| first.nals.iter().any(|nal| kind(nal) == wanted);
        if !first.idr || !holds(SPS) || !holds(PPS) {
            return Err(StreamError::NoKeyframe);
        }
        let waited = order::waited(&units);
        let units = units.into_iter().zip(waited);
        Ok(Self { units: units.map(|(encoded, waited)| Unit { encoded, waited }).collect() })
    }

    #[cfg(test)]
    pub(super) fn waited(&self) -> impl Iterator<Item = u32> + '_ {
        self.units.iter().map(|unit| unit.waited)
    }
}

fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// The pictures of a stream. A picture's first slice begins with macroblock 0, and what belongs to the next picture may
/// stand before that (H.264, 7.4.1.2.3). What is no part of a picture at the end is left out.
fn access_units(bytes: &[u8]) -> Vec<Encoded> {
    let mut units = Vec::new();
    let mut unit = Encoded { nals: Vec::new(), idr: false };
    let mut has_slice = false;
    for nal in nal_units(bytes) {
        let is_slice = matches!(kind(nal), SLICE | IDR_SLICE);
        let begins = match kind(nal) {
            // first_mb_in_slice is 0 where its first bit is 1.
            SLICE | IDR_SLICE => nal.get(1).is_some_and(|byte| byte & 0x80 != 0),
            6..=9 | 14..=18 => true,
            _ => false,
        };
        if has_slice && begins {
            let nals = Vec::new();
            units.push(std::mem::replace(&mut unit, Encoded { nals, idr: false }));
            has_slice = false;
        }
        has_slice |= is_slice;
        unit.idr |= kind(nal) == IDR_SLICE;
        unit.nals.push(nal.to_vec());
    }
    if has_slice {
        units.push(unit);
    }
    units
}

/// Plays a stored stream again and again.
pub(super) struct Player {
    stream: Arc<StoredStream>,
    at: usize,
}

impl Player {
    pub(super) fn new(stream: Arc<StoredStream>) -> Self {
        Self { stream, at: 0 }
    }

    /// Goes on with the next keyframe, and `missed` pictures behind it.
    pub(super) fn join(&mut self, missed: u32) {
        self.seek();
        (0..missed).for_each(|_| self.advance());
    }

    /// The next picture; the next keyframe where that is wanted.
    pub(super) fn take(&mut self, idr: bool) -> &Unit {
        if idr {
            self.seek();
        }
        let at = self.at;
        self.advance();
        &self.stream.units[at]
    }

    fn advance(&mut self) {
        self.at = (self.at + 1) % self.stream.units.len();
    }

    /// There is a keyframe: the first picture.
    fn seek(&mut self) {
        while !self.stream.units[self.at].encoded.idr {
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! stored {
        ($name:literal) => {
            (
                &include_bytes!(concat!("../../../../tests/video/", $name, ".h264"))[..],
                include_str!(concat!("../../../../tests/video/", $name, ".txt")),
            )
        };
    }

    #[test]
    fn pictures_are_those_that_another_tool_has_found() {
        for (bytes, lines) in [
            stored!("robot"),
            stored!("robot_slices"),
            stored!("b_pictures"),
            stored!("interlaced"),
            stored!("high_422"),
        ] {
            let stream = StoredStream::read(bytes).unwrap();
            let found = stream.units.iter().map(|Unit { encoded, .. }| {
                // The files have start codes of four bytes.
                let bytes = encoded.nals.iter().map(|nal| nal.len() + 4).sum::<usize>();
                (bytes, encoded.idr)
            });
            let told = lines.lines().map(|line| {
                let mut words = line.split(' ');
                (words.next().unwrap().parse::<usize>().unwrap(), words.next() == Some("1"))
            });
            assert_eq!(found.collect::<Vec<_>>(), told.collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_belongs_to_the_next_picture_ends_the_one_before() {
        let stream = b"\0\0\x01\x09\xf0\0\0\x01\x67a\0\0\x01\x68b\0\0\x01\x65\x88\0\0\x01\x65\x40\0\0\x01\x41\x9a\
            \0\0\x01\x06c\0\0\x01\x41\x9b\0\0\x01\x0c\xff\0\0\x01\x67a";
        let units = access_units(stream);
        let kinds = |unit: &Encoded| unit.nals.iter().map(|nal| kind(nal)).collect::<Vec<_>>();
        let kinds: Vec<_> = units.iter().map(kinds).collect();
        assert_eq!(kinds, [vec![9, 7, 8, 5, 5], vec![1], vec![6, 1, 12]]);
        assert_eq!(units.iter().map(|unit| unit.idr).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for bytes in [&b""[..], b"RIFF", b"\0\0\x01\x67a\0\0\x01\x68b"] {
            assert!(matches!(StoredStream::read(bytes), Err(StreamError::NoPicture)), "{bytes:?}");
        }
        for bytes in
            [&b"\0\0\x01\x41\x9a"[..], b"\0\0\x01\x65\x88", b"\0\0\x01\x67a\0\0\x01\x65\x88"]
        {
            let error = StoredStream::read(bytes).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains("SPS, PPS, IDR")), "{bytes:?}");
        }
        assert!(matches!(StoredStream::load(Path::new("/no/such/file")), Err(StreamError::Io(_))));
    }

    #[test]
    fn it_is_joined_behind_a_keyframe_and_begins_again() {
        let (bytes, _) = stored!("b_pictures");
        let stream = Arc::new(StoredStream::read(bytes).unwrap());
        let mut player = Player::new(Arc::clone(&stream));
        let nals = |at: usize| stream.units[at].encoded.nals.clone();
        player.join(3);
        let take = |player: &mut Player, idr| player.take(idr).encoded.nals.clone();
        assert_eq!(take(&mut player, false), nals(3));
        assert_eq!(take(&mut player, true), nals(30));
        for at in (31..35).chain(0..2) {
            assert_eq!(take(&mut player, false), nals(at));
        }
        player.join(0);
        assert_eq!(take(&mut player, false), nals(30));
    }
}
