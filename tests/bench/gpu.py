#!/usr/bin/env python3
"""Measures cxrd on this machine's GPU, beside PyTorch: gpu.py --out FOLDER [--build FOLDER] [--minutes 8] [--rehearse]

Needs python3 and a build folder of this tree; with torch its figures stand beside cxrd's, with numpy the service runs the
measured network instead of the demonstration model. In this order: devices; kernelcheck of every rung, without and with the
validation layer; golden values; the tiles of every rung, tuned; the network on every rung; PyTorch eager and compiled in turns
with cxrd; power; the GEMMs and attention of PyTorch; the HTTP service. FOLDER/NAME.json and FOLDER/NAME.md, named after the
device, are written after each part, so that a cut leaves what was done. Each part has a limit of its own; one that fails never stops the next.

--rehearse does all of it on whatever device there is with a small network, PyTorch on the CPU; it takes one to two
minutes of the four that it may.
Exit status: 0 all was done, but for what needs torch or a layer that is not there; 1 a part failed, ran past its limit or had
no time; 2 usage.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing

import gpu_page
import gpu_parts
import gpu_power
from gpu_torch import Contestant

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Part:
    step: str                  # of gpu_page.STEPS
    name: str
    measure: typing.Callable   # of gpu_parts, with the setup and tell
    usual_s: float             # with less time than that left it is not begun
    limit_s: float
    alone: bool = False        # whether compilers stand still meanwhile


class Setup:
    """What the parts need to know; each runs in a fork of it."""

    def __init__(self, arguments):
        self.root, self.build = ROOT, pathlib.Path(os.path.relpath(arguments.build, ROOT))
        self.wrapper = [os.path.relpath(word, ROOT) if os.path.exists(word) else word
                        for word in shlex.split(arguments.wrapper)]
        self.cxrd = os.path.relpath(arguments.cxrd, ROOT) if arguments.cxrd else self.program("cli/cxrd")
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="cxrd-gpu-"))
        self.power, rehearse = self.scratch / "power", arguments.rehearse
        self.architecture, self.batches = ("vits16-64", [1, 2]) if rehearse else ("vitl16-512", [1, 8, 32])
        self.batches = arguments.batch or self.batches
        self.sizes = (384, 6, 21, 1024) if rehearse else (1024, 16, 1029, 2752) # width, heads, tokens, padded hidden
        self.product_batch, self.runs = self.batches[len(self.batches) // 2], 2 if rehearse else 20
        self.hold_s, self.load_s, self.patience_s = (1, 1, 15) if rehearse else (4, 5, 90)
        self.rounds = 1 if rehearse else 3
        self.tune_s = 2 if rehearse else 12
        self.contestants, self.ready, self.fastest, self.reports = [], [], None, []
        self.sampler = subprocess.Popen([sys.executable, gpu_power.__file__, str(self.power)], stderr=subprocess.DEVNULL)
        self.package = gpu_parts.Package(ROOT, self.scratch / "package", not rehearse)
        logs = pathlib.Path(arguments.out)
        for dtype in ("float32",) if rehearse else ("bfloat16", "float16"):
            for kind in ("eager", "compile"):
                self.contestants.append(Contestant(kind, dtype, "cpu" if rehearse else "cuda", self.architecture, self.batches,
                                                   logs / f"torch-{kind}-{dtype}.log"))

    def program(self, path):
        return self.build / path

    def batch_ms(self, rung, batch):
        """The median of what the rung's own benchmark found; a guess where that was not run."""
        return next((found["median_ms"] for report in self.reports for found in report["batches"]
                     if report["rung"] == rung and found["batch"] == batch), 100)

    def learn(self, step, record):
        """What a record means for the parts after it."""
        if step == "devices" and "device" in record:
            self.fastest = record["device"]["rung"]
        if step == "bench" and "report" in record:
            self.reports.append(record["report"])
            self.fastest = max(self.reports, key=lambda report: report["batches"][-1]["images_per_s"])["rung"]
        if step == "ready" and "who" in record:
            self.ready += [contestant for contestant in self.contestants if contestant.name == record["who"]]

    def pause(self, stopped):
        """Stops what still compiles, or lets it go on."""
        for contestant in self.contestants:
            contestant.pause(stopped and contestant not in self.ready)

    def dismiss(self):
        """Ends the contestants, and so gives their memory back."""
        for contestant in self.contestants:
            contestant.end()

    def end(self):
        self.dismiss()
        self.package.end()
        self.sampler.terminate()
        shutil.rmtree(self.scratch, ignore_errors=True)


def parts_of(setup, rungs):
    """All parts after the first, in their order."""
    for rung in rungs:
        yield Part("kernelcheck", rung, lambda *with_, rung=rung: gpu_parts.kernelcheck(*with_, rung), 5, 60)
    for rung in rungs:
        yield Part("validation", rung, lambda *with_, rung=rung: gpu_parts.kernelcheck(*with_, rung, layers=True), 5, 60)
    for rung in rungs:
        yield Part("golden", rung, lambda *with_, rung=rung: gpu_parts.golden(*with_, rung), 5, 40)
    for rung in rungs:
        yield Part("tune", rung, lambda *with_, rung=rung: gpu_parts.tune(*with_, rung), setup.tune_s + 5, 2 * setup.tune_s + 30,
                   alone=True)
    for rung in rungs:
        yield Part("bench", rung, lambda *with_, rung=rung: gpu_parts.bench(*with_, rung), 10, 60, alone=True)
    for contestant in setup.contestants:
        yield Part("ready", contestant.name, lambda *with_, one=contestant: gpu_parts.ready(*with_, one), 1, setup.patience_s)
    for turn in range(1, setup.rounds + 1):
        yield Part("turns", f"round {turn}", lambda *with_, turn=turn: gpu_parts.turns(*with_, turn), 10, 60, alone=True)
    yield Part("energy", "power", gpu_parts.energy, 10, 60, alone=True)
    yield Part("products", "products", gpu_parts.products, 5, 40, alone=True)
    setup.dismiss()
    yield Part("http", "service", gpu_parts.http, 15, 90)


def perform(measure, setup, pipe):
    """A part's process: tells records, then how it ended."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        measure(setup, lambda **record: pipe.send(record))
        pipe.send(("done", ""))
    except gpu_parts.Missing as missing:
        pipe.send(("missing", f"{str(missing)[:1].upper()}{str(missing)[1:]}."))
    except Exception as failure: # a part that breaks must not stop the next
        pipe.send(("failed", str(failure) if isinstance(failure, gpu_parts.Failed) else f"{type(failure).__name__}: {failure}"))
    pipe.close()
    os._exit(0) # what the parent holds is the parent's to end


def run_part(part, setup, tell, left_s):
    """Runs a part for as long as it may. Returns its state, "done", "missing", "failed", "late" or "left out", and why."""
    if left_s < part.usual_s:
        return "left out", f"It takes about {part.usual_s:g} s, and {max(0, left_s):.0f} s were left."
    limit = min(part.limit_s, left_s)
    end = time.monotonic() + limit
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=perform, args=(part.measure, setup, there))
    process.start()
    there.close()
    try:
        while here.poll(max(0, end - time.monotonic())):
            found = here.recv()
            if isinstance(found, tuple):
                return found
            tell(found)
        return "late", f"It was ended at its limit of {limit:.0f} s."
    except EOFError:
        return "failed", "Its process died."
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL) # and all that it started
        except ProcessLookupError:
            process.kill() # it had not come to lead a group of its own
        process.join()


class Measurement:
    """Runs parts within the budget and keeps both files."""

    def __init__(self, arguments, setup):
        self.setup, self.out, self.name = setup, pathlib.Path(arguments.out), "gpu"
        self.start = time.monotonic()
        self.result = {"device": None, "rehearsal": arguments.rehearse, "architecture": setup.architecture,
                       "batches": setup.batches, "date": time.strftime("%Y-%m-%d"), "budget_s": 60 * arguments.minutes,
                       "seconds": 0, "steps": {}}

    def run(self, part):
        step = self.result["steps"].setdefault(part.step, {"parts": [], "records": []})

        def tell(record):
            step["records"].append(record)
            self.setup.learn(part.step, record)
            if "device" in record and part.step == "devices":
                self.result["device"] = record["device"]
                self.name = re.sub(r"[^a-z0-9]+", "-", record["device"]["name"].lower()).strip("-")

        began = time.monotonic()
        self.setup.pause(part.alone)
        state, why = run_part(part, self.setup, tell, self.start + self.result["budget_s"] - began)
        step["parts"].append({"name": part.name, "state": state, "why": why, "seconds": time.monotonic() - began})
        self.result["seconds"] = time.monotonic() - self.start
        self.save()
        print(f"{self.result['seconds']:5.0f} s  {part.step} {part.name}: {state} {why}".rstrip(), flush=True)
        return state

    def save(self):
        for suffix, text in (("json", json.dumps(self.result, indent=1)), ("md", gpu_page.markdown(self.result))):
            partial = self.out / f"{self.name}.{suffix}.partial"
            partial.write_text(text, encoding="utf-8")
            partial.replace(self.out / f"{self.name}.{suffix}")


def measure(arguments, setup):
    """The states that the parts ended in."""
    measurement = Measurement(arguments, setup)
    states = [measurement.run(Part("devices", "cxrd devices", gpu_parts.devices, 1, 30))]
    device = measurement.result["device"]
    rungs = [rung for rung in reversed(device["rungs"]) if not arguments.rungs or rung in arguments.rungs] if device else []
    states += [measurement.run(part) for part in parts_of(setup, rungs) if not arguments.steps or part.step in arguments.steps]
    print(f"{measurement.out / measurement.name}.md")
    return states


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--build", default=ROOT / "build", metavar="FOLDER")
    parser.add_argument("--cxrd", help="another cxrd than the build folder's")
    parser.add_argument("--wrapper", default="", metavar="COMMAND", help="put before every program of the build folder")
    parser.add_argument("--minutes", type=float, metavar="N", help="for all of it: 8, or 4 in a rehearsal")
    parser.add_argument("--batch", type=lambda text: sorted(map(int, text.split(","))), metavar="N,...",
                        help="batch sizes, 1,8,32 where nothing else is said: less for a GPU that is slow or small")
    parser.add_argument("--steps", type=lambda text: text.split(","), metavar="NAME,...",
                        help="only devices and these: " + ", ".join(gpu_page.STEPS))
    parser.add_argument("--rungs", type=lambda text: text.split(","), metavar="NAME,...", help="only these of the device's")
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    if unknown := set(arguments.steps or []) - set(gpu_page.STEPS):
        parser.error(f"no step is called {', '.join(sorted(unknown))}; there are {', '.join(gpu_page.STEPS)}")
    arguments.minutes = arguments.minutes or (4 if arguments.rehearse else 8)
    os.makedirs(arguments.out, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    setup = Setup(arguments)
    try:
        states = measure(arguments, setup)
    finally:
        setup.end()
    sys.exit(any(state not in ("done", "missing") for state in states))


if __name__ == "__main__":
    main()
