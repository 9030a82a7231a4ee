//! Pictures in other arrangements of colour.

/// I420: a plane of brightness, and two of colour with half as many rows and columns.
#[derive(Debug, Clone, Copy)]
pub struct Planes<'a> {
    /// Pixels in a row. Even.
    pub width: usize,
    /// Rows. Even.
    pub height: usize,
    /// Brightness.
    pub y: &'a [u8],
    /// Blue against yellow.
    pub u: &'a [u8],
    /// Red against cyan.
    pub v: &'a [u8],
    /// Bytes from one row of brightness to the next.
    pub y_stride: usize,
    /// Bytes from one row of colour to the next.
    pub uv_stride: usize,
}

/// What the samples of a picture stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colors {
    /// How brightness and colours were made of red, green and blue.
    pub matrix: Matrix,
    /// Whether black is 0 and white 255, instead of 16 and 235.
    pub full_range: bool,
}

/// How brightness and colours are made of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// Of standard definition (BT.601).
    Bt601,
    /// Of high definition (BT.709).
    Bt709,
}

impl Matrix {
    /// By `matrix_coefficients` of H.264, if it is one of these.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Bt709),
            5 | 6 => Some(Self::Bt601),
            _ => None,
        }
    }
}

/// Factors of a conversion in 1/64: everything fits 16 bits but the brightest, which saturates.
#[derive(Clone, Copy)]
struct Factors {
    black: i16,
    y: i16,
    /// All ones where the factor of brightness has another half.
    y_half: i16,
    u_blue: i16,
    u_green: i16,
    v_green: i16,
    v_red: i16,
}

impl From<Colors> for Factors {
    fn from(colors: Colors) -> Self {
        let [u_blue, u_green, v_green, v_red] = match (colors.matrix, colors.full_range) {
            (Matrix::Bt601, false) => [129, -25, -52, 102],
            (Matrix::Bt709, false) => [135, -14, -34, 115],
            (Matrix::Bt601, true) => [113, -22, -46, 90],
            (Matrix::Bt709, true) => [119, -12, -30, 101],
        };
        let [black, y, y_half] = if colors.full_range { [0, 64, 0] } else { [16, 74, -1] };
        Self { black, y, y_half, u_blue, u_green, v_green, v_red }
    }
}

/// A buffer of the wrong size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the picture takes {expected} bytes, the buffer has {found}")]
pub struct SizeError {
    /// What the picture takes.
    pub expected: usize,
    /// What the buffer has.
    pub found: usize,
}

impl SizeError {
    pub(super) fn check(expected: usize, target: &[u8]) -> Result<(), Self> {
        let found = target.len();
        if found == expected {
            Ok(())
        } else {
            Err(Self { expected, found })
        }
    }
}

impl Planes<'_> {
    /// Whether all rows are there.
    pub(super) fn is_consistent(&self) -> bool {
        let holds = |plane: &[u8], stride: usize, width: usize, height: usize| {
            width > 0
                && height > 0
                && stride >= width
                && plane.len() >= stride * (height - 1) + width
        };
        let (width, height) = (self.width / 2, self.height / 2);
        self.width.is_multiple_of(2)
            && self.height.is_multiple_of(2)
            && holds(self.y, self.y_stride, self.width, self.height)
            && holds(self.u, self.uv_stride, width, height)
            && holds(self.v, self.uv_stride, width, height)
    }

    /// The rows: brightness, and the two of colour that belong to it.
    fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
        (0..self.height).map(|row| {
            let (y, uv) = (row * self.y_stride, row / 2 * self.uv_stride);
            let half = self.width / 2;
            (&self.y[y..y + self.width], &self.u[uv..uv + half], &self.v[uv..uv + half])
        })
    }
}

/// Pixels that are converted together, with arrays on the way: loops over them become vector instructions.
const BLOCK: usize = 32;
const HALF: usize = BLOCK / 2;

/// In which order the bytes of a pixel are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rgb,
    Bgr,
}

/// As [`write_rgb`](super::Picture::write_rgb) or [`write_bgr`](super::Picture::write_bgr).
pub(super) fn write_colors(
    planes: &Planes<'_>,
    colors: Colors,
    order: Order,
    target: &mut [u8],
) -> Result<(), SizeError> {
    let factors = Factors::from(colors);
    // Each is compiled by itself: what is asked of each pixel is not asked at run time.
    match order {
        Order::Rgb => write_blocks::<{ 3 * BLOCK }>(planes, target, |y, u, v, out| {
            color_block(factors, y, u, v, out, |rgb| rgb);
        }),
        Order::Bgr => write_blocks::<{ 3 * BLOCK }>(planes, target, |y, u, v, out| {
            color_block(factors, y, u, v, out, |[red, green, blue]| [blue, green, red]);
        }),
    }
}

/// As [`write_yuv422_yuy2`](super::Picture::write_yuv422_yuy2).
pub(super) fn write_yuv422_yuy2(planes: &Planes<'_>, target: &mut [u8]) -> Result<(), SizeError> {
    write_blocks::<{ 2 * BLOCK }>(planes, target, yuy2_block)
}

/// Converts block by block into rows without padding. `BYTES` is what a block takes.
fn write_blocks<const BYTES: usize>(
    planes: &Planes<'_>,
    target: &mut [u8],
    convert: impl Fn(&[u8; BLOCK], &[u8; HALF], &[u8; HALF], &mut [u8; BYTES]),
) -> Result<(), SizeError> {
    let row_bytes = planes.width * BYTES / BLOCK;
    SizeError::check(row_bytes * planes.height, target)?;
    for ((y, u, v), row) in planes.rows().zip(target.chunks_exact_mut(row_bytes)) {
        let (y, y_rest) = y.as_chunks();
        let (u, u_rest) = u.as_chunks();
        let (v, v_rest) = v.as_chunks();
        let (row, rest) = row.as_chunks_mut();
        for (((y, u), v), block) in y.iter().zip(u).zip(v).zip(row) {
            convert(y, u, v, block);
        }
        if !rest.is_empty() {
            let mut block = [0; BYTES];
            convert(&pad(y_rest), &pad(u_rest), &pad(v_rest), &mut block);
            rest.copy_from_slice(&block[..rest.len()]);
        }
    }
    Ok(())
}

fn pad<const N: usize>(samples: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded[..samples.len()].copy_from_slice(samples);
    padded
}

#[inline]
fn color_block(
    factors: Factors,
    y: &[u8; BLOCK],
    u: &[u8; HALF],
    v: &[u8; HALF],
    out: &mut [u8; 3 * BLOCK],
    order: impl Fn([u8; 3]) -> [u8; 3],
) {
    let Factors { black, y: y_factor, y_half, u_blue, u_green, v_green, v_red } = factors;
    // Nothing overflows but what saturates; checks for it would keep the compiler from using vector instructions.
    let times = |factor: i16, value: i16| value.wrapping_mul(factor);
    let (mut blue, mut green, mut red) = ([0i16; BLOCK], [0i16; BLOCK], [0i16; BLOCK]);
    for i in 0..HALF {
        let (u, v) = (i16::from(u[i]).wrapping_sub(128), i16::from(v[i]).wrapping_sub(128));
        let (b, g, r) =
            (times(u_blue, u), times(u_green, u).wrapping_add(times(v_green, v)), times(v_red, v));
        (blue[2 * i], blue[2 * i + 1]) = (b, b);
        (green[2 * i], green[2 * i + 1]) = (g, g);
        (red[2 * i], red[2 * i + 1]) = (r, r);
    }
    for (i, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let y = i16::from(y[i]).wrapping_sub(black);
        let y = times(y_factor, y).wrapping_add((y >> 1) & y_half).wrapping_add(32);
        let scale = |colour: i16| (y.saturating_add(colour) >> 6).clamp(0, 255) as u8;
        *pixel = order([scale(red[i]), scale(green[i]), scale(blue[i])]);
    }
}

#[inline]
fn yuy2_block(y: &[u8; BLOCK], u: &[u8; HALF], v: &[u8; HALF], out: &mut [u8; 2 * BLOCK]) {
    // In two steps, each of which is one kind of instruction.
    let mut uv = [0; BLOCK];
    for (i, pair) in uv.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *pair = [u[i], v[i]];
    }
    for (i, pair) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *pair = [y[i], uv[i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRIDES: (usize, usize) = (80, 48);

    /// A picture with every kind of colour in it, and rows longer than the picture is wide.
    fn with_samples<T>(width: usize, height: usize, use_it: impl FnOnce(&Planes<'_>) -> T) -> T {
        let (y_stride, uv_stride) = STRIDES;
        let plane = |step: usize, bytes: usize| -> Vec<u8> {
            (0..bytes).map(|i| (i * step + i / 7) as u8).collect()
        };
        let y = plane(29, y_stride * height);
        let (u, v) = (plane(47, uv_stride * height / 2), plane(113, uv_stride * height / 2));
        let planes = Planes { width, height, y: &y, u: &u, v: &v, y_stride, uv_stride };
        assert!(planes.is_consistent());
        use_it(&planes)
    }

    fn samples(planes: &Planes<'_>, row: usize, column: usize) -> (u8, u8, u8) {
        let uv = row / 2 * planes.uv_stride + column / 2;
        (planes.y[row * planes.y_stride + column], planes.u[uv], planes.v[uv])
    }

    fn close(value: f64, byte: u8) -> bool {
        (value.clamp(0.0, 255.0) - f64::from(byte)).abs() <= 2.0
    }

    const USUAL: Colors = Colors { matrix: Matrix::Bt601, full_range: false };

    #[test]
    fn colors_are_those_of_their_matrix_and_range() {
        // What red and blue weigh in brightness (BT.601 and BT.709, 2.5.1 and 3.2).
        for (matrix, red, blue) in [(Matrix::Bt601, 0.299, 0.114), (Matrix::Bt709, 0.2126, 0.0722)]
        {
            for (full_range, width) in [false, true]
                .into_iter()
                .flat_map(|full| [2, 30, 32, 46, 64, 78].map(|width| (full, width)))
            {
                let colors = Colors { matrix, full_range };
                with_samples(width, 6, |planes| {
                    let (mut bgr, mut rgb) = (vec![0; width * 6 * 3], vec![0; width * 6 * 3]);
                    write_colors(planes, colors, Order::Bgr, &mut bgr).unwrap();
                    write_colors(planes, colors, Order::Rgb, &mut rgb).unwrap();
                    for (i, pixel) in bgr.as_chunks::<3>().0.iter().enumerate() {
                        let (y, u, v) = samples(planes, i / width, i % width);
                        let (black, y_share, share) = if full_range {
                            (0.0, 1.0, 1.0)
                        } else {
                            (16.0, 255.0 / 219.0, 255.0 / 224.0)
                        };
                        let y = (f64::from(y) - black) * y_share;
                        let (u, v) =
                            ((f64::from(u) - 128.0) * share, (f64::from(v) - 128.0) * share);
                        let (b, r) = (y + 2.0 * (1.0 - blue) * u, y + 2.0 * (1.0 - red) * v);
                        let g = (y - red * r - blue * b) / (1.0 - red - blue);
                        let good =
                            [b, g, r].iter().zip(pixel).all(|(value, byte)| close(*value, *byte));
                        assert!(good, "{colors:?} {width} {i} {:?} {pixel:?}", [b, g, r]);
                        let [blue, green, red] = *pixel;
                        assert_eq!(rgb[3 * i..3 * i + 3], [red, green, blue]);
                    }
                });
            }
        }
    }

    #[test]
    fn yuy2_has_the_samples_themselves() {
        for width in [2, 30, 32, 46, 64, 78] {
            with_samples(width, 6, |planes| {
                let mut out = vec![0; width * 6 * 2];
                write_yuv422_yuy2(planes, &mut out).unwrap();
                for (i, pair) in out.as_chunks::<4>().0.iter().enumerate() {
                    let (row, column) = (2 * i / width, 2 * i % width);
                    let (y, u, v) = samples(planes, row, column);
                    let (next, ..) = samples(planes, row, column + 1);
                    assert_eq!(*pair, [y, u, next, v]);
                }
            });
        }
    }

    #[test]
    fn black_white_and_grey_stay_so() {
        for (y, grey) in [(0, 0), (16, 0), (126, 128), (235, 255), (255, 255)] {
            let (y, uv) = ([y; 4], [128]);
            let (y_stride, uv_stride) = (2, 1);
            let planes = Planes { width: 2, height: 2, y: &y, u: &uv, v: &uv, y_stride, uv_stride };
            let mut out = [1; 12];
            write_colors(&planes, USUAL, Order::Bgr, &mut out).unwrap();
            assert_eq!(out, [grey; 12]);
        }
    }

    #[test]
    fn buffers_have_the_exact_size() {
        with_samples(46, 6, |planes| {
            for length in [0, 46 * 6 * 3 - 1, 46 * 6 * 3 + 1] {
                let error = SizeError { expected: 46 * 6 * 3, found: length };
                for order in [Order::Rgb, Order::Bgr] {
                    let written = write_colors(planes, USUAL, order, &mut vec![0; length]);
                    assert_eq!(written, Err(error));
                }
            }
            let error = SizeError { expected: 46 * 6 * 2, found: 46 * 6 * 3 };
            assert_eq!(write_yuv422_yuy2(planes, &mut vec![0; 46 * 6 * 3]), Err(error));
        });
    }

    #[test]
    fn planes_without_all_their_rows_are_noticed() {
        with_samples(46, 6, |planes| {
            let cut = |plane: &mut &[u8], bytes| *plane = &plane[..plane.len() - bytes];
            for (bytes, good) in [(80 - 46, true), (80 - 46 + 1, false)] {
                let mut planes = *planes;
                cut(&mut planes.y, bytes);
                assert_eq!(planes.is_consistent(), good);
            }
            for (bytes, good) in [(48 - 23, true), (48 - 23 + 1, false)] {
                let mut planes = *planes;
                cut(&mut planes.v, bytes);
                assert_eq!(planes.is_consistent(), good);
            }
            assert!(!Planes { width: 0, ..*planes }.is_consistent());
            assert!(!Planes { height: 5, ..*planes }.is_consistent());
        });
    }
}
