//! Still pictures, as the videohub service gives them.

use super::lens::{HEIGHT, WIDTH};
use super::picture::Picture;
use super::render::Renderer;
use super::shoot::Camera;

const QUALITY: i32 = 85;

impl Camera {
    /// What is seen now as a JPEG of 1280 x 720. Blocks for some tens of milliseconds, beside a running video.
    pub(crate) fn still(&self) -> Result<Vec<u8>, turbojpeg::Error> {
        let mut picture = Picture::default();
        Renderer::new().render(&self.world, self.pose(), &mut picture);
        // A JPEG's black is 0 and its white 255, the video's are 16 and 235.
        let full = |middle: f32, share: f32| {
            move |sample: u8| ((f32::from(sample) - middle) * share).round()
        };
        let (luma, chroma) = (full(16.0, 255.0 / 219.0), full(128.0, 255.0 / 224.0));
        let y = picture.y.iter().map(|sample| luma(*sample) as u8);
        let colours = picture.u.iter().chain(&picture.v);
        let colours = colours.map(|sample| (chroma(*sample) + 128.0) as u8);
        let pixels: Vec<u8> = y.chain(colours).collect();
        let subsamp = turbojpeg::Subsamp::Sub2x2;
        let mut compressor = turbojpeg::Compressor::new()?;
        compressor.set_quality(QUALITY)?;
        compressor.set_subsamp(subsamp)?;
        let (width, height, align) = (WIDTH, HEIGHT, 1);
        let image =
            turbojpeg::YuvImage { pixels: pixels.as_slice(), width, align, height, subsamp };
        compressor.compress_yuv_to_vec(image)
    }
}
