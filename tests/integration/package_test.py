#!/usr/bin/env python3
"""Packages whose weights were written otherwise, or are broken: package_test.py CXRD MODEL"""

import array
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

BINARY, MODEL = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
SAMPLE = min((MODEL / "samples").glob("*.png"))
NAN = {"F32": struct.pack("<f", float("nan")), "F16": struct.pack("<e", float("nan"))}


def read_weights(file):
    """Each tensor's type, shape and bytes."""
    content = (MODEL / file).read_bytes()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], content[start:][slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def write_weights(path, tensors, odd=0):
    """`odd`: so many bytes past a multiple of four lie all tensors."""
    header, end = {}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4 + odd)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def widened(kind, shape, data):
    if kind != "F16":
        return kind, shape, data
    return "F32", shape, array.array("f", struct.unpack(f"<{len(data) // 2}e", data)).tobytes()


class Package(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.card = json.loads((MODEL / "model.json").read_text())
        for file in self.card["weights_sha256"]:
            shutil.copy(MODEL / file, self.folder)

    def predict(self):
        for file in self.card["weights_sha256"]:
            self.card["weights_sha256"][file] = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
        (self.folder / "model.json").write_text(json.dumps(self.card))
        return subprocess.run([BINARY, "predict", "--model", self.folder, "--precision", "fp32", "--format", "json", SAMPLE],
                              capture_output=True, text=True, check=False)

    def test_floats_of_any_width_at_any_place_answer_alike(self):
        answers = [self.predict()]
        for odd in (0, 1):
            for file in self.card["weights_sha256"]:
                tensors = {name: widened(*tensor) for name, tensor in read_weights(file).items()}
                write_weights(self.folder / file, tensors, odd)
            answers.append(self.predict())
        found = [[one["logit"] for one in json.loads(answer.stdout)["predictions"][0]["findings"]] for answer in answers]
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])

    def test_a_broken_weight_does_not_pass_the_self_test(self):
        """One value that is no number, at the first block, the last, and where an activation could hide it."""
        for file, name in (("backbone.safetensors", "blocks.0.attn.qkv.weight"),
                           ("backbone.safetensors", "blocks.5.mlp.w3.weight"),
                           ("head.findings.safetensors", "embed_standart.weight"),
                           ("head.findings.safetensors", "layers.0.linear1.bias")):
            with self.subTest(name):
                tensors = read_weights(file)
                kind, shape, data = tensors[name]
                middle = len(data) // 2 // len(NAN[kind]) * len(NAN[kind])
                tensors[name] = kind, shape, data[:middle] + NAN[kind] + data[middle + len(NAN[kind]):]
                write_weights(self.folder / file, tensors)
                done = self.predict()
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("self-test", done.stderr)
                shutil.copy(MODEL / file, self.folder)


if __name__ == "__main__":
    unittest.main()
