#!/usr/bin/env python3
"""What HTTP makes of the engine, for docs/performance.md: load.py [--cxrd 'COMMAND'] [--model DIR] [--clients 1,8,32]

Starts `cxrd serve`, sends one picture over and over with wrk (Debian: wrk), and prints requests/s, latencies and memory
beside two bounds:
  engine   images/s of `cxrd bench` with the same model, its best batch
  CPU      cores / (seconds of decoding + preprocessing + inference x cores of one image), on a CPU driver, which
           computes on all cores. Decoding and preprocessing are what the service's own metrics say of one client.
--cxrd is the command to measure, with a wrapper if one is needed: --cxrd 'scripts/userland-run build/cli/cxrd'. With the
fake engine's device of its own, 8 images every 50 ms:
  load.py --cxrd build/tests/integration/fake_cxrd --engine 160 --clients 1,8,16 -- --rung batched:50
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

SCRIPT = """
local file = io.open("{picture}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "image/png"
"""


def memory_mib(process):
    """Resident memory of a process and its children, shared pages counted once each process."""
    total = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(re.search(r"^PPid:\s+(\d+)", text, re.M)[1]) == process or status.parent.name == str(process):
            rss = re.search(r"^VmRSS:\s+(\d+)", text, re.M)
            total += int(rss[1]) if rss else 0
    return total / 1024


class Service:
    """`cxrd serve`, or the fake engine's program, which is nothing else."""

    def __init__(self, command, model, options):
        serve = [] if pathlib.Path(command[-1]).name == "fake_cxrd" else ["serve"]
        self.process = subprocess.Popen([*command, *serve, "--model", model, "--listen", "127.0.0.1:0", "--grace-ms", "0",
                                         "--log-level", "error", *options], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.startswith("listening on"):
                self.address = line.split()[-1]
            if line.strip() == "ready":
                return
        sys.exit("The service did not start.")

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def get(self, target):
        return urllib.request.urlopen(self.address + target).read().decode()

    def metric(self, name):
        """The value of a metric without labels."""
        return float(re.search(rf"^{name} (\S+)", self.get("/metrics"), re.M)[1])

    def stage_ms(self):
        """Mean milliseconds of each stage so far."""
        text = self.get("/metrics")
        found = {kind: {stage: float(value) for stage, value in
                        re.findall(rf'cxr_stage_duration_seconds_{kind}{{stage="(\w+)"}} (\S+)', text)}
                 for kind in ("sum", "count")}
        return {stage: 1e3 * total / found["count"][stage] for stage, total in found["sum"].items() if found["count"][stage]}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def judged(arguments, measure):
    """Measures a service of the command, the model and the options in `arguments`, prints the sentences of what did not hold that
    measure(service, arguments) gives, and ends the program: with 1 where there is any or the service ended badly."""
    service = Service(shlex.split(arguments.cxrd), arguments.model, arguments.options)
    try:
        found = measure(service, arguments)
    finally:
        code = service.stop()
    print(f"exit status {code}", *found, sep="\n")
    sys.exit(bool(found or code))


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def drive(service, script, clients, seconds):
    done = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "60s", "--latency", "-s", script,
                           service.address + "/predict?attention=none"], capture_output=True, text=True, check=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    all_of_them, took = re.search(r"(\d+) requests in ([\d.]+\w+),", done).groups()
    answered = int(all_of_them) - (int(failed[1]) if failed else 0)
    return {"clients": clients, "requests_per_s": 1e3 * answered / milliseconds(took),
            "p50_ms": milliseconds(re.search(r"^ +50% +(\S+)", done, re.M)[1]),
            "p99_ms": milliseconds(re.search(r"^ +99% +(\S+)", done, re.M)[1]), "refused": int(failed[1]) if failed else 0}


def overhead_ms(service, picture, count=200):
    """What one client waits beyond decoding, preprocessing and inference, as its answers tell them: the median."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    body, beyond = pathlib.Path(picture).read_bytes(), []
    for _ in range(count):
        start = time.monotonic()
        connection.request("POST", "/predict?attention=none", body, {"Content-Type": "image/png"})
        answer = connection.getresponse().read()
        took = 1e3 * (time.monotonic() - start)
        stages = json.loads(answer)["timing_ms"]
        beyond.append(took - stages["decode"] - stages["preprocess"] - stages["inference"])
    connection.close()
    return statistics.median(beyond)


def engine_images_per_s(command, model):
    done = subprocess.run([*command, "bench", "--model", model, "--batch", "1,4", "--format", "json"],
                          capture_output=True, text=True, check=True).stdout
    return max(batch["images_per_s"] for batch in json.loads(done)["batches"])


def measure(service, arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.format(picture=os.path.abspath(arguments.picture)))
        script.flush()
        drive(service, script.name, 1, 2)
        before = memory_mib(service.process.pid)
        rows = [drive(service, script.name, 1, arguments.seconds)]
        stages = service.stage_ms()
        beyond = overhead_ms(service, arguments.picture)
        rows += [drive(service, script.name, int(clients), arguments.seconds)
                 for clients in arguments.clients.split(",") if clients != "1"]
        return rows, stages, beyond, before, memory_mib(service.process.pid)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--model", default="models/phantom")
    parser.add_argument("--picture", default="models/phantom/samples/normal.png")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--engine", type=float, help="images/s of the engine, where that is known")
    parser.add_argument("options", nargs="*", help="of cxrd serve, after --")
    arguments = parser.parse_args()
    command, cores = shlex.split(arguments.cxrd), os.cpu_count()
    engine = arguments.engine or engine_images_per_s(command, arguments.model)
    service = Service(command, arguments.model, arguments.options)
    try:
        rows, stages, beyond, before, after = measure(service, arguments)
    finally:
        code = service.stop()
    bound = cores / (1e-3 * (stages["decode"] + stages["preprocess"]) + cores / engine)
    print(f"engine {engine:.1f} images/s; CPU bound {bound:.1f} requests/s; one client: " +
          ", ".join(f"{stage} {mean:.2f} ms" for stage, mean in stages.items()) +
          f"; {beyond:.2f} ms beyond decoding, preprocessing and inference (median)")
    print("\n| clients | requests/s | of the CPU bound | of the engine | p50 ms | p99 ms | refused |\n|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        rate = row["requests_per_s"]
        print(f"| {row['clients']} | {rate:.1f} | {rate / bound:.0%} | {rate / engine:.0%} | {row['p50_ms']:.1f} | "
              f"{row['p99_ms']:.1f} | {row['refused']} |")
    print(f"\nmemory {before:.0f} MiB before, {after:.0f} MiB after; exit status {code}")


if __name__ == "__main__":
    main()
