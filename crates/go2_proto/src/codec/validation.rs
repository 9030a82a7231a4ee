//! The answer to the challenge that opens a session.

use base64::{engine::general_purpose::STANDARD, Engine as _};
use md5::{Digest, Md5};

/// The answer to the data channel's validation challenge: base64 of the raw MD5 of a fixed prefix and
/// the challenge. The prefix is the same for every model.
pub fn validation_answer(challenge: &str) -> String {
    STANDARD.encode(Md5::digest(format!("UnitreeGo2_{challenge}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_known_challenges() {
        assert_eq!(validation_answer("0123456789abcdef"), "w+wJRSatpJQf2TpbA1FlIA==");
        assert_eq!(validation_answer("c1f2a3b4c5d6e7f8"), "NxEzN+M11CKGhXGXhxGmLw==");
    }
}
