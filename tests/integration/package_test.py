#!/usr/bin/env python3
"""Packages that were changed, written otherwise, or are broken: package_test.py CXRD MODEL"""

import array
import hashlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from service import FORM, Service, form, program, wait_until

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
SAMPLE = min((MODEL / "samples").glob("*.png"))
NAN = {"F32": struct.pack("<f", float("nan")), "F16": struct.pack("<e", float("nan"))}


def read_header(file):
    content = (MODEL / file).read_bytes()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    return content, start, json.loads(content[8:start])


def read_weights(file):
    """Each tensor's type, shape and bytes."""
    content, start, header = read_header(file)
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], content[start:][slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def write_weights(path, tensors, odd=0, bound=True):
    """`odd`: so many bytes past a multiple of four lie all tensors. `bound`: it says its labels, as the model's file does."""
    metadata = read_header(path.name)[2].get("__metadata__")
    header, end = {"__metadata__": metadata} if bound and metadata else {}, 0
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


def run(*words):
    """Nothing here may wait for ever."""
    return subprocess.run([BINARY, *words], capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)


class Copy(unittest.TestCase):
    """A copy of the model in self.folder."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "package"
        self.folder.mkdir()
        self.card = json.loads((MODEL / "model.json").read_text())
        for file in ("SHA256SUMS", "model.json", *self.card["weights_sha256"]):
            shutil.copy(MODEL / file, self.folder)

    def write_card(self):
        (self.folder / "model.json").write_text(json.dumps(self.card))

    def predict(self, *images, form="json"):
        return run("predict", "--model", self.folder, "--precision", "fp32", "--format", form, *(images or [SAMPLE]))


class Seal(Copy):
    def refused(self, *sentences):
        """By everything that opens it, with exit code 1."""
        for done in (self.predict(), run("inspect", self.folder), run("bench", "--model", self.folder, "--runs", "1")):
            self.assertEqual(done.returncode, 1, done.stderr)
            for sentence in sentences:
                self.assertIn(sentence, done.stderr)

    def seal(self):
        done = run("inspect", "--seal", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return re.search(r"^package_sha256 +([0-9a-f]{64})", done.stdout, re.M)[1]

    def seal_by_hand(self):
        names = sorted(["model.json", *self.card["weights_sha256"]])
        (self.folder / "SHA256SUMS").write_text(subprocess.run(["sha256sum", *names], cwd=self.folder, check=True,
                                                               capture_output=True, text=True).stdout)

    def test_one_hash_is_what_sha256sum_says_and_stands_in_every_answer(self):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=self.folder, check=True)
        listed = [line.split("  ")[1] for line in (self.folder / "SHA256SUMS").read_text().splitlines()]
        self.assertEqual(listed, sorted(["model.json", *self.card["weights_sha256"]]))
        one = hashlib.sha256((self.folder / "SHA256SUMS").read_bytes()).hexdigest()
        done = run("inspect", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"package_sha256  {one}", done.stdout)
        self.assertEqual(json.loads(self.predict().stdout)["model"]["package_sha256"], one)
        self.assertEqual(json.loads(run("bench", "--model", self.folder, "--runs", "1", "--format", "json").stdout)["package_sha256"],
                         one)
        self.assertEqual(self.seal(), one)

    def test_a_changed_threshold_is_refused_until_it_is_sealed(self):
        before = json.loads(self.predict().stdout)["model"]
        self.card["heads"][0]["labels"][0] |= {"threshold": 0.0001, "threshold_source": "site A, May"}
        self.write_card()
        self.refused("model.json: it was changed since the package was sealed", "cxrd inspect --seal")
        one = self.seal()
        answer = json.loads(self.predict().stdout)
        self.assertEqual(answer["model"], before | {"package_sha256": one})
        self.assertNotEqual(one, before["package_sha256"])
        self.assertEqual(answer["predictions"][0]["findings"][0]["threshold"], 0.0001)

    def test_what_nothing_reads_is_not_sealed_and_is_named_where_another_sealed_it(self):
        self.card["heads"][0]["labels"][0]["calibraton"] = {"scale": 2, "offset": -1}
        self.card["heads"][0]["labels"][1]["calibration"] = {"scale": 2, "offset": -1}
        self.write_card()
        done = run("inspect", "--seal", self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn('Nothing reads "heads[0].labels[0].calibraton" of model.json', done.stderr)
        self.seal_by_hand()
        done = run("inspect", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('warning: nothing reads "heads[0].labels[0].calibraton" of model.json', done.stdout)
        self.assertRegex(done.stdout, r"Atelectasis .* none ")
        self.assertRegex(done.stdout, r"Cardiomegaly .* 2 \* logit - 1 ")
        self.card["provenance"] = self.card.get("provenance", {}) | {"note": self.card["heads"][0]["labels"][0].pop("calibraton")}
        self.write_card()
        self.seal()

    def test_what_contradicts_the_weights_is_refused_whoever_sealed_it(self):
        """Each of these loaded once, under the same version and weights_sha256."""
        def reverse(card):
            names = [label["name"] for label in card["heads"][0]["labels"]]
            for label, name in zip(card["heads"][0]["labels"], reversed(names)):
                label["name"] = name

        def other_weights(card):
            card["heads"][0]["labels"][0]["threshold_weights_sha256"] = "0" * 64

        for change, sentence in ((reverse, "but was trained as 'Atelectasis'"),
                                 (lambda card: card["backbone"].update(registers=0), "'register_tokens' is there, but the network"),
                                 (lambda card: card["backbone"].update(depth=5), "'blocks.5."),
                                 (lambda card: card.update(version="1\u0007"), "control characters"),
                                 (other_weights, "was set on other weights")):
            with self.subTest(sentence):
                self.card = json.loads((MODEL / "model.json").read_text())
                change(self.card)
                self.write_card()
                self.refused("model.json")
                done = run("inspect", "--seal", self.folder)
                self.assertEqual(done.returncode, 1)
                self.assertIn(sentence, done.stderr)
                self.seal_by_hand()
                self.refused(sentence)
                shutil.copy(MODEL / "SHA256SUMS", self.folder)

    def test_an_older_package_is_told_how_and_sealed(self):
        (self.folder / "SHA256SUMS").unlink()
        for head in self.card["heads"]:
            tensors = read_weights(head["weights"])
            write_weights(self.folder / head["weights"], tensors, bound=False)
            digest = hashlib.sha256((self.folder / head["weights"]).read_bytes()).hexdigest()
            self.card["weights_sha256"][head["weights"]] = digest
            for label in head["labels"]:
                label["threshold_weights_sha256"] = digest
        self.write_card()
        expected = json.loads(run("predict", "--model", MODEL, "--precision", "fp32", "--format", "json", SAMPLE).stdout)["predictions"]
        self.refused("the package is not sealed", "cxrd inspect --seal")
        self.assertIn("Atelectasis", run("inspect", self.folder).stdout)  # it is shown all the same
        self.seal()
        self.assertEqual(json.loads(self.predict().stdout)["predictions"], expected)

    def test_a_pipe_in_a_files_place_holds_nothing_up(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for file in ("head.risk.safetensors", "model.json", "SHA256SUMS"):
            with self.subTest(file):
                (self.folder / file).unlink()
                os.mkfifo(self.folder / file)
                done = self.predict()
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{file}: it is a named pipe, where a file is needed.", done.stderr)
                (self.folder / file).unlink()
                shutil.copy(MODEL / file, self.folder)
        for words in (("inspect", pipe), ("serve", "--model", MODEL, "--config", pipe),
                      ("serve", "--model", MODEL, "--api-keys", pipe),
                      ("import", "--backbone", pipe, "--image-size", "192", "--output", self.folder / "new", "--head",
                       f"name=f,kind=findings,weights={pipe}")):
            with self.subTest(words[0]):
                done = run(*words)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("pipe: it is a named pipe, where a file is needed.", done.stderr)
        done = run("predict", "--model", MODEL, pipe)
        self.assertEqual(done.returncode, 1)
        self.assertIn("pipe: this is neither a file nor a folder", done.stderr)
        done = run("predict", "--model", MODEL, "-")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Images are not read from standard input", done.stderr)


class Weights(Copy):
    def setUp(self):
        super().setUp()
        for head in self.card["heads"]:  # which these tests write anew
            for label in head["labels"]:
                del label["threshold_weights_sha256"]

    def predict(self, *images, form="json"):
        for file in self.card["weights_sha256"]:
            self.card["weights_sha256"][file] = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
        self.write_card()
        done = run("inspect", "--seal", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return super().predict(*images, form=form)

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
            whole, failed = answer.predictions
            self.assertEqual(len(whole["findings"]), 11)
            self.assertEqual(failed["error"]["type"], "urn:cxrd:problem:not-finite")
            self.assertIn("\ncxr_not_finite_total 1\n", service.get("/metrics").body.decode())
            wait_until(lambda: '"level":"error"' in service.errors()) # the log is written after the answer
            [line] = [entry for entry in map(json.loads, service.errors().splitlines()) if entry["level"] == "error"]
            model = service.get("/models").json["models"][0]
            for name in ("name", "version", "device", "rung"):
                self.assertIn(model[name], line["message"])
            self.assertNotIn("effusion", line["message"])


if __name__ == "__main__":
    unittest.main()
