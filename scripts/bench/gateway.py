"""Runs node, simulated robot and browsers, and prints what viewers cost."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import rclpy
from foxglove_msgs.msg import CompressedVideo
from nav_msgs.msg import Odometry
from rclpy.node import Node

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/ros"))
from browser import Console, chromium

ROBOT, GATEWAY = "127.0.0.94", "127.0.0.93:8094"
TOKEN = "bench"
WARM_UP = 5.0
LIMIT = 60.0
VIEWERS = 2
STAY = 4.0

# A viewer that looks at everything. Ages are by the robot's stamps, whose clock is ahead by as much all the time.
VIEWER = """
const [done] = [arguments[arguments.length - 1]];
(async () => {
  const { challengeAnswer } = await import("/protocol.js");
  const about = await (await fetch("/about")).json();
  const pc = (window.pc = new RTCPeerConnection());
  pc.addTransceiver("video", { direction: "recvonly" });
  const channel = pc.createDataChannel("data");
  const ages = (window.ages = []);
  window.bytes = 0;
  const say = (type, topic, data) => channel.send(JSON.stringify({ type, topic, data }));
  channel.onmessage = ({ data }) => {
    const now = (performance.timeOrigin + performance.now()) / 1000;
    window.bytes += data.byteLength ?? data.length;
    if (typeof data !== "string") return;
    const message = JSON.parse(data);
    const accepted = message.data === "Validation Ok.";
    if (message.type === "validation" && !accepted) say("validation", "", challengeAnswer(message.data));
    if (message.type === "validation" && accepted) {
      say("rtc_inner_req", "", { req_type: "disable_traffic_saving", instruction: "on" });
      for (const topic of ["lf/lowstate", "lf/sportmodestate", "utlidar/robot_pose", "utlidar/voxel_map_compressed"]) {
        say("subscribe", `rt/${topic}`, "");
      }
      say("vid", "", "on");
      const switchOn = () => say("msg", "rt/utlidar/switch", "ON");
      if (about.mode === "direct") for (let i = 0; i < 5; i += 1) setTimeout(switchOn, 200 * i);
      setInterval(() => channel.readyState === "open" && say("heartbeat", "", { timeInStr: "", timeInNum: 0 }), 2000);
      done("");
    }
    if (message.topic === "rt/utlidar/robot_pose") {
      const { sec, nanosec } = message.data.header.stamp;
      ages.push(1000 * (now - sec - nanosec / 1e9));
    }
  };
  await pc.setLocalDescription(await pc.createOffer());
  const offer = { token: "bench", id: "STA_localNetwork", type: "offer", ip: about.robot };
  offer.sdp = pc.localDescription.sdp;
  const response = await fetch("/offer", { method: "POST", body: JSON.stringify(offer) });
  const answer = await response.json();
  if (!response.ok) return done(answer.error);
  await pc.setRemoteDescription(answer);
})().catch((error) => done(String(error)));
"""
FRAMES = """
const done = arguments[arguments.length - 1];
const find = (all) => [...all.values()].find((one) => one.type === "inbound-rtp");
window.pc.getStats().then((all) => done(find(all)?.framesDecoded ?? 0));
"""


class Ages(Node):
    """Notes the ages of the odometry, and takes the camera's stream, too: robots send video only where it is wanted."""

    def __init__(self) -> None:
        super().__init__("bench_gateway")
        self.ages: list[float] = []
        self.create_subscription(Odometry, "odom", self._hear, 100)
        self.create_subscription(CompressedVideo, "camera/video", lambda _: None, 10)

    def _hear(self, message: Odometry) -> None:
        stamp = message.header.stamp
        self.ages.append(1000 * (time.time() - stamp.sec - stamp.nanosec / 1e9))


def listen(requests: Connection) -> None:
    """Listens, and gives the ages heard so far for each request, until a request is false."""
    rclpy.init()
    node = Ages()
    wanted = True
    while wanted:
        rclpy.spin_once(node, timeout_sec=0.05)
        if requests.poll():
            wanted = requests.recv()
            requests.send(node.ages)
            node.ages = []


class Listener:
    """What ROS hears, in a process of its own: what is waited for in a browser holds up no age."""

    def __init__(self) -> None:
        self._requests, requests = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=listen, args=(requests,), daemon=True)
        self._process.start()

    def ages(self) -> list[float]:
        """In ms, since the last call."""
        self._requests.send(True)
        return self._requests.recv()

    def close(self) -> None:
        """Ends it."""
        self._requests.send(False)
        self._process.join(10)


def cpu(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program for a while."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def apart() -> tuple[set[int], set[int]]:
    """The processors of robot, node and ROS, and those of the browsers: what these decode and draw is not measured."""
    *ours, last = sorted(os.sched_getaffinity(0))
    return set(ours) or {last}, {last}


@contextlib.contextmanager
def on(processors: set[int]) -> Iterator[None]:
    """What is started meanwhile runs there."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def open_page(page: Console) -> None:
    """Opens a page of the gateway, once it is there."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            page.driver.get(f"http://{GATEWAY}/about")
            return
        except Exception:
            assert time.monotonic() < deadline, "the gateway is not there"
            time.sleep(0.1)


def view(page: Console) -> None:
    """Has a page view the robot."""
    open_page(page)
    deadline = time.monotonic() + LIMIT
    while error := page.driver.execute_async_script(VIEWER):
        assert time.monotonic() < deadline, error
        time.sleep(0.5)


def quantile(values: list[float], share: float) -> float:
    """The value that so many are below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def ages(values: list[float], seconds: float) -> str:
    """Rate and ages in words."""
    median, late = statistics.median(values), quantile(values, 0.99)
    return f"{len(values) / seconds:5.1f} Hz, {median:6.1f} / {late:6.1f} ms"


@dataclass
class Seen:
    """What pages see in a while: poses with their ages in ms, and how much else a second."""

    hz: float
    median: float
    late: float
    pictures: float
    kilobytes: float

    def __str__(self) -> str:
        # The robot's clock is ahead by whole hours.
        ages = f"{self.median % 3.6e6:6.1f} / {self.late % 3.6e6:6.1f} ms"
        return f"pose {self.hz:5.1f} Hz, {ages}   {self.pictures:4.1f} pictures, {self.kilobytes:4.0f} kB a second"


def seen(pages: list[Console], seconds: float) -> Seen:
    """What pages see for a while, each on average."""

    def counts() -> list[tuple[int, int]]:
        return [(page.driver.execute_async_script(FRAMES), page.run("return window.bytes")) for page in pages]

    before = counts()
    for page in pages:
        page.run("window.ages.length = 0")
    time.sleep(seconds)
    grown = [(now[0] - then[0], now[1] - then[1]) for now, then in zip(counts(), before, strict=True)]
    poses: list[float] = [age for page in pages for age in page.run("return window.ages")]
    pictures, kilobytes = (statistics.mean(each) / seconds for each in zip(*grown, strict=True))
    rate = len(poses) / len(pages) / seconds
    return Seen(rate, statistics.median(poses), quantile(poses, 0.99), pictures, kilobytes / 1000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    os.environ |= {"GO2_GATEWAY_TOKEN": TOKEN, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    sim = [str(options.bin / "go2_sim"), "--bind", ROBOT]
    seconds = options.seconds
    with contextlib.ExitStack() as stack:
        ours, theirs = apart()
        stack.enter_context(on(ours))
        stack.enter_context(running(*sim))
        with on(theirs):
            pages = [stack.enter_context(chromium()) for _ in range(VIEWERS)]
        for page in pages:
            page.driver.set_script_timeout(LIMIT)
        with running(str(options.bin / "go2"), "gateway", ROBOT, "--bind", GATEWAY):
            view(pages[0])
            time.sleep(WARM_UP)
            straight = seen(pages[:1], seconds)
            print(f"{'a page, straight':26} {straight}", flush=True)
            pages[0].driver.get("about:blank")
        listener = Listener()
        stack.callback(listener.close)
        command = [str(options.bin / "go2_bridge"), f"robot_ip:={ROBOT}", "gateway:=true"]
        command += [f"gateway_address:={GATEWAY}"]
        with running(*command) as node:
            open_page(pages[0])
            while not listener.ages():
                time.sleep(0.1)
            costs = []

            def measure(what: str, run: Callable[[float], Any]) -> Any:
                time.sleep(WARM_UP)
                listener.ages()
                used, begun = cpu(node), time.monotonic()
                result = run(seconds)
                took = time.monotonic() - begun
                costs.append(60 * (cpu(node) - used) / took)
                odometry = ages(listener.ages(), took)
                print(f"{what:26} odom {odometry}   node {costs[-1]:5.1f} CPU s a minute", flush=True)
                return result

            measure("no viewer", time.sleep)
            for page in pages:
                view(page)
            shared = measure("two viewers", lambda seconds: seen(pages, seconds))
            print(f"{'each of them':26} {shared}", flush=True)

            def come_and_go(seconds: float) -> None:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    for page in pages:
                        view(page)
                        time.sleep(STAY / VIEWERS)

            measure("viewers come and go", come_and_go)
            print(f"two viewers cost {costs[1] - costs[0]:.1f} CPU seconds a minute,")
            print(f"and the way through the node {shared.median - straight.median:.1f} ms at the median")


if __name__ == "__main__":
    main()
