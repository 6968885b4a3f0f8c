#!/usr/bin/env python3
"""Heads of two views of a real model, over HTTP and on the command line: views_test.py CXRD GOLDEN

GOLDEN is a golden package: heads that read a frontal and a lateral are added to a copy of it as they are published, and what
they say is held against sums in float64, of the features that its reference gives and of those that /embed does.
"""

import base64
import csv
import json
import math
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

from service import BOUNDARY, FORM, Service, png

BINARY, GOLDEN = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
CARD = json.loads((GOLDEN / "model.json").read_text())["backbone"]
SIDE, WIDTH = CARD["image_size"], CARD["width"]
LABELS = ["Left", "Middle", "Right"]
KEY = "classifiers_dict.linear:blocks=4:avgpool=True:lr=0_1.linear."
# "near" reads 1 block and "far" 4; both their mean patch token, of two views.
BLOCKS = {"near": 1, "far": 4}
RANDOM = random.Random(20250601)
WEIGHTS = {name: [[RANDOM.gauss(0, 1) / 16 for _ in range(2 * (blocks + 1) * WIDTH)] for _ in LABELS]
           for name, blocks in BLOCKS.items()}
BIAS = [0.5, -0.25, 2.0]


def run(*words):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=300,
                          stdin=subprocess.DEVNULL)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def write_tensors(path, tensors):
    """A safetensors file of {name: (shape, values)}."""
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def read_tensors(path):
    """{name: (shape, values)} of a safetensors file, bytes where they are no floats."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        content = data[start:][slice(*entry["data_offsets"])]
        floats = entry["dtype"] == "F32"
        tensors[name] = (entry["shape"], struct.unpack(f"<{len(content) // 4}f", content) if floats else content)
    return tensors


def rgb_png(shape, data):
    height, width, _ = shape

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + data[y * width * 3:(y + 1) * width * 3] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def drawing(number, mirrored=False):
    """A picture of the network's size, so that its mirror is the same to the bit."""
    return png(SIDE, SIDE, lambda x, y: ((SIDE - 1 - x if mirrored else x) * (number + 1) + y * (number % 7 + 2) +
                                         (90 if x * y % (number + 3) == 0 and not mirrored else 0)) % 256)


def parts(images, **fields):
    """A form of (part's name, file's name, bytes)."""
    lines = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'.encode() + data
             for part, name, data in images]
    lines += [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
              for name, value in fields.items()]
    return b"\r\n".join(lines) + f"\r\n--{BOUNDARY}--\r\n".encode()


def named(studies):
    """The parts of studies, (frontal, lateral) each."""
    return [part for number, (frontal, lateral) in enumerate(studies)
            for part in (("frontal", f"f{number}.png", frontal), ("lateral", f"l{number}.png", lateral))]


def logits(prediction, head):
    return [one["logit"] for one in prediction["findings"] if one["head"] == head]


def expected(head, frontal, lateral):
    """[(logit, sum of the absolute values of what it is made of)], in float64."""
    features = [*frontal, *lateral]
    terms = [[float32(weight) * feature for weight, feature in zip(row, features, strict=True)] for row in WEIGHTS[head]]
    return [(math.fsum([*row, bias]), math.fsum(map(abs, [*row, bias]))) for row, bias in zip(terms, BIAS)]


def anonymous(prediction):
    return {key: {**value, "id": ""} if key.endswith("image") else value for key, value in prediction.items()}


class Views(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.package, (cls.folder / "labels.txt").write_text("\n".join(LABELS)) and None
        cls.service = cls.enterClassContext(Service(BINARY, "--precision", "fp32", "--max-batch", "8", model=cls.package))

    @classmethod
    def make(cls):
        """The package with both heads; what adding them said."""
        package = cls.folder / "package"
        shutil.copytree(GOLDEN, package)
        (cls.folder / "labels.txt").write_text("\n".join(LABELS))
        for name, prefix in (("near", ""), ("far", KEY)):
            rows = WEIGHTS[name]
            write_tensors(cls.folder / f"{name}.safetensors",
                          {prefix + "weight": ([len(rows), len(rows[0])], [value for row in rows for value in row]),
                           prefix + "bias": ([len(rows)], BIAS)})
        cls.add(package, "near", "features=class+mean,views=2", 0)
        cls.add(package, "far", "", 0)
        return package

    @classmethod
    def add(cls, package, name, more, code):
        head = f"name={name},kind=findings,weights={cls.folder / name}.safetensors,labels={cls.folder}/labels.txt"
        done = run("head", "add", "--model", package, "--precision", "fp32", "--head", ",".join(filter(None, (head, more))))
        assert done.returncode == code, done.stderr
        return done

    @classmethod
    def predict(cls, studies, query="", **fields):
        answer = cls.service.post("/predict?attention=none" + query, FORM, parts(named(studies), **fields))
        assert answer.code == 200, answer.body
        return answer.predictions


if __name__ == "__main__":
    unittest.main(verbosity=2)
