"""The table: drawn in place on a terminal, once at the end anywhere else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

HEADING = ("topic", "type", "rate", "age", "last value")
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CLEAR_LINE, CLEAR_BELOW = "\x1b[K", "\x1b[J"


def layout(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table with columns of even width."""
    rows = [HEADING, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    # Ages and rates change all the time; their columns must not.
    widths[2], widths[3] = max(widths[2], 7), max(widths[3], 6)
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


class Screen:
    """Where the table goes."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty()
        self._drawn = 0

    def draw(self, lines: list[str]) -> None:
        """Draws over what was drawn before."""
        if not self.live:
            return
        size = shutil.get_terminal_size()
        # A line that wraps, or a table that scrolls, could not be drawn over.
        lines = [line[: size.columns - 1] for line in lines[: size.lines - 1]]
        up = f"\x1b[{self._drawn}A" if self._drawn else HIDE_CURSOR
        body = "".join(f"{line}{CLEAR_LINE}\n" for line in lines)
        self._write(f"{up}\r{body}{CLEAR_BELOW}")
        self._drawn = len(lines)

    def finish(self, lines: list[str]) -> None:
        """Leaves the table as it is in the end."""
        if self.live:
            self.draw(lines)
            self._write(SHOW_CURSOR)
            self._drawn = 0
        else:
            self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
