//! audiohub: sounds that are kept on the robot, and the player. Sounds are not heard, but last as long as they should.

use std::time::{Duration, Instant};

use go2_proto::codec::api::audiohub as api;
use go2_proto::signaling::crypto::base64_decode;
use md5::{Digest as _, Md5};
use serde_json::{json, Value};

use super::{read, Reply};

/// Goes on with what was paused.
const RESUME: i64 = 1004;
/// Removes a sound.
const DELETE: i64 = 1009;
/// Base64 characters in a block.
const BLOCK: usize = 4096;
/// The largest file in bytes, and how many are kept. What is more is refused.
const LARGEST: usize = 16 * 1024 * 1024;
const MOST: usize = 50;
/// Bytes before the samples of a wav file, and where in them the bytes of a second stand.
const WAV_HEAD: usize = 44;
const BYTE_RATE: std::ops::Range<usize> = 28..32;

struct Sound {
    id: String,
    name: String,
    added: i64,
    lasts: Duration,
}

/// A file that is not there in whole.
struct Upload {
    name: String,
    md5: String,
    size: usize,
    total: usize,
    /// Blocks so far.
    blocks: usize,
    base64: String,
}

/// What is played, or paused.
struct Play {
    id: String,
    left: Duration,
    /// Since when; `None` while it is paused.
    since: Option<Instant>,
}

/// What the player does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Player {
    /// Nothing.
    Idle,
    /// It is in the middle of this sound.
    Paused(Loaded),
    /// It plays this sound.
    Playing(Loaded),
}

/// A sound that is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The sounds and the player.
#[derive(Default)]
pub(super) struct Audiohub {
    sounds: Vec<Sound>,
    upload: Option<Upload>,
    play: Option<Play>,
    /// How many sounds there ever were.
    count: u32,
}

impl Audiohub {
    pub(super) fn execute(&mut self, api_id: i64, parameter: &str, now: Instant) -> Reply {
        self.settle(now);
        let parameter = read(parameter);
        match api_id {
            api::LIST => {
                let row = |s: &Sound| json!({"UNIQUE_ID": s.id, "CUSTOM_NAME": s.name, "ADD_TIME": s.added});
                let list: Vec<_> = self.sounds.iter().map(row).collect();
                Reply::data(&json!({"audio_list": list}))
            }
            api::PLAY => match self.find(&parameter) {
                Some(index) => {
                    let Sound { id, lasts, .. } = &self.sounds[index];
                    self.play = Some(Play { id: id.clone(), left: *lasts, since: Some(now) });
                    Reply::OK
                }
                None => Reply::BAD_PARAMETER,
            },
            api::PAUSE => {
                if let Some(play) = &mut self.play {
                    play.left = play.left(now);
                    play.since = None;
                }
                Reply::OK
            }
            RESUME => {
                if let Some(play) = &mut self.play {
                    play.since.get_or_insert(now);
                }
                Reply::OK
            }
            DELETE => match self.find(&parameter) {
                Some(index) => {
                    let sound = self.sounds.remove(index);
                    self.play.take_if(|play| play.id == sound.id);
                    Reply::OK
                }
                None => Reply::BAD_PARAMETER,
            },
            api::UPLOAD => self.take_block(&parameter),
            _ => Reply::NOT_IMPLEMENTED,
        }
    }

    /// What the player does.
    pub(super) fn player(&mut self, now: Instant) -> Player {
        self.settle(now);
        let Some(play) = &self.play else { return Player::Idle };
        let name = self.sounds.iter().find(|sound| sound.id == play.id).map(|s| s.name.clone());
        let sound = Loaded { id: play.id.clone(), name: name.unwrap_or_default() };
        match play.since {
            None => Player::Paused(sound),
            Some(_) => Player::Playing(sound),
        }
    }

    /// A sound that has been played to its end is over.
    fn settle(&mut self, now: Instant) {
        self.play.take_if(|play| play.left(now).is_zero());
    }

    fn find(&self, parameter: &Value) -> Option<usize> {
        let id = parameter["unique_id"].as_str()?;
        self.sounds.iter().position(|sound| sound.id == id)
    }

    /// After a block that is wrong the file has to be sent again from its first block on.
    fn take_block(&mut self, parameter: &Value) -> Reply {
        let Some(upload) = next_block(self.upload.take(), parameter) else {
            return Reply::BAD_PARAMETER;
        };
        if upload.blocks < upload.total {
            self.upload = Some(upload);
            return Reply::OK;
        }
        let Some(bytes) = whole(&upload) else { return Reply::BAD_PARAMETER };
        if self.sounds.len() >= MOST {
            return Reply::INTERNAL;
        }
        self.count += 1;
        self.sounds.push(Sound {
            id: unique_id(self.count, &upload.md5),
            name: upload.name,
            added: parameter["create_time"].as_i64().unwrap_or_default(),
            lasts: duration(&bytes),
        });
        Reply::OK
    }
}

impl Play {
    fn left(&self, now: Instant) -> Duration {
        let played =
            self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.left.saturating_sub(played)
    }
}

/// The upload with the block that a parameter holds, if this is the block that is due.
fn next_block(upload: Option<Upload>, parameter: &Value) -> Option<Upload> {
    let text = |key: &str| parameter[key].as_str();
    let count = |key: &str| usize::try_from(parameter[key].as_u64()?).ok();
    let (size, total) = (count("file_size")?, count("total_block_number")?);
    let (name, md5) = (text("file_name")?, text("file_md5")?);
    let fits = size <= LARGEST && (1..=LARGEST.div_ceil(BLOCK) * 2).contains(&total);
    if !fits || text("file_type") != Some("wav") {
        return None;
    }
    let index = count("current_block_index")?;
    let mut upload = match (index, upload) {
        (1, _) => {
            let (name, md5) = (name.to_owned(), md5.to_owned());
            Upload { name, md5, size, total, blocks: 0, base64: String::new() }
        }
        (_, upload) => upload?,
    };
    let same = (&*upload.name, &*upload.md5, upload.size, upload.total) == (name, md5, size, total);
    let content = text("block_content")?;
    let right = content.len() <= BLOCK && count("current_block_size") == Some(content.len());
    if !same || !right || index != upload.blocks + 1 || index > total {
        return None;
    }
    upload.blocks = index;
    upload.base64.push_str(content);
    Some(upload)
}

/// The file, if it is what was announced.
fn whole(upload: &Upload) -> Option<Vec<u8>> {
    let bytes = base64_decode(upload.base64.as_bytes()).ok()?;
    let right = bytes.len() == upload.size && hex(&bytes).eq_ignore_ascii_case(&upload.md5);
    right.then_some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In the form of a UUID.
fn unique_id(count: u32, md5: &str) -> String {
    let mut id = hex(format!("{count} {md5}").as_bytes());
    for at in [20, 16, 12, 8] {
        id.insert(at, '-');
    }
    id
}

/// How long a wav file plays.
fn duration(bytes: &[u8]) -> Duration {
    let rate = bytes.get(BYTE_RATE).and_then(|rate| rate.try_into().ok()).map(u32::from_le_bytes);
    let samples = bytes.len().saturating_sub(WAV_HEAD) as f64;
    Duration::from_secs_f64(samples / f64::from(rate.unwrap_or_default().max(1)))
}

#[cfg(test)]
mod tests {
    use go2_proto::signaling::crypto::base64_encode;

    use super::*;

    /// Half a second of 16 kB a second.
    fn wav() -> Vec<u8> {
        let mut wav: Vec<u8> = (0..WAV_HEAD + 8000).map(|i| (i % 251) as u8).collect();
        wav[BYTE_RATE].copy_from_slice(&16_000u32.to_le_bytes());
        wav
    }

    fn blocks(name: &str, wav: &[u8]) -> Vec<Value> {
        let base64 = base64_encode(wav);
        let blocks: Vec<_> = base64.as_bytes().chunks(BLOCK).collect();
        let block = |(index, content): (usize, &&[u8])| {
            json!({"file_name": name, "file_type": "wav", "file_size": wav.len(), "file_md5": hex(wav),
                "current_block_index": index + 1, "total_block_number": blocks.len(),
                "block_content": std::str::from_utf8(content).unwrap(),
                "current_block_size": content.len(), "create_time": 1_769_862_896_000_i64})
        };
        blocks.iter().enumerate().map(block).collect()
    }

    fn upload(hub: &mut Audiohub, blocks: &[Value]) -> Vec<i64> {
        let now = Instant::now();
        blocks.iter().map(|block| hub.execute(2001, &block.to_string(), now).code).collect()
    }

    fn list(hub: &mut Audiohub) -> Vec<Value> {
        let reply = hub.execute(1001, "", Instant::now());
        let list: Value = serde_json::from_str(&reply.data).unwrap();
        list["audio_list"].as_array().unwrap().clone()
    }

    #[test]
    fn a_file_in_blocks_is_kept_played_and_removed() {
        let mut hub = Audiohub::default();
        let blocks = blocks("bark", &wav());
        assert_eq!(upload(&mut hub, &blocks), [0; 3]);
        assert_eq!(upload(&mut hub, &blocks), [0; 3]);
        let sounds = list(&mut hub);
        assert_eq!((sounds.len(), &sounds[0]["CUSTOM_NAME"]), (2, &json!("bark")));
        assert_ne!(sounds[0]["UNIQUE_ID"], sounds[1]["UNIQUE_ID"]);
        let id = sounds[0]["UNIQUE_ID"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        let this = json!({"unique_id": id}).to_string();
        let sound = Loaded { id, name: "bark".to_owned() };
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut ask = |api_id, ms| {
            let code = hub.execute(api_id, &this, at(ms)).code;
            (code, hub.player(at(ms)))
        };
        assert_eq!(ask(1002, 0), (0, Player::Playing(sound.clone())));
        assert_eq!(ask(1003, 400), (0, Player::Paused(sound.clone())));
        assert_eq!(ask(1004, 5000), (0, Player::Playing(sound.clone())));
        assert_eq!(ask(1004, 5090), (0, Player::Playing(sound.clone())));
        assert_eq!(ask(1004, 5110), (0, Player::Idle), "half a second is over");
        assert_eq!(ask(1002, 6000).1, Player::Playing(sound));
        assert_eq!(ask(1009, 6100), (0, Player::Idle));
        assert_eq!(ask(1002, 6200), (3204, Player::Idle));
        assert_eq!(ask(1009, 6300).0, 3204);
        assert_eq!(ask(1010, 6300).0, 3203);
        assert_eq!(list(&mut hub).len(), 1);
    }

    #[test]
    fn wrong_blocks_are_refused_and_end_the_upload() {
        let good = blocks("bark", &wav());
        let with = |index: usize, key: &str, value: Value| {
            let mut blocks = good.clone();
            blocks[index][key] = value;
            blocks
        };
        let mut swapped = good.clone();
        swapped.swap(0, 1);
        let mut without = good.clone();
        without.remove(1);
        for (blocks, codes) in [
            (swapped, vec![3204, 0, 3204]),
            (without, vec![0, 3204]),
            (with(1, "current_block_index", json!(3)), vec![0, 3204, 3204]),
            (with(1, "total_block_number", json!(4)), vec![0, 3204, 3204]),
            (with(2, "file_md5", json!("00")), vec![0, 0, 3204]),
            (with(0, "current_block_size", json!(4095)), vec![3204, 3204, 3204]),
            (with(2, "block_content", json!("AAAA")), vec![0, 0, 3204]),
            (with(0, "file_type", json!("mp3")), vec![3204, 3204, 3204]),
            (with(0, "file_size", Value::Null), vec![3204, 3204, 3204]),
        ] {
            let mut hub = Audiohub::default();
            assert_eq!(upload(&mut hub, &blocks), codes);
            assert!(list(&mut hub).is_empty());
        }
        // Announced wrongly in every block.
        for (key, value) in [("file_md5", json!("0".repeat(32))), ("file_size", json!(8000))] {
            let mut blocks = good.clone();
            blocks.iter_mut().for_each(|block| block[key] = value.clone());
            let mut hub = Audiohub::default();
            assert_eq!(upload(&mut hub, &blocks), [0, 0, 3204], "{key}");
            assert!(list(&mut hub).is_empty());
        }
        let mut hub = Audiohub::default();
        assert_eq!(upload(&mut hub, &[&good[..2], &good[..]].concat()), [0; 5], "begun again");
        assert_eq!(list(&mut hub).len(), 1);
    }
}
