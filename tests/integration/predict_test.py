#!/usr/bin/env python3
"""Predictions of a real model over HTTP and on the command line: predict_test.py CXRD MODEL"""

import base64
import collections
import csv
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from service import FORM, Service, form, png, png_size, program

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
SAMPLES = sorted(path for path in (MODEL / "samples").iterdir() if path.suffix in (".png", ".jpg"))
PNG = next(path for path in SAMPLES if path.suffix == ".png")
JPEG = next(path for path in SAMPLES if path.suffix == ".jpg")
KINDS = {".png": "image/png", ".jpg": "image/jpeg"}


def numbers(prediction):
    """A prediction without the image's name, which each way of asking gives differently."""
    return {**prediction, "image": {**prediction["image"], "id": ""}}


def interpolated(values, rows, columns, x, y):
    """A map between the middles of its cells."""
    x, y = min(max(x, 0), columns - 1), min(max(y, 0), rows - 1)
    left, top = min(int(x), columns - 2), min(int(y), rows - 2)
    u, v = x - left, y - top
    at = top * columns + left
    return ((values[at] * (1 - u) + values[at + 1] * u) * (1 - v)
            + (values[at + columns] * (1 - u) + values[at + columns + 1] * u) * v)


class Predict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, model=MODEL)

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.service.__exit__()
        assert code == 0, code

    def predict(self, path, query=""):
        answer = self.service.post("/predict" + query, KINDS[path.suffix], path.read_bytes())
        self.assertEqual(answer.code, 200, answer.body)
        return answer.predictions[0]

    def refused(self, code, target, kind, body, *words):
        answer = self.service.post(target, kind, body)
        self.assertEqual(answer.code, code, answer.body)
        for word in words:
            self.assertIn(word, answer.detail)
        return answer.detail


class Numbers(Predict):
    def test_every_way_of_asking_gives_the_same(self):
        command = [BINARY, "predict", "--model", MODEL, "--format", "json", "--attention", "grid", PNG, JPEG]
        printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for path, on_command_line in zip((PNG, JPEG), printed["predictions"]):
            data = path.read_bytes()
            images = [{"data": base64.b64encode(data).decode()}]
            answers = [self.service.post("/predict", FORM, form([(path.name, data)])).json,
                       self.service.post("/v1/predict", KINDS[path.suffix], data).json,
                       self.service.post("/predict", "application/octet-stream", data).json,
                       self.service.post("/predict", "application/json", json.dumps({"images": images})).json,
                       self.service.post("/predict", FORM, form([(path.name, data)])).json,
                       {"predictions": [on_command_line]}]
            first = numbers(answers[0]["predictions"][0])
            for answer in answers[1:]:
                self.assertEqual(numbers(answer["predictions"][0]), first, path.name)

    def test_a_batch_answers_each_image_in_its_place(self):
        data = [path.read_bytes() for path in SAMPLES]
        answer = self.service.post("/predict", FORM, form([(path.name, path.read_bytes()) for path in SAMPLES]))
        self.assertEqual(answer.code, 200)
        for path, one in zip(SAMPLES, answer.predictions):
            self.assertEqual(one["image"]["id"], path.name)
            alone = self.predict(path)
            for left, right in zip(one["findings"] + one["risk_scores"], alone["findings"] + alone["risk_scores"]):
                self.assertTrue(math.isclose(left["logit"], right["logit"], rel_tol=1e-4, abs_tol=1e-4), path.name)
        self.assertEqual(len(answer.predictions), len(data))

    def test_probabilities_are_sigmoids(self):
        for finding in self.predict(PNG)["findings"]:
            scale, offset = 1, 0
            if "calibration" in finding:
                scale, offset = finding["calibration"]["scale"], finding["calibration"]["offset"]
            expected = 1 / (1 + math.exp(-(scale * finding["logit"] + offset)))
            self.assertAlmostEqual(finding["probability"], expected, 5)
            self.assertEqual(finding["positive"], finding["probability"] >= finding["threshold"])

    def test_options_mean_the_same_everywhere(self):
        head = self.service.get("/models").json["models"][0]["heads"][0]["name"]
        data = PNG.read_bytes()
        asked = {"heads": head, "attention": "none", "threshold": "0.3"}
        images = [{"data": base64.b64encode(data).decode()}]
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        answers = [self.service.post("/predict", FORM, form([(None, data)], **asked)).json,
                   self.service.post("/predict?" + query, "image/png", data).json,
                   self.service.post("/predict", "application/json",
                                     json.dumps({"images": images, **asked, "heads": [head], "threshold": 0.3})).json]
        for answer in answers:
            self.assertEqual(numbers(answer["predictions"][0]), numbers(answers[0]["predictions"][0]))
            self.assertEqual(answer["predictions"][0]["attention_maps"], [])
            self.assertEqual({finding["head"] for finding in answer["predictions"][0]["findings"]}, {head})


    def test_an_image_of_which_much_is_not_seen_is_told(self):
        for width, height, told in ((300, 200, False), (200, 300, False), (900, 90, True), (90, 900, True)):
            picture = png(width, height)
            for target, name in (("/predict?attention=none", "predictions"), ("/embed", "embeddings")):
                image = self.service.post(target, "image/png", picture).json[name][0]["image"]
                self.assertEqual(any("the part in its middle" in one for one in image["warnings"]), told, (width, height))
                side = min(width, height)
                self.assertAlmostEqual(image["region"]["width"] * image["region"]["height"], side * side, delta=side * side / 50)


class Attention(Predict):
    def test_grids_sum_to_one_over_the_region(self):
        grid = self.service.get("/models").json["models"][0]["attention_grid"]
        prediction = self.predict(PNG, "?attention_for=all")
        region = prediction["image"]["region"]
        self.assertGreater(len(prediction["attention_maps"]), 1)
        for one in prediction["attention_maps"]:
            self.assertEqual((one["rows"], one["columns"], len(one["values"])), (grid, grid, grid * grid))
            self.assertAlmostEqual(sum(one["values"]), 1, 2)
            best = max(range(grid * grid), key=one["values"].__getitem__)
            self.assertAlmostEqual(one["peak"]["x"], region["x"] + (best % grid + 0.5) / grid * region["width"], 3)
            self.assertAlmostEqual(one["peak"]["y"], region["y"] + (best // grid + 0.5) / grid * region["height"], 3)

    def test_pictures_are_the_size_of_the_region(self):
        for style in ("png", "overlay"):
            prediction = self.predict(JPEG, f"?attention={style}&attention_for=top:2")
            region = prediction["image"]["region"]
            self.assertEqual(len(prediction["attention_maps"]), 2)
            for one in prediction["attention_maps"]:
                width, height = png_size(base64.b64decode(one["png"]))
                self.assertEqual((width, height), (one["width"], one["height"]))
                self.assertLessEqual(abs(width - region["width"]), 1)
                self.assertLessEqual(abs(height - region["height"]), 1)

    def test_pictures_may_be_smaller(self):
        for style in ("png", "overlay"):
            one = self.predict(JPEG, f"?attention={style}&size=100")["attention_maps"][0]
            self.assertEqual(png_size(base64.b64decode(one["png"])), (100, 100))
            self.assertEqual((one["width"], one["height"]), (100, 100))
        large = png(1500, 1300, lambda x, y: (x // 9 + y // 7) % 256)
        prediction = self.service.post("/predict?attention=overlay", "image/png", large).predictions[0]
        self.assertEqual(max(png_size(base64.b64decode(prediction["attention_maps"][0]["png"]))), 1024)

    def test_contours_go_around_what_has_more_than_the_weight(self):
        grids = self.predict(PNG, "?attention_for=all")["attention_maps"]
        for level in (0.2, 0.5, 0.8):
            prediction = self.predict(PNG, f"?attention=contour&attention_for=all&level={level}")
            region = prediction["image"]["region"]
            self.assertEqual(len(prediction["attention_maps"]), len(grids))
            for one, grid in zip(prediction["attention_maps"], grids):
                self.assertEqual((one["label"], one["peak"], one["level"]), (grid["label"], grid["peak"], level))
                rows, columns, weight = grid["rows"], grid["columns"], level * max(grid["values"])
                turns = 0
                for ring in one["contours"]:
                    self.assertEqual(ring[0], ring[-1])
                    for (x0, y0), (x1, y1) in zip(ring, ring[1:]):
                        across, down = (x0 - region["x"]) / region["width"], (y0 - region["y"]) / region["height"]
                        self.assertTrue(-1e-4 < across < 1 + 1e-4 and -1e-4 < down < 1 + 1e-4, (across, down))
                        if 1e-4 < across < 1 - 1e-4 and 1e-4 < down < 1 - 1e-4:
                            found = interpolated(grid["values"], rows, columns, across * columns - 0.5, down * rows - 0.5)
                            self.assertAlmostEqual(found / weight, 1, 2)
                        side = (x1 - x0) * (one["peak"]["y"] - y0) - (one["peak"]["x"] - x0) * (y1 - y0)
                        turns += (y0 <= one["peak"]["y"] < y1 and side > 0) - (y1 <= one["peak"]["y"] < y0 and side < 0)
                self.assertEqual(turns, 1, one["label"])  # the peak is within

    def test_more_pictures_than_an_answer_may_have_are_refused(self):
        large = png(2048, 1024, lambda x, y: (x // 9 + y // 7) % 256)
        self.refused(413, "/predict?attention=png&size=2048", FORM,
                     form([(None, large[:2000])] * 9, attention_for="all"), "megapixels", "'size'")

    def test_there_is_always_a_map_of_something(self):
        for path in SAMPLES:
            self.assertGreaterEqual(len(self.predict(path, "?threshold=1")["attention_maps"]), 1)


class Drawing(Predict):
    def test_predictions_go_past_those_who_ask_for_pictures(self):
        large = png(5200, 5000, lambda x, y: (x // 9 + y // 7) % 256, every=100)
        asked, over = collections.Counter(), threading.Event()

        def ask():
            while not over.is_set():
                answer = self.service.post("/predict?attention=overlay&attention_for=top:3", "image/png", large)
                asked[answer.code] += 1
                time.sleep(0.2 if answer.code == 503 else 0)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                self.assertEqual(self.predict(PNG, "?attention=none")["attention_maps"], [])
                time.sleep(0.05)
            end = time.monotonic() + 60
            while not (asked[200] and asked[503]) and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(set(asked), {200, 503}, asked)


class BadInput(Predict):
    def test_each_bad_image_has_its_own_sentence(self):
        image, photo = PNG.read_bytes(), JPEG.read_bytes()
        sentences = [
            self.refused(422, "/predict", "image/png", b""),
            self.refused(422, "/predict", "image/png", image[: len(image) // 2]),
            self.refused(415, "/predict", FORM, form([("picture.png", b"these are words, not a picture\n" * 9)])),
            self.refused(422, "/predict", "image/png", png(600, 600, lambda x, y: 77)),
            self.refused(422, "/predict", "image/png", png(1, 1)),
            self.refused(413, "/predict", "image/png", png(40000, 10, lambda x, y: x % 256)),
            self.refused(400, "/predict?colour=red", "image/png", image, "colour", "attention_for"),
            self.refused(400, "/predict?heads=lungs", "image/png", image, "lungs", "there are"),
            self.refused(400, "/predict?attention_for=Gout", "image/png", image, "Gout", "there are"),
            self.refused(415, "/predict", "application/pdf", image, "PDF"),
        ]
        self.refused(422, "/predict", "image/jpeg", photo[: len(photo) // 2])
        self.assertEqual(len(set(sentences)), len(sentences), sentences)

    def test_the_command_names_what_it_cannot_read(self):
        """Each file fails alone, in a line with its path; folders are searched for every ending of a format that is read."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "empty.png").write_bytes(b"")
            (folder / "pointer.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
            os.mkfifo(folder / "pipe")
            for name in ("a.jfif", "b.JPE", "c.pjpeg"):
                (folder / name).write_bytes(JPEG.read_bytes())
            done = subprocess.run([BINARY, "predict", "--model", MODEL, "--format", "csv", folder], capture_output=True, text=True,
                                  timeout=100)
            self.assertEqual(done.returncode, 1, done.stderr)
            rows = list(csv.DictReader(done.stdout.splitlines()))
            self.assertEqual({pathlib.Path(row["image"]).name for row in rows if not row["error"]}, {"a.jfif", "b.JPE"})
            said = {pathlib.Path(row["image"]).name: row["error"] for row in rows if row["error"]}
            self.assertEqual(set(said), {"empty.png", "pointer.jpg"}, done.stdout)
            self.assertIn("0 bytes", said["empty.png"])
            self.assertIn("git lfs pull", said["pointer.jpg"])
            for name, sentence in said.items():
                self.assertIn(f"cxrd predict: {folder / name}: {sentence}\n", done.stderr)
            self.assertIn("skipped", done.stderr)
            done = subprocess.run([BINARY, "predict", "--model", MODEL, folder / "pipe"], capture_output=True, text=True, timeout=100)
            self.assertEqual(done.returncode, 1)
            self.assertIn("pipe: this is neither a file nor a folder", done.stderr)

    def test_results_that_cannot_be_written_are_no_success(self):
        with open("/dev/full", "w") as full:
            for form in ("table", "csv", "json", "jsonl"):
                done = subprocess.run([BINARY, "predict", "--model", MODEL, "--format", form, PNG], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=100)
                self.assertEqual(done.returncode, 1, form)
                self.assertIn("cannot be written", done.stderr)

    def test_files_cut_off_anywhere_are_refused(self):
        for path in (PNG, JPEG):
            data = path.read_bytes()
            for step in range(20):
                answer = self.service.post("/predict", KINDS[path.suffix], data[: len(data) * step // 20])
                self.assertEqual(answer.code, 422, (path.name, step, answer.body))

    def test_a_bad_image_among_good_ones_fails_alone(self):
        good = PNG.read_bytes()
        answer = self.service.post("/predict", FORM, form([("a", good), ("b", good[:99]), ("c", b"?"), ("d", good)]))
        self.assertEqual(answer.code, 200)
        kinds = [one.get("error", {}).get("status") for one in answer.predictions]
        self.assertEqual(kinds, [None, 422, 415, None])
        first, last = answer.predictions[0], answer.predictions[3]
        self.assertEqual(numbers(first), numbers(last))


class CommandLine(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def run_cxrd(self, *words, code=0):
        """(standard output, standard error), as bytes."""
        done = subprocess.run([os.path.abspath(BINARY), *words], capture_output=True, cwd=self.folder, timeout=100)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout, done.stderr

    def test_an_empty_value_is_none(self):
        for words in (["predict", "--model", "", "a.png"], ["predict", "--model", "x", "--output=", "a.png"], ["head", "list", "--model", ""],
                      ["embed", "--model", "x", "--output", "", "a.png"], ["import", "--backbone", "x", "--output", ""]):
            _, said = self.run_cxrd(*words, code=2)
            self.assertRegex(said.decode(), r"^cxrd [a-z ]*: option --[a-z]* has an empty value; see cxrd [a-z ]* --help[.]\n$")

    def test_no_name_reaches_a_terminal_as_it_is(self):
        wild = "t\x1b[2J\u009b\u202e\u2066"
        shown = rb"t\x1b[2J\xc2\x9b\xe2\x80\xae\xe2\x81\xa6"
        (self.folder / (wild + ".png")).write_bytes(b"hello")
        (self.folder / wild).mkdir()
        os.symlink("nowhere", self.folder / wild / (wild + ".png"))
        model = ["--model", MODEL.resolve()]
        for words, code in ((["predict", *model, wild + ".png"], 1), (["predict", *model, wild], 1), (["predict", *model, wild + "gone.png"], 1),
                            (["predict", *model, "--" + wild], 2), ([wild], 2), (["inspect", wild], 1), (["inspect", wild + ".png"], 1),
                            (["head", "list", "--model", wild], 1), (["embed", *model, "--output", wild, wild], 2),
                            (["bench", "--arch", wild], 2), (["devices", wild], 2), (["serve", "--model", wild], 1)):
            out, said = self.run_cxrd(*words, code=code)
            self.assertIn(shown, said, words)
            for text in (out, said):
                for raw in (b"\x1b", *(char.encode() for char in "\u009b\u202e\u2066")):
                    self.assertNotIn(raw, text, words)

    def test_options_are_named_as_they_are_given(self):
        """And what a form has no place for is refused, not left out."""
        (self.folder / "a.png").write_bytes(png(40, 40))
        command = ["predict", "--model", MODEL.resolve(), "a.png"]
        for options, words in ((["--threshold", "2"], b"cxrd predict: --threshold must be a number between 0 and 1, not '2'."),
                               (["--size", "1"], b"cxrd predict: --size must be a whole number"),
                               (["--attention", "map"], b"cxrd predict: --attention cannot be 'map'; there are: none, grid"),
                               (["--attention-for", "Gout"], b"cxrd predict: --attention-for, in the heads asked for, finds no label 'Gout'"),
                               (["--attention-for", "top:x"], b"cxrd predict: --attention-for needs a whole number from 1"),
                               (["--dicom-profile", "x"], b"cxrd predict: --dicom-profile cannot be 'x'"),
                               (["--threshold", "0.1", "--threshold", "0.2"], b"cxrd predict: --threshold is given twice."),
                               (["--attention", "grid"], b"Grids have no place in this form: give --format json or jsonl."),
                               (["--format", "csv", "--attention-for", "all"], b"Grids have no place in this form"),
                               (["--attention", "contour"], b"Contours have no place in this form"),
                               (["--level", "2"], b"cxrd predict: --level must be a number over 0 and under 1"),
                               (["--attention", "png"], b"Pictures have no place in this form: give --output DIR")):
            out, said = self.run_cxrd(*command, *options, code=2)
            self.assertIn(words, said)
            self.assertEqual(out, b"")
        for words in (command, ["embed", "--model", MODEL.resolve(), "--output", "a.npy", "a.png"],
                      ["bench", "--model", MODEL.resolve()], ["tune", MODEL.resolve()]):
            self.assertIn(b'There is no rung "x"', self.run_cxrd(*words, "--rung", "x", code=2)[1])

    def test_a_table_names_its_heads(self):
        (self.folder / "a.png").write_bytes(png(40, 40))
        for heads in ("findings,risk", "findings", "risk"):
            out, _ = self.run_cxrd("predict", "--model", MODEL.resolve(), "--heads", heads, "a.png")
            self.assertEqual([line.strip() for line in out.decode().splitlines() if line.startswith("  ") and line[2:3].isalpha()],
                             heads.split(","), out)

    def test_results_that_would_collide_are_refused_before_work(self):
        (self.folder / "in" / "x.json").mkdir(parents=True)
        for name in ("x.png", "x.json/y.png"):
            (self.folder / "in" / name).write_bytes(png(40, 40))
        command = ["predict", "--model", MODEL.resolve(), "--output", "out"]
        _, said = self.run_cxrd(*command, "--format", "json", "in", code=2)
        self.assertIn(b"in/x.png would have its results in the file x.json, which is also the folder of others' results", said)
        self.assertFalse((self.folder / "out").exists())
        self.run_cxrd(*command, "--format", "csv", "in")
        self.assertTrue((self.folder / "out" / "x.json" / "y.csv").exists())
        (self.folder / "file").write_bytes(b"")
        _, said = self.run_cxrd("predict", "--model", MODEL.resolve(), "--output", "file", "in", code=2)
        self.assertIn(b"file: the folder cannot be made: Not a directory.", said)


del Predict  # only its children are tests

if __name__ == "__main__":
    unittest.main(verbosity=2)
