//! What comes by the media tracks: pictures put together from the video's packets; audio is only counted.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, Notify};
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use webrtc::rtp_transceiver::rtp_codec::RTPCodecType;
use webrtc::track::track_remote::TrackRemote;

use crate::failpoint::failpoint;
use go2_proto::session::MediaCount;
use go2_proto::throttle::Throttle;
use go2_proto::video::{AccessUnit, Assembler, Packet, StreamInfo};

/// Pictures that may wait for the session; it takes them at once unless the computer is overloaded.
const QUEUE: usize = 8;
/// Between two requests for a keyframe: a robot that heeds them needs a moment for each.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);
/// How often a waiting track looks up.
const IDLE: Duration = Duration::from_secs(1);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The receiving end of a connection's tracks.
pub(super) struct Tracks {
    pub(super) pictures: mpsc::Receiver<AccessUnit>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    count: Mutex<MediaCount>,
    keyframe: Notify,
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut MediaCount)) {
        change(&mut self.count.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Tracks {
    /// Takes every track that the robot opens. The tasks end with the connection.
    pub(super) fn of(connection: &Arc<RTCPeerConnection>) -> Self {
        let (pictures_tx, pictures) = mpsc::channel(QUEUE);
        let shared = Arc::<Shared>::default();
        let (for_tracks, weak) = (Arc::clone(&shared), Arc::downgrade(connection));
        connection.on_track(Box::new(move |track, _, _| {
            let shared = Arc::clone(&for_tracks);
            if track.kind() == RTPCodecType::Video {
                let video = Video {
                    track,
                    connection: Weak::clone(&weak),
                    pictures: pictures_tx.clone(),
                    shared,
                    assembler: Assembler::new(),
                    described: false,
                    asked: None,
                    warn: Throttle::new(LOG_EVERY),
                };
                tokio::spawn(video.run());
            } else {
                tokio::spawn(count_audio(track, shared));
            }
            Box::pin(async {})
        }));
        Self { pictures, shared }
    }

    /// Asks for a keyframe, if one was not asked for just now.
    pub(super) fn request_keyframe(&self) {
        self.shared.keyframe.notify_one();
    }

    /// Totals so far.
    pub(super) fn count(&self) -> MediaCount {
        *self.shared.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count_audio(track: Arc<TrackRemote>, shared: Arc<Shared>) {
    while track.read_rtp().await.is_ok() {
        shared.count(|count| count.audio_packets += 1);
    }
}

struct Video {
    track: Arc<TrackRemote>,
    connection: Weak<RTCPeerConnection>,
    pictures: mpsc::Sender<AccessUnit>,
    shared: Arc<Shared>,
    assembler: Assembler,
    /// Whether the log has what the stream is like.
    described: bool,
    /// When a keyframe was asked for last.
    asked: Option<Instant>,
    warn: Throttle,
}

impl Video {
    async fn run(mut self) {
        while let Some(packet) = self.next().await {
            failpoint("engine");
            self.assembler.push(packet, Instant::now());
            self.after_input(false).await;
        }
    }

    /// The next packet; `None` when the track has ended. Meanwhile it lets time pass.
    async fn next(&mut self) -> Option<Packet> {
        let track = Arc::clone(&self.track);
        // A read that is dropped half-way would lose its packet.
        let read = track.read_rtp();
        tokio::pin!(read);
        loop {
            let due = self.assembler.poll_timeout();
            let due = due.unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                read = &mut read => {
                    let (packet, _) = read.ok()?;
                    return Some(Packet {
                        sequence: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        marker: packet.header.marker,
                        payload: packet.payload,
                    });
                }
                () = self.shared.keyframe.notified() => self.after_input(true).await,
                () = tokio::time::sleep_until(due.into()) => {
                    self.assembler.handle_timeout(Instant::now());
                    self.after_input(false).await;
                }
            }
        }
    }

    async fn after_input(&mut self, keyframe_wanted: bool) {
        self.hand_over();
        if keyframe_wanted || self.assembler.wants_keyframe() {
            self.ask().await;
        }
        self.shared.count(|count| count.video = self.assembler.counters());
    }

    fn hand_over(&mut self) {
        while let Some(picture) = self.assembler.poll() {
            if !std::mem::replace(&mut self.described, true) {
                // It begins with a keyframe. What the sequence parameter set says is worth a report.
                if let Some(info) = StreamInfo::of(&picture) {
                    tracing::info!("the camera's video: {info}");
                }
            }
            // Where the session does not keep up, a gap in the pictures' numbers tells.
            let _ = self.pictures.try_send(picture);
        }
        while let Some(error) = self.assembler.poll_error() {
            if let Some(more) = self.warn.allow(Instant::now()) {
                tracing::warn!("a part of the video was dropped: {error}{more}");
            }
        }
    }

    async fn ask(&mut self) {
        let now = Instant::now();
        if self.asked.is_some_and(|asked| now - asked < KEYFRAME_EVERY) {
            return;
        }
        self.asked = Some(now);
        if let Some(connection) = self.connection.upgrade() {
            let request = PictureLossIndication { sender_ssrc: 0, media_ssrc: self.track.ssrc() };
            let _ = connection.write_rtcp(&[Box::new(request)]).await; // asked for again if lost
        }
    }
}
