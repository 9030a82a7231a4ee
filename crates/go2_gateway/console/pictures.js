// Counts the pictures that a video has shown.

const EVERY_MS = 200;

/** @param {HTMLVideoElement} video @param {(count: number) => void} seen Called with every new count. */
export function countPictures(video, seen) {
  let count = 0;
  if (video.requestVideoFrameCallback) {
    const next = () => {
      seen(++count);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    return;
  }
  setInterval(() => {
    const total = video.getVideoPlaybackQuality().totalVideoFrames;
    if (total !== count) seen((count = total));
  }, EVERY_MS);
}
