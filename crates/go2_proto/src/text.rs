//! Text from outside: of the robot, the network, a recording. It is cleaned and bounded where it becomes text for people, so
//! that whoever logs, publishes or shows it need not think of that. Pure.
//!
//! A control character in a name can forge a line of the log, move a terminal's cursor or end a C string. So it is shown as
//! what it is, an escape such as `\u{1b}`.

/// Characters of a name, a version or a serial number.
pub const NAME: usize = 80;
/// Characters of what somebody else says in words, such as an error message.
pub const WORDS: usize = 300;

/// Stands where the rest is left out.
const ELLIPSIS: char = '…';

/// Whether a character is not shown as itself: control characters (C0, DEL, C1), separators of lines and paragraphs, what
/// changes the direction of writing, and what is invisible.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// One line of at most `longest` characters: hidden characters become escapes, space around it goes, and an ellipsis stands
/// for what does not fit.
pub fn clean(text: &str, longest: usize) -> String {
    let mut line = Vec::new();
    for character in text.trim().chars() {
        match is_hidden(character) {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
        if line.len() > longest {
            line.truncate(longest.saturating_sub(1));
            line.push(ELLIPSIS);
            break;
        }
    }
    line.into_iter().collect()
}

/// Text for programs, whole. JSON has no NUL; where one comes all the same it becomes U+FFFD, because C's strings end at it.
pub fn payload(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

/// Characters that must not come out of [`clean`], for the tests of whatever is cleaned.
#[cfg(any(test, feature = "test-util"))]
pub fn hidden() -> impl Iterator<Item = char> {
    let ranges = [
        '\0'..='\u{1f}',
        '\u{7f}'..='\u{9f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{e0000}'..='\u{e007f}',
    ];
    ranges.into_iter().flatten().chain(['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}', '\u{fff9}'])
}

/// Checks that a text for people has no hidden character and not more than so many others.
#[cfg(any(test, feature = "test-util"))]
pub fn assert_clean(text: &str, longest: usize) {
    assert!(!text.chars().any(|character| hidden().any(|hidden| hidden == character)), "{text:?}");
    assert!(text.chars().count() <= longest, "{} characters", text.chars().count());
}

/// A text with every hidden character in it, and longer than anything may be.
#[cfg(any(test, feature = "test-util"))]
pub fn nasty() -> String {
    let hidden: String = hidden().collect();
    format!("a{hidden}\n[ERROR] forged{}", "z".repeat(70_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown_as_escapes() {
        for character in hidden() {
            let cleaned = clean(&format!("a{character}b"), 80);
            assert_clean(&cleaned, 80);
            assert!(cleaned.starts_with("a\\") && cleaned.ends_with('b'), "{cleaned}");
        }
        assert_eq!(clean("a\nb\u{1b}[31m\0", 80), "a\\nb\\u{1b}[31m\\u{0}");
        assert_clean(&clean(&nasty(), WORDS), WORDS);
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["", "B42D0000", "Hund, größer! 犬 🐕 e\u{301}", "a \\ b \"c\" 'd'"] {
            assert_eq!(clean(text, 80), text);
        }
        assert_eq!(clean(" 1.1.7\r\n", 80), "1.1.7");
    }

    #[test]
    fn the_length_is_bounded_and_the_cut_is_shown() {
        assert_eq!(clean("abcd", 4), "abcd");
        assert_eq!(clean("abcde", 4), "abc…");
        assert_eq!(clean("ab\u{1b}", 4), "ab\\…");
        assert_eq!(clean("abc", 0), "…");
        assert_eq!(clean(&"犬".repeat(1 << 20), 300).chars().count(), 300);
    }

    #[test]
    fn a_payload_is_whole_but_for_its_nuls() {
        let whole = format!("{{\"a\": \"\u{1b}{}\"}}", "x".repeat(100_000));
        assert_eq!(payload(whole.clone()), whole);
        assert_eq!(payload("a\0b".to_owned()), "a\u{fffd}b");
    }
}
