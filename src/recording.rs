//! The parameters `record` and `replay`: a file beside the robot, or in its place.

use go2_client::recording::{Anchor, Pace, Player, Recorder, Recording, RecordingError, Stepper};
use go2_client::session::{Link, LinkBuilder};
use go2_client::signaling::Target;
use go2_client::transport::ice::IceSettings;
use go2_client::transport::webrtc::WebRtcConnector;

use crate::params::Settings;
use crate::services::servers::Servers;

/// What is recorded or played.
pub(crate) enum Tape {
    /// Neither: there is only the robot.
    None,
    Record(Recorder),
    Replay {
        player: Box<Player>,
        /// Where it is played by steps.
        stepper: Option<Stepper>,
    },
}

impl Tape {
    /// As the parameters say.
    pub(crate) fn open(settings: &Settings) -> Result<Self, RecordingError> {
        Ok(match (&settings.replay, settings.record.as_str()) {
            (None, "") => Self::None,
            (None, path) => {
                let recorder = Recorder::create(path)?;
                tracing::info!("recording to {}", recorder.path().display());
                Self::Record(recorder)
            }
            (Some(path), _) => {
                let pace = settings.replay_rate.map_or(Pace::Stepped, Pace::Times);
                let (player, stepper) = Player::open(path, pace)?;
                tracing::info!("playing the recording {path}; it takes no commands");
                let player = Box::new(player);
                Self::Replay { player, stepper: Some(stepper).filter(|_| pace == Pace::Stepped) }
            }
        })
    }

    /// When the recording that is played was made.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        match self {
            Self::Replay { player, .. } => Some(player.anchor()),
            Self::None | Self::Record(_) => None,
        }
    }

    /// Starts the link: to the robot, or to the recording.
    pub(crate) fn start(self, link: LinkBuilder, target: Target, ice: IceSettings) -> Started {
        let robot = || {
            let mut connector = WebRtcConnector::new(target);
            connector.ice = ice;
            connector
        };
        let (link, recorder, stepper) = match self {
            Self::None => (link.start(robot()), None, None),
            Self::Record(recorder) => {
                (link.start(Recording::new(robot(), recorder.clone())), Some(recorder), None)
            }
            Self::Replay { player, stepper } => (link.start(*player), None, stepper),
        };
        Started { link, recorder, stepper }
    }
}

/// A link, and what goes with it.
pub(crate) struct Started {
    pub(crate) link: Link,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) stepper: Option<Stepper>,
}

/// Creates `~/replay_step`.
pub(crate) fn serve(servers: &mut Servers<'_>, stepper: Stepper) -> r2r::Result<()> {
    servers.trigger_each("~/replay_step", move || {
        let stepper = stepper.clone();
        async move {
            match stepper.step().await {
                Some(step) => Ok(format!("{:.6} s: {}", step.at.as_secs_f64(), step.topic)),
                None => Err("the recording is over".to_owned()),
            }
        }
    })
}

/// Closes the file, once the link is closed.
pub(crate) async fn finish(recorder: Recorder) {
    let path = recorder.path().display().to_string();
    // It waits for the disk.
    let counts = tokio::task::spawn_blocking(move || recorder.finish()).await;
    if let Ok(counts) = counts {
        let missing = match counts.dropped {
            0 => String::new(),
            dropped => format!("; {dropped} are missing"),
        };
        tracing::info!("recorded {} messages to {path}{missing}", counts.written);
    }
}
