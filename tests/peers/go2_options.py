"""Which robot it is: the options of the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from go2_camera import VideoOptions
from go2_frames import FRAMINGS
from go2_lidar import LidarOptions
from go2_robot import SessionOptions

DATA2 = {"absent": None, "1": 1, "2": 2, "3": 3}


@dataclass
class Failure:
    """One --fail option: at this step, this instead of the usual, so many times."""

    step: str
    what: str
    left: float


def _failure_option(text: str) -> Failure:
    words = {"reject", "truncated", "garbage"}
    step, _, rest = text.partition(":")
    what, _, count = rest.partition("*")
    known = step in ("notify", "ing", "offer") and (what in words or what.isdigit())
    if not known or (step == "notify" and what in ("reject", "truncated")):
        raise argparse.ArgumentTypeError(f"{text!r}: want notify|ing|offer:WHAT[*COUNT]")
    return Failure(step, what, float(count) if count else float("inf"))


def _fault_option(text: str) -> tuple[int, int]:
    source, _, code = text.partition(":")
    return int(source), int(code, 16)


def _key_option(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != 16:
        raise argparse.ArgumentTypeError("a device key has 16 bytes, 32 hex characters")
    return key


def _video_option(text: str) -> tuple[int, int, int]:
    size, _, fps = text.partition("@")
    width, _, height = size.partition("x")
    numbers = int(width), int(height), int(fps)
    if numbers[0] % 2 or numbers[1] % 2 or not 1 <= numbers[2] <= 30:
        raise argparse.ArgumentTypeError(f"{text!r}: want WxH@FPS, W and H even, FPS up to 30")
    return numbers


def _loopback(text: str) -> str:
    if not text.startswith("127."):
        raise argparse.ArgumentTypeError("a robot made for tests stays on 127.x.x.x")
    return text


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description="A simulated Unitree GO2 on loopback; README.md beside this says more.")
    p.add_argument("--generation", choices=["plain", *DATA2], default="2")
    p.add_argument("--key", type=_key_option, help="device key of generation 3, 32 hex characters")
    p.add_argument("--static-under-3", action="store_true", help="say 3, use the static key")
    p.add_argument("--rsa-bits", type=int, default=2048)
    p.add_argument("--bind", type=_loopback, default="127.0.0.1")
    p.add_argument("--port-9991", type=int, default=9991, help="0 = any free one")
    p.add_argument("--port-8081", type=int, default=8081, help="0 = any free one")
    p.add_argument("--no-content-length", action="store_true")
    p.add_argument("--fail", type=_failure_option, action="append", default=[], help="see README")
    p.add_argument("--busy", choices=["reject", "429"], default="reject")
    p.add_argument("--old-sctp-form", action="store_true")
    p.add_argument("--dcep-ack", action="store_true")
    p.add_argument("--lost-after", type=float, default=30.0, help="silent client given up, s")
    validations = ["accept", "refuse", "silent", "twice"]
    p.add_argument("--validation", choices=validations, default="accept")
    p.add_argument("--firmware", choices=["new", "old"], default="new")
    p.add_argument("--heartbeat-timeout", type=float, default=10.0)
    p.add_argument("--low-hz", type=float, help="default 1 (new firmware) or 20 (old)")
    p.add_argument("--sport-hz", type=float, default=20.0)
    p.add_argument("--pose-hz", type=float, default=18.7)
    p.add_argument("--rtt-every", type=float, default=3.0)
    p.add_argument("--move-res", choices=["yes", "no"], default="yes")
    p.add_argument("--fault", type=_fault_option, action="append", default=[])
    p.add_argument("--big", type=int, default=0, help="bytes of one binary frame sent early")
    p.add_argument("--lidar-framing", choices=FRAMINGS, default=FRAMINGS[0])
    p.add_argument("--lidar-ignores", type=int, default=1, help="so many switch commands get lost")
    p.add_argument("--lidar-hz", type=float, default=7.5)
    p.add_argument("--lidar-stops-after", type=float, default=0.0, help="s after each turning on")
    p.add_argument("--bad-voxels", action="store_true", help="a malformed frame after each good one")
    loses = "the still picture's piece N is left out, counted from 1"
    p.add_argument("--snapshot-loses-chunk", type=int, nargs="?", const=3, default=0, help=loses)
    p.add_argument("--video", type=_video_option, default=(1280, 720, 15), help="WxH@FPS")
    p.add_argument("--idr-every", type=float, default=2.0, help="s between keyframes")
    p.add_argument("--pli", choices=["ignore", "heed"], default="ignore")
    p.add_argument("--kill-after", type=float, default=0.0, help="s after validation")
    p.add_argument("--mute-after", type=float, default=0.0, help="s after validation")
    p.add_argument("--watch-stdin", action="store_true", help="leave when standard input ends")
    args = p.parse_args(argv)
    if args.generation == "3" and not args.static_under_3 and args.key is None:
        p.error("--generation 3 wants --key or --static-under-3")
    return args


def video_options(a: argparse.Namespace) -> VideoOptions:
    width, height, fps = a.video
    return VideoOptions(width, height, fps, a.idr_every, a.pli == "heed")


def session_options(a: argparse.Namespace) -> SessionOptions:
    low_hz = a.low_hz if a.low_hz is not None else (1.0 if a.firmware == "new" else 20.0)
    return SessionOptions(
        validation=a.validation,
        firmware=a.firmware,
        heartbeat_timeout=a.heartbeat_timeout,
        low_hz=low_hz,
        sport_hz=a.sport_hz,
        pose_hz=a.pose_hz,
        rtt_every=a.rtt_every,
        move_res=a.move_res == "yes",
        big=a.big,
        kill_after=a.kill_after,
        mute_after=a.mute_after,
        faults=a.fault,
        photo_loses_chunk=a.snapshot_loses_chunk,
        lidar=LidarOptions(
            framing=a.lidar_framing,
            ignores=a.lidar_ignores,
            hz=a.lidar_hz,
            stops_after=a.lidar_stops_after,
            bad=a.bad_voxels,
            old_stamps=a.firmware == "old",
        ),
    )
