#!/usr/bin/env python3
"""Makes position_reference.inc, what position_test.c compares with: position grids resized by others.

With antialiasing by Pillow, whose bicubic resize of float images is the one that torch's interpolate(antialias=True)
was made to equal, kernel, edges and all; a box a little smaller than the image makes the step that DINOv2's offset
makes. Without by NumPy, as torch's upsample_bicubic2d is defined. Needs both; the test needs neither.
"""
import math
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
WIDTH = 2
CASES = [  # from, rows, columns, offset, antialias
    (4, 3, 6, 0.1, False), (5, 5, 3, 0.1, False), (5, 5, 3, 0.0, False), (3, 7, 2, 0.0, False),
    (5, 3, 8, 0.0, True), (4, 6, 3, 0.1, True), (7, 2, 2, 0.0, True), (7, 7, 3, 0.1, True), (3, 4, 5, 0.0, True),
]


def grid(side):
    count = side * side * WIDTH
    return ((np.arange(count) * 37 + 11) % 101 / 50 - 1).reshape(side, side, WIDTH).astype(np.float32)


def cubic(x):
    a, x = -0.75, abs(x)
    if x <= 1:
        return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1
    return a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a if x < 2 else 0.0


def matrix(source, target, offset):
    out = np.zeros((target, source))
    for o in range(target):
        at = (o + 0.5) * source / (target + offset) - 0.5
        for tap in range(math.floor(at) - 1, math.floor(at) + 3):
            out[o, min(max(tap, 0), source - 1)] += cubic(at - tap)
    return out


def resize(cells, rows, columns, offset, antialias):
    side = len(cells)
    if not antialias:
        down, across = matrix(side, rows, offset), matrix(side, columns, offset)
        return np.einsum("ya,xb,abd->yxd", down, across, cells.astype(np.float64))
    box = (0, 0, side * columns / (columns + offset), side * rows / (rows + offset))
    planes = [Image.fromarray(np.ascontiguousarray(cells[:, :, d])) for d in range(WIDTH)]
    return np.stack([np.asarray(p.resize((columns, rows), Image.BICUBIC, box=box)) for p in planes], -1)


def main():
    lines = ["/* Made by make_reference.py. */"]
    for source, rows, columns, offset, antialias in CASES:
        values = resize(grid(source), rows, columns, offset, antialias).ravel()
        lines.append(f"{{{source}, {{{rows}, {columns}, {offset}, {'true' if antialias else 'false'}}}, {{")
        for i in range(0, len(values), 8):
            lines.append("    " + " ".join(f"{v:.7f}f," for v in values[i:i + 8]))
        lines.append("}},")
    (HERE / "position_reference.inc").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
