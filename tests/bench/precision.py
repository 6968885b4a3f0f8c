#!/usr/bin/env python3
"""How far the logits of one rung are from another's, for docs/performance.md: precision.py [--cxrd 'COMMAND'] [--device cpu]
[--model DIR] RUNG:PRECISION RUNG:PRECISION...

The first is what the others are compared with: precision.py cpu:fp32 half:fp16. Prints for each of the others the largest
difference, as a part of the largest logit, over the sample drawings. Without --model the package is ViT-L/16 at 512 x 512 with
the weights DINOv2 begins to train with, made to carry massive activations (vitl.py), written to --package unless it is there.
Needs python3-numpy.
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy as np

import vitl

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "models/phantom/samples"


def logits(command, model, device, rung, precision):
    """[images x labels] over the sample drawings."""
    process = subprocess.run([*command, "predict", "--model", str(model), "--device", device, "--rung", rung, "--precision", precision,
                              "--attention", "none", "--format", "jsonl", *map(str, sorted(SAMPLES.glob("*.png")))],
                             capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr)
    return np.array([[finding["logit"] for finding in json.loads(line)["findings"]] for line in process.stdout.splitlines()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxrd", default="build/cli/cxrd")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--package", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "cxrd-vitl-massive")
    parser.add_argument("choices", nargs="+", metavar="RUNG:PRECISION")
    arguments = parser.parse_args()
    if not arguments.model and not (arguments.package / "model.json").exists():
        vitl.write_package(arguments.package, massive=True)
    command, model = shlex.split(arguments.cxrd), arguments.model or arguments.package
    reference = None
    for choice in arguments.choices:
        found = logits(command, model, arguments.device, *choice.split(":"))
        if not np.isfinite(found).all():
            sys.exit(f"{choice}: a logit is not finite")
        if reference is None:
            reference = found
            continue
        print(f"{choice}: {abs(found - reference).max() / abs(reference).max():.1e} of {arguments.choices[0]}'s largest logit,"
              f" {abs(reference).max():.2f}, over {found.shape[0]} images")


if __name__ == "__main__":
    main()
