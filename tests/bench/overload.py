#!/usr/bin/env python3
"""What becomes of three times as many requests as can be served, for docs/performance.md:
overload.py [--cxrd 'COMMAND'] [--model DIR] [--seconds 60] [-- OPTIONS OF cxrd serve]

Measures the capacity with as many clients as are let in at once, then sends requests at a fixed rate (open_loop.py): 90 % of
the capacity, then `--times` the capacity. Exits with 1 unless
  - those answered under overload have a p99 within twice that of 90 % load,
  - the rest are refused within 50 ms (p99) with 503 and Retry-After, and none is lost,
  - memory is flat: the last quarter of the overload is within 5 % or 4 MiB of its second quarter.
With the fake engine's device of its own: --cxrd build/tests/integration/fake_cxrd -- --rung batched:50
"""

import argparse
import statistics

from load import judged, memory_mib
from open_loop import OpenLoop, post

REFUSED_MS_MAX = 50


def print_row(name, rate, seconds, loop):
    print(f"| {name} | {rate:.1f} | {loop.count(200) / seconds:.1f} | {loop.milliseconds(0.5, 200):.0f} | "
          f"{loop.milliseconds(0.99, 200):.0f} | {loop.milliseconds(1, 200):.0f} | {loop.count(503)} | "
          f"{loop.milliseconds(0.99, 503):.1f} | {loop.broken} |", flush=True)


def judge(usual, over, memory):
    """Sentences of what does not hold."""
    quarter = len(memory) // 4
    before, after = statistics.median(memory[quarter:2 * quarter]), statistics.median(memory[-quarter:])
    codes = {code for _, _, code in over.answers}
    print(f"\np99 of those answered is {over.milliseconds(0.99, 200) / usual.milliseconds(0.99, 200):.2f} times that at 90 %; "
          f"memory {before:.1f} MiB in the second quarter, {after:.1f} MiB in the last")
    found = {
        "Answers under overload take over twice as long.":
            over.milliseconds(0.99, 200) > 2 * usual.milliseconds(0.99, 200),
        "Refusals take too long.": over.milliseconds(0.99, 503) > REFUSED_MS_MAX,
        "There was no refusal: this was no overload.": not over.count(503),
        "Some refusals have no Retry-After.": over.without_retry > 0,
        f"Requests were lost or got something else: {codes}.": bool(over.broken or usual.broken or codes - {200, 503}),
        "Memory grows.": after - before > max(4, before / 20),
    }
    return [sentence for sentence, bad in found.items() if bad]


def measure(service, arguments):
    request = post("/predict?attention=none", "image/png", arguments.picture)

    def loop():
        return OpenLoop(service.port, [request], arguments.poisson)

    clients = int(service.metric("cxr_inflight_limit"))
    loop().closed(clients, 2) # for caches, threads and memory that is taken once
    capacity = loop().closed(clients, max(4, arguments.seconds / 10))
    print(f"capacity {capacity:.1f} requests/s with {clients} clients\n\n| load | sent/s | answered/s | p50 ms | p99 ms | "
          "worst ms | refused | p99 of refusals ms | lost |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    usual, over, memory = loop(), loop(), []
    usual.run(0.9 * capacity, max(5, arguments.seconds / 4))
    print_row("90 %", 0.9 * capacity, max(5, arguments.seconds / 4), usual)
    over.run(arguments.times * capacity, arguments.seconds, lambda: memory.append(memory_mib(service.process.pid)))
    print_row(f"{100 * arguments.times:.0f} %", arguments.times * capacity, arguments.seconds, over)
    return judge(usual, over, memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--model", default="models/phantom")
    parser.add_argument("--picture", default="models/phantom/samples/normal.png")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=float, default=3)
    parser.add_argument("--poisson", action="store_true", help="at random moments, not evenly")
    parser.add_argument("options", nargs="*", help="of cxrd serve, after --")
    arguments = parser.parse_args()
    judged(arguments, measure)


if __name__ == "__main__":
    main()
