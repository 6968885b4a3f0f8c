#!/usr/bin/env python3
"""Whether the service stays as it is under a steady load: soak.py [--minutes 20] [--load 0.8] [--cxrd 'COMMAND'] [--model DIR]
[-- OPTIONS OF cxrd serve]

Sends PNGs, JPEGs, overlays and requests of the Open Inference Protocol in turns at a fixed rate (open_loop.py), a share of
what was measured as the capacity, and prints a line every `--every` seconds: memory of the service and of its decoders,
descriptors, threads, answers, refusals (503), failures, latencies. Exits with 1 when a request failed, memory grew by over
5 % (or 4 MiB) after the first fifth of the time, or descriptors or threads did not come back.
"""

import argparse
import base64
import json
import pathlib
import re
import statistics
import sys
import time

from load import judged
from open_loop import OpenLoop, percentile, post

THREADS = 256 # what cxrd serve has where nothing else is set
SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "models/phantom/samples"


def requests(service):
    found = [post("/predict?attention=none", "image/png", SAMPLES / "normal.png"),
             post("/predict", "image/jpeg", SAMPLES / "consolidation_devices.jpg"),
             post("/predict?attention=none", "image/png", SAMPLES / "pneumothorax.png"),
             post("/predict?attention=overlay", "image/png", SAMPLES / "normal.png")]
    text = base64.b64encode((SAMPLES / "effusion_cardiomegaly.jpg").read_bytes()).decode()
    body = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [text]}]}).encode()
    head = (f"POST /v2/models/{service.model}/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
    return [*found, head.encode() + body]


class State:
    """What the service's processes hold now: MiB of the service and of its decoders, descriptors, threads."""

    def __init__(self, process):
        family = self.family(process)
        self.service = self.mib(process)
        self.decoders = sum(self.mib(one) for one in family[1:])
        self.descriptors = sum(len(list(pathlib.Path(f"/proc/{one}/fd").iterdir())) for one in family)
        self.threads = len(list(pathlib.Path(f"/proc/{process}/task").iterdir()))

    @staticmethod
    def mib(process):
        """Resident memory that lies in no file, pages shared by several processes in equal parts."""
        text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
        return sum(int(number) for number in re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", text, re.M)) / 1024

    @classmethod
    def family(cls, process):
        children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [process, *(one for child in children for one in cls.family(child))]


class Soak:
    def __init__(self, service, loop, every):
        self.service, self.loop, self.every = service, loop, every
        self.start = time.monotonic()
        self.seconds = self.seen = 0
        self.rows = []
        print("| minute | service MiB | decoders MiB | descriptors | threads | answered | refused | failed | p50 ms | p99 ms |\n"
              "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)

    def second(self):
        self.seconds += 1
        if self.seconds % self.every == 0:
            self.row()

    def row(self):
        state, part = State(self.service.process.pid), self.loop.answers[self.seen:]
        self.seen = len(self.loop.answers)
        good = [1e3 * seconds for _, seconds, code in part if code == 200]
        failed = sum(code not in (200, 503) for _, _, code in part)
        self.rows.append(state)
        print(f"| {(time.monotonic() - self.start) / 60:.1f} | {state.service:.1f} | {state.decoders:.1f} | {state.descriptors} | "
              f"{state.threads} | {len(good)} | {sum(code == 503 for _, _, code in part)} | {failed} | "
              f"{percentile(good, 0.5):.0f} | {percentile(good, 0.99):.0f} |", flush=True)

    def judge(self, before, after):
        first = self.rows[len(self.rows) // 5:][:3]
        was = statistics.median(row.service + row.decoders for row in first)
        now = statistics.median(row.service + row.decoders for row in self.rows[-3:])
        codes = {code for _, _, code in self.loop.answers}
        print(f"\n{self.loop.count(200)} answered, {self.loop.count(503)} refused, {self.loop.broken} lost; "
              f"{was:.1f} MiB after the first fifth, {now:.1f} MiB at the end; before and after, descriptors "
              f"{before.descriptors} and {after.descriptors}, threads {before.threads} and {after.threads}")
        found = {f"Requests failed: {codes}, {self.loop.broken} lost.": bool(codes - {200, 503} or self.loop.broken),
                 "Nothing was answered.": not self.loop.count(200),
                 "Memory grows.": now - was > max(4, was / 20),
                 "Descriptors or threads are left over.":
                     after.descriptors > before.descriptors or after.threads > before.threads}
        return [sentence for sentence, bad in found.items() if bad]


def run(service, arguments):
    service.model = json.loads(service.get("/models"))["models"][0]["name"]
    mix = requests(service)
    clients = int(service.metric("cxr_inflight_limit"))
    OpenLoop(service.port, mix).closed(THREADS, 3) # most are refused: for the memory that every thread takes once
    OpenLoop(service.port, mix).closed(clients, 2)
    rate = arguments.rate or arguments.load * OpenLoop(service.port, mix).closed(clients, 6)
    time.sleep(1)
    before = State(service.process.pid)
    loop = OpenLoop(service.port, mix)
    soak = Soak(service, loop, arguments.every)
    print(f"{rate:.1f} requests/s", file=sys.stderr)
    loop.run(rate, 60 * arguments.minutes, soak.second)
    soak.row()
    time.sleep(1)
    return soak.judge(before, State(service.process.pid))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--model", default="models/phantom")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--every", type=int, default=60, help="seconds a line")
    parser.add_argument("--load", type=float, default=0.8, help="share of the capacity")
    parser.add_argument("--rate", type=float, help="requests a second, instead")
    parser.add_argument("options", nargs="*", help="of cxrd serve, after --")
    arguments = parser.parse_args()
    judged(arguments, run)


if __name__ == "__main__":
    main()
