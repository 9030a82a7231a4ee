//! `rt/audiohub/player/state`: what the loudspeaker plays.

use serde::Deserialize;

use super::State;
use crate::codec::{topics, DecodeError, Json};

/// What the audio player does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlayerState {
    /// The name of the file that it plays, or its unique id where it has no name; `None` while it is silent.
    pub playing: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    is_playing: bool,
    #[serde(default)]
    current_audio_unique_id: Option<String>,
    #[serde(default)]
    current_audio_custom_name: Option<String>,
}

impl State for PlayerState {
    const TOPIC: &'static str = topics::AUDIOHUB_STATE;

    fn decode(data: &Json) -> Result<Self, DecodeError> {
        let wire: Wire = data.decode()?;
        let names = [wire.current_audio_custom_name, wire.current_audio_unique_id];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        Ok(Self { playing: wire.is_playing.then(|| name.unwrap_or_default()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_played() {
        let decode = |text: &str| PlayerState::decode(&Json::from(text.to_owned()));
        let playing = |name: &str| Ok(PlayerState { playing: Some(name.to_owned()) });
        let silent =
            r#"{"play_state":"not_in_use","is_playing":false,"current_audio_unique_id":""}"#;
        assert_eq!(decode(silent), Ok(PlayerState::default()));
        let named = r#"{"is_playing":true,"current_audio_unique_id":"7","current_audio_custom_name":"bark"}"#;
        assert_eq!(decode(named), playing("bark"));
        let wrapped = r#""{\"is_playing\":true,\"current_audio_unique_id\":\"7\"}""#;
        assert_eq!(decode(wrapped), playing("7"));
        assert_eq!(decode(r#"{"play_state":"in_use"}"#), Err(DecodeError::Shape));
    }
}
