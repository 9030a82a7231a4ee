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

/// As [`write_bgr`](super::Picture::write_bgr).
pub(super) fn write_bgr(planes: &Planes<'_>, target: &mut [u8]) -> Result<(), SizeError> {
    write_blocks::<{ 3 * BLOCK }>(planes, target, bgr_block)
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
fn bgr_block(y: &[u8; BLOCK], u: &[u8; HALF], v: &[u8; HALF], out: &mut [u8; 3 * BLOCK]) {
    // BT.601, limited range, in 1/64: everything fits 16 bits but the brightest blue, which saturates. Nothing
    // else overflows; checks for it would keep the compiler from using vector instructions.
    let times = |factor: i16, value: i16| value.wrapping_mul(factor);
    let (mut blue, mut green, mut red) = ([0i16; BLOCK], [0i16; BLOCK], [0i16; BLOCK]);
    for i in 0..HALF {
        let (u, v) = (i16::from(u[i]).wrapping_sub(128), i16::from(v[i]).wrapping_sub(128));
        let (b, g, r) = (times(129, u), times(-25, u).wrapping_add(times(-52, v)), times(102, v));
        (blue[2 * i], blue[2 * i + 1]) = (b, b);
        (green[2 * i], green[2 * i + 1]) = (g, g);
        (red[2 * i], red[2 * i + 1]) = (r, r);
    }
    for (i, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let y = i16::from(y[i]).wrapping_sub(16);
        let y = times(74, y).wrapping_add(y >> 1).wrapping_add(32);
        let scale = |colour: i16| (y.saturating_add(colour) >> 6).clamp(0, 255) as u8;
        *pixel = [scale(blue[i]), scale(green[i]), scale(red[i])];
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

    #[test]
    fn bgr_is_bt601_of_limited_range() {
        for width in [2, 30, 32, 46, 64, 78] {
            with_samples(width, 6, |planes| {
                let mut out = vec![0; width * 6 * 3];
                write_bgr(planes, &mut out).unwrap();
                for (i, pixel) in out.as_chunks::<3>().0.iter().enumerate() {
                    let (y, u, v) = samples(planes, i / width, i % width);
                    let y = (f64::from(y) - 16.0) * 255.0 / 219.0;
                    let (u, v) = (f64::from(u) - 128.0, f64::from(v) - 128.0);
                    let (u, v) = (u * 255.0 / 224.0, v * 255.0 / 224.0);
                    let expected =
                        [y + 1.772 * u, y - 0.344_136 * u - 0.714_136 * v, y + 1.402 * v];
                    let good = expected.iter().zip(pixel).all(|(value, byte)| close(*value, *byte));
                    assert!(good, "{width} {i} {expected:?} {pixel:?}");
                }
            });
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
            write_bgr(&planes, &mut out).unwrap();
            assert_eq!(out, [grey; 12]);
        }
    }

    #[test]
    fn buffers_have_the_exact_size() {
        with_samples(46, 6, |planes| {
            for length in [0, 46 * 6 * 3 - 1, 46 * 6 * 3 + 1] {
                let error = SizeError { expected: 46 * 6 * 3, found: length };
                assert_eq!(write_bgr(planes, &mut vec![0; length]), Err(error));
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
