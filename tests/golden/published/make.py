#!/usr/bin/env python3
"""Makes small checkpoints in every form that is published, with the originals' own code, and that code's float64 answers.

By hand only; the tests read what it wrote. It needs a Python with these, on CPU, and a checkout of facebookresearch/dinov2
(commit b8931f7):
    torch 2.7.1, torchvision 0.22.1, timm 1.0.31, transformers 4.57.6, peft 0.18.1, safetensors 0.8.0, numpy 2.2.6,
    pillow 11.3.0 (from 13 on, Pillow resizes another direction first where that is less work, and rounds otherwise)
    make.py --dinov2 FOLDER     everything but
    make.py --newest            hf_newest*, which transformers 5.24.0 names otherwise

A case is a file or a folder as its publisher would lay it out. Its answers lie in answers/CASE.safetensors (weights.py).
"""
import argparse
import pathlib
import shutil
import sys

import torch

import forms
import huggingface
import originals
import timms
from weights import HERE


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--dinov2", type=pathlib.Path, help="a checkout of facebookresearch/dinov2")
    parser.add_argument("--newest", action="store_true", help="only what the newest transformers writes otherwise")
    options = parser.parse_args()
    if options.newest:
        huggingface.make_newest()
        return
    if not options.dinov2:
        parser.error("--dinov2 FOLDER is needed, or --newest")
    sys.path.insert(0, str(options.dinov2))
    torch.manual_seed(0)
    for old in HERE.iterdir():
        if not old.name.endswith(".py") and not old.name.startswith(("hf_newest", "__pycache__", "answers", "images")):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    huggingface.make()
    timms.make()
    originals.make()
    forms.make()
    for path in HERE.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main()
