//! The cryptography of the local signaling, as pure functions over bytes.
//!
//! Two layers protect the offer. `con_notify` hands out an RSA public key, on newer firmware inside an
//! AES-128-GCM blob. The offer itself travels under a fresh AES-256 key (ECB, the robot's choice),
//! which travels under that RSA key. The robot's side of each function is here as well, for the
//! simulated robot.

use aes::cipher::{generic_array::GenericArray, BlockDecrypt, BlockEncrypt, KeyInit};
use aes::Aes256;
use aes_gcm::aead::Aead;
use aes_gcm::Aes128Gcm;
use base64::{engine::general_purpose::STANDARD, Engine as _};
use rsa::pkcs8::DecodePublicKey;
use rsa::rand_core::{OsRng, RngCore};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, RsaPublicKey};

/// What went wrong in a cryptographic step. Never carries key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Text that should be base64 is not.
    #[error("not base64")]
    Base64,
    /// Ciphertext of impossible length.
    #[error("ciphertext has an impossible length")]
    Length,
    /// The GCM tag does not match: another key was used.
    #[error("authentication tag does not match")]
    Tag,
    /// PKCS#7 padding is invalid: another key was used, or the text was cut.
    #[error("padding is invalid")]
    Padding,
    /// The RSA key cannot be read or has a size that no robot uses.
    #[error("RSA key is unreadable, not of 1024 to 4096 bits, or has an impossible exponent")]
    RsaKey,
    /// RSA encryption or decryption failed.
    #[error("RSA operation failed")]
    Rsa,
}

/// Decodes standard base64, ignoring surrounding white space.
pub fn base64_decode(text: &[u8]) -> Result<Vec<u8>, CryptoError> {
    STANDARD.decode(text.trim_ascii()).map_err(|_| CryptoError::Base64)
}

/// Encodes standard base64 with padding.
pub fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A 16 byte AES-128 key of a robot, as users carry it: 32 hexadecimal characters.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey([u8; 16]);

impl DeviceKey {
    /// The key that firmware 1.1.8 to 1.1.14 uses on every robot.
    pub const STATIC: Self = Self([
        0xe8, 0x56, 0x82, 0xbd, 0x16, 0x54, 0x9b, 0x00, 0x8e, 0x04, 0xa6, 0x68, 0x2b, 0xb3, 0xeb,
        0xe3,
    ]);
}

impl std::str::FromStr for DeviceKey {
    type Err = KeyMalformed;

    fn from_str(text: &str) -> Result<Self, KeyMalformed> {
        let text = text.trim().as_bytes();
        if text.len() != 32 {
            return Err(KeyMalformed);
        }
        let mut key = [0; 16];
        for (byte, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |c: u8| (c as char).to_digit(16).ok_or(KeyMalformed);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(Self(key))
    }
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

/// The text given as device key is not 32 hexadecimal characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a robot's key is 32 hexadecimal characters (0-9, a-f)")]
pub struct KeyMalformed;

const NONCE: usize = 12;
const TAG: usize = 16;

/// Opens a blob laid out `ciphertext || nonce(12) || tag(16)`.
pub fn gcm_open(key: &DeviceKey, blob: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let split = blob.len().checked_sub(NONCE + TAG).ok_or(CryptoError::Length)?;
    let (ciphertext, rest) = blob.split_at(split);
    let (nonce, tag) = rest.split_at(NONCE);
    Aes128Gcm::new(GenericArray::from_slice(&key.0))
        .decrypt(GenericArray::from_slice(nonce), [ciphertext, tag].concat().as_slice())
        .map_err(|_| CryptoError::Tag)
}

/// Seals a blob in the robot's layout, see [`gcm_open`].
pub fn gcm_seal(key: &DeviceKey, nonce: &[u8; NONCE], plain: &[u8]) -> Vec<u8> {
    let Ok(mut sealed) = Aes128Gcm::new(GenericArray::from_slice(&key.0))
        .encrypt(GenericArray::from_slice(nonce), plain)
    else {
        return Vec::new(); // only a plaintext of more than 64 GiB fails
    };
    let tag = sealed.split_off(sealed.len() - TAG);
    [sealed.as_slice(), nonce, tag.as_slice()].concat()
}

/// The key of one offer: 32 lowercase hexadecimal characters whose ASCII bytes are the AES-256 key.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// Draws a fresh key: the hexadecimal digits of a random UUID version 4.
    pub fn generate() -> Self {
        let mut uuid = [0u8; 16];
        OsRng.fill_bytes(&mut uuid);
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(uuid) {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// Takes a key from its 32 ASCII bytes.
    pub fn from_ascii(text: &[u8]) -> Result<Self, CryptoError> {
        text.try_into().map(Self).map_err(|_| CryptoError::Length)
    }

    /// Encrypts for the wire: AES-256-ECB with PKCS#7 padding, base64.
    pub fn encrypt(&self, plain: &[u8]) -> String {
        let cipher = Aes256::new(GenericArray::from_slice(&self.0));
        let padding = 16 - plain.len() % 16;
        let mut data = plain.to_vec();
        data.resize(plain.len() + padding, padding as u8);
        for block in data.chunks_exact_mut(16) {
            cipher.encrypt_block(GenericArray::from_mut_slice(block));
        }
        base64_encode(&data)
    }

    /// Undoes [`encrypt`](Self::encrypt).
    pub fn decrypt(&self, text: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut data = base64_decode(text)?;
        if data.is_empty() || data.len() % 16 != 0 {
            return Err(CryptoError::Length);
        }
        let cipher = Aes256::new(GenericArray::from_slice(&self.0));
        for block in data.chunks_exact_mut(16) {
            cipher.decrypt_block(GenericArray::from_mut_slice(block));
        }
        let padding = usize::from(data[data.len() - 1]);
        let valid = (1..=16).contains(&padding)
            && data[data.len() - padding..].iter().all(|&b| usize::from(b) == padding);
        if !valid {
            return Err(CryptoError::Padding);
        }
        data.truncate(data.len() - padding);
        Ok(data)
    }

    /// Wraps the key for the robot: RSA PKCS#1 v1.5, base64.
    pub fn wrap(&self, robot: &RsaPublicKey) -> Result<String, CryptoError> {
        robot
            .encrypt(&mut OsRng, Pkcs1v15Encrypt, &self.0)
            .map(|wrapped| base64_encode(&wrapped))
            .map_err(|_| CryptoError::Rsa)
    }

    /// Unwraps a key that a client sent; the robot's side of [`wrap`](Self::wrap).
    pub fn unwrap(robot: &RsaPrivateKey, text: &[u8]) -> Result<Self, CryptoError> {
        let wrapped = base64_decode(text)?;
        let plain = robot.decrypt(Pkcs1v15Encrypt, &wrapped).map_err(|_| CryptoError::Rsa)?;
        Self::from_ascii(&plain)
    }
}

/// Reads an RSA key, DER SubjectPublicKeyInfo. Robots were seen with 2048 bits; anything outside
/// 1024 to 4096, and any exponent that no key has, is refused before arithmetic is done with it.
pub fn read_public_key(der: &[u8]) -> Result<RsaPublicKey, CryptoError> {
    const LARGEST_DER: usize = 1024;
    if der.len() > LARGEST_DER {
        return Err(CryptoError::RsaKey);
    }
    // Exponents below 2 or above 2^33 are refused here already.
    let key = RsaPublicKey::from_public_key_der(der).map_err(|_| CryptoError::RsaKey)?;
    // An even one has no inverse: nobody could read what is sent.
    let is_odd = key.e().to_bytes_le().first().is_some_and(|byte| byte & 1 == 1);
    if (128..=512).contains(&key.size()) && is_odd {
        Ok(key)
    } else {
        Err(CryptoError::RsaKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_the_known_gcm_blob() {
        let blob = base64_decode(
            b"6+D89WcF2SuEBjvuxPulwH8svX+/PhOKRemDvSZcpmwrAAECAwQFBgcICQoL1nINH9m3WwerRU6p2GyK5w==",
        )
        .unwrap();
        let plain = gcm_open(&DeviceKey::STATIC, &blob).unwrap();
        assert_eq!(plain, b"ABCDEFGHIJ<base64-spki>xBxDxAxJxF");
        let nonce = std::array::from_fn(|i| i as u8);
        assert_eq!(gcm_seal(&DeviceKey::STATIC, &nonce, &plain), blob);
    }

    #[test]
    fn refuses_blobs_under_another_key_and_short_ones() {
        let key: DeviceKey = "00112233445566778899aabbccddeeff".parse().unwrap();
        let blob = gcm_seal(&key, &[7; 12], b"text");
        assert_eq!(gcm_open(&DeviceKey::STATIC, &blob), Err(CryptoError::Tag));
        assert_eq!(gcm_open(&key, &blob[..27]), Err(CryptoError::Length));
        assert_eq!(gcm_open(&key, &gcm_seal(&key, &[7; 12], b"")).unwrap(), b"");
    }

    #[test]
    fn encrypts_the_known_offer() {
        let key = SessionKey::from_ascii(b"00112233445566778899aabbccddeeff").unwrap();
        let offer = br#"{"id":"","sdp":"v=0","type":"offer","token":""}"#;
        let text = "Udk9OuC7S4BBnDf914zVhMMDkFi07yhVnQ14uitTFmKPrBCTOsuGOiXY/essmrUd";
        assert_eq!(key.encrypt(offer), text);
        assert_eq!(key.decrypt(text.as_bytes()).unwrap(), offer);
    }

    #[test]
    fn decrypt_refuses_cut_and_foreign_text() {
        let key = SessionKey::generate();
        let text = key.encrypt(b"sixteen bytes...and more");
        assert_eq!(key.decrypt(b""), Err(CryptoError::Length));
        assert_eq!(key.decrypt(b"AAAA"), Err(CryptoError::Length));
        assert_eq!(key.decrypt(b"no base64!"), Err(CryptoError::Base64));
        assert!(SessionKey::generate().decrypt(text.as_bytes()).is_err());
    }

    #[test]
    fn session_keys_are_uuids_in_lowercase_hex() {
        let SessionKey(text) = SessionKey::generate();
        assert!(text.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
        assert_eq!(text[12], b'4');
        assert!(matches!(text[16], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn device_keys_are_read_strictly_and_never_shown() {
        assert!("E85682BD16549B008E04A6682BB3EBE3".parse::<DeviceKey>() == Ok(DeviceKey::STATIC));
        for bad in
            ["", "e85682bd", "g85682bd16549b008e04a6682bb3ebe3", "é5682bd16549b008e04a6682bb3ebe"]
        {
            assert_eq!(bad.parse::<DeviceKey>(), Err(KeyMalformed), "{bad}");
        }
        assert_eq!(format!("{:?}", DeviceKey::STATIC), "DeviceKey(..)");
    }
}
