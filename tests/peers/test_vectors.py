"""The peer's own parts against the protocol's vectors, without a network."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

import go2_camera as camera
import go2_crypto as crypto
import go2_lidar as lidar
from go2_frames import big_frame, marker2_frame
from go2_lz4 import encode_block
from go2_options import parse_args
from go2_sdp import AnswerParts, OfferError, read_offer, write_answer
from go2_walk import Walk
from readers import decode_block, occupied, picture_number

NOTIFY = "ABCDEFGHIJ<base64-spki>xBxDxAxJxF"
SEALED = "6+D89WcF2SuEBjvuxPulwH8svX+/PhOKRemDvSZcpmwrAAECAwQFBgcICQoL1nINH9m3WwerRU6p2GyK5w=="
ECB_KEY = "00112233445566778899aabbccddeeff"
ECB_PLAIN = '{"id":"","sdp":"v=0","type":"offer","token":""}'
ECB_CIPHER = "Udk9OuC7S4BBnDf914zVhMMDkFi07yhVnQ14uitTFmKPrBCTOsuGOiXY/essmrUd"


def test_gcm_blob_both_ways() -> None:
    blob = crypto.gcm_seal(crypto.STATIC_KEY, NOTIFY.encode(), nonce=bytes(range(12)))
    assert base64.b64encode(blob).decode() == SEALED
    assert crypto.gcm_open(crypto.STATIC_KEY, blob).decode() == NOTIFY
    with pytest.raises(InvalidTag):
        crypto.gcm_open(bytes(16), blob)


def test_static_key_as_hex() -> None:
    assert crypto.STATIC_KEY.hex() == "e85682bd16549b008e04a6682bb3ebe3"


def test_path_digits() -> None:
    assert crypto.path_digits(NOTIFY) == "13095"


def test_ecb_both_ways() -> None:
    assert crypto.ecb_encrypt(ECB_KEY, ECB_PLAIN) == ECB_CIPHER
    assert crypto.ecb_decrypt(ECB_KEY, ECB_CIPHER) == ECB_PLAIN


@pytest.mark.parametrize(
    ("challenge", "answer"),
    [
        ("0123456789abcdef", "w+wJRSatpJQf2TpbA1FlIA=="),
        ("c1f2a3b4c5d6e7f8", "NxEzN+M11CKGhXGXhxGmLw=="),
    ],
)
def test_validation(challenge: str, answer: str) -> None:
    assert crypto.validation_answer(challenge) == answer


def test_session_key_goes_through_rsa() -> None:
    robot = crypto.RobotKey(2048)
    key = crypto.client_session_key()
    text = robot.notify_text()
    assert robot.unwrap(crypto.client_wrap(text, key)) == key
    with pytest.raises(ValueError):
        robot.unwrap(base64.b64encode(bytes(100)).decode())


def _offer(*sections: str, fingerprints: tuple[str, ...] = ("sha-256 AA:BB",)) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    bodies = {
        "audio": ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2", "a=sendrecv"],
        "video": [
            "m=video 9 UDP/TLS/RTP/SAVPF 96 102 104",
            "a=rtpmap:96 VP8/90000",
            "a=rtpmap:102 H264/90000",
            "a=fmtp:102 packetization-mode=1;profile-level-id=640c1f",
            "a=rtpmap:104 H264/90000",
            "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
            "a=recvonly",
        ],
        "application": [
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "a=sctp-port:5000",
            "a=max-message-size:262144",
        ],
    }
    for mid, kind in enumerate(sections):
        lines += [*bodies[kind], f"a=mid:{mid}", "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 24]
        lines += [f"a=fingerprint:{value}" for value in fingerprints] + ["a=setup:actpass"]
    return "\r\n".join(lines) + "\r\n"


def _answer(offer: str, old_sctp_form: bool = False) -> str:
    parts = AnswerParts(
        ip="127.0.0.1",
        port=48890,
        ufrag="wxyz",
        pwd="q" * 24,
        fingerprint="CC:DD",
        ssrcs={"video": 1, "audio": 2},
        cname="cname",
        old_sctp_form=old_sctp_form,
    )
    return write_answer(read_offer(offer), parts)


def test_answer_has_the_captured_shape_and_order() -> None:
    answer = _answer(_offer("video", "application"))
    assert answer.endswith("\r\n") and "\n" not in answer.replace("\r\n", "")
    lines = answer.split("\r\n")
    candidate = (
        "a=candidate:0 1 udp 2130706431 127.0.0.1 48890 typ host raddr 0.0.0.0 rport 0 generation 0 network-cost 999"
    )
    assert lines[1].startswith("o=- ") and lines[1].endswith(" 2 IN IP4 127.0.0.1")
    lines[1] = "o="
    assert lines == [
        "v=0",
        "o=",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=msid-semantic: WMS myKvsVideoStream",
        "m=video 9 UDP/TLS/RTP/SAVPF 104",
        "c=IN IP4 127.0.0.1",
        candidate,
        "a=msid:unitreeMediaStream unitreeVideoTrack",
        "a=ssrc:1 cname:cname",
        "a=ssrc:1 msid:unitreeMediaStream unitreeVideoTrack",
        "a=ssrc:1 mslabel:unitreeMediaStream",
        "a=ssrc:1 label:unitreeVideoTrack",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:wxyz",
        "a=ice-pwd:" + "q" * 24,
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 CC:DD",
        "a=setup:active",
        "a=mid:0",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:104 H264/90000",
        "a=fmtp:104 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
        "a=rtcp-fb:104 nack",
        "a=rtcp-fb:104 goog-remb",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 127.0.0.1",
        candidate,
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:wxyz",
        "a=ice-pwd:" + "q" * 24,
        "a=fingerprint:sha-256 CC:DD",
        "a=setup:active",
        "a=mid:1",
        "a=sctp-port:5000",
        "",
    ]


def test_data_comes_last_and_sections_are_numbered_by_position() -> None:
    offer = _offer("application", "audio", "video")
    lines = _answer(offer).split("\r\n")
    kinds = [line.split(" ")[0] for line in lines if line.startswith("m=")]
    assert kinds == ["m=audio", "m=video", "m=application"]
    assert [line for line in lines if line.startswith("a=mid")] == ["a=mid:0", "a=mid:1", "a=mid:2"]
    assert any("not the last" in warning for warning in read_offer(offer).warnings())


def test_old_sctp_form() -> None:
    answer = _answer(_offer("application"), old_sctp_form=True)
    assert "m=application 9 DTLS/SCTP 5000\r\n" in answer
    assert answer.endswith("a=sctpmap:5000 webrtc-datachannel 65535\r\n")
    assert "sctp-port" not in answer


def test_last_fingerprint_wins_and_loses_eight_characters() -> None:
    offer = read_offer(_offer("application", fingerprints=("sha-256 AA:BB", "sha-512 CC:DD")))
    assert offer.fingerprint == "CC:DD"
    assert len(offer.warnings()) == 2
    assert read_offer(_offer("video", "application")).warnings() == []


def test_offer_without_h264_cannot_be_answered() -> None:
    with pytest.raises(OfferError):
        _answer(_offer("video", "application").replace("H264", "H265"))


def test_normal_binary_frame() -> None:
    frame = big_frame(1000)
    length, zero = struct.unpack_from("<HH", frame)
    payload = frame[4 + length :]
    assert zero == 0 and frame[4:5] == b"{" and frame[3 + length : 4 + length] == b"}"
    assert payload == bytes(i % 251 for i in range(1000))


def test_marker_2_frame() -> None:
    frame = marker2_frame({"type": "msg", "topic": "t"}, b"abc")
    assert frame[:12] == b"\x02\0\0\0" + struct.pack("<II", 26, 3)
    assert frame[12:] == b'{"type":"msg","topic":"t"}abc'


def blocks() -> dict[str, bytes]:
    """What is to be encoded: every form of length, overlap, distance and end."""
    random = Random(1)
    noise, far = random.randbytes(80_000), random.randbytes(300)
    found = {f"{n} zeros": bytes(n) for n in (*range(30), 269, 270, 271, 525, 77_824)}
    found |= {f"{n} of noise": noise[:n] for n in (13, 14, 15, 16, 269, 270, 271, 77_824)}
    found |= {f"a period of {n}": (noise[:n] * 500)[:2000] for n in (1, 2, 3, 4, 5, 7, 16, 300)}
    found |= {f"again after {n}": far + noise[:n] + far for n in (1, 65_235, 65_236, 70_000)}
    found |= {f"letters {n}": bytes(random.choices(b"ab", k=random.randrange(99))) for n in range(200)}
    return found | {"empty": b"", "runs": b"".join(bytes([i]) * i for i in range(256))}


def test_blocks_decode_to_what_they_were() -> None:
    for what, data in blocks().items():
        block = encode_block(data)
        assert decode_block(block) == data, what
        assert len(block) <= len(data) + len(data) // 255 + 16, what


def test_runs_become_matches_that_overlap() -> None:
    # One literal, distance 1, and a match of 77 818 bytes: 15 in the token, 305 times 255, and 24 more (plus 4).
    assert encode_block(bytes(77_824)) == b"\x1f\0\x01\0" + b"\xff" * 305 + b"\x18\x50" + bytes(5)
    assert decode_block(lidar.zeros(lidar.SIZE)) == bytes(lidar.SIZE)
    assert decode_block(encode_block(b"abc" * 100)) == b"abc" * 100
    assert len(encode_block(b"abc" * 100)) < 15


def test_the_worked_example() -> None:
    bits = lidar.example()
    assert {i: byte for i, byte in enumerate(bits) if byte} == {0: 0x80, 4145: 0x40, 77_823: 0x01}
    block = encode_block(bits)
    assert decode_block(block) == bits and len(block) == 325


LEAVES = {
    (0, 16): "10408240a2000000",
    (-30, 20): "0205020810108040",
    (90, 18): "0000008504340134",
    (-64, 17): "00200a0000000000",
}


def test_leaves_by_known_words() -> None:
    # Of splitmix64 with the seed 0 the first word is widely known.
    assert lidar._rotated(0x8000000000000001, 1) == 3
    first = 0xE220A8397B1DCDAF
    assert lidar.leaves(0, 0) == first & lidar._rotated(first, 13) & lidar._rotated(first, 29)
    assert [f"{lidar.leaves(y, z):016x}" for y, z in LEAVES] == list(LEAVES.values())


@pytest.mark.parametrize("corner", [(-64, -64, -11), (-94, -4, -11), (-34, -40, -11)])
def test_windows_show_the_world(corner: tuple[int, int, int]) -> None:
    bits = decode_block(encode_block(lidar.window(*corner)))
    assert len(bits) == lidar.SIZE
    for z in range(38):
        for y in range(128):
            row = int.from_bytes(bits[z * 2048 + y * 16 :][:16], "big")
            shown = {x for x in range(128) if row >> 127 - x & 1}
            x0, y0, z0 = corner
            assert shown == {x for x in range(128) if occupied(x0 + x, y0 + y, z0 + z)}, (y, z)
    assert 30_000 < int.from_bytes(bits, "big").bit_count() < 42_000


@pytest.mark.parametrize("what, other, change", lidar.BAD, ids=[what for what, _, _ in lidar.BAD])
def test_bad_frames_are_bad(what: str, other: dict[str, Any], change: Callable[[bytes], bytes]) -> None:
    block = change(encode_block(lidar.window(-64, -64, -11)))
    try:
        size = len(decode_block(block))
    except (AssertionError, IndexError):
        size = -1
    if other and "src_size" not in other:
        assert size == lidar.SIZE  # nothing is wrong but the head
    else:
        assert size != other.get("src_size", lidar.SIZE)


@pytest.mark.parametrize("number", [0, 1, 0x80000000, 0xFFFFFFFF, 0xA5C30000, 0x12345678])
def test_pictures_show_their_number(number: int) -> None:
    frame = camera.draw(640, 360, number)
    assert picture_number(frame) == number
    luma = frame.planes[0]
    rows = [bytes(luma)[y * luma.line_size :][:640] for y in range(360)]
    assert all(set(rows[y][8:536]) == {128} for y in (*range(40, 48), *range(64, 72)))
    assert all(set(rows[y][8:16]) | set(rows[y][528:536]) == {128} for y in range(40, 72))
    assert {row[16:528] for row in rows[48:64]} == {rows[48][16:528]}
    assert set(rows[48][16:528]) <= {16, 235}
    assert all(abs(a - b) < 3 for row in (*rows[:40], *rows[72:]) for a, b in zip(row, row[1:], strict=False))


def test_small_pictures_have_no_number() -> None:
    assert {16, 235}.isdisjoint(bytes(camera.draw(320, 240, 5).planes[0]))


@pytest.mark.parametrize("new", [True, False])
def test_orientations_agree(new: bool) -> None:
    walk = Walk(new)
    walk._start -= 7.0
    sport, pose = walk.sportmodestate(), walk.robot_pose()
    w, x, y, z = sport["imu_state"]["quaternion"]
    assert abs(w * w + x * x + y * y + z * z - 1) < 1e-9
    orientation = pose["pose"]["orientation"]
    assert abs(orientation["w"] - w) < 1e-3 and abs(orientation["z"] - z) < 1e-3
    assert (sport["mode"] == 0) is new and len(walk.lowstate()["motor_state"]) == 20


@pytest.mark.parametrize(
    "line",
    [
        "--generation 3",
        "--generation 3 --key 0011",
        "--bind 192.168.1.2",
        "--fail notify:reject",
        "--fail elsewhere:403",
        "--video 639x360@15",
        "--video 640x360@31",
    ],
)
def test_options_that_make_no_sense(line: str) -> None:
    with pytest.raises(SystemExit):
        parse_args(line.split())
