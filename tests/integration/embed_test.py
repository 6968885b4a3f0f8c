#!/usr/bin/env python3
"""Embeddings of a real model over HTTP: embed_test.py CXRD MODEL GOLDEN

GOLDEN is a folder of golden packages (tests/golden): what they expect of their images is what /embed gives of them.
"""

import array
import base64
import json
import math
import pathlib
import struct
import sys
import unittest
import zlib

import service
from checkpoints import floats, read_safetensors
from service import FORM, Service, form, program

BINARY, MODEL, GOLDEN = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
SAMPLES = sorted(path for path in (MODEL / "samples").iterdir() if path.suffix in (".png", ".jpg"))[:5]
PNG = next(path for path in SAMPLES if path.suffix == ".png")
ALL = "class,mean,patch"


def patches(embedding):
    """The patch tokens, a list of floats a patch."""
    patch = embedding["patch"]
    rows, width = patch["shape"]
    values = floats(base64.b64decode(patch["data"], validate=True))
    assert patch["dtype"] == "float32" and len(values) == rows * width
    return [values[row * width:(row + 1) * width] for row in range(rows)]


def close(left, right, tolerance):
    """Whether no value differs by more than this share of the root mean square."""
    scale = math.sqrt(sum(value * value for value in right) / len(right))
    return len(left) == len(right) and max(abs(a - b) for a, b in zip(left, right)) <= tolerance * scale


def anonymous(embedding):
    """Without what differs with the way of asking."""
    return {**embedding, "image": {**embedding["image"], "id": ""}}


class Embed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, "--batches-in-flight", "2", "--max-batch", "2", model=MODEL)
        cls.model = cls.service.get("/models").json["models"][0]

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.service.__exit__()
        assert code == 0, code

    def embed(self, query="", image=PNG.read_bytes(), kind="image/png"):
        answer = self.service.post("/embed" + query, kind, image)
        self.assertEqual(answer.code, 200, answer.body)
        return answer.json["embeddings"]

    def refused(self, code, target, kind, body, *words):
        answer = self.service.post(target, kind, body)
        self.assertEqual(answer.code, code, answer.body)
        for word in words:
            self.assertIn(word, answer.detail)

    def test_sizes_are_those_of_the_model(self):
        width, grid = self.model["embedding_width"], self.model["attention_grid"]
        (one,) = self.embed()
        self.assertEqual(list(one), ["image", "class", "mean"])
        self.assertEqual((len(one["class"]), len(one["mean"])), (width, width))
        (one,) = self.embed("?tokens=patch")
        self.assertEqual(list(one), ["image", "patch"])
        self.assertEqual(one["patch"]["shape"], [grid * grid, width])
        self.assertEqual(len(base64.b64decode(one["patch"]["data"])), 4 * grid * grid * width)

    def test_the_mean_is_that_of_the_patch_tokens(self):
        (one,) = self.embed("?tokens=" + ALL)
        rows = patches(one)
        self.assertTrue(close(one["mean"], [math.fsum(column) / len(rows) for column in zip(*rows)], 1e-5))

    def test_every_way_of_asking_gives_the_same(self):
        data = PNG.read_bytes()
        images = [{"data": base64.b64encode(data).decode()}]
        asked = [(self.embed("?tokens=" + ALL), "raw"), (self.embed("?tokens=" + ALL), "again"),
                 (self.embed("", form([(PNG.name, data)], tokens=ALL), FORM), "form"),
                 (self.embed("", json.dumps({"images": images, "tokens": ["patch", "mean", "class"]}), "application/json"), "JSON"),
                 (self.service.post("/v1/embed?tokens=" + ALL, "image/png", data).json["embeddings"], "v1")]
        for (one,), way in asked:
            self.assertEqual(anonymous(one), anonymous(asked[0][0][0]), way)

    def test_a_batch_embeds_each_image_in_its_place(self):
        data = [path.read_bytes() for path in SAMPLES]
        body = form([(path.name, image) for path, image in zip(SAMPLES, data)] + [("cut", data[0][:99])], tokens=ALL)
        embeddings = self.embed("", body, FORM)
        self.assertEqual(embeddings[-1]["error"]["status"], 422)
        for path, image, one in zip(SAMPLES, data, embeddings):
            self.assertEqual(one["image"]["id"], path.name)
            (alone,) = self.embed("?tokens=" + ALL, image, "application/octet-stream")
            for name in ("class", "mean"):
                self.assertTrue(close(one[name], alone[name], 1e-3), (path.name, name))
            for row, expected in zip(patches(one), patches(alone)):
                self.assertTrue(close(row, expected, 1e-2), path.name)
        self.assertFalse(close(embeddings[0]["class"], embeddings[1]["class"], 1e-2))

    def test_embeddings_and_predictions_share_batches(self):
        data = PNG.read_bytes()
        (expected,), predicted = self.embed("?tokens=" + ALL), self.service.post("/predict", "image/png", data).predictions
        ways = [lambda: self.service.post("/predict", "image/png", data).predictions,
                lambda: self.embed("?tokens=" + ALL),
                lambda: self.embed()]
        for number, ask in enumerate([service.in_background(way) for way in ways * 4]):
            found = ask.join()[0]
            if number % 3 == 0:
                for left, right in zip(found["findings"], predicted[0]["findings"]):
                    self.assertTrue(math.isclose(left["logit"], right["logit"], rel_tol=1e-3, abs_tol=1e-3))
            else:
                self.assertTrue(close(found["class"], expected["class"], 1e-3))
                self.assertEqual("patch" in found, number % 3 == 1)

    def test_the_inference_protocol_gives_the_same(self):
        (expected,) = self.embed("?tokens=" + ALL)
        names = ["embedding.class", "embedding.mean", "embedding.patch"]
        body = json.dumps({
            "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(PNG.read_bytes()).decode()]}],
            "outputs": [{"name": name} for name in names], "parameters": {"binary_data_output": True}})
        answer = self.service.post(f"/v2/models/{self.model['name']}/infer", "application/json", body)
        self.assertEqual(answer.code, 200, answer.body)
        size, width = int(answer.headers["inference-header-content-length"]), self.model["embedding_width"]
        values = floats(answer.body[size:])
        self.assertEqual([output["name"] for output in json.loads(answer.body[:size])["outputs"]], names)
        self.assertEqual(values[:width], array.array("f", expected["class"]))
        self.assertEqual(values[width:2 * width], array.array("f", expected["mean"]))
        self.assertEqual(values[2 * width:].tobytes(), base64.b64decode(expected["patch"]["data"]))

    def test_bad_requests_are_told(self):
        image = PNG.read_bytes()
        self.refused(400, "/embed?tokens=registers", "image/png", image, "registers", "class, mean, patch")
        self.refused(400, "/embed?tokens=", "image/png", image, "tokens", "no value")
        self.refused(400, "/embed?attention=grid", "image/png", image, "attention", "tokens, dicom_profile")
        self.refused(400, "/predict?tokens=class", "image/png", image, "tokens")
        self.refused(422, "/embed", "image/png", image[: len(image) // 2])
        self.refused(415, "/embed", "application/pdf", image, "PDF")

    def test_embeddings_are_counted_as_any_request(self):
        count = "cxr_request_duration_seconds_count"
        before = service.samples(self.service.get("/metrics").body.decode())
        self.embed()
        self.refused(400, "/embed?tokens=x", "image/png", b"?")
        after = lambda: service.samples(self.service.get("/metrics").body.decode())
        for code in (200, 400):
            key = (count, f'{{route="/embed",code="{code}"}}')
            service.wait_until(lambda: after().get(key, 0) == before.get(key, 0) + 1)

    def test_the_described_example_is_one(self):
        content = service.DESCRIPTION.follow(service.DESCRIPTION.operation("POST", "/embed")["responses"]["200"])["content"]["application/json"]
        for example in content["examples"].values():
            service.DESCRIPTION.validate(example["value"], content["schema"])


def rgb_png(shape, data):
    """An 8-bit RGB PNG of [height][width][3] bytes."""
    height, width, _ = shape

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + data[y * width * 3:(y + 1) * width * 3] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Golden(unittest.TestCase):
    def test_embeddings_are_those_of_the_reference(self):
        for package in ("registers", "plain", "massive"):
            expected = read_safetensors(GOLDEN / package / "expected.safetensors")
            with Service(BINARY, "--precision", "fp32", "--rung", "portable", model=GOLDEN / package) as running:
                images = sorted(name for name in expected if name.endswith(".pixels"))
                body = form([(None, rgb_png(*expected[name][1:])) for name in images], tokens=ALL)
                embeddings = running.post("/embed", FORM, body).json["embeddings"]
                for number, one in enumerate(embeddings):
                    for name in ("class", "mean"):
                        self.assertTrue(close(one[name], floats(expected[f"{number}.embedding.{name}"][2]), 1e-4), (package, name))
                    _, shape, data = expected[f"{number}.embedding.patch"]
                    self.assertEqual(one["patch"]["shape"], shape)
                    flat = [value for row in patches(one) for value in row]
                    self.assertTrue(close(flat, floats(data), 1e-4), package)
                self.assertEqual(len(embeddings), len(images))


if __name__ == "__main__":
    unittest.main(verbosity=2)
