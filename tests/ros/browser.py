"""The console in a headless Chromium, as the tests use it.

Needs Debian's packages chromium and chromium-driver, and selenium.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"

# How long anything may take on a busy machine.
LIMIT = 30.0
POLL = 0.05

DESKTOP = (1280, 800)
PHONE = (390, 844)
PHONE_ASIDE = (844, 390)

FLAGS = [
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # /dev/shm of a container is small
    # For machines whose only network is loopback; others reach 127.0.0.0/8 from their own address.
    "--allow-loopback-in-peer-connection",
    # Offers with addresses in place of mDNS names. Without it the other side has to learn the address from the checks.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # Several windows of one test are all as good as in front.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]

# What a key is to the page, by its `code`: the text it gives and its number.
KEYS = {
    "KeyW": ("w", 87),
    "KeyA": ("a", 65),
    "KeyS": ("s", 83),
    "KeyD": ("d", 68),
    "KeyQ": ("q", 81),
    "KeyE": ("e", 69),
    "Space": (" ", 32),
    "Escape": ("Escape", 27),
    "ArrowUp": ("ArrowUp", 38),
    "ArrowDown": ("ArrowDown", 40),
    "ArrowLeft": ("ArrowLeft", 37),
    "ArrowRight": ("ArrowRight", 39),
}

T = TypeVar("T")


class Console:
    """A page of the console and somebody in front of it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, token: str | None = None) -> None:
        """Opens the page, with the token in the fragment of the address if there is one."""
        self.driver.get("about:blank")  # else another fragment of the same page loads nothing
        self.driver.get(url if token is None else f"{url}#token={token}")

    # --- what it shows ---

    def text(self, element: str) -> str:
        """The text of the element with this id."""
        return str(self.run("return document.getElementById(arguments[0]).textContent", element))

    @property
    def state(self) -> str:
        return str(self.run("return document.getElementById('state')?.dataset.state ?? ''"))

    @property
    def frames(self) -> int:
        """Pictures that the video has shown."""
        return int(self.run("return Number(document.body.dataset.frames ?? 0)"))

    @property
    def points(self) -> int:
        """Points of the last map."""
        return int(self.run("return Number(document.body.dataset.points ?? 0)"))

    def shown(self, element: str) -> bool:
        return self.driver.find_element(By.ID, element).is_displayed()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, what: str, check: Callable[[], T], limit: float = LIMIT) -> T:
        """Polls until `check` gives something true, and returns that."""
        deadline = time.monotonic() + limit
        while True:
            if found := check():
                return found
            assert time.monotonic() < deadline, f"waited {limit} s in vain for {what}; {self}"
            time.sleep(POLL)

    def wait_for_state(self, state: str, limit: float = LIMIT) -> None:
        self.wait(f"the state {state}", lambda: self.state == state, limit)

    def screenshot(self, file: Path) -> None:
        assert self.driver.save_screenshot(str(file)), f"no screenshot in {file}"

    def complaints(self) -> list[str]:
        """Errors in the browser's log since the last call, such as exceptions and breaches of the CSP."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def __str__(self) -> str:
        state, advice, message = self.text("state"), self.text("advice"), self.text("message")
        return f"the console says: {state!r}, {advice!r}, {message!r}"

    # --- what is done to it ---

    def click(self, element: str) -> None:
        self.driver.find_element(By.ID, element).click()

    def enter(self, element: str, text: str) -> None:
        field = self.driver.find_element(By.ID, element)
        field.clear()
        field.send_keys(text)

    def resize(self, size: tuple[int, int]) -> None:
        """Sets the size of the page itself, not of the window around it."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": min(size) < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def key(self, kind: str, code: str, repeat: bool = False) -> None:
        """Sends one event of a key, `keyDown` or `keyUp`."""
        text, number = KEYS[code]
        event = {"type": kind, "code": code, "key": text, "windowsVirtualKeyCode": number, "autoRepeat": repeat}
        if kind == "keyDown" and len(text) == 1:
            event["text"] = text
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)

    @contextmanager
    def held(self, code: str) -> Iterator[None]:
        """A key that is down meanwhile."""
        self.key("keyDown", code)
        try:
            yield
        finally:
            self.key("keyUp", code)

    @contextmanager
    def stick(self, right: float, up: float) -> Iterator[None]:
        """A finger on the stick, so far from its middle; each from -1 to 1."""
        box = self.run("return document.getElementById('stick').getBoundingClientRect().toJSON()")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self._touch("touchStart", [{"x": x, "y": y}])
        self._touch("touchMove", [{"x": x + right * box["width"] / 2, "y": y - up * box["height"] / 2}])
        try:
            yield
        finally:
            self._touch("touchEnd", [])

    def _touch(self, kind: str, points: list[dict[str, float]]) -> None:
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def lose_focus(self) -> None:
        """What the page is told when another window comes to the front; headless there is no other window."""
        self.run("window.dispatchEvent(new Event('blur'))")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The whole browser does nothing meanwhile; the system takes packets for it until its buffers are full."""
        profile = self.driver.capabilities["chrome"]["userDataDir"].encode()
        commands = ((int(path.parent.name), path) for path in Path("/proc").glob("[0-9]*/cmdline"))
        own = [number for number, path in commands if number != os.getpid() and profile in read(path)]
        assert own, "the browser has no processes"
        for number in own:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in own:
                os.kill(number, signal.SIGCONT)

    def kill(self) -> None:
        """Ends the page's process without a word to the page, as a crash does."""
        try:
            self.driver.execute_cdp_cmd("Page.crash", {})
        except Exception as error:  # the answer to this command is that there is none
            assert "crash" in str(error).lower() or "closed" in str(error).lower(), error


def read(file: Path) -> bytes:
    """What is in a file; nothing if it is gone."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


@contextmanager
def chromium(size: tuple[int, int] = DESKTOP) -> Iterator[Console]:
    """A Chromium of its own, with an empty profile."""
    with tempfile.TemporaryDirectory(prefix="go2-console-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = Chrome(options=options, service=Service(DRIVER))
        try:
            console = Console(driver)
            console.resize(size)
            yield console
        finally:
            driver.quit()
