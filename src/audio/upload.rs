//! A wav file to the robot, block by block.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::stream::FuturesUnordered;
use futures::StreamExt as _;
use go2_proto::codec::Request;
use go2_proto::commands::audio;
use go2_proto::commands::audio::Upload;
use go2_proto::session::RequestError;
use tokio::sync::mpsc;

use super::{Board, Name};
use crate::services::{refusal, Robot};

/// Between two blocks, which the robot writes to its disk; also keeps what is told of them below 10 Hz.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a block is sent in all, where no answer comes.
const ATTEMPTS: u32 = 3;
/// Until a link that is crowded may have room again.
const CROWDED: Duration = Duration::from_millis(500);

pub(super) async fn run(mut paths: mpsc::Receiver<Name>, robot: Robot, board: Board) {
    let mut running = FuturesUnordered::new(); // one at most
    loop {
        tokio::select! {
            path = paths.recv() => match path {
                None => return,
                Some(None) => board.fail("this is too long for a path"),
                Some(Some(path)) if !running.is_empty() => {
                    board.fail(&format!("{path}: another file is being uploaded; try again after it"));
                }
                Some(Some(path)) => {
                    board.set_uploading(true);
                    running.push(upload(path, robot.clone(), board.clone()));
                }
            },
            Some(result) = running.next() => {
                board.set_uploading(false);
                match result {
                    Ok(file) => board.say(&format!("uploaded {file}")),
                    Err(reason) => board.fail(&reason),
                }
            }
        }
    }
}

/// Returns the file's name.
async fn upload(path: String, robot: Robot, board: Board) -> Result<String, String> {
    let read = tokio::task::spawn_blocking(move || read(Path::new(&path)));
    let (file, upload) = read.await.map_err(|error| format!("reading the file: {error}"))??;
    let total = upload.blocks();
    let mut again = false;
    'whole: loop {
        for (index, request) in upload.requests().enumerate() {
            let percent = 100 * index / total;
            board.say(&format!("uploading {file}: {index} of {total} blocks ({percent} %)"));
            match send(&robot, &request).await {
                Ok(()) => {}
                // It may have had the block already: then only the whole file is of use to it.
                Err(Failure::Refused { repeated: true, .. }) if !again => {
                    again = true;
                    continue 'whole;
                }
                Err(Failure::Refused { why, .. } | Failure::Unanswered(why)) => {
                    return Err(format!("{file}: {why}; {index} of {total} blocks had arrived"));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        return Ok(file);
    }
}

/// Why a block was not taken.
enum Failure {
    /// The robot refuses it; it was sent more than once if `repeated`.
    Refused { why: String, repeated: bool },
    /// It did not arrive, as far as anybody knows.
    Unanswered(String),
}

/// Reads and checks a file; returns its name beside it. Blocks.
fn read(path: &Path) -> Result<(String, Upload), String> {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let file = file.ok_or_else(|| format!("{} names no file", path.display()))?;
    let cannot = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let metadata = path.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut wav = Vec::new();
    // One byte more shows that there are too many, however the file grows meanwhile.
    let most = audio::LONGEST as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut wav)).map_err(cannot)?;
    let name = file.strip_suffix(".wav").unwrap_or(&file);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let upload = Upload::new(name, wav, now.as_millis() as u64).map_err(|error| {
        format!("{file} is not for the robot: {error}. To convert it: {}", audio::CONVERT)
    })?;
    Ok((file, upload))
}

/// Sends a block until it is answered.
async fn send(robot: &Robot, request: &Request) -> Result<(), Failure> {
    let mut repeated = false;
    let mut error = RequestError::Lost;
    for _ in 0..ATTEMPTS {
        let timeout = robot.settings.borrow().request_timeout;
        error = match robot.link.request(request.clone(), timeout).await {
            Ok(response) if response.code == 0 => return Ok(()),
            Ok(response) => return Err(Failure::Refused { why: refusal(&response), repeated }),
            Err(error) => error,
        };
        match &error {
            RequestError::Timeout(_) => repeated = true,
            RequestError::Crowded | RequestError::TooMany => tokio::time::sleep(CROWDED).await,
            _ => break,
        }
    }
    Err(Failure::Unanswered(match error {
        RequestError::Lost | RequestError::NotLive => {
            "the connection to the robot was lost; upload it again".to_owned()
        }
        error => error.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_refused_with_what_to_do() {
        let refused = |path: &str| read(Path::new(path)).map(|_| ()).unwrap_err();
        assert!(
            refused("/nowhere/bark.wav").starts_with("/nowhere/bark.wav cannot be read: No such")
        );
        assert_eq!(refused("/"), "/ names no file");
        assert_eq!(refused("/dev"), "/dev is not a file");
        assert_eq!(refused("/dev/zero"), "/dev/zero is not a file");
        let reason = refused(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        assert!(
            reason.starts_with("Cargo.toml is not for the robot: it is no wav file."),
            "{reason}"
        );
        assert!(reason.ends_with("-c:a pcm_s16le out.wav"), "{reason}");
    }
}
