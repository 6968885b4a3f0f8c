#!/usr/bin/env python3
"""How long `cxrd serve` takes to be ready, for docs/performance.md: ready.py [--cxrd 'COMMAND'] [--model DIR] [--rounds 3]

Prints the seconds from the start of the process to its line "ready", the best and the worst of the rounds, and what the
service's log says of the stages of the best. Without --model the package is ViT-L/16 at 512 x 512 with a GLoRI head of
40 findings, float32, random weights (1.2 GB), written to --package unless it is there. The cache of pipelines is one of
its own, filled by a start before the first round; with --cold every round begins with none. --cxrd is the command to measure, with a wrapper if one is needed:
--cxrd 'scripts/userland-run build/cli/cxrd'. Needs python3-numpy.
"""

import argparse
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

import vitl


def start(command, model, cache):
    """Seconds to ready, and the log's lines about stages."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        service = subprocess.Popen([*command, "serve", "--model", str(model), "--listen", "127.0.0.1:0", "--log-level", "debug",
                                    "--cache-folder", cache], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        seconds = next((time.perf_counter() - began for line in service.stdout if line.strip() == "ready"), None)
        service.terminate()
        service.wait()
        log.seek(0)
        lines = log.read()
    if seconds is None:
        sys.exit("The service did not start:\n" + lines)
    return seconds, [line for line in lines.splitlines() if " ms" in line]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--package", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "cxrd-vitl")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true")
    arguments = parser.parse_args()
    if not arguments.model and not (arguments.package / "model.json").exists():
        vitl.write_package(arguments.package)
    command, model, starts = shlex.split(arguments.cxrd), arguments.model or arguments.package, []
    with tempfile.TemporaryDirectory() as kept:
        if not arguments.cold:
            start(command, model, kept)
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as empty:
                starts.append(start(command, model, empty if arguments.cold else kept))
    best = min(starts)
    print(f"ready after {best[0]:.2f} s at best, {max(starts)[0]:.2f} s at worst of {len(starts)}")
    print("\n".join(best[1]))


if __name__ == "__main__":
    main()
