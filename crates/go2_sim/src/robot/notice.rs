//! The body of `con_notify`, right or wrong.

use go2_proto::signaling::crypto::{base64_encode, gcm_seal, DeviceKey};
use rsa::pkcs8::EncodePublicKey as _;
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};
use serde_json::json;

use crate::mishap::Failure;
use crate::options::{Generation, Options};

/// A generation that no client knows.
const UNKNOWN: i64 = 9;

/// The body for a key and the digits of the path to the offer; `failure` is one of those that are about the notice.
pub(super) fn notice(
    options: &Options,
    key: &RsaPublicKey,
    digits: &[u8],
    failure: Option<&Failure>,
) -> Option<String> {
    let der = match failure {
        Some(Failure::KeyBits(bits)) => {
            // Nobody decrypts what is encrypted with it: any odd number will do.
            let modulus = (BigUint::from(1_u8) << (bits - 1)) + BigUint::from(0x1_0001_u32);
            RsaPublicKey::new_unchecked(modulus, key.e().clone()).to_public_key_der()
        }
        Some(Failure::HugeExponent) => {
            let exponent = key.n() - BigUint::from(2_u8);
            RsaPublicKey::new_unchecked(key.n().clone(), exponent).to_public_key_der()
        }
        _ => key.to_public_key_der(),
    };
    let letters: String = digits.iter().flat_map(|digit| ['x', (b'A' + digit) as char]).collect();
    let plain = match failure {
        Some(Failure::TooShort) => "ABCDEFGHIJ".to_owned(),
        _ => format!("ABCDEFGHIJ{}{letters}", base64_encode(der.ok()?.as_bytes())),
    };
    let seal = |key: &DeviceKey| {
        let mut nonce = [0; 12];
        OsRng.fill_bytes(&mut nonce);
        base64_encode(&gcm_seal(key, &nonce, plain.as_bytes()))
    };
    let own_key = options.key.as_ref().filter(|_| !options.static_under_3);
    let mut notice = match options.generation {
        Generation::Plain | Generation::Absent => json!({"data1": plain}),
        Generation::One => json!({"data1": plain, "data2": 1}),
        Generation::Two => json!({"data1": seal(&DeviceKey::STATIC), "data2": 2}),
        Generation::Three => {
            json!({"data1": seal(own_key.unwrap_or(&DeviceKey::STATIC)), "data2": 3})
        }
    };
    if failure == Some(&Failure::UnknownData2) {
        notice["data2"] = UNKNOWN.into();
    }
    Some(base64_encode(notice.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use go2_proto::signaling::crypto::base64_decode;
    use go2_proto::signaling::notify;

    use super::*;

    fn read(failure: Option<&Failure>) -> Result<String, String> {
        let modulus = (BigUint::from(1_u8) << 2047) + BigUint::from(0x1_0001_u32);
        let key = RsaPublicKey::new(modulus, BigUint::from(65537_u32)).unwrap();
        let body = notice(&Options::default(), &key, &[1, 3, 0, 9, 5], failure).unwrap();
        assert!(base64_decode(body.as_bytes()).is_ok());
        notify::read(body.as_bytes(), None, false)
            .map(|notice| notice.path)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_notice_is_wrong_as_asked_and_right_otherwise() {
        assert_eq!(read(None).unwrap(), "/con_ing_13095");
        assert_eq!(read(Some(&Failure::KeyBits(1024))).unwrap(), "/con_ing_13095");
        for (failure, expected) in [
            (Failure::UnknownData2, "data2=9"),
            (Failure::TooShort, "too short"),
            (Failure::KeyBits(512), "RSA key"),
            (Failure::KeyBits(16384), "RSA key"),
            (Failure::HugeExponent, "RSA key"),
        ] {
            let error = read(Some(&failure)).unwrap_err();
            assert!(error.contains(expected), "{failure:?}: {error}");
        }
    }
}
