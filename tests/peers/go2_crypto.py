"""The signaling cryptography of a GO2, both the robot's side and a client's.

The client's half is here so that the tests can speak to the robot; the robot uses only its own.
Where the protocol chops or reorders bytes itself, this file does so by hand.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import string
import uuid

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

STATIC_KEY = bytes([232, 86, 130, 189, 22, 84, 155, 0, 142, 4, 166, 104, 43, 179, 235, 227])
NONCE_LEN = 12
TAG_LEN = 16
AFFIX_LEN = 10
PATH_LETTERS = "ABCDEFGHIJ"


def gcm_seal(key: bytes, plain: bytes, nonce: bytes | None = None) -> bytes:
    """AES-128-GCM in the robot's layout: ciphertext, nonce, tag."""
    nonce = nonce or os.urandom(NONCE_LEN)
    sealed = AESGCM(key).encrypt(nonce, plain, None)
    return sealed[:-TAG_LEN] + nonce + sealed[-TAG_LEN:]


def gcm_open(key: bytes, blob: bytes) -> bytes:
    body, nonce, tag = blob[:-28], blob[-28:-16], blob[-16:]
    return AESGCM(key).decrypt(nonce, body + tag, None)


def _ecb(key: str) -> Cipher[modes.ECB]:
    # The 32 hex characters are the AES-256 key as they stand; they are not decoded to 16 bytes.
    return Cipher(algorithms.AES(key.encode("ascii")), modes.ECB())


def ecb_encrypt(key: str, plain: str) -> str:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plain.encode()) + padder.finalize()
    enc = _ecb(key).encryptor()
    return base64.b64encode(enc.update(padded) + enc.finalize()).decode()


def ecb_decrypt(key: str, text: str) -> str:
    dec = _ecb(key).decryptor()
    padded = dec.update(base64.b64decode(text, validate=True)) + dec.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


def validation_answer(challenge: str) -> str:
    return base64.b64encode(hashlib.md5(f"UnitreeGo2_{challenge}".encode()).digest()).decode()


def path_digits(text: str) -> str:
    """The digits of /con_ing_<digits>: the second letter of each of the last five pairs."""
    tail = text[-AFFIX_LEN:]
    return "".join(str(PATH_LETTERS.index(tail[i + 1])) for i in range(0, AFFIX_LEN, 2))


def random_path_tail() -> str:
    pairs = (random.choice(string.ascii_letters) + random.choice(PATH_LETTERS) for _ in range(5))
    return "".join(pairs)


class RobotKey:
    """The robot's RSA key, made at start, and the notify text that hands it out."""

    def __init__(self, bits: int) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def notify_text(self) -> str:
        """P: ten characters, the base64 SubjectPublicKeyInfo, ten characters that hide the path."""
        spki = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        head = "".join(random.choices(string.ascii_letters + string.digits, k=AFFIX_LEN))
        return head + base64.b64encode(spki).decode() + random_path_tail()

    def unwrap(self, text: str) -> str:
        """The session key out of data2; blocks of the modulus size are decrypted one by one."""
        cipher = base64.b64decode(text, validate=True)
        size = self._key.key_size // 8
        if not cipher or len(cipher) % size:
            raise ValueError(f"RSA text of {len(cipher)} bytes is not made of {size} byte blocks")
        blocks = (cipher[i : i + size] for i in range(0, len(cipher), size))
        key = b"".join(self._key.decrypt(b, rsa_padding.PKCS1v15()) for b in blocks).decode("ascii")
        # OpenSSL answers bad padding with random bytes instead of an error, so look at the result.
        if len(key) != 32 or set(key) - set("0123456789abcdef"):
            raise ValueError("session key is not 32 lowercase hex characters")
        return key


def notify_data(text: str, data2: int | None, key: bytes) -> dict[str, object]:
    """The JSON object that /con_notify answers (before its base64)."""
    data1 = text if data2 in (None, 1) else base64.b64encode(gcm_seal(key, text.encode("ascii"))).decode()
    return {"data1": data1} if data2 is None else {"data1": data1, "data2": data2}


# --- the client's half -------------------------------------------------------------------------


def client_session_key() -> str:
    return uuid.uuid4().hex


def client_wrap(text: str, session_key: str) -> str:
    """data2 of /con_ing: the session key under the RSA key found in the notify text."""
    spki = base64.b64decode(text[AFFIX_LEN:-AFFIX_LEN])
    public = serialization.load_der_public_key(spki)
    assert isinstance(public, rsa.RSAPublicKey)
    step = public.key_size // 8 - 11
    raw = session_key.encode("ascii")
    blocks = [raw[i : i + step] for i in range(0, len(raw), step)]
    cipher = b"".join(public.encrypt(b, rsa_padding.PKCS1v15()) for b in blocks)
    return base64.b64encode(cipher).decode()
