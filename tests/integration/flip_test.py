#!/usr/bin/env python3
"""Flip test-time augmentation of a real model, over HTTP and on the command line: flip_test.py CXRD MODEL"""

import base64
import csv
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import service
from service import FORM, Service, form, png, program

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
CARD = json.loads((MODEL / "model.json").read_text())["backbone"]
SQUARE = isinstance(CARD["image_size"], int)
HEIGHT, WIDTH = [CARD["image_size"]] * 2 if SQUARE else CARD["image_size"]
# A picture of a square network's size is not resized, so that its mirror is the same to the bit.
TOLERANCE = 0 if SQUARE else 1e-2


def drawing(mirrored=False, width=WIDTH, height=HEIGHT):
    """A picture whose halves differ."""
    def pixel(x, y):
        x = width - 1 - x if mirrored else x
        return (x * x // 90 + y + (80 if x < width // 3 and y > height // 2 else 0)) % 256
    return png(width, height, pixel)


def mean(a, b):
    """The mean of two float32, as float32."""
    return struct.unpack("<f", struct.pack("<f", (a + b) / 2))[0]


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def scores(prediction):
    return [*prediction["findings"], *prediction["risk_scores"]]


def rows(attention):
    width = attention["columns"]
    return [attention["values"][at:at + width] for at in range(0, len(attention["values"]), width)]


def anonymous(prediction):
    return {**prediction, "image": {**prediction["image"], "id": ""}}


class Flip(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, model=MODEL)

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.service.__exit__()
        assert code == 0, code

    def predict(self, image, query="", kind="image/png"):
        answer = self.service.post("/predict?attention_for=all" + query, kind, image)
        self.assertEqual(answer.code, 200, answer.body)
        return answer.predictions

    def close(self, left, right, tolerance=TOLERANCE):
        self.assertTrue(math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance), (left, right))

    def test_it_is_the_mean_of_the_image_and_its_mirror(self):
        (flipped,), (plain,), (mirror,) = (self.predict(drawing(), "&flip=true"), self.predict(drawing()),
                                           self.predict(drawing(mirrored=True)))
        self.assertIs(flipped["flip"], True)
        self.assertNotIn("flip", plain)
        self.assertEqual(flipped["image"], plain["image"])
        differ = 0
        for one, left, right in zip(scores(flipped), scores(plain), scores(mirror)):
            self.close(float32(one["logit"]), mean(float32(left["logit"]), float32(right["logit"])))
            calibration = one.get("calibration", {"scale": 1, "offset": 0})
            shown = calibration["scale"] * one["logit"] + calibration["offset"]
            self.assertAlmostEqual(one["probability"], 1 / (1 + math.exp(-shown)), 6)
            differ += left["logit"] != right["logit"]
        self.assertGreater(differ, len(scores(plain)) // 2)
        for one, left, right in zip(flipped["attention_maps"], plain["attention_maps"], mirror["attention_maps"]):
            self.assertAlmostEqual(sum(one["values"]), 1, 4)
            for row, a, b in zip(rows(one), rows(left), rows(right)):
                for value, x, y in zip(row, a, reversed(b), strict=True):
                    self.close(float32(value), mean(float32(x), float32(y)))

    def check_mirrored(self, tolerance, **size):
        (one,), (other,) = (self.predict(drawing(mirrored, **size), "&flip=true") for mirrored in (False, True))
        for left, right in zip(scores(one), scores(other)):
            self.close(left["logit"], right["logit"], tolerance)
        for left, right in zip(one["attention_maps"], other["attention_maps"]):
            for a, b in zip(rows(left), rows(right)):
                for x, y in zip(a, reversed(b)):
                    self.close(x, y, tolerance)

    def test_the_mirrored_file_has_the_same_answer_mirrored(self):
        self.check_mirrored(TOLERANCE)

    def test_so_it_has_where_the_picture_is_resized(self):
        self.check_mirrored(1e-2, width=2 * WIDTH, height=2 * HEIGHT)
        self.check_mirrored(1e-2, width=WIDTH + 50, height=2 * HEIGHT)

    def test_every_way_of_asking_gives_the_same_bits_in_any_company(self):
        image = drawing(width=WIDTH + 8)
        others = [(f"{i}", drawing(width=WIDTH + 8 * i)) for i in range(2, 7)]
        images = [{"data": base64.b64encode(image).decode()}]
        asked = [self.predict(image, "&flip=true"), self.predict(image, "&flip=true"),
                 self.predict(form([("a", image)], flip="true"), kind=FORM),
                 self.predict(json.dumps({"images": images, "flip": True}), kind="application/json"),
                 self.predict(json.dumps({"images": images, "flip": "true"}), kind="application/json"),
                 self.predict(form([*others[:3], ("a", image), *others[3:], ("cut", image[:99])]), "&flip=true", FORM)[3:]]
        for number, predictions in enumerate(asked):
            self.assertEqual(anonymous(predictions[0]), anonymous(asked[0][0]), number)
        self.assertEqual(asked[-1][-1]["error"]["status"], 422)
        self.assertNotIn("flip", asked[-1][-1])
        (plain,) = self.predict(image)
        self.assertEqual(anonymous(self.predict(image, "&flip=false")[0]), anonymous(plain))

    def test_the_inference_protocol_has_it_as_a_parameter(self):
        image = drawing()
        name = self.service.get("/models").json["models"][0]["name"]
        inputs = [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(image).decode()]}]
        body = json.dumps({"inputs": inputs, "parameters": {"flip": True}, "outputs": [{"name": "findings.logits"}]})
        answer = self.service.post(f"/v2/models/{name}/infer", "application/json", body)
        self.assertEqual(answer.code, 200, answer.body)
        self.assertIs(answer.json["parameters"]["flip"], True)
        (expected,) = self.predict(image, "&flip=true")
        self.assertEqual(answer.json["outputs"][0]["data"],
                         [one["logit"] for one in expected["findings"] if one["head"] == "findings"])
        body = json.dumps({"inputs": inputs, "parameters": {"flip": True}, "outputs": [{"name": "embedding.class"}]})
        answer = self.service.post(f"/v2/models/{name}/infer", "application/json", body)
        self.assertEqual(answer.code, 400)
        self.assertIn("'embedding.class' is of an image as it is", answer.detail)

    def test_embeddings_do_not_take_it(self):
        answer = self.service.post("/embed?flip=true", "image/png", drawing())
        self.assertEqual(answer.code, 400)
        self.assertIn("Unknown option 'flip'", answer.detail)

    def test_every_form_on_the_command_line_tells_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.png")
            path.write_bytes(drawing())
            (expected,) = self.predict(path.read_bytes(), "&flip=true")

            def run(form_, *options):
                return subprocess.run([BINARY, "predict", "--model", MODEL, "--format", form_, *options, path],
                                      capture_output=True, text=True, check=True, timeout=300).stdout

            one = json.loads(run("jsonl", "--flip", "--attention-for", "all"))
            self.assertEqual(one.pop("model")["package_sha256"], self.service.get("/models").json["models"][0]["package_sha256"])
            self.assertEqual(anonymous(one), anonymous(expected))
            table = list(csv.DictReader(run("csv", "--flip").splitlines()))
            self.assertEqual({row["flip"] for row in table}, {"true"})
            self.assertEqual(sorted(float32(float(row["logit"])) for row in table),
                             sorted(float32(one["logit"]) for one in scores(expected)))
            self.assertTrue(run("table", "--flip").startswith(f"{path}  {WIDTH} x {HEIGHT} png  mean of the image and its mirror\n"))
            for form_ in ("jsonl", "csv", "table"):
                self.assertNotIn("flip" if form_ != "table" else "mirror", run(form_))


class Places(unittest.TestCase):
    def test_an_image_takes_two_places_in_the_queue(self):
        images = [(str(number), drawing()) for number in range(3)]
        with Service(BINARY, "--max-queue", "5", model=MODEL) as running:
            self.assertEqual(running.post("/predict?attention=none", FORM, form(images)).code, 200)
            answer = running.post("/predict?attention=none&flip=true", FORM, form(images[:2]))
            self.assertEqual(answer.code, 200)
            counted = service.samples(running.get("/metrics").body.decode())
            self.assertEqual(counted["cxr_batch_size_sum", ""], 3 + 2 * 2)
            answer = running.post("/predict?attention=none&flip=true", FORM, form(images))
            self.assertEqual(answer.code, 413)
            self.assertEqual(answer.detail, "With 'flip' the request's 3 images need two places each in the queue, which holds at "
                                            "most 5; send fewer at once, or ask without 'flip'.")


if __name__ == "__main__":
    unittest.main(verbosity=2)
