"""What gpu.py measures, part by part.

A part is a function part(setup, tell, ...) that runs in a process of its own and tells what it found in records, dicts that
begin a row of a table (gpu_page.py) or carry the "command" beside it. It raises Failed where something was wrong, and Missing
where the machine lacks what it needs; what it told before that counts.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time

import gpu_power
from load import Service
from open_loop import OpenLoop, post

# How the golden values are held with each rung, as in tests/golden/meson.build.
WEIGHTS = {"portable": ("f32", "f16"), "half": ("f16",), "matrix": ("f16",), "matrix2": ("f16",), "cpu": ("f32",)}
GOLDEN = ("registers", "plain", "massive")
LAYERS = {"VK_INSTANCE_LAYERS": "VK_LAYER_KHRONOS_validation", "VK_LOADER_DEBUG": "layer", "VK_LAYER_VALIDATE_SYNC": "1"}
SKIPPED = 77


class Failed(Exception):
    pass


class Missing(Exception):
    pass


def program(setup, tell, *arguments, environment=()):
    """Runs a program and tells its command; CompletedProcess with both outputs as one text in stdout, but for JSON's sake."""
    command = [*setup.wrapper, *map(str, arguments)]
    shown = [f"{name}={value}" for name, value in dict(environment).items()] + [shlex.join(command)]
    tell(command=setup.package.named(" ".join(shown)))
    return subprocess.run(command, cwd=setup.root, env={**os.environ, **dict(environment)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace")


def last_line(done):
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode} and no word"


def cxrd_json(setup, tell, *arguments):
    done = program(setup, tell, setup.cxrd, *arguments, "--format", "json")
    if done.returncode:
        raise Failed(last_line(done))
    return json.loads(done.stdout)


def bench_json(setup, tell, rung, batches, runs, model=None):
    """The report of `cxrd bench`: of the architecture that is measured, or of a package."""
    what = ["--model", model] if model else ["--arch", setup.architecture]
    return cxrd_json(setup, tell, "bench", *what, "--batch", ",".join(map(str, batches)), "--runs", runs, "--rung", rung)


def devices(setup, tell):
    found = cxrd_json(setup, tell, "devices")["devices"]
    usable = [device for device in found if device["usable"]]
    if not usable:
        raise Failed("cxrd devices names no device that it can use.")
    # What cxrd takes where nothing is asked for: a GPU before the CPU's driver.
    chosen = min(usable, key=lambda device: (device["kind"] == "cpu", device["kind"] != "discrete"))
    tell(device=chosen)
    power = gpu_power.between(setup.power, 0, time.time())
    tell(told=power, cores=os.cpu_count())
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm,pcie.link.gen.max",
                 "--format=csv,noheader"]
        tell(command=shlex.join(query), nvidia=subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip())
    except (OSError, subprocess.CalledProcessError):
        pass


def kernelcheck(setup, tell, rung, layers=False):
    start = time.monotonic()
    done = program(setup, tell, setup.program("tests/kernelcheck/kernelcheck"), "--rung", rung,
                   environment=LAYERS if layers else ())
    text = done.stdout + done.stderr
    if layers and 'Insert instance layer "VK_LAYER_KHRONOS_validation"' not in text:
        raise Missing("the validation layer is not installed, or VK_LAYER_PATH does not name its folder")
    if done.returncode == SKIPPED:
        raise Missing(last_line(done))
    counts = re.search(r"^(\d+) cases, (\d+) wrong$", text, re.M)
    messages = len(re.findall(r"Validation (?:Error|Warning)|SYNC-HAZARD", text))
    if counts:
        tell(rung=rung, cases=int(counts[1]), wrong=int(counts[2]), messages=messages, seconds=time.monotonic() - start)
    if done.returncode or messages:
        # Lines of cases that do not end in "ok", and what the layer says.
        said = re.findall(r"^.*\(bound .*(?<!ok)$|^.*(?:Validation Error|VUID-|SYNC-HAZARD).*$", text, re.M)[:20]
        raise Failed("\n".join(said) or last_line(done))


def golden(setup, tell, rung):
    bad = []
    for package in GOLDEN:
        for weights in WEIGHTS[rung]:
            done = program(setup, tell, setup.program("tests/golden/golden_test"), f"tests/golden/{package}", rung, weights)
            error = re.search(r"largest error (\S+), bound (\S+)", done.stdout)
            tell(package=package, rung=rung, weights=weights, good=done.returncode == 0,
                 error=float(error[1]) if error else None, bound=float(error[2]) if error else None)
            if done.returncode:
                bad.append(f"{package} {weights}: {last_line(done)}")
    if bad:
        raise Failed("\n".join(bad))


def tune(setup, tell, rung):
    """Which tile each shape of the network gets; it stays in the user's cache folder, where the steps after this find it."""
    report = cxrd_json(setup, tell, "tune", "--arch", setup.architecture, "--batch", setup.batches[-1], "--budget", setup.tune_s,
                       "--rung", rung)
    for shape in report["shapes"]:
        if shape["tiles"]:
            rates = {tile["tile"]: tile["gflops"] for tile in shape["tiles"]}
            tell(rung=rung, shape=shape["shape"], chosen=shape["chosen"], gflops=rates.get(shape["chosen"]),
                 first=shape["tiles"][0]["tile"], first_gflops=shape["tiles"][0]["gflops"], measured=len(rates))
    tell(rung=rung, missing=report["missing"], seconds=report["seconds"])


def bench(setup, tell, rung):
    slow = rung == "portable" # float32 without matrices
    batches = [batch for batch in setup.batches if not slow or batch <= 8]
    start = time.time()
    report = bench_json(setup, tell, rung, batches, min(setup.runs, 5) if slow else setup.runs)
    tell(rung=rung, report=report, power=gpu_power.between(setup.power, start, time.time()))


def ready(setup, tell, contestant):
    """Waits until a contestant has built, and compiled, its network."""
    answer = contestant.line()
    if "missing" in answer:
        raise Missing(answer["missing"])
    if "failed" in answer:
        raise Failed(answer["failed"])
    tell(who=contestant.name, command=shlex.join(contestant.shown), **answer)


def turns(setup, tell, turn):
    """cxrd's fastest rung, then each contestant that is ready, each batch."""
    report = bench_json(setup, tell, setup.fastest, setup.batches, setup.runs)
    for batch in report["batches"]:
        tell(who="cxrd", rung=report["rung"], turn=turn, **{key: batch[key] for key in ("batch", "best_ms", "median_ms")})
    bad = []
    for contestant in setup.ready:
        for batch in setup.batches:
            try:
                tell(who=contestant.name, batch=batch, turn=turn, **contestant.ask(do="network", batch=batch))
            except (RuntimeError, OSError) as failure: # the others still have their turn
                bad.append(f"{contestant.name}, batch {batch}: {failure}")
    if bad:
        raise Failed("\n".join(bad))


def energy(setup, tell):
    """Each computes the largest batch for some seconds; the middle of that is looked at, when the power has settled."""
    batch, seconds = setup.batches[-1], setup.hold_s
    runs = min(1000, max(2, round(1e3 * seconds / setup.batch_ms(setup.fastest, batch))))
    found = bench_json(setup, tell, setup.fastest, [batch], runs)["batches"][0]
    end = time.time() - 0.3 # it ended by freeing its memory
    spell = found["median_ms"] * runs / 1e3
    tell(who="cxrd", rung=setup.fastest, batch=batch, images_per_s=1e3 * batch / found["median_ms"],
         power=gpu_power.between(setup.power, end - 0.6 * spell, end))
    for contestant in setup.ready:
        start = time.time()
        answer = contestant.ask(do="hold", batch=batch, seconds=seconds)
        power = gpu_power.between(setup.power, start + 0.4 * seconds, time.time())
        tell(who=contestant.name, batch=batch, power=power, **answer)


def products(setup, tell):
    """The network's products and its attention at one batch by PyTorch; cxrd's are in its own benchmark."""
    eager = [contestant for contestant in setup.ready if contestant.kind == "eager"]
    if not eager:
        raise Missing("no PyTorch is ready")
    width, heads, tokens, hidden = setup.sizes
    batch = setup.product_batch
    shapes = {"qkv": (3 * width, width), "projection": (width, width), "ffn in": (2 * hidden, width),
              "ffn out": (width, hidden)}
    for contestant in eager:
        for what, (n, k) in shapes.items():
            m = batch * tokens
            tell(what=what, shape=f"{m} x {n} x {k}", batch=batch, who=contestant.name, gflop=2e-9 * m * n * k,
                 **contestant.ask(do="product", m=m, n=n, k=k))
        tell(what="attention", shape=f"{batch} x {heads} heads x {tokens} x 64", batch=batch, who=contestant.name,
             gflop=4e-9 * batch * heads * tokens**2 * 64,
             **contestant.ask(do="attention", batch=batch, heads=heads, tokens=tokens))


def http(setup, tell):
    """The service kept busy by clients that ask again once answered, beside the engine with the same package."""
    model = setup.package.wait()
    report = bench_json(setup, tell, setup.fastest, setup.batches, 5, model)
    engine = max(batch["images_per_s"] for batch in report["batches"])
    tell(engine=engine, model=report["model"])
    command = [*setup.wrapper, str(setup.cxrd)]
    options = ["--rung", setup.fastest]
    shown = [*command, "serve", "--model", str(model), "--listen", "127.0.0.1:0", *options]
    tell(command=setup.package.named(shlex.join(shown)))
    os.chdir(setup.root)
    start = time.monotonic()
    service = Service(command, str(model), options)
    tell(ready_s=time.monotonic() - start)
    request = post("/predict?attention=none", "image/png", setup.root / "models/phantom/samples/normal.png")
    try:
        allowed = int(service.metric("cxr_inflight_limit"))
        OpenLoop(service.port, [request]).closed(allowed, setup.load_s / 5)
        for clients in sorted({1, (allowed + 1) // 2, allowed}):
            loop, begun = OpenLoop(service.port, [request]), time.time()
            rate = loop.closed(clients, setup.load_s)
            tell(clients=clients, requests_per_s=rate, p50_ms=loop.milliseconds(0.5, 200), p99_ms=loop.milliseconds(0.99, 200),
                 refused=loop.count(503), lost=loop.broken, power=gpu_power.between(setup.power, begun, time.time()))
        tell(stage_ms=service.stage_ms())
    finally:
        code = service.stop()
    if code:
        raise Failed(f"The service ended with status {code}.")


class Package:
    """The package of the HTTP part: written in the background, or the demonstration model where it is none."""

    def __init__(self, root, folder, wanted):
        self.folder, self.root, self.process = folder, root, None
        if wanted:
            script = ("import pathlib, sys; sys.path.insert(0, sys.argv[1]); import vitl; "
                      "vitl.write_package(pathlib.Path(sys.argv[2]))")
            self.process = subprocess.Popen([sys.executable, "-c", script, str(root / "tests/bench"), str(folder)],
                                            stderr=subprocess.DEVNULL, start_new_session=True)

    def named(self, text):
        """A command without the folder that is gone when it is read."""
        return text.replace(str(self.folder), "vitl16-512")

    def wait(self):
        """Asked in a part's process, which cannot wait for a child of its parent; the sums are the last file written."""
        while self.process and not self.ended():
            time.sleep(0.1)
        return self.folder if (self.folder / "SHA256SUMS").exists() else "models/phantom"

    def ended(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
