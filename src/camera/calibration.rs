//! The camera's calibration: the default, or a file as `camera_calibration` writes it.

use std::path::PathBuf;

use r2r::sensor_msgs::msg::{CameraInfo, RegionOfInterest};
use serde::Deserialize;

/// Of the pinhole model with a distortion, for one size of picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calibration {
    width: u32,
    height: u32,
    model: String,
    distortion: Vec<f64>,
    /// Row-major 3 x 3, pixels.
    intrinsic: [f64; 9],
    /// Row-major 3 x 3.
    rectification: [f64; 9],
    /// Row-major 3 x 4, pixels.
    projection: [f64; 12],
}

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CalibrationError {
    #[error("\"{0}\" is not a file: URL with a whole path, such as file:///path/to/go2.yaml")]
    Url(String),
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, std::io::Error),
    #[error("{0} is not a calibration as camera_calibration writes it: {1}")]
    Format(PathBuf, String),
}

const IDENTITY: [f64; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

impl Default for Calibration {
    /// Measured on one GO2 by the authors of another driver. How much robots differ is not known.
    fn default() -> Self {
        let (fx, fy, cx, cy) = (864.39938, 863.73849, 639.19798, 373.28118);
        Self {
            width: 1280,
            height: 720,
            model: "plumb_bob".into(),
            distortion: vec![-0.354630, 0.102054, -0.001614, -0.001249, 0.0],
            intrinsic: [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
            rectification: IDENTITY,
            projection: [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        }
    }
}

/// The file's format, of which `rows` and `cols` say nothing that the length does not.
#[derive(Deserialize)]
struct File {
    image_width: u32,
    image_height: u32,
    #[serde(default = "plumb_bob")]
    distortion_model: String,
    camera_matrix: Matrix,
    distortion_coefficients: Matrix,
    #[serde(default)]
    rectification_matrix: Option<Matrix>,
    projection_matrix: Matrix,
}

#[derive(Deserialize)]
struct Matrix {
    data: Vec<f64>,
}

fn plumb_bob() -> String {
    "plumb_bob".to_owned()
}

impl Calibration {
    /// Reads the file that a URL names; the default where the URL is empty.
    pub(crate) fn load(url: &str) -> Result<Self, CalibrationError> {
        if url.is_empty() {
            return Ok(Self::default());
        }
        let path = url.strip_prefix("file://").filter(|path| path.starts_with('/'));
        let path = PathBuf::from(path.ok_or_else(|| CalibrationError::Url(url.to_owned()))?);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|why| CalibrationError::Format(path, why)),
            Err(error) => Err(CalibrationError::Read(path, error)),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let lengths = [
            ("camera_matrix", file.camera_matrix.data.len(), 9),
            ("projection_matrix", file.projection_matrix.data.len(), 12),
        ];
        for (name, length, wanted) in lengths {
            if length != wanted {
                return Err(format!("{name} has {length} numbers instead of {wanted}"));
            }
        }
        let rectification = file.rectification_matrix.map_or(Ok(IDENTITY), |matrix| {
            <[f64; 9]>::try_from(matrix.data).map_err(|_| "rectification_matrix has not 9 numbers")
        })?;
        let calibration = Self {
            width: file.image_width,
            height: file.image_height,
            model: file.distortion_model,
            distortion: file.distortion_coefficients.data,
            intrinsic: file.camera_matrix.data.try_into().unwrap_or(IDENTITY),
            rectification,
            projection: file.projection_matrix.data.try_into().unwrap_or([0.0; 12]),
        };
        let numbers = calibration.intrinsic.iter().chain(&calibration.projection);
        let finite = numbers.chain(&calibration.distortion).all(|number| number.is_finite());
        if !finite || calibration.width == 0 || calibration.height == 0 {
            return Err("its numbers are not finite, or its image has no size".into());
        }
        Ok(calibration)
    }

    /// What is to be published with pictures of this size, without its header. Scaled where the picture is of
    /// another size but the same shape; without a calibration (zeros) where it has another shape.
    pub(crate) fn info(&self, width: u32, height: u32) -> CameraInfo {
        let same_shape =
            u64::from(self.width) * u64::from(height) == u64::from(self.height) * u64::from(width);
        let scale = f64::from(width) / f64::from(self.width);
        let (mut k, mut p) = (self.intrinsic, self.projection);
        // The first two rows are in pixels.
        k[..6].iter_mut().chain(&mut p[..8]).for_each(|number| *number *= scale);
        let mut info = CameraInfo {
            width,
            height,
            distortion_model: self.model.clone(),
            r: self.rectification.to_vec(),
            roi: RegionOfInterest::default(),
            ..CameraInfo::default()
        };
        if same_shape {
            info.d = self.distortion.clone();
            (info.k, info.p) = (k.to_vec(), p.to_vec());
        } else {
            (info.k, info.p) = (vec![0.0; 9], vec![0.0; 12]);
        }
        info
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
image_width: 640
image_height: 480
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [500, 0, 320, 0, 501, 240, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 0.0, 0.0, 0.0]
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [490, 0, 321, 0, 0, 491, 241, 0, 0, 0, 1, 0]}
";

    #[test]
    fn reads_the_usual_file() {
        let info = Calibration::parse(TEXT).unwrap().info(640, 480);
        assert_eq!((info.k[0], info.k[5], info.d[1], info.p[6]), (500.0, 240.0, -0.2, 241.0));
        assert_eq!((info.d.len(), info.r.len(), info.p.len()), (5, 9, 12));
    }

    #[test]
    fn files_that_are_none_are_refused_with_the_reason() {
        assert!(Calibration::parse("a: 1").is_err());
        let short = TEXT.replace("[500, 0, 320, 0, 501, 240, 0, 0, 1]", "[500]");
        assert_eq!(
            Calibration::parse(&short).unwrap_err(),
            "camera_matrix has 1 numbers instead of 9"
        );
        assert!(Calibration::parse(&TEXT.replace("500", ".nan")).is_err());
        for url in ["go2.yaml", "package://x/y.yaml", "file://relative.yaml"] {
            assert!(matches!(Calibration::load(url), Err(CalibrationError::Url(_))), "{url}");
        }
        let missing = Calibration::load("file:///no/such/file.yaml");
        assert!(matches!(missing, Err(CalibrationError::Read(..))));
    }

    #[test]
    fn other_sizes_of_the_same_shape_are_scaled() {
        let full = Calibration::default().info(1280, 720);
        assert_eq!((full.k[0], full.p[5]), (864.39938, 863.73849));
        let larger = Calibration::default().info(1920, 1080);
        assert!((larger.k[0] - 1.5 * 864.39938).abs() < 1e-9 && larger.k[8] == 1.0);
        assert_eq!(larger.d, full.d);
        let square = Calibration::default().info(720, 720);
        assert!(
            square.k.iter().chain(&square.p).all(|number| *number == 0.0) && square.d.is_empty()
        );
    }
}
