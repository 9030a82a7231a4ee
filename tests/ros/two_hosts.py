"""Two computers on one: network namespaces with a cable between them that carries as little as it is told to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from types import TracebackType

# Of the robot's computer and the laptop. In namespaces of their own they meet nobody else's.
ADDRESSES = ("10.13.0.1", "10.13.0.2")
DEVICE = "eth0"
# What waits for a slow cable, and how much may go at once.
QUEUE, BURST = "200kb", "32kb"
# Both end with the program that made them, in whichever way that ends: `cat` reads from it.
HOLDER = "mount -t tmpfs tmpfs /dev/shm && ip link set lo up && echo made && exec cat"


class NotPossible(Exception):
    """Namespaces or limits cannot be made here; a sentence that says why."""


class Host:
    """A network namespace with shared memory of its own: DDS takes who shares memory for the same computer."""

    def __init__(self) -> None:
        command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", HOLDER]
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._holder.stdin and self._holder.stdout and self._holder.stderr
        if self._holder.stdout.readline() != "made\n":
            self.close()
            raise NotPossible(f"A network namespace cannot be made here: {last_line(self._holder.stderr.read())}")

    @property
    def pid(self) -> int:
        """Of the process that holds the namespaces."""
        return self._holder.pid

    def within(self) -> list[str]:
        """The command that becomes a program in here, which ends with the program that starts it."""
        spaces = [f"--{kind}=/proc/{self.pid}/ns/{name}" for kind, name in (("net", "net"), ("mount", "mnt"))]
        return ["nsenter", *spaces, "setpriv", "--pdeathsig", "KILL"]

    def run(self, *command: str) -> str:
        """Runs a command in here and returns what it prints."""
        done = subprocess.run([*self.within(), *command], capture_output=True, text=True)
        if done.returncode:
            raise NotPossible(f"`{' '.join(command)}` fails here: {last_line(done.stderr)}")
        return done.stdout

    def close(self) -> None:
        """Gives the namespaces up; they end with the last program in them."""
        self._holder.kill()
        self._holder.wait()


class TwoHosts:
    """A robot's computer and a laptop, with a cable between them."""

    def __init__(self) -> None:
        needed = ("unshare", "nsenter", "setpriv", "ip", "tc")
        if missing := [name for name in needed if shutil.which(name) is None]:
            raise NotPossible(f"Not installed here: {', '.join(missing)}; Debian has them in iproute2 and util-linux.")
        if os.geteuid() != 0:
            raise NotPossible("Only root may make network namespaces.")
        self._hosts: list[Host] = []
        try:
            for _ in ADDRESSES:
                self._hosts.append(Host())
            self._connect()
        except BaseException:
            self.close()
            raise

    @property
    def robots(self) -> Host:
        """The robot's computer."""
        return self._hosts[0]

    @property
    def laptop(self) -> Host:
        """The other one."""
        return self._hosts[1]

    def _connect(self) -> None:
        peer = ["peer", "name", DEVICE, "netns", str(self.laptop.pid)]
        self.robots.run("ip", "link", "add", DEVICE, "type", "veth", *peer)
        for host, address in zip(self._hosts, ADDRESSES, strict=True):
            host.run("ip", "address", "add", f"{address}/24", "dev", DEVICE)
            host.run("ip", "link", "set", DEVICE, "up")

    def limit(self, mbit: float) -> None:
        """Has the cable carry no more than this many Mbit/s to the laptop, and delay what it does not carry at once."""
        rate = ["rate", f"{mbit}mbit", "burst", BURST, "limit", QUEUE]
        self.robots.run("tc", "qdisc", "replace", "dev", DEVICE, "root", "tbf", *rate)

    def carried(self) -> int:
        """How many bytes the cable has carried to the laptop so far."""
        (told,) = json.loads(self.robots.run("ip", "-json", "-statistics", "link", "show", "dev", DEVICE))
        return int(told["stats64"]["tx"]["bytes"])

    def close(self) -> None:
        """Ends the namespaces, once the programs in them have ended."""
        for host in self._hosts:
            host.close()

    def __enter__(self) -> TwoHosts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def check_possible() -> None:
    """Raises NotPossible where there can be no second computer, or no slow cable to it."""
    with TwoHosts() as hosts:
        hosts.limit(1)


def last_line(text: str) -> str:
    """The last line of what a program said."""
    return (text.strip().splitlines() or ["it says nothing"])[-1]


def subnet(domain: int) -> dict[str, str]:
    """The environment in which ROS looks for others on the subnet. For programs in namespaces only."""
    environment = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    # Humble's name for it.
    return environment | ({"ROS_LOCALHOST_ONLY": "0"} if "ROS_LOCALHOST_ONLY" in os.environ else {})
