//! What is burnt into the picture: the number of the frame and the time. Pure.
//!
//! For people, at the top left, in white digits on black: the number with eight digits and the time of day in UTC.
//!
//! For programs, 32 squares of 16 x 16 pixels in a row, the most significant bit first, each black (brightness 16) for
//! 0 or white (235) for 1. The first square's top left corner is at pixel (16, 48), the last one ends at x = 528. A
//! border of 8 pixels of grey (125) surrounds the row. To read: average the inner 8 x 8 pixels of each square and
//! compare with 125.

use std::time::Duration;

use super::lens::WIDTH;
use super::picture::{Picture, BLACK, WHITE};

/// Top left corner of the first square, x and y in pixels.
pub const SQUARES_AT: [usize; 2] = [16, 48];
/// Side of a square in pixels.
pub const SQUARE: usize = 16;
const BITS: usize = 32;
const BORDER: usize = 8;
const GREY: u8 = 125;

/// Where the text begins, and pixels for each dot of the font.
const TEXT_AT: [usize; 2] = [16, 8];
const DOT: usize = 4;
/// Dots from one letter to the next.
const ADVANCE: usize = 6;
const LETTER_ROWS: usize = 7;

/// Burns the number of the frame and the time since the epoch into a picture.
pub(crate) fn burn(picture: &mut Picture, counter: u32, time: Duration) {
    let text = text(counter, time);
    let width = (text.len() * ADVANCE + 1) * DOT;
    picture.fill([TEXT_AT[0] - DOT, 0], [width, SQUARES_AT[1] - BORDER], BLACK);
    for (place, letter) in text.bytes().enumerate() {
        draw(picture, TEXT_AT[0] + place * ADVANCE * DOT, letter);
    }
    let [x, y] = SQUARES_AT;
    let row = [BITS * SQUARE + 2 * BORDER, SQUARE + 2 * BORDER];
    picture.fill([x - BORDER, y - BORDER], row, GREY);
    for bit in 0..BITS {
        let one = counter >> (BITS - 1 - bit) & 1 == 1;
        let colour = if one { WHITE } else { BLACK };
        picture.fill([x + bit * SQUARE, y], [SQUARE, SQUARE], colour);
    }
}

/// Reads the number of the frame from a plane of brightness with rows of `stride` bytes; `None` where the squares are
/// neither black nor white.
pub fn read_counter(brightness: &[u8], stride: usize) -> Option<u32> {
    let inner = SQUARE / 4..SQUARE * 3 / 4;
    let mut counter = 0;
    for bit in 0..BITS {
        let from = SQUARES_AT[0] + bit * SQUARE;
        let mut sum = 0;
        for y in inner.clone() {
            let start = (SQUARES_AT[1] + y) * stride + from;
            let row = brightness.get(start + inner.start..start + inner.end)?;
            sum += row.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
        }
        let mean = sum / (inner.len() * inner.len()) as u32;
        counter = counter << 1
            | match mean {
                0..=70 => 0,
                180.. => 1,
                _ => return None,
            };
    }
    Some(counter)
}

fn text(counter: u32, time: Duration) -> String {
    let seconds = time.as_secs() % 86_400;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let milliseconds = time.subsec_millis();
    format!("{counter:08} {hour:02}:{minute:02}:{second:02}.{milliseconds:03}")
}

/// Draws a letter; what is not in the font stays empty.
fn draw(picture: &mut Picture, x: usize, letter: u8) {
    for (row, dots) in glyph(letter).into_iter().enumerate() {
        for column in (0..5).filter(|column| dots >> (4 - column) & 1 == 1) {
            let at = [x + column * DOT, TEXT_AT[1] + row * DOT];
            // A letter beyond the edge, of a counter with more digits, is cut off.
            if at[0] + DOT <= WIDTH {
                picture.fill(at, [DOT, DOT], WHITE);
            }
        }
    }
}

/// The rows of a letter from the top, each five dots with the left one in bit 4.
fn glyph(letter: u8) -> [u8; LETTER_ROWS] {
    match letter {
        b'0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        b'1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        b'2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        b'3' => [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110],
        b'4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        b'5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        b'6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        b'7' => [0b11111, 0b00001, 0b00010, 0b00010, 0b00100, 0b00100, 0b00100],
        b'8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        b'9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        b':' => [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000],
        b'.' => [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100],
        _ => [0; LETTER_ROWS],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_back() {
        let mut picture = Picture::default();
        for counter in [0, 1, 2, 0x8000_0000, 0xdead_beef, u32::MAX] {
            burn(&mut picture, counter, Duration::ZERO);
            assert_eq!(read_counter(&picture.y, WIDTH), Some(counter));
        }
        let grey = vec![GREY; picture.y.len()];
        assert_eq!(read_counter(&grey, WIDTH), None, "what is not black or white is no counter");
        assert_eq!(read_counter(&grey[..WIDTH], WIDTH), None, "nor is half a picture");
    }

    #[test]
    fn squares_are_where_the_documentation_says() {
        let mut picture = Picture::default();
        burn(&mut picture, 0x8000_0001, Duration::ZERO);
        assert_eq!(picture.pixel(16, 48), [235, 128, 128]);
        assert_eq!(picture.pixel(31, 63), [235, 128, 128]);
        assert_eq!(picture.pixel(32, 48), [16, 128, 128]);
        assert_eq!(picture.pixel(527, 63), [235, 128, 128]);
        for (x, y) in [(15, 48), (8, 40), (16, 47), (16, 64), (528, 63), (535, 71)] {
            assert_eq!(picture.pixel(x, y), [125, 128, 128], "{x} {y}");
        }
        assert_eq!(picture.pixel(536, 50), [16, 128, 128], "the picture goes on");
    }

    #[test]
    fn the_time_is_written_for_people() {
        let time = Duration::from_millis(1_769_862_896_007);
        assert_eq!(text(42, time), "00000042 12:34:56.007");
        let mut picture = Picture::default();
        burn(&mut picture, 1, time);
        // The seventh digit is a 0 and the eighth a 1, whose upper left dot is dark.
        let left = |place: usize| TEXT_AT[0] + place * ADVANCE * DOT;
        let upper_left = |place| picture.pixel(left(place), TEXT_AT[1] + DOT)[0];
        assert_eq!((upper_left(6), upper_left(7)), (WHITE, BLACK));
    }
}
