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
        let pixels = [picture.y, picture.u, picture.v].concat();
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
