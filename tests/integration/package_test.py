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

from service import FORM, Service, form

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

    def seal(self):
        """Writes a card that fits the files."""
        for file in self.card["weights_sha256"]:
            self.card["weights_sha256"][file] = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
        (self.folder / "model.json").write_text(json.dumps(self.card))

    def predict(self, *images, form="json"):
        self.seal()
        return subprocess.run([BINARY, "predict", "--model", self.folder, "--precision", "fp32", "--format", form,
                               *(images or [SAMPLE])], capture_output=True, text=True, check=False)

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

    def test_an_answer_that_is_not_finite_fails_its_image_alone(self):
        """Weights that pass the self-test, and with which one label's logit of one sample overflows."""
        file, images = "head.findings.safetensors", [MODEL / "samples" / name for name in ("normal.png", "effusion_cardiomegaly.jpg")]
        tensors = read_weights(file)
        kind, shape, data = tensors["duplicate_pooling"]
        weights = array.array("f", data)
        for at, weight in ((17, -3e38), (31, 3e38), (51, -3e38)):
            weights[at] = weight
        tensors["duplicate_pooling"] = kind, shape, weights.tobytes()
        write_weights(self.folder / file, tensors)
        for answer in [self.predict(*images, form=form) for form in ("json", "jsonl", "table", "csv")]:
            self.assertEqual(answer.returncode, 1, answer.stderr)
            self.assertRegex(answer.stderr, r"effusion_cardiomegaly\.jpg: The model's answer to this image is not finite")
            self.assertNotRegex(answer.stdout, r"(?i)\bnull\b|\bnan\b|\binf\b")
            self.assertIn("normal.png", answer.stdout)
        self.assertEqual([json.loads(line).get("error", {}).get("type") for line in self.predict(*images, form="jsonl").stdout.splitlines()],
                         [None, "urn:cxrd:problem:not-finite"])
        with Service(BINARY, "--precision", "fp32", model=self.folder) as service:
            answer = service.post("/predict", FORM, form([(path.name, path.read_bytes()) for path in images]))
            self.assertEqual(answer.code, 200, answer.body)
            whole, failed = answer.json["predictions"]
            self.assertEqual(len(whole["findings"]), 11)
            self.assertEqual(failed["error"]["type"], "urn:cxrd:problem:not-finite")
            self.assertIn("\ncxr_not_finite_total 1\n", service.get("/metrics").body.decode())
            [line] = [entry for entry in map(json.loads, service.errors().splitlines()) if entry["level"] == "error"]
            model = service.get("/models").json["models"][0]
            for name in ("name", "version", "device", "rung"):
                self.assertIn(model[name], line["message"])
            self.assertNotIn("effusion", line["message"])


if __name__ == "__main__":
    unittest.main()
