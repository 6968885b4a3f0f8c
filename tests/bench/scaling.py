#!/usr/bin/env python3
"""How cost grows, for docs/performance.md: scaling.py [--cxrd 'COMMAND'] [--family vits16] [--svg FILE]

Times one image of growing sides, and batches of growing size at 512 x 512, with `cxrd bench`. Prints two tables and draws
time against the operations of the backbone, both relative to the smallest side, on logarithmic axes: a line of slope 1
is a cost that grows as the work does.
"""

import argparse
import json
import math
import shlex
import subprocess

SIDES = (224, 320, 448, 512, 640, 768, 896, 1024)
BATCHES = (1, 2, 4, 8, 16, 32)
SIZE, MARGIN = 360, 48


def bench(command, architecture, batches, runs):
    done = subprocess.run([*command, "bench", "--arch", architecture, "--batch", batches, "--runs", str(runs), "--format",
                           "json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def draw(points, path):
    """points: (operations, time), both relative to the first."""
    decades = math.ceil(math.log10(max(max(point) for point in points)))

    def at(value, upwards):
        share = math.log10(value) / decades
        return MARGIN + SIZE * (1 - share) if upwards else MARGIN + SIZE * share

    lines = []
    for decade in range(decades + 1):
        across, up = at(10 ** decade, False), at(10 ** decade, True)
        lines += [f'<path d="M{across:.1f} {MARGIN}V{MARGIN + SIZE}M{MARGIN} {up:.1f}H{MARGIN + SIZE}" stroke="#ccc"/>',
                  f'<text x="{across:.1f}" y="{MARGIN + SIZE + 16}" text-anchor="middle">{10 ** decade}</text>',
                  f'<text x="{MARGIN - 6}" y="{up + 4:.1f}" text-anchor="end">{10 ** decade}</text>']
    lines += [f'<path d="M{MARGIN} {MARGIN + SIZE}L{MARGIN + SIZE} {MARGIN}" stroke="#999" stroke-dasharray="4"/>',
              f'<text x="{MARGIN + SIZE / 2}" y="{MARGIN + SIZE + 36}" text-anchor="middle">operations</text>',
              f'<text x="14" y="{MARGIN + SIZE / 2}" text-anchor="middle" '
              f'transform="rotate(-90 14 {MARGIN + SIZE / 2})">time</text>']
    lines += [f'<circle cx="{at(x, False):.1f}" cy="{at(y, True):.1f}" r="4" fill="#06c"/>' for x, y in points]
    whole = SIZE + 2 * MARGIN
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{whole}" font-family="sans-serif" '
                   'font-size="12"><rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(lines) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--family", default="vits16")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--svg")
    arguments = parser.parse_args()
    command = shlex.split(arguments.cxrd)
    rows = []
    for side in SIDES:
        report = bench(command, f"{arguments.family}-{side}", "1", arguments.runs)
        rows.append((side, report["backbone_gflop"], report["batches"][0]["best_ms"]))
    points = [(gflop / rows[0][1], ms / rows[0][2]) for _, gflop, ms in rows]
    print("| side | GFLOP | best ms | GFLOP/s | time over operations, relative to 512 |\n|---:|---:|---:|---:|---:|")
    middle = next(ms / gflop for side, gflop, ms in rows if side == 512)
    for side, gflop, ms in rows:
        print(f"| {side} | {gflop:.1f} | {ms:.1f} | {1e3 * gflop / ms:.1f} | {ms / gflop / middle:.2f} |")
    print("\n| batch | images/s | relative to 1 |\n|---:|---:|---:|")
    batches = bench(command, f"{arguments.family}-512", ",".join(map(str, BATCHES)), arguments.runs)["batches"]
    for batch in batches:
        print(f"| {batch['batch']} | {batch['images_per_s']:.3f} | {batch['images_per_s'] / batches[0]['images_per_s']:.2f} |")
    if arguments.svg:
        draw(points, arguments.svg)


if __name__ == "__main__":
    main()
