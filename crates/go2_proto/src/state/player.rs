//! `rt/audiohub/player/state`: what the loudspeaker plays.

use serde::Deserialize;

use super::State;
use crate::codec::{topics, DecodeError, Json};
use crate::text::{clean, NAME};

/// What the audio player does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlayerState {
    /// The file that it plays; `None` while it is silent.
    pub playing: Option<Playing>,
}

/// A file that is being played.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Playing {
    /// By what the robot knows it; clean and bounded, as the name is.
    pub unique_id: String,
    /// By what people know it, where that is told.
    pub name: Option<String>,
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
        let name = wire.current_audio_custom_name.map(|name| clean(&name, NAME));
        let name = name.filter(|name| !name.is_empty());
        let unique_id = clean(&wire.current_audio_unique_id.unwrap_or_default(), NAME);
        Ok(Self { playing: wire.is_playing.then_some(Playing { unique_id, name }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_played() {
        let decode = |text: &str| PlayerState::decode(&Json::from(text.to_owned()));
        let playing = |name: Option<&str>| {
            let name = name.map(str::to_owned);
            Ok(PlayerState { playing: Some(Playing { unique_id: "7".into(), name }) })
        };
        let silent =
            r#"{"play_state":"not_in_use","is_playing":false,"current_audio_unique_id":""}"#;
        assert_eq!(decode(silent), Ok(PlayerState::default()));
        let named = r#"{"is_playing":true,"current_audio_unique_id":"7","current_audio_custom_name":"bark"}"#;
        assert_eq!(decode(named), playing(Some("bark")));
        let wrapped = r#""{\"is_playing\":true,\"current_audio_unique_id\":\"7\"}""#;
        assert_eq!(decode(wrapped), playing(None));
        assert_eq!(decode(r#"{"play_state":"in_use"}"#), Err(DecodeError::Shape));
    }

    #[test]
    fn names_are_clean() {
        let nasty = crate::text::nasty();
        let data = serde_json::json!({"is_playing": true, "current_audio_unique_id": nasty,
            "current_audio_custom_name": nasty});
        let state = PlayerState::decode(&Json::from(data.to_string())).unwrap().playing.unwrap();
        crate::text::assert_clean(&state.unique_id, NAME);
        crate::text::assert_clean(&state.name.unwrap(), NAME);
    }
}
