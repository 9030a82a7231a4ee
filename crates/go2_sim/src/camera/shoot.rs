//! The camera itself: takes a picture at each beat of its clock, on a thread of its own, and encodes it.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::encode::{EncodeError, Encoded, Encoder, Encoding};
use super::options::VideoOptions;
use super::picture::Picture;
use super::render::{Pose, Renderer};
use super::stamp;
use super::stored::{Player, StoredStream};
use crate::body::Body;
use crate::profile::CameraFacts;
use crate::world::World;

/// A frame to send.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Number of the frame; it is burnt in too. Every one that is taken is sent.
    pub(super) counter: u32,
    /// The beat that it was taken at, which its time stamp tells.
    pub(super) beat: Instant,
    /// When it was taken.
    pub(super) taken: SystemTime,
    pub(super) encoded: Encoded,
}

/// The front camera of one robot.
pub(crate) struct Camera {
    pub(super) options: VideoOptions,
    encoding: Encoding,
    pub(super) world: Arc<World>,
    body: Arc<Mutex<Body>>,
    /// What is sent in place of what it sees.
    stored: Option<Arc<StoredStream>>,
    works: Mutex<Option<Works>>,
}

/// What is made when somebody first looks, and then kept.
struct Works {
    source: Source,
    counter: u32,
}

/// Where pictures come from.
enum Source {
    /// What the camera sees.
    Seen(Box<Sight>),
    Stored(Player),
}

/// What is seen, and its encoder.
struct Sight {
    renderer: Renderer,
    encoder: Encoder,
    picture: Picture,
    pose: Option<Pose>,
}

/// Pictures of a group that a client who comes into its middle has missed.
const MISSED: u32 = 3;
/// A picture that is later than this share of the interval is left out.
const LATE: u32 = 8;

impl Camera {
    pub(crate) fn new(
        options: VideoOptions,
        facts: CameraFacts,
        world: Arc<World>,
        body: Arc<Mutex<Body>>,
    ) -> Self {
        let encoding = options.encoding(&facts);
        Self { options, encoding, world, body, stored: None, works: Mutex::default() }
    }

    /// The same camera, which sends a stored stream in place of what it sees. Still pictures stay what it sees.
    pub(crate) fn playing(self, stored: Option<StoredStream>) -> Self {
        Self { stored: stored.map(Arc::new), ..self }
    }

    /// Takes pictures until nobody receives them or the other end of `wishes` is gone; each wish is for an IDR
    /// picture. Blocks its thread.
    pub(super) fn shoot(
        &self,
        wishes: &Receiver<()>,
        frames: &mpsc::Sender<Frame>,
    ) -> Result<(), EncodeError> {
        // One client after the other: the last one's thread may still have it for a moment.
        let mut works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        let works = match &mut *works {
            Some(works) => works,
            empty => empty.insert(Works::new(self.encoding, self.stored.clone())?),
        };
        let missed = if self.options.starts_clean { 0 } else { MISSED };
        let mut idr = missed == 0;
        match &mut works.source {
            Source::Stored(player) => player.join(missed),
            Source::Seen(_) => {
                for number in 0..missed {
                    self.take(works, Instant::now(), number == 0)?;
                }
            }
        }
        let start = Instant::now();
        let mut number = 0;
        loop {
            let beat = start + self.encoding.time_of(number);
            loop {
                let left = beat.saturating_duration_since(Instant::now());
                match wishes.recv_timeout(left) {
                    Ok(()) => idr = true,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
            let frame = self.take(works, beat, std::mem::take(&mut idr))?;
            if frames.blocking_send(frame).is_err() {
                return Ok(());
            }
            number = match works.source {
                Source::Seen(_) => next(number, start.elapsed(), self.encoding.time_of(1)),
                // Of stored pictures none can be left out: others build on it.
                Source::Stored(_) => number + 1,
            };
        }
    }

    fn take(&self, works: &mut Works, beat: Instant, idr: bool) -> Result<Frame, EncodeError> {
        let taken = SystemTime::now();
        let counter = works.counter;
        let (encoded, beat) = match &mut works.source {
            Source::Seen(sight) => {
                sight.look(&self.world, self.pose());
                let time = taken.duration_since(UNIX_EPOCH).unwrap_or_default();
                stamp::burn(&mut sight.picture, counter, time);
                let milliseconds = self.encoding.time_of(u64::from(counter)).as_millis() as u64;
                (sight.encoder.encode(&sight.picture, milliseconds, idr)?, beat)
            }
            Source::Stored(player) => {
                let unit = player.take(idr);
                let waited = self.encoding.time_of(u64::from(unit.waited));
                (unit.encoded.clone(), beat.checked_sub(waited).unwrap_or(beat))
            }
        };
        works.counter = counter.wrapping_add(1);
        Ok(Frame { counter, beat, taken, encoded })
    }

    pub(super) fn pose(&self) -> Pose {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.step(Instant::now());
        let motion = body.motion();
        Pose { x: motion.x, y: motion.y, yaw: motion.yaw, height: body.height() }
    }
}

impl Works {
    fn new(encoding: Encoding, stored: Option<Arc<StoredStream>>) -> Result<Self, EncodeError> {
        let source = match stored {
            Some(stream) => Source::Stored(Player::new(stream)),
            None => Source::Seen(Box::new(Sight {
                renderer: Renderer::new(),
                encoder: Encoder::new(encoding)?,
                picture: Picture::default(),
                pose: None,
            })),
        };
        Ok(Self { source, counter: 0 })
    }
}

impl Sight {
    /// Renders what is seen from a pose, unless that is in the picture already.
    fn look(&mut self, world: &World, pose: Pose) {
        if self.pose != Some(pose) {
            self.renderer.render(world, pose, &mut self.picture);
            self.pose = Some(pose);
        }
    }
}

/// The picture to take after the one with `number`, when `elapsed` has passed since the first one: the next, or one
/// that is not late yet.
fn next(number: u64, elapsed: Duration, interval: Duration) -> u64 {
    let bearable = elapsed.saturating_sub(interval / LATE);
    let punctual = bearable.as_nanos().div_ceil(interval.as_nanos().max(1)) as u64;
    punctual.max(number + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn camera(options: VideoOptions) -> Camera {
        let body = Arc::new(Mutex::new(Body::new(None, Instant::now())));
        let facts = crate::Profile::Pro1115.facts().camera;
        Camera::new(options, facts, Arc::new(World::house()), body)
    }

    /// The first frames that a client gets, with a wish before the one with the number `wish`.
    fn first(camera: &Camera, count: usize, wish: Option<usize>) -> Vec<Frame> {
        let (wishes, wished) = sync_channel(1);
        let (sender, mut frames) = mpsc::channel(1);
        std::thread::scope(|scope| {
            let shooting = scope.spawn(move || camera.shoot(&wished, &sender));
            let mut received = Vec::new();
            while received.len() < count {
                if wish == Some(received.len()) {
                    wishes.send(()).unwrap();
                }
                received.push(frames.blocking_recv().unwrap());
            }
            drop((wishes, frames));
            shooting.join().unwrap().unwrap();
            received
        })
    }

    fn idr(frames: &[Frame]) -> Vec<usize> {
        (0..frames.len()).filter(|i| frames[*i].encoded.idr).collect()
    }

    #[test]
    fn clients_come_into_the_middle_of_a_group_unless_asked() {
        let options =
            VideoOptions { fps: Some(30), idr_every: Some(0.2), ..VideoOptions::default() };
        let robot = camera(options.clone());
        let frames = first(&robot, 10, None);
        assert_eq!(idr(&frames), [3, 9], "the first three of six were missed");
        let counters: Vec<_> = frames.iter().map(|frame| frame.counter).collect();
        assert_eq!(counters, (3..13).collect::<Vec<_>>());
        let again = first(&robot, 4, None);
        assert!(again[0].counter > 15, "numbers go on: {}", again[0].counter);
        assert_eq!(idr(&again), [3]);

        let clean = camera(VideoOptions { starts_clean: true, ..options });
        let frames = first(&clean, 5, Some(2));
        assert_eq!(frames[0].counter, 0);
        // A wish comes true in the next picture, or in the one after it if that is being taken.
        let idr = idr(&frames);
        assert!(idr == [0, 2] || idr == [0, 3] || idr == [0, 4], "{idr:?}");
    }

    #[test]
    fn frames_are_on_the_beat() {
        let options = VideoOptions { fps: Some(20), ..VideoOptions::default() };
        let frames = first(&camera(options), 4, None);
        for pair in frames.windows(2) {
            let step = pair[1].beat - pair[0].beat;
            assert!(step.as_millis().is_multiple_of(50) && !step.is_zero(), "{step:?}");
        }
    }

    #[test]
    fn a_stored_stream_is_sent_whole_and_stamped_in_the_order_of_its_pictures() {
        let file = include_bytes!("../../../../tests/video/b_pictures.h264");
        let options = VideoOptions { fps: Some(30), ..VideoOptions::default() };
        let stored = StoredStream::read(file).unwrap();
        let waited: Vec<_> = stored.waited().collect();
        let frames = first(&camera(options).playing(Some(stored)), 40, None);
        // The first three were missed; behind the last picture comes the first.
        assert_eq!(idr(&frames), [27, 32]);
        let beat = |at: usize| frames[at].beat;
        for (at, frame) in frames.iter().enumerate() {
            let late = |at: usize| waited[(at + 3) % 35] as f64 / 30.0;
            let expected = at as f64 / 30.0 - late(at) + late(0);
            let since = match frame.beat.checked_duration_since(beat(0)) {
                Some(since) => since.as_secs_f64(),
                None => -(beat(0) - frame.beat).as_secs_f64(),
            };
            assert!((since - expected).abs() < 1e-6, "{at}: {since} {expected}");
        }
        let mut beats: Vec<_> = frames.iter().map(|frame| frame.beat).collect();
        beats.sort_unstable();
        beats.dedup();
        assert_eq!(beats.len(), 40, "no two have the same stamp");
    }

    #[test]
    fn pictures_that_would_be_late_are_left_out() {
        let interval = Duration::from_millis(50);
        for (number, elapsed_ms, expected) in
            [(0, 20, 1), (0, 50, 1), (0, 56, 1), (0, 57, 2), (7, 400, 8), (7, 490, 10), (7, 10, 8)]
        {
            let elapsed = Duration::from_millis(elapsed_ms);
            assert_eq!(next(number, elapsed, interval), expected, "{number} at {elapsed:?}");
        }
    }
}
