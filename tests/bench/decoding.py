#!/usr/bin/env python3
"""How decoding grows with the decoders, for docs/performance.md: decoding.py [--fake build/tests/integration/fake_cxrd]

A radiograph of 4 megapixels over and over to the service with the fake engine, which answers at once, so that decoding is most
of the work; one decoder, then two, up to one a core. Rounds in turns, the best of each.
"""

import argparse
import os
import pathlib
import sys

from load import Service
from open_loop import OpenLoop

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from service import png

SIDE, ROUNDS = 2048, 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fake", default="build/tests/integration/fake_cxrd")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    body = png(SIDE, SIDE, lambda x, y: (x * x + y * y >> 6) + (x * 7919 ^ y * 104729) % 16 & 255)
    request = (b"POST /predict?attention=none HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
               b"Content-Length: %d\r\n\r\n" % len(body)) + body
    counts, best = range(1, os.cpu_count() + 1), {}
    for _ in range(ROUNDS):
        for count in counts:
            service = Service([arguments.fake], "demo", ["--decoders", str(count)])
            try:
                OpenLoop(service.port, [request]).closed(count + 1, 1)
                rate = OpenLoop(service.port, [request]).closed(count + 1, arguments.seconds)
            finally:
                service.stop()
            best[count] = max(rate, best.get(count, 0))
    print("| decoders | images/s | relative to 1 |\n|---:|---:|---:|")
    for count in counts:
        print(f"| {count} | {best[count]:.1f} | {best[count] / best[1]:.2f} |")


if __name__ == "__main__":
    main()
