#!/usr/bin/env python3
"""Writes house.pgm and house.yaml, the map that the simulated robot is in by default.

Three rooms and three doorways, so that there is a way round. Nothing in it is symmetric: every heading
looks different from the start at (0, 0).
"""

from pathlib import Path

RESOLUTION = 0.05
WEST, SOUTH = -3.6, -3.0
WIDTH, HEIGHT = 240, 200  # cells: 12 x 10 m
WALL, FREE, UNKNOWN = 0, 254, 205

# x from, x to, y from, y to in metres, whole cells.
ROOMS = [
    (-3.10, 3.20, -2.30, 3.10),  # the main room with its walls
    (3.10, 8.35, -2.30, 3.10),
    (-3.10, 8.35, 2.95, 6.95),
]
FLOORS = [
    (-2.95, 3.10, -2.15, 2.95),
    (3.20, 8.20, -2.15, 2.95),
    (-2.95, 8.20, 3.10, 6.80),
]
DOORWAYS = [
    (3.10, 3.20, 0.90, 1.80),
    (6.40, 7.40, 2.95, 3.10),
    (-2.00, -1.00, 2.95, 3.10),
]
THINGS = [
    # The main room: a cabinet, a sofa, a box, two pillars.
    (-2.95, -2.45, -1.50, -0.30),
    (-1.40, 0.20, -2.15, -1.65),
    (1.80, 2.40, -1.60, -1.20),
    (-1.75, -1.50, 1.40, 1.65),
    (1.35, 1.50, 1.90, 2.05),
    # The room in the east: a table, a shelf, a pillar.
    (5.00, 6.20, -0.90, -0.10),
    (7.85, 8.20, 0.50, 2.30),
    (4.30, 4.60, 1.90, 2.20),
    # The room in the north: a stub of a wall, a box, a pillar.
    (2.60, 2.70, 5.00, 6.80),
    (0.20, 0.70, 4.60, 5.10),
    (5.10, 5.40, 4.20, 4.50),
]


def main() -> None:
    """Draws the rooms as walls, then what is free of walls, then what stands in it."""
    rows = [bytearray([UNKNOWN] * WIDTH) for _ in range(HEIGHT)]

    def fill(rectangles: list[tuple[float, float, float, float]], value: int) -> None:
        for x0, x1, y0, y1 in rectangles:
            left, right = round((x0 - WEST) / RESOLUTION), round((x1 - WEST) / RESOLUTION)
            bottom, top = round((y0 - SOUTH) / RESOLUTION), round((y1 - SOUTH) / RESOLUTION)
            for row in rows[bottom:top]:
                row[left:right] = bytes([value] * (right - left))

    fill(ROOMS, WALL)
    fill(FLOORS + DOORWAYS, FREE)
    fill(THINGS, WALL)
    here = Path(__file__).parent
    # The first row of an image is the top.
    pixels = b"".join(bytes(row) for row in reversed(rows))
    (here / "house.pgm").write_bytes(b"P5\n%d %d\n255\n" % (WIDTH, HEIGHT) + pixels)
    (here / "house.yaml").write_text(
        "image: house.pgm\nmode: trinary\n"
        f"resolution: {RESOLUTION}\norigin: [{WEST}, {SOUTH}, 0]\n"
        "negate: 0\noccupied_thresh: 0.65\nfree_thresh: 0.196\n"
    )


if __name__ == "__main__":
    main()
