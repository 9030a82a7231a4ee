"""The programs that the demo starts."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Child:
    """A program with its output in a file. It never outlives the demo."""

    def __init__(self, name: str, command: list[str], logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._output: IO[bytes] = self.log.open("wb")
        # Plain text in the files, and the simulated robot has to say when it listens.
        environment = os.environ | {"NO_COLOR": "1", "RUST_LOG": "info,webrtc=error"}
        # A session of its own: a Ctrl-C is for the demo, which first stops the robot.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            # Safe as long as there are no threads: the programs are started before ROS is.
            preexec_fn=_end_with_parent,  # noqa: PLW1509
        )

    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def stop(self, how: signal.Signals, limit: float) -> int:
        """Asks it to end, kills it if it does not, and returns its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._output.close()

    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 15) -> str:
        """The end of what it has said."""
        return "\n".join(self.text().splitlines()[-lines:])


def _end_with_parent() -> None:
    """Has the kernel send SIGINT when the demo is killed: the node then stops the robot."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
