#!/usr/bin/env python3
"""One of gpu.py's PyTorch contestants: gpu_torch.py KIND DTYPE DEVICE ARCHITECTURE BATCH,...    (KIND: eager or compile)

A process of its own, because compiling takes a minute or more. It makes the network with random weights, runs each batch once,
which compiles it, and writes a line of JSON, {"ready_s": ...} or {"failed": ...}; then it answers each line {"id": ...,
"do": "network" | "hold" | "product" | "attention", ...} with the times of one call. `Contestant` is the other end of it.
"""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

SPANS, SPAN_S = 5, 0.1 # each span is of calls enough to last so long, waited for once: launches overlap the GPU's work
WARM_S = 0.3           # an idle GPU's clock takes some 100 ms to rise


class Contestant:
    """What gpu.py holds of such a process. Any process forked from the one that made it may ask."""

    def __init__(self, kind, dtype, device, architecture, batches, log):
        self.kind, self.name, self.ready, self.asked = kind, f"torch {kind} {dtype}", False, 0
        arguments = [kind, dtype, device, architecture, ",".join(map(str, batches))]
        self.shown = ["python3", "tests/bench/gpu_torch.py", *arguments]
        with open(log, "wb") as errors:
            self.process = subprocess.Popen([sys.executable, __file__, *arguments], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors, bufsize=0, start_new_session=True)

    def line(self):
        text = self.process.stdout.readline()
        return json.loads(text) if text else {"failed": f"{self.name} ended"}

    def ask(self, **request):
        """Raises RuntimeError where the process could not."""
        self.asked = time.monotonic_ns() # no two processes ask at the same time: an answer to one that was ended is passed over
        self.process.stdin.write(json.dumps({"id": self.asked, **request}).encode() + b"\n")
        while (answer := self.line()).get("id", self.asked) != self.asked:
            pass
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer

    def pause(self, stopped):
        """Stops what is still compiling while something else is timed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Runner:
    def __init__(self, kind, dtype, device, architecture, batches):
        import torch
        import torch_network

        self.torch, self.device, self.dtype = torch, device, getattr(torch, dtype)
        if device == "cuda" and not torch.cuda.is_available():
            raise ImportError("this PyTorch finds no GPU")
        torch.set_grad_enabled(False)
        torch.manual_seed(1)
        network = torch_network.Network(architecture, fused=True).eval().to(device, self.dtype)
        self.images = {batch: torch.randn(batch, 3, network.side, network.side).to(device, self.dtype) for batch in batches}
        self.network = torch.compile(network, dynamic=False) if kind == "compile" else network
        for images in self.images.values():
            self.network(images)
        self.wait()

    def wait(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def span(self, call, calls):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        self.wait()
        return (time.perf_counter() - start) / calls

    def times(self, call):
        once, end = self.span(call, 1), time.monotonic() + WARM_S
        while time.monotonic() < end:
            once = min(once, self.span(call, 1))
        calls = max(1, round(SPAN_S / once))
        spans = [1e3 * self.span(call, calls) for _ in range(SPANS)]
        return {"best_ms": min(spans), "median_ms": statistics.median(spans)}

    def random(self, *shape):
        return self.torch.randn(*shape).to(self.device, self.dtype)

    def network_times(self, batch):
        return self.times(lambda: self.network(self.images[batch]))

    def network_held(self, batch, seconds):
        """Computes for so long, for the power that it takes: the images a second."""
        start, images = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            self.span(lambda: self.network(self.images[batch]), 4)
            images += 4 * batch
        return {"images_per_s": images / (time.monotonic() - start)}

    def product_times(self, m, n, k):
        """x [m, k] times weights [n, k] transposed, as nn.Linear computes it."""
        x, weights = self.random(m, k), self.random(n, k)
        return self.times(lambda: self.torch.nn.functional.linear(x, weights))

    def attention_times(self, batch, heads, tokens):
        q, k, v = (self.random(batch, heads, tokens, 64) for _ in range(3))
        return self.times(lambda: self.torch.nn.functional.scaled_dot_product_attention(q, k, v))

    def about(self):
        name = self.torch.cuda.get_device_name() if self.device == "cuda" else "the CPU"
        return {"torch": self.torch.__version__, "device": name}


def main():
    kind, dtype, device, architecture, batches = sys.argv[1:]
    told = os.fdopen(os.dup(1), "w", buffering=1) # what libraries print goes to the log instead
    os.dup2(2, 1)
    start = time.monotonic()
    try:
        runner = Runner(kind, dtype, device, architecture, [int(batch) for batch in batches.split(",")])
    except ImportError as missing:
        return print(json.dumps({"missing": str(missing)}), file=told)
    except Exception as failure: # whatever a compiler raises: the others go on
        return print(json.dumps({"failed": f"{type(failure).__name__}: {failure}".splitlines()[0]}), file=told)
    print(json.dumps({"ready_s": time.monotonic() - start, **runner.about()}), file=told)
    does = {"network": runner.network_times, "hold": runner.network_held, "product": runner.product_times,
            "attention": runner.attention_times}
    for line in sys.stdin:
        request = json.loads(line)
        asked, do = request.pop("id"), request.pop("do")
        try:
            answer = does[do](**request)
        except Exception as failure:
            answer = {"failed": f"{type(failure).__name__}: {failure}".splitlines()[0]}
        print(json.dumps({"id": asked, **answer}), file=told)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    main()
