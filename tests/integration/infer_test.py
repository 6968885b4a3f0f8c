#!/usr/bin/env python3
"""The Open Inference Protocol v2, spoken by hand to a real model: infer_test.py CXRD MODEL"""

import base64
import gzip
import json
import math
import pathlib
import struct
import sys
import unittest

import service
from service import Service, program

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
SAMPLES = sorted(path for path in (MODEL / "samples").iterdir() if path.suffix in (".png", ".jpg"))[:3]
IMAGES = [path.read_bytes() for path in SAMPLES]
KINDS = {".png": "image/png", ".jpg": "image/jpeg"}


def product(shape):
    return math.prod(shape)


class Infer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, model=MODEL)
        cls.model = cls.service.get("/models").json["models"][0]
        cls.target = f"/v2/models/{cls.model['name']}"

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.service.__exit__()
        assert code == 0, code

    def infer(self, images, binary_in=False, **members):
        """Sends images either way; returns the answer's JSON, and its tensors by name as lists of floats."""
        tensor = {"name": "image", "datatype": "BYTES", "shape": [len(images)]}
        headers, behind = {}, b""
        if binary_in:
            behind = b"".join(struct.pack("<I", len(image)) + image for image in images)
            tensor["parameters"] = {"binary_data_size": len(behind)}
        else:
            headers["Content-Type"] = "application/json"
            tensor["data"] = [base64.b64encode(image).decode() for image in images]
        text = json.dumps({"inputs": [tensor], **members}).encode()
        if binary_in:
            headers.update({"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(text))})
        answer = self.service.request("POST", self.target + "/infer", text + behind, headers)
        self.assertEqual(answer.code, 200, answer.body)
        size = int(answer.headers.get("inference-header-content-length", len(answer.body)))
        document, behind = json.loads(answer.body[:size]), answer.body[size:]
        service.DESCRIPTION.validate(document, {"$ref": "#/components/schemas/InferResponse"})
        tensors = {}
        for output in document["outputs"]:
            count = product(output["shape"])
            if "data" in output:
                tensors[output["name"]] = output["data"]
            else:
                self.assertEqual(output["parameters"]["binary_data_size"], 4 * count)
                tensors[output["name"]] = list(struct.unpack_from(f"<{count}f", behind))
                behind = behind[4 * count:]
            self.assertEqual(len(tensors[output["name"]]), count)
        self.assertEqual(behind, b"")
        return document, tensors

    def same(self, left, right):
        self.assertEqual(left.keys(), right.keys())
        for name in left:
            for a, b in zip(left[name], right[name]):
                self.assertTrue(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5), (name, a, b))

    def test_the_numbers_are_those_of_predict(self):
        _, tensors = self.infer(IMAGES)
        for number, path in enumerate(SAMPLES):
            predicted = self.service.post("/predict?attention=none", KINDS[path.suffix], IMAGES[number]).predictions[0]
            for head in self.model["heads"]:
                if head["kind"] == "quality":  # no output
                    continue
                width = len(head["labels"])
                found = (predicted["findings"] if head["kind"] == "findings" else predicted["risk_scores"])
                names = [label["name"] for label in head["labels"]]
                found = [one for one in found if one.get("head", head["name"]) == head["name"]
                         and one.get("label", one.get("name")) in names]
                self.assertEqual(len(found), width)
                for kind, member in (("probabilities", "probability"), ("logits", "logit")):
                    row = tensors[f"{head['name']}.{kind}"][number * width:(number + 1) * width]
                    for value, one in zip(row, found):
                        self.assertTrue(math.isclose(value, one[member], rel_tol=1e-3, abs_tol=1e-4), (head["name"], kind))

    def test_every_way_gives_the_same(self):
        _, first = self.infer(IMAGES)
        for binary_in in (False, True):
            for binary_out in (False, True):
                document, tensors = self.infer(IMAGES, binary_in, id="7", parameters={"binary_data_output": binary_out})
                self.assertEqual(document["id"], "7")
                self.same(tensors, first)

    def test_attention_comes_when_it_is_named(self):
        grid = self.model["attention_grid"]
        head = next(head for head in self.model["heads"] if head["type"] == "glori")
        name = f"{head['name']}.attention"
        outputs = [{"name": f"{head['name']}.logits"}, {"name": name, "parameters": {"binary_data": True}}]
        document, tensors = self.infer(IMAGES[:2], True, outputs=outputs)
        self.assertEqual([output["name"] for output in document["outputs"]], [output["name"] for output in outputs])
        self.assertEqual(document["outputs"][1]["shape"], [2, len(head["labels"]), grid, grid])
        cells = grid * grid
        for at in range(0, len(tensors[name]), cells):
            self.assertAlmostEqual(sum(tensors[name][at:at + cells]), 1, 2)

    def test_classes_are_the_highest_values(self):
        head = self.model["heads"][0]
        name, names = f"{head['name']}.probabilities", [label["name"] for label in head["labels"]]
        _, tensors = self.infer(IMAGES[:2])
        expected = [sorted(((value, -index) for index, value in enumerate(tensors[name][at:at + len(names)])), reverse=True)[:3]
                    for at in (0, len(names))]
        for binary in (False, True):
            body = json.dumps({"id": None, "parameters": None, "inputs": [
                {"name": "image", "datatype": "BYTES", "shape": [2], "parameters": None,
                 "data": [base64.urlsafe_b64encode(image).decode().rstrip("=") for image in IMAGES[:2]]}],
                "outputs": [{"name": name, "parameters": {"classification": 3, "binary_data": binary}}]}).encode()
            answer = self.service.request("POST", self.target + "/infer", gzip.compress(body),
                                          {"Content-Type": "application/json", "Content-Encoding": "gzip"})
            self.assertEqual(answer.code, 200, answer.body)
            size = int(answer.headers.get("inference-header-content-length", len(answer.body)))
            output, behind = json.loads(answer.body[:size])["outputs"][0], answer.body[size:]
            self.assertEqual((output["datatype"], output["shape"]), ("BYTES", [2, 3]))
            if binary:
                self.assertEqual(output["parameters"]["binary_data_size"], len(behind))
                output["data"] = []
                while behind:
                    (length,) = struct.unpack_from("<I", behind)
                    output["data"].append(behind[4:4 + length].decode())
                    behind = behind[4 + length:]
            found = [element.split(":", 2) for element in output["data"]]
            for element, (value, index) in zip(found, [pair for row in expected for pair in row], strict=True):
                self.assertAlmostEqual(float(element[0]), value, 5)
                self.assertEqual(element[1:], [str(-index), names[-index]])

    def test_warnings_come_with_the_tensors(self):
        images = [IMAGES[0], (MODEL / "samples/nodule_16bit.png").read_bytes()]
        said = self.service.post("/predict?attention=none", "image/png", images[1]).predictions[0]["image"]["warnings"]
        self.assertEqual(len(said), 1)
        package = self.service.get("/models").json["models"][0]["package_sha256"]
        for binary_in in (False, True):
            document, _ = self.infer(images, binary_in, parameters={"binary_data_output": binary_in})
            scores = [document["parameters"].pop(f"quality_score_{number}") for number in range(2)]
            self.assertTrue(all(0 <= score <= 1 for score in scores), scores)
            self.assertEqual(document["parameters"], {"package_sha256": package, "warnings_1": said[0]})
        document, _ = self.infer(images[:1])
        self.assertEqual(list(document["parameters"]), ["package_sha256", "quality_score_0"])

    def test_metadata_describes_what_comes(self):
        metadata = self.service.get(f"{self.target}/versions/{self.model['version']}").json
        self.assertEqual(metadata, self.service.get(self.target).json)
        shapes = {output["name"]: output["shape"] for output in metadata["outputs"]}
        document, _ = self.infer(IMAGES[:1], outputs=[{"name": name} for name in shapes])
        for output in document["outputs"]:
            self.assertEqual(output["shape"], [1, *shapes[output["name"]][1:]])
        for target in ("/v2", "/v2/health/live", "/v2/health/ready", self.target + "/ready"):
            self.assertEqual(self.service.get(target).code, 200)

    def test_a_bad_image_answers_for_the_request(self):
        body = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2], "data": [
            base64.b64encode(image).decode() for image in (IMAGES[0], IMAGES[0][:200])]}]})
        answer = self.service.post(self.target + "/infer", "application/json", body)
        self.assertEqual(answer.code, 422)
        self.assertTrue(answer.json["error"].startswith("Image 1: "), answer.json)
        answer = self.service.post(self.target + "/versions/none/infer", "application/json", body)
        self.assertEqual(answer.code, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
