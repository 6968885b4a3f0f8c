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

from service import BOUNDARY, FORM, Service, png, program

BINARY, GOLDEN = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
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
    def pixel(x, y):
        x = SIDE - 1 - x if mirrored else x
        return (x * x * (number + 1) // 9 + y * (number % 7 + 2) + (80 if x < SIDE // 3 else 0)) % 256
    return png(SIDE, SIDE, pixel)


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
        cls.package = cls.make()
        cls.service = cls.enterClassContext(Service(BINARY, "--precision", "fp32", "--max-batch", "8", model=cls.package))

    @classmethod
    def make(cls):
        """The package with both heads, of which the name of the second's tensors says what it reads."""
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


    def test_a_head_that_can_be_read_in_several_ways_is_asked_about(self):
        refused = self.add(self.package, "near", "views=2", 1 + 1)
        self.assertIn("can be read in two ways: say features=class,blocks=2,views=2 or features=class+mean,blocks=1,views=2", refused.stderr)
        refused = self.add(self.package, "near", "", 1 + 1)
        self.assertIn("can be read in four ways", refused.stderr)
        self.assertIn("features=class+mean,blocks=1,views=2", refused.stderr)
        shown = run("inspect", self.package).stdout
        self.assertIn("head near: findings, linear, last block and its mean patch token, of a frontal and a lateral view", shown)
        self.assertIn("two views", run("head", "list", "--model", self.package).stdout)
        card = json.loads((self.package / "model.json").read_text())
        self.assertEqual({head["name"]: head.get("views") for head in card["heads"] if head.get("views")}, {"near": 2, "far": 2})
        heads = self.service.get("/models").json["models"][0]["heads"]
        self.assertEqual({head["name"] for head in heads if head["views"] == 2}, set(BLOCKS))

    def check(self, prediction, head, frontal, lateral, tolerance):
        for found, (value, scale) in zip(logits(prediction, head), expected(head, frontal, lateral), strict=True):
            self.assertLess(abs(float32(found) - value), tolerance * scale, head)

    def test_logits_are_the_sums_over_both_images(self):
        pictures = [drawing(3), drawing(8)]
        body = parts([("image", "", picture) for picture in pictures])
        tokens = [[*one["class"], *one["mean"]] for one in self.service.post("/embed", FORM, body).json["embeddings"]]
        for frontal, lateral in ((0, 1), (1, 0), (0, 0)):
            (one,) = self.predict([(pictures[frontal], pictures[lateral])])
            self.check(one, "near", tokens[frontal], tokens[lateral], 1e-6)
        (twice,) = self.service.post("/predict?attention=none&views=frontal", "image/png", pictures[0]).predictions
        self.assertEqual(twice["findings"], one["findings"])
        self.assertEqual(twice["risk_scores"], one["risk_scores"])

    def test_they_are_those_of_the_reference(self):
        reference = read_tensors(GOLDEN / "expected.safetensors")
        count = sum(name.endswith(".pixels") for name in reference)
        pictures = [rgb_png(*reference[f"{number}.pixels"]) for number in range(count)]
        mean = [reference[f"{number}.embedding.mean"][1] for number in range(count)]
        tokens = {"near": [[*reference[f"{number}.embedding.class"][1], *mean[number]] for number in range(count)],
                  "far": [[*reference[f"{number}.class"][1], *mean[number]] for number in range(count)]}
        pairs = [(left, right) for left in range(count) for right in range(count)]
        answers = self.predict([(pictures[left], pictures[right]) for left, right in pairs])
        for (left, right), one in zip(pairs, answers, strict=True):
            for head in BLOCKS:
                self.check(one, head, tokens[head][left], tokens[head][right], 1e-5)

    def test_a_pair_has_the_same_bits_in_any_company(self):
        pictures = [drawing(number) for number in range(12)]
        pairs = [(RANDOM.randrange(12), RANDOM.randrange(12)) for _ in range(32)]
        alone = {pair: self.predict([(pictures[pair[0]], pictures[pair[1]])])[0] for pair in set(pairs)}
        for _ in range(3):
            RANDOM.shuffle(pairs)
            answers = self.predict([(pictures[frontal], pictures[lateral]) for frontal, lateral in pairs])
            for pair, one in zip(pairs, answers, strict=True):
                self.assertEqual(anonymous(one), anonymous(alone[pair]))

    def test_every_way_of_asking_gives_the_same(self):
        pair = drawing(1), drawing(2)
        (one,) = self.predict([pair])
        self.assertEqual([*one][:3], ["image", "lateral_image", "views"])
        self.assertEqual([one[name]["view"] for name in ("image", "lateral_image")], ["frontal", "lateral"])
        self.assertEqual([one[name]["id"] for name in ("image", "lateral_image")], ["f0.png", "l0.png"])
        data = [base64.b64encode(picture).decode() for picture in pair]
        plain = [{"data": text} for text in data]
        said = [{"data": data[1], "view": "lateral"}, {"data": data[0], "view": "frontal"}]
        images = parts([("image", "", picture) for picture in pair])
        for target, kind, body in (("&views=frontal,lateral", FORM, images),
                                   ("&views=frontal%2Clateral", FORM, images),
                                   ("", FORM, parts([("image", "", picture) for picture in pair], views="frontal,lateral")),
                                   ("", "application/json", json.dumps({"images": plain, "views": ["frontal", "lateral"]})),
                                   ("", "application/json", json.dumps({"images": said}))):
            answer = self.service.post("/predict?attention=none" + target, kind, body)
            self.assertEqual(anonymous(answer.predictions[0]), anonymous(one))
        name = self.service.get("/models").json["models"][0]["name"]
        inputs = [{"name": "image", "datatype": "BYTES", "shape": [2, 1], "data": data}]
        asked = {"inputs": inputs, "parameters": {"views": "frontal,lateral"}}
        answer = self.service.post(f"/v2/models/{name}/infer", "application/json", json.dumps(asked))
        self.assertEqual(answer.code, 200, answer.body)
        self.assertEqual(answer.json["parameters"]["views"], "frontal,lateral")
        outputs = {output["name"]: output for output in answer.json["outputs"]}
        self.assertEqual(outputs["near.logits"]["shape"], [1, len(LABELS)])
        for head in BLOCKS:
            self.assertEqual(outputs[f"{head}.logits"]["data"], logits(one, head))
        answer = self.service.post(f"/v2/models/{name}/infer", "application/json", json.dumps({"inputs": inputs}))
        self.assertEqual(answer.code, 400)
        self.assertIn("reads a frontal and a lateral image", answer.detail)

    def test_heads_of_one_view_read_the_frontal(self):
        pair = drawing(4), drawing(5)
        (one,) = self.predict([pair])
        others = ",".join(head["name"] for head in self.service.get("/models").json["models"][0]["heads"] if head["views"] == 1)
        (frontal,) = self.service.post(f"/predict?attention=none&heads={others}", "image/png", pair[0]).predictions
        self.assertEqual([finding for finding in one["findings"] if finding["head"] not in BLOCKS], frontal["findings"])
        self.assertEqual(one["risk_scores"], frontal["risk_scores"])
        self.assertNotIn("view", frontal["image"])

    def test_what_does_not_pair_is_told(self):
        pair = drawing(1), drawing(2)
        cut = pair[1][:len(pair[1]) // 2]
        answer = self.service.post("/predict", "image/png", pair[0])
        self.assertEqual(answer.code, 400)
        self.assertIn("say views=frontal,lateral", answer.detail)
        answer = self.service.post("/predict", FORM, parts([*named([pair]), ("frontal", "alone.png", pair[0])]))
        self.assertEqual(answer.code, 400)
        self.assertIn("Frontal image 1 ('alone.png') lacks its lateral", answer.detail)
        good, bad = self.predict([pair, (pair[0], cut)])
        self.assertIn("near", [finding["head"] for finding in good["findings"]])
        self.assertTrue(bad["error"]["detail"].startswith("The lateral image: "), bad)
        self.assertEqual(bad["lateral_image"]["id"], "l1.png")

    def test_flip_mirrors_both(self):
        pair, mirrored = ([drawing(number, turned) for number in (1, 2)] for turned in (False, True))
        (one,), (left,), (right,) = self.predict([pair], "&flip=true"), self.predict([pair]), self.predict([mirrored])
        self.assertIs(one["flip"], True)
        for head in BLOCKS:
            for found, a, b in zip(logits(one, head), logits(left, head), logits(right, head), strict=True):
                self.assertNotEqual(a, b)
                self.assertAlmostEqual(found, (a + b) / 2, 5)

    def test_maps_are_of_the_frontal(self):
        pair = drawing(6), drawing(7)
        answer = self.service.post("/predict?attention_for=all", FORM, parts(named([pair])))
        single = self.service.post("/predict?attention_for=all&heads=findings", "image/png", pair[0])
        maps = [one for one in answer.predictions[0]["attention_maps"] if one["head"] == "findings"]
        self.assertEqual(maps, single.predictions[0]["attention_maps"])
        self.assertGreater(len(maps), 0)

    def test_maps_of_heads_that_have_none_are_refused(self):
        """Before work, and whether they were to be drawn or not; nobody who asks for none is bothered."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "a.png").write_bytes(drawing(1))
        linear = ("predict", "--model", self.package, "--views", "frontal", "--heads", "near,far", folder / "a.png")
        for options in (("--attention", "png", "--output", folder / "out"), ("--attention", "overlay", "--format", "json"),
                        ("--attention", "grid", "--format", "jsonl"), ("--attention-for", "all", "--format", "json")):
            done = run(*linear, *options)
            self.assertEqual((done.returncode, done.stdout), (2, ""), options)
            self.assertIn("No head that is asked for has attention maps, which GLoRI heads have and linear ones do not: leave", done.stderr)
        self.assertFalse((folder / "out").exists())
        for options in ((), ("--format", "json"), ("--format", "json", "--attention", "none", "--attention-for", "all")):
            self.assertEqual(run(*linear, *options).returncode, 0, options)
        done = run(*linear[:-3], "--heads", "findings,near", folder / "a.png", "--attention", "png", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_command_line_pairs_files(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        files = [folder / name for name in ("f1.png", "l1.png", "f2.png", "l2.png")]
        for number, path in enumerate(files):
            path.write_bytes(drawing(number))

        def predict(*words, code=0):
            done = run("predict", "--model", self.package, "--precision", "fp32", "--attention", "none", *words)
            self.assertEqual(done.returncode, code, done.stderr)
            return done

        studies = [(files[0].read_bytes(), files[1].read_bytes()), (files[2].read_bytes(), files[3].read_bytes())]
        served = self.predict(studies)
        views = ("--views", "frontal,lateral")
        lines = [json.loads(line) for line in predict("--format", "jsonl", *views, *files).stdout.splitlines()]
        for line, one, frontal, lateral in zip(lines, served, files[::2], files[1::2], strict=True):
            line.pop("model")
            self.assertEqual((line["image"]["id"], line["lateral_image"]["id"]), (str(frontal), str(lateral)))
            self.assertEqual(anonymous(line), anonymous(one))
        rows = list(csv.DictReader(predict("--format", "csv", *views, *files).stdout.splitlines()))
        self.assertEqual({(row["image"], row["views"], row["lateral_image"]) for row in rows},
                         {(str(frontal), "frontal,lateral", str(lateral)) for frontal, lateral in (files[:2], files[2:])})
        self.assertEqual([float32(float(row["logit"])) for row in rows if row["head"] == "near"],
                         [float32(value) for one in served for value in logits(one, "near")])
        table = predict(*views, *files).stdout
        self.assertIn(f"{files[0]}  {SIDE} x {SIDE} png  frontal\n", table)
        self.assertIn(f"{files[1]}  {SIDE} x {SIDE} png  lateral\n", table)
        predict(*views, "--format", "json", "--output", folder / "out", *files)
        self.assertEqual(sorted(path.name for path in (folder / "out").rglob("*.json")), ["f1.json", "f2.json"])
        whole = {path.name: path.read_bytes() for path in (folder / "out").rglob("*.json")}
        shards = (*views, "--format", "json", "--output", folder / "shards")
        predict(*shards, "--shard", "2/2", *files)  # pairs stay together
        self.assertEqual([path.name for path in (folder / "shards").rglob("*.json")], ["f2.json"])
        self.assertIn("2 of 4 images were done before.", predict(*shards, "--resume", *files).stderr)
        self.assertEqual({path.name: path.read_bytes() for path in (folder / "shards").rglob("*.json")}, whole)
        other = predict(*shards, "--resume", files[0], files[3], *files[2:], code=2)
        self.assertIn(f"f1.json is an answer of {files[1]}, not of {files[3]}; ", other.stderr)
        rows = list(csv.DictReader(predict("--format", "csv", "--views", "frontal", files[0], files[2]).stdout.splitlines()))
        self.assertEqual({(row["views"], row["lateral_image"]) for row in rows}, {("frontal", "")})
        self.assertIn("frontal, read as lateral too", predict("--views", "frontal", files[0]).stdout)

        self.assertIn("which files of a folder pair cannot be told", predict(*views, folder, files[1], code=1).stderr)
        self.assertIn(f"{files[2]} lacks its lateral", predict(*views, *files[:3], code=1).stderr)
        said = predict(files[0], code=2).stderr
        self.assertIn("reads a frontal and a lateral image: give --views frontal,lateral and files in pairs, each frontal followed by its "
                      "lateral; or give --views frontal, and it reads each image as both; or name only other heads in --heads.", said)
        self.assertIn("--views is 'frontal,lateral', with images in pairs", predict("--views", "lateral", files[0], code=2).stderr)
        self.assertIn("reads a lateral image: leave --views out.", predict(*views, "--heads", "findings", *files[:2], code=2).stderr)
        files[1].write_bytes(files[1].read_bytes()[:200])
        done = predict("--format", "csv", *views, *files, code=1)
        self.assertIn(f"{files[0]}: The lateral image: ", done.stderr)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertTrue(rows[0]["error"].startswith("The lateral image: "))
        self.assertEqual((rows[0]["lateral_image"], rows[1]["lateral_image"]), (str(files[1]), str(files[3])))


if __name__ == "__main__":
    unittest.main(verbosity=2)
