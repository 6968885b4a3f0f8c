#!/usr/bin/env python3
"""A network whose input is no square: rectangle_test.py CXRD GOLDEN

GOLDEN is the folder of golden packages: its `rectangle` sees 42 x 70 pixels in 3 x 5 patches.
"""

import base64
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

from service import Service, png, png_size, program

BINARY, GOLDEN = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
HEIGHT, WIDTH, ROWS, COLUMNS = 42, 70, 3, 5
HEAD = "findings"


class Rectangle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, model=GOLDEN / "rectangle")
        cls.model = cls.service.get("/models").json["models"][0]

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.service.__exit__()
        assert code == 0, code

    def predict(self, width, height, query=""):
        answer = self.service.post("/predict?attention_for=all" + query, "image/png", png(width, height))
        self.assertEqual(answer.code, 200, answer.body)
        return answer.predictions[0]

    def test_the_model_tells_both_sides(self):
        self.assertEqual((self.model["image_height"], self.model["image_width"]), (HEIGHT, WIDTH))
        self.assertEqual((self.model["attention_rows"], self.model["attention_columns"]), (ROWS, COLUMNS))
        self.assertFalse({"image_size", "attention_grid"} & set(self.model))

    def test_the_region_has_the_proportions_of_the_input(self):
        for width, height, shown in ((140, 84, (0, 0, 140, 84)), (140, 200, (0, 58, 140, 84)), (280, 84, (70, 0, 140, 84))):
            image = self.predict(width, height)["image"]
            self.assertEqual(image["profile"], "dinov2")
            self.assertEqual([round(image["region"][name]) for name in ("x", "y", "width", "height")], list(shown))
            self.assertEqual(len(image["warnings"]), int(shown[2] * shown[3] * 3 < width * height * 2))

    def test_maps_are_rows_by_columns_over_the_region(self):
        prediction = self.predict(210, 300)
        region = prediction["image"]["region"]
        self.assertGreater(len(prediction["attention_maps"]), 1)
        for one in prediction["attention_maps"]:
            self.assertEqual((one["rows"], one["columns"], len(one["values"])), (ROWS, COLUMNS, ROWS * COLUMNS))
            self.assertAlmostEqual(sum(one["values"]), 1, 3)
            best = max(range(ROWS * COLUMNS), key=one["values"].__getitem__)
            x, y = (best % COLUMNS + 0.5) / COLUMNS, (best // COLUMNS + 0.5) / ROWS
            self.assertAlmostEqual(one["peak"]["x"], region["x"] + x * region["width"], 3)
            self.assertAlmostEqual(one["peak"]["y"], region["y"] + y * region["height"], 3)

    def test_pictures_show_the_region(self):
        for style in ("png", "overlay"):
            for size, expected in ((1024, (210, 126)), (105, (105, 63))):
                one = self.predict(210, 300, f"&attention={style}&size={size}")["attention_maps"][0]
                self.assertEqual(png_size(base64.b64decode(one["png"])), expected)

    def test_patch_tokens_are_as_many(self):
        answer = self.service.post("/embed?tokens=patch,mean", "image/png", png(140, 84))
        self.assertEqual(answer.code, 200, answer.body)
        one = answer.json["embeddings"][0]
        self.assertEqual(one["patch"]["shape"], [ROWS * COLUMNS, self.model["embedding_width"]])

    def test_tensors_have_its_shape(self):
        target = f"/v2/models/{self.model['name']}"
        told = {tensor["name"]: tensor["shape"] for tensor in self.service.get(target).json["outputs"]}
        labels = len(self.model["heads"][0]["labels"])
        self.assertEqual(told[HEAD + ".attention"], [-1, labels, ROWS, COLUMNS])
        body = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                       "data": [base64.b64encode(png(210, 300)).decode()]}],
                           "outputs": [{"name": HEAD + ".attention"}]})
        answer = self.service.post(target + "/infer", "application/json", body)
        self.assertEqual(answer.code, 200, answer.body)
        (tensor,) = answer.json["outputs"]
        self.assertEqual(tensor["shape"], [1, labels, ROWS, COLUMNS])
        values = [value for one in self.predict(210, 300)["attention_maps"] for value in one["values"]]
        for left, right in zip(tensor["data"], values):
            self.assertTrue(math.isclose(left, right, rel_tol=1e-3, abs_tol=1e-5))

    def test_a_picture_of_one_value_is_refused(self):
        answer = self.service.post("/predict", "image/png", png(140, 84, lambda x, y: 7))
        self.assertEqual(answer.code, 422, answer.body)
        self.assertIn("all pixels have the same value", answer.detail)

    def test_the_commands_show_it(self):
        shown = subprocess.run([BINARY, "inspect", GOLDEN / "rectangle"], capture_output=True, check=True, text=True).stdout
        self.assertRegex(shown, rf"image_size +{HEIGHT}x{WIDTH}\n")
        self.assertRegex(shown, r"layer_norm_epsilon +0\.01\n")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "film.png"
            path.write_bytes(png(140, 84))
            command = [BINARY, "predict", "--model", GOLDEN / "rectangle", "--format", "json", "--attention", "grid", path]
            printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        one = printed["predictions"][0]["attention_maps"][0]
        self.assertEqual((one["rows"], one["columns"]), (ROWS, COLUMNS))
        command = [BINARY, "bench", "--model", GOLDEN / "rectangle", "--runs", "1", "--format", "json"]
        bench = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        self.assertEqual((bench["image_height"], bench["image_width"]), (HEIGHT, WIDTH))


if __name__ == "__main__":
    unittest.main()
