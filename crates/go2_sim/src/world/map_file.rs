//! Reads ROS maps: the YAML of a map_server with a PGM or PNG image.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::World;

/// Why a map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// A file is longer than any map.
    #[error("{0} is longer than {1} bytes, too long for a map")]
    Long(PathBuf, u64),
    /// The YAML is not that of a map.
    #[error("not the YAML of a map: {0}")]
    Yaml(String),
    /// A value of the YAML is out of its range.
    #[error("{0} of the map is {1}; it must be {2}")]
    Value(&'static str, String, &'static str),
    /// The image is neither PGM nor PNG.
    #[error("the map's image is neither PGM (P2, P5) nor PNG; convert it to one of them")]
    Format,
    /// The image is damaged.
    #[error("the map's image cannot be read: {0}")]
    Image(String),
    /// The image is too large.
    #[error("the map's image has {0} x {1} pixels; at most {LARGEST} are taken")]
    Large(usize, usize),
}

/// Pixels of the largest image.
const LARGEST: usize = 16 << 20;
const LONGEST_YAML: u64 = 64 << 10;
/// Sixteen-bit samples as text with some space fit.
const LONGEST_IMAGE: u64 = 8 * LARGEST as u64;

#[derive(Deserialize)]
struct Yaml {
    image: String,
    resolution: f64,
    origin: Vec<f64>,
    #[serde(default)]
    negate: Negate,
    occupied_thresh: f64,
    free_thresh: f64,
    #[serde(default)]
    mode: Option<String>,
}

/// Map savers write a number, people write either.
#[derive(Deserialize)]
#[serde(untagged)]
enum Negate {
    Bool(bool),
    Number(i64),
}

impl Default for Negate {
    fn default() -> Self {
        Self::Bool(false)
    }
}

/// Shades from 0, black, to 1, white, from the top row; `None` where a pixel is transparent.
struct Image {
    width: usize,
    height: usize,
    shades: Vec<Option<f32>>,
}

pub(super) fn load(path: &Path) -> Result<World, WorldError> {
    let text = String::from_utf8(bytes_of(path, LONGEST_YAML)?)
        .map_err(|error| WorldError::Yaml(error.to_string()))?;
    let image = path.parent().unwrap_or(Path::new("")).join(parse(&text)?.image);
    read(&text, &bytes_of(&image, LONGEST_IMAGE)?)
}

fn bytes_of(path: &Path, longest: u64) -> Result<Vec<u8>, WorldError> {
    let io = |error| WorldError::Io(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    let length = file.take(longest + 1).read_to_end(&mut bytes).map_err(io)?;
    if length as u64 > longest {
        return Err(WorldError::Long(path.to_owned(), longest));
    }
    Ok(bytes)
}

fn parse(text: &str) -> Result<Yaml, WorldError> {
    serde_saphyr::from_str(text).map_err(|error| WorldError::Yaml(error.to_string()))
}

/// A world from the YAML and the image that it names.
pub(super) fn read(text: &str, image: &[u8]) -> Result<World, WorldError> {
    let yaml = parse(text)?;
    let value = |name, seen: String, wanted| Err(WorldError::Value(name, seen, wanted));
    if !(1e-3..=10.0).contains(&yaml.resolution) {
        return value("resolution", yaml.resolution.to_string(), "0.001 to 10 metres");
    }
    let &[x, y, yaw] = yaml.origin.as_slice() else {
        return value("origin", format!("{:?}", yaml.origin), "three numbers, x, y and yaw");
    };
    if yaw != 0.0 {
        return value("origin's yaw", yaw.to_string(), "0: turn the image instead");
    }
    if !(x.abs() < 1e6 && y.abs() < 1e6) {
        return value("origin", format!("{:?}", yaml.origin), "within 1000 km");
    }
    for (name, share) in
        [("occupied_thresh", yaml.occupied_thresh), ("free_thresh", yaml.free_thresh)]
    {
        if !(0.0..=1.0).contains(&share) {
            return value(name, share.to_string(), "0 to 1");
        }
    }
    if let Some(mode) = yaml.mode.filter(|mode| mode != "trinary") {
        return value("mode", mode, "trinary");
    }
    let negate = match yaml.negate {
        Negate::Bool(negate) => negate,
        Negate::Number(number) => number != 0,
    };

    let image = match image {
        [b'P', b'2' | b'5', ..] => pgm(image)?,
        [0x89, b'P', b'N', b'G', ..] => png(image)?,
        _ => return Err(WorldError::Format),
    };
    let is_wall = |shade: &Option<f32>| {
        shade.is_some_and(|shade| {
            let shade = f64::from(shade);
            (if negate { shade } else { 1.0 - shade }) > yaml.occupied_thresh
        })
    };
    // The image's first row is the top, the world's the bottom.
    let rows = image.shades.chunks_exact(image.width).rev();
    Ok(World {
        resolution: yaml.resolution,
        origin: [x, y],
        size: [image.width, image.height],
        occupied: rows.flatten().map(is_wall).collect(),
    })
}

/// The size of an image that has pixels, and not too many.
fn checked(width: usize, height: usize) -> Result<usize, WorldError> {
    match width.checked_mul(height) {
        Some(0) => Err(WorldError::Image("it has no pixels".to_owned())),
        Some(pixels) if pixels <= LARGEST => Ok(pixels),
        _ => Err(WorldError::Large(width, height)),
    }
}

/// The numbers of a PGM file: white space between them, comments from `#` to the end of the line.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Result<usize, WorldError> {
        let wrong = |what: &str| WorldError::Image(format!("{what} in the PGM"));
        loop {
            match self.0 {
                [b'#', ..] => {
                    let end = self.0.iter().position(|byte| *byte == b'\n');
                    self.0 = &self.0[end.unwrap_or(self.0.len())..];
                }
                [byte, rest @ ..] if byte.is_ascii_whitespace() => self.0 = rest,
                _ => break,
            }
        }
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let text = std::str::from_utf8(digits).map_err(|_| wrong("no number"))?;
        text.parse()
            .map_err(|_| wrong(if rest.is_empty() { "too few numbers" } else { "no number" }))
    }
}

fn pgm(bytes: &[u8]) -> Result<Image, WorldError> {
    let short = || WorldError::Image("the PGM ends before its last pixel".to_owned());
    let binary = bytes[1] == b'5';
    let mut numbers = Numbers(&bytes[2..]);
    let (width, height, white) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let pixels = checked(width, height)?;
    if !(1..=65535).contains(&white) {
        return Err(WorldError::Image(format!("white is {white} in the PGM")));
    }
    let shade = |sample: usize| Some((sample as f32 / white as f32).min(1.0));
    let shades = if binary {
        // One white space ends the header.
        let samples = numbers.0.get(1..).ok_or_else(short)?;
        let wide = if white > 255 { 2 } else { 1 };
        let samples = samples.get(..pixels * wide).ok_or_else(short)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
        samples.chunks_exact(wide).map(|bytes| shade(number(bytes))).collect()
    } else {
        (0..pixels).map(|_| numbers.next().map(shade)).collect::<Result<_, _>>()?
    };
    Ok(Image { width, height, shades })
}

fn png(bytes: &[u8]) -> Result<Image, WorldError> {
    let damaged = |error: png::DecodingError| WorldError::Image(error.to_string());
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    checked(width, height)?;
    let size = reader.output_buffer_size().ok_or(WorldError::Large(width, height))?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(damaged)?;
    let channels = frame.color_type.samples();
    let colours = if frame.color_type == png::ColorType::Rgba
        || frame.color_type == png::ColorType::GrayscaleAlpha
    {
        channels - 1
    } else {
        channels
    };
    let shade = |pixel: &[u8]| {
        let (colour, alpha) = pixel.split_at(colours);
        let sum: u32 = colour.iter().map(|sample| u32::from(*sample)).sum();
        let opaque = alpha.first().is_none_or(|alpha| *alpha >= 128);
        opaque.then_some(sum as f32 / 255.0 / colours as f32)
    };
    let shades = buffer[..frame.buffer_size()].chunks_exact(channels).map(shade).collect();
    Ok(Image { width, height, shades })
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "image: a.pgm\nresolution: 0.5\norigin: [-1.0, -0.5, 0.0]\nnegate: 0\n\
                        occupied_thresh: 0.65\nfree_thresh: 0.196\n";

    /// Top left is a wall, bottom right unknown, the rest free.
    const P2: &[u8] = b"P2 # text\n# size\n3 2\n255\n0 254 254\n254 254 205\n";

    fn walls(world: &World) -> Vec<(f64, f64)> {
        let cell = |i: usize| (-0.75 + 0.5 * (i % 3) as f64, -0.25 + 0.5 * (i / 3) as f64);
        (0..6).map(cell).filter(|(x, y)| world.is_occupied(*x, *y)).collect()
    }

    const TOP_LEFT: [(f64, f64); 1] = [(-0.75, 0.25)];

    #[test]
    fn pgm_as_text_and_as_bytes_of_either_width() {
        let narrow = b"P5\n3 2\n255\n\x00\xfe\xfe\xfe\xfe\xcd";
        let wide = b"P5 3 2 1000\n\x00\x00\x03\xe8\x03\xe8\x03\xe8\x03\xe8\x03\x24";
        for image in [P2, &narrow[..], &wide[..]] {
            assert_eq!(walls(&read(YAML, image).unwrap()), TOP_LEFT);
        }
    }

    fn encode(color: png::ColorType, samples: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(samples).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn png_of_every_colour_and_transparent_pixels_are_unknown() {
        let grey = [0, 254, 254, 254, 254, 205];
        let image = encode(png::ColorType::Grayscale, &grey);
        assert_eq!(walls(&read(YAML, &image).unwrap()), TOP_LEFT);
        let rgb: Vec<u8> = grey.iter().flat_map(|shade| [*shade; 3]).collect();
        assert_eq!(walls(&read(YAML, &encode(png::ColorType::Rgb, &rgb)).unwrap()), TOP_LEFT);
        let mut rgba: Vec<u8> =
            grey.iter().flat_map(|shade| [*shade, *shade, *shade, 255]).collect();
        rgba[20..24].fill(0); // black, but not there
        assert_eq!(walls(&read(YAML, &encode(png::ColorType::Rgba, &rgba)).unwrap()), TOP_LEFT);
    }

    #[test]
    fn negate_as_a_number_or_a_word() {
        for negate in ["negate: 1", "negate: true"] {
            let world = read(&YAML.replace("negate: 0", negate), P2).unwrap();
            assert_eq!(walls(&world).len(), 5, "all but the black one");
        }
        assert_eq!(walls(&read(&YAML.replace("negate: 0\n", ""), P2).unwrap()), TOP_LEFT);
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_words() {
        for (from, to, wanted) in [
            ("0.0]", "0.1]", "yaw"),
            ("[-1.0, -0.5, 0.0]", "[-1.0]", "three numbers"),
            ("-1.0", ".nan", "1000 km"),
            ("resolution: 0.5", "resolution: 0", "metres"),
            ("resolution: 0.5", "resolution: .nan", "metres"),
            ("0.65", "65", "0 to 1"),
            ("negate: 0", "mode: scale", "trinary"),
            ("image: a.pgm\n", "", "YAML"),
            ("image", "{{{", "YAML"),
        ] {
            let error = read(&YAML.replace(from, to), P2).unwrap_err().to_string();
            assert!(error.contains(wanted), "{to}: {error}");
        }
    }

    #[test]
    fn bad_images_are_errors_and_cost_no_memory() {
        let png = encode(png::ColorType::Grayscale, &[0; 6]);
        let mut huge = png.clone();
        huge[16..24].fill(0x7f); // width and height
        for image in [
            &b""[..],
            b"GIF89a",
            b"P5",
            b"P5 3 2 255",
            b"P5 3 2 255\n\0\0\0\0\0",
            b"P5 0 2 255\n",
            b"P5 3 2 0\n\0\0\0\0\0\0",
            b"P5 3 2 99999\n\0\0\0\0\0\0",
            b"P5 99999 99999 255\n",
            b"P5 18446744073709551615 18446744073709551615 255\n",
            b"P5 99999999999999999999999 1 255\n",
            b"P2 3 2 255\n0 0 0 0 0",
            b"P2 3 2 255\n0 0 0 0 0 x",
            b"P2 # no end",
            &png[..png.len() / 2],
            &huge,
        ] {
            assert!(read(YAML, image).is_err(), "{image:?}");
        }
    }

    #[test]
    fn files_are_found_beside_the_yaml() {
        let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/house.yaml");
        assert_eq!(World::load(&house).unwrap(), World::house());
        let missing = World::load(&house.with_file_name("nowhere.yaml")).unwrap_err();
        assert!(missing.to_string().contains("nowhere.yaml"), "{missing}");
    }
}
