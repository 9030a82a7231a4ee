//! The body of `con_notify`: which key the robot wants the offer under, and on which path.

use rsa::RsaPublicKey;
use serde::Deserialize;

use super::crypto::{base64_decode, gcm_open, read_public_key, CryptoError, DeviceKey};
use super::error::{KeyProblem, NoticeError, NotifyProblem};

/// What opened the notice that the robot's key is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedBy {
    /// It was not encrypted.
    Nothing,
    /// The key that is common to firmware 1.1.8 to 1.1.14.
    StaticKey,
    /// The robot's own key.
    DeviceKey,
}

/// What the robot told in answer to `con_notify`. Not to be kept: it may change with every session.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The key to wrap the session key with.
    pub public_key: RsaPublicKey,
    /// The path to send the offer to, `/con_ing_` and digits.
    pub path: String,
    /// Which generation of the encryption the robot has.
    pub data2: Option<i64>,
    /// What opened the notice.
    pub opened_by: OpenedBy,
}

#[derive(Deserialize)]
struct Body {
    data1: String,
    #[serde(default)]
    data2: Option<i64>,
}

/// Number of filler characters on either side of the key in the notice.
const FILLER: usize = 10;

/// Reads the body of a `con_notify` response.
///
/// `data2` tells how `data1` is wrapped: absent or 1 not at all, 2 under the static key, 3 under the
/// robot's own key. Some robots say 3 and use the static key all the same, so that one is tried last.
///
/// Only the robot's own key proves who answers: the static one is published. So where there is a key, what it did not open
/// is refused, unless `allow_other_keys`.
pub fn read(
    body: &[u8],
    device_key: Option<&DeviceKey>,
    allow_other_keys: bool,
) -> Result<Notice, NoticeError> {
    let json = base64_decode(body).map_err(|_| NotifyProblem::NotBase64)?;
    let body: Body = serde_json::from_slice(&json).map_err(|_| NotifyProblem::NotJson)?;
    let (plain, opened_by) = match body.data2 {
        None | Some(1) => (body.data1.into_bytes(), OpenedBy::Nothing),
        Some(2) => open(&body.data1, None, KeyProblem::StaticRejected)?,
        Some(3) => {
            let problem = device_key.map_or(KeyProblem::Required, |_| KeyProblem::Rejected);
            open(&body.data1, device_key, problem)?
        }
        Some(other) => return Err(NoticeError::UnknownEncryption(other)),
    };
    if device_key.is_some() && !allow_other_keys && opened_by != OpenedBy::DeviceKey {
        return Err(NoticeError::Key(KeyProblem::Unproven(body.data2)));
    }
    let key_end = plain.len().checked_sub(FILLER).filter(|end| *end > FILLER);
    let key_end = key_end.ok_or(NotifyProblem::TooShort)?;
    let der = base64_decode(&plain[FILLER..key_end]).map_err(|_| NotifyProblem::PublicKey)?;
    let public_key = read_public_key(&der).map_err(|_| NotifyProblem::PublicKey)?;
    Ok(Notice { public_key, path: path(&plain[key_end..]), data2: body.data2, opened_by })
}

/// Tries the robot's own key where there is one, then the static key.
fn open(
    data1: &str,
    device_key: Option<&DeviceKey>,
    when_none_fits: KeyProblem,
) -> Result<(Vec<u8>, OpenedBy), NoticeError> {
    let blob = base64_decode(data1.as_bytes()).map_err(|_| NotifyProblem::NotBase64)?;
    let own = device_key.map(|key| (key, OpenedBy::DeviceKey));
    for (key, opened_by) in own.into_iter().chain([(&DeviceKey::STATIC, OpenedBy::StaticKey)]) {
        match gcm_open(key, &blob) {
            Ok(plain) => return Ok((plain, opened_by)),
            Err(CryptoError::Tag) => {}
            Err(_) => return Err(NotifyProblem::TooShort.into()),
        }
    }
    Err(NoticeError::Key(when_none_fits))
}

/// The path hidden in the last ten characters: the second of each pair is a letter A to J, a digit.
fn path(ending: &[u8]) -> String {
    let mut path = String::from("/con_ing_");
    for letter in ending.chunks_exact(2).map(|pair| pair[1]) {
        // Clients disagree on other letters (skip, or 0); no robot was seen sending one.
        if let b'A'..=b'J' = letter {
            path.push((b'0' + letter - b'A') as char);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::crypto::{base64_encode, gcm_seal};
    use super::*;
    use rsa::pkcs8::EncodePublicKey;
    use rsa::{BigUint, RsaPublicKey};

    /// A key of the given size; encrypting with it is all that a client does, so any odd number will do.
    fn der(bits: usize) -> Vec<u8> {
        der_with(bits, BigUint::from(65537u32))
    }

    fn der_with(bits: usize, exponent: BigUint) -> Vec<u8> {
        let modulus = (BigUint::from(1u8) << (bits - 1)) + BigUint::from(0x1_0001u32);
        RsaPublicKey::new_unchecked(modulus, exponent).to_public_key_der().unwrap().into_vec()
    }

    fn plain(bits: usize) -> String {
        format!("ABCDEFGHIJ{}xBxDxAxJxF", base64_encode(&der(bits)))
    }

    fn body(data1: &str, data2: Option<i64>) -> Vec<u8> {
        let json = match data2 {
            Some(n) => serde_json::json!({"data1": data1, "data2": n}),
            None => serde_json::json!({"data1": data1}),
        };
        base64_encode(json.to_string().as_bytes()).into_bytes()
    }

    fn sealed(key: &DeviceKey, text: &str) -> String {
        base64_encode(&gcm_seal(key, &[3; 12], text.as_bytes()))
    }

    fn own_key() -> DeviceKey {
        "00112233445566778899aabbccddeeff".parse().unwrap()
    }

    #[test]
    fn reads_every_generation() {
        let own = own_key();
        let cases = [
            (plain(2048), None, None, OpenedBy::Nothing),
            (plain(2048), Some(1), None, OpenedBy::Nothing),
            (sealed(&DeviceKey::STATIC, &plain(2048)), Some(2), None, OpenedBy::StaticKey),
            (sealed(&own, &plain(2048)), Some(3), Some(&own), OpenedBy::DeviceKey),
            (sealed(&DeviceKey::STATIC, &plain(2048)), Some(3), Some(&own), OpenedBy::StaticKey),
            (sealed(&DeviceKey::STATIC, &plain(2048)), Some(3), None, OpenedBy::StaticKey),
        ];
        for (data1, data2, key, opened_by) in cases {
            let notice = read(&body(&data1, data2), key, true).unwrap();
            assert_eq!(notice.path, "/con_ing_13095");
            assert_eq!((notice.data2, notice.opened_by), (data2, opened_by));
        }
    }

    #[test]
    fn with_a_key_only_what_it_opened_is_accepted() {
        let own = own_key();
        let sealed_static = sealed(&DeviceKey::STATIC, &plain(2048));
        for (data1, data2) in [
            (plain(2048), None),
            (plain(2048), Some(1)),
            (sealed_static.clone(), Some(2)),
            (sealed_static, Some(3)),
        ] {
            let body = body(&data1, data2);
            let refused = read(&body, Some(&own), false).unwrap_err();
            assert_eq!(refused, NoticeError::Key(KeyProblem::Unproven(data2)));
            let sentence = refused.to_string();
            assert!(sentence.contains("no key of its own"), "{sentence}");
            assert!(read(&body, Some(&own), true).is_ok() && read(&body, None, false).is_ok());
        }
        let proven = body(&sealed(&own, &plain(2048)), Some(3));
        assert_eq!(read(&proven, Some(&own), false).unwrap().opened_by, OpenedBy::DeviceKey);
    }

    #[test]
    fn tells_a_missing_key_from_a_wrong_one() {
        let notice = body(&sealed(&own_key(), &plain(2048)), Some(3));
        let other = "ffffffffffffffffffffffffffffffff".parse().unwrap();
        let problem = |key| match read(&notice, key, false) {
            Err(NoticeError::Key(problem)) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(None), KeyProblem::Required);
        assert_eq!(problem(Some(&other)), KeyProblem::Rejected);
    }

    #[test]
    fn names_what_is_malformed() {
        let problem = |body: &[u8]| match read(body, None, false) {
            Err(NoticeError::Malformed(problem)) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(b"%%%"), NotifyProblem::NotBase64);
        assert_eq!(problem(b""), NotifyProblem::NotJson);
        assert_eq!(problem(base64_encode(b"[1]").as_bytes()), NotifyProblem::NotJson);
        assert_eq!(problem(base64_encode(br#"{"data2":1}"#).as_bytes()), NotifyProblem::NotJson);
        assert_eq!(
            problem(base64_encode(b"{\"data1\":\"\xff\"}").as_bytes()),
            NotifyProblem::NotJson
        );
        assert_eq!(problem(&body("short", None)), NotifyProblem::TooShort);
        assert_eq!(problem(&body(&"x".repeat(20), None)), NotifyProblem::TooShort);
        assert_eq!(problem(&body("AAAA", Some(2))), NotifyProblem::TooShort);
        assert_eq!(problem(&body(&"ä".repeat(40), None)), NotifyProblem::PublicKey);
        assert!(matches!(
            read(&body("x", Some(4)), None, false),
            Err(NoticeError::UnknownEncryption(4))
        ));
    }

    #[test]
    fn refuses_rsa_keys_of_impossible_exponents() {
        let one = BigUint::from(1u8);
        // With 1 the session key would go out as it is; a huge one would keep this computer busy for long.
        for exponent in [
            one.clone(),
            BigUint::from(4u8),
            (one.clone() << 40) + &one,
            (one.clone() << 2000) + &one,
        ] {
            let plain = base64_encode(&der_with(2048, exponent.clone()));
            let plain = format!("ABCDEFGHIJ{plain}xBxDxAxJxF");
            let expected = NoticeError::Malformed(NotifyProblem::PublicKey);
            assert_eq!(read(&body(&plain, None), None, false).unwrap_err(), expected, "{exponent}");
        }
    }

    #[test]
    fn refuses_rsa_keys_of_impossible_sizes() {
        for bits in [512, 16384] {
            let result = read(&body(&plain(bits), None), None, false);
            let expected = NoticeError::Malformed(NotifyProblem::PublicKey);
            assert_eq!(result.unwrap_err(), expected, "{bits} bits");
        }
        for bits in [1024, 4096] {
            read(&body(&plain(bits), None), None, false).unwrap();
        }
    }
}
