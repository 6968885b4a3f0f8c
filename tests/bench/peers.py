#!/usr/bin/env python3
"""The table of docs/performance.md: cxrd beside its peers on this machine, in turns.

    peers.py [--cxrd 'COMMAND'] [--arch vitl16-512] [--batch 1,8] [--rounds 5] [--peers NAME,...] [--json FILE]

Each round runs every contestant once, so that a busy spell of the machine meets all of them; a ratio is the median of the
rounds' own ratios. A contestant whose library is missing is left out, and a line says so. --cxrd is the command to
measure, with a wrapper if one is needed: --cxrd 'scripts/userland-run build/cli/cxrd'.

Peers: torch-reference, torch-fused (float32 on the CPU); onnxruntime; and with a CUDA device torch-eager-bf16,
torch-eager-fp16, torch-compile-bf16, torch-compile-fp16. python3-torch, python3-onnx, python3-onnxruntime or PyPI's.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import torch_network


class Cxrd:
    """`cxrd bench`: its own process each time, with random weights made on the spot; its timed run is what counts."""

    def __init__(self, command, architecture, batch):
        self.command = [*shlex.split(command), "bench", "--arch", architecture, "--batch", str(batch), "--runs", "1",
                        "--format", "json"]
        self.report = None

    def run(self):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        self.report = json.loads(done.stdout)
        return self.report["batches"][0]["best_ms"] / 1e3


class Torch:
    def __init__(self, architecture, batch, fused, device="cpu", dtype="float32", compiled=False):
        import torch

        self.torch, self.device = torch, device
        torch.set_grad_enabled(False)
        torch.manual_seed(1)
        self.network = torch_network.Network(architecture, fused).eval().to(device, getattr(torch, dtype))
        self.images = torch.randn(batch, 3, self.network.side, self.network.side).to(device, getattr(torch, dtype))
        if compiled:
            self.network = torch.compile(self.network, mode="max-autotune")
        for _ in range(3 if device == "cuda" else 1):
            self.network(self.images)

    def run(self):
        started = time.perf_counter()
        repeats = 10 if self.device == "cuda" else 1
        for _ in range(repeats):
            self.network(self.images)
        if self.device == "cuda":
            self.torch.cuda.synchronize()
        return (time.perf_counter() - started) / repeats


class OnnxRuntime:
    def __init__(self, architecture, batch):
        import onnxruntime
        import torch

        torch.set_grad_enabled(False)
        network = torch_network.Network(architecture, fused=False).eval()
        self.images = torch.randn(batch, 3, network.side, network.side)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "network.onnx")
            torch.onnx.export(network, (self.images,), path, input_names=["images"], output_names=["logits", "maps"],
                              opset_version=17, dynamo=False)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = os.cpu_count()
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.feed = {"images": self.images.numpy()}
        self.session.run(None, self.feed)

    def run(self):
        started = time.perf_counter()
        self.session.run(None, self.feed)
        return time.perf_counter() - started


def contestants(arguments, batch):
    cuda = {f"torch-{kind}-{short}": (lambda kind=kind, dtype=dtype: Torch(
                arguments.arch, batch, True, "cuda", dtype, compiled=kind == "compile"))
            for kind in ("eager", "compile") for short, dtype in (("bf16", "bfloat16"), ("fp16", "float16"))}
    makers = {"cxrd": lambda: Cxrd(arguments.cxrd, arguments.arch, batch),
              "torch-reference": lambda: Torch(arguments.arch, batch, False),
              "torch-fused": lambda: Torch(arguments.arch, batch, True),
              "onnxruntime": lambda: OnnxRuntime(arguments.arch, batch), **cuda}
    wanted = arguments.peers.split(",") if arguments.peers else default_peers()
    chosen = {}
    for name in ["cxrd", *wanted]:
        try:
            chosen[name] = makers[name]()
        except ImportError as missing:
            print(f"left out: {name} ({missing})", file=sys.stderr)
    return chosen


def default_peers():
    try:
        import torch
        if torch.cuda.is_available():
            return ["torch-eager-bf16", "torch-eager-fp16", "torch-compile-bf16", "torch-compile-fp16"]
    except ImportError:
        pass
    return ["torch-reference", "torch-fused", "onnxruntime"]


def measure(arguments, batch):
    running = contestants(arguments, batch)
    times = {name: [] for name in running}
    for done in range(arguments.rounds):
        for name, contestant in running.items():
            times[name].append(contestant.run())
            print(f"batch {batch}, round {done + 1}: {name} {times[name][-1]:.3f} s", file=sys.stderr)
    report = running["cxrd"].report
    rows = {name: {"best_s": min(seconds), "median_s": statistics.median(seconds), "worst_s": max(seconds),
                   "images_per_s": batch / statistics.median(seconds),
                   "cxrd_speed_ratio": statistics.median(s / c for s, c in zip(seconds, times["cxrd"]))}
            for name, seconds in times.items()}
    return {"batch": batch, "device": report["device"], "driver": report["driver"], "rung": report["rung"],
            "ceilings": report["ceilings"], "operations": report["batches"][0]["operations"], "rows": rows}


def print_table(arguments, result):
    print(f"\n{arguments.arch}, batch {result['batch']}, {arguments.rounds} rounds; "
          f"cxrd: rung {result['rung']} on {result['device']} ({result['driver']})\n")
    print("| | images/s | best s | median s | worst s | cxrd is faster by |\n|---|---:|---:|---:|---:|---:|")
    for name, row in result["rows"].items():
        ratio = "" if name == "cxrd" else f"{row['cxrd_speed_ratio']:.2f}x"
        print(f"| {name} | {row['images_per_s']:.3f} | {row['best_s']:.3f} | {row['median_s']:.3f} | "
              f"{row['worst_s']:.3f} | {ratio} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--arch", default="vitl16-512", choices=torch_network.ARCHITECTURES)
    parser.add_argument("--batch", default="1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    results = []
    for batch in map(int, arguments.batch.split(",")):
        results.append(measure(arguments, batch))
        print_table(arguments, results[-1])
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
