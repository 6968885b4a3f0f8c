#!/usr/bin/env python3
"""A package without heads, and heads that come and go: heads_test.py CXRD GOLDEN

GOLDEN is a golden package, whose weights are imported again as if they were published: the backbone alone, and its heads in
files of their own.
"""

import array
import base64
import json
import math
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from checkpoints import write_safetensors
from service import Service, png, program, wait_until

BINARY, GOLDEN = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
CARD = json.loads((GOLDEN / "model.json").read_text())
SIDE = CARD["backbone"]["image_size"]
PNG = png(SIDE, SIDE)
OPTIONS = ("--precision", "fp32", "--rung", "portable")  # of what computes: portable is the quickest to start
KILLS, KILL_STEP_S = 40, 0.001


def run(*words):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=300,
                          stdin=subprocess.DEVNULL)


def publish(head, path):
    """A head's file as the authors name its tensors."""
    content = (GOLDEN / head["weights"]).read_bytes()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    prefix = "decoder." if head["type"] == "glori" else ""
    text = json.dumps({prefix + name: entry for name, entry in header.items()}).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[start:])
    return path


class Heads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.backbone = cls.folder / "published.safetensors"  # beside a model.json it would be a package's
        shutil.copy(GOLDEN / "backbone.safetensors", cls.backbone)
        cls.heads = {}
        for head in CARD["heads"]:
            labels = cls.folder / f"{head['name']}.txt"
            labels.write_bytes(b"\xef\xbb\xbf" + "".join(label["name"] + "\r\n" for label in head["labels"]).encode())
            weights = publish(head, cls.folder / f"{head['name']}.safetensors")
            cls.heads[head["name"]] = f"name={head['name']},kind={head['kind']},weights={weights},labels={labels}"
            if head["type"] == "linear" and head["blocks"] == 1 and not head["average_pool"]:
                cls.heads[head["name"]] += ",features=class"
        cls.bare = cls.make("bare")

    @classmethod
    def make(cls, name, *heads):
        """A package with these heads, imported at once."""
        asked = [word for head in heads for word in ("--head", cls.heads[head])]
        done = run("import", "--backbone", cls.backbone, "--image-size", SIDE, "--precision", "fp32",
                   "--profile", CARD["preprocessing"]["profile"], "--output", cls.folder / name, *asked)
        assert done.returncode == 0, done.stderr
        return cls.folder / name

    def setUp(self):
        """A copy of the package without heads."""
        self.package = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "package"
        shutil.copytree(self.bare, self.package)

    def add(self, *heads):
        done = run("head", "add", "--model", self.package, *[word for head in heads for word in ("--head", self.heads[head])])
        self.assertEqual(done.returncode, 0, done.stderr)

    def answers(self, service):
        """What is said of the picture, without the times and the names of the request and the package."""
        answer = service.post("/predict?attention_for=all", "image/png", PNG)
        self.assertEqual(answer.code, 200, answer.body)
        return answer.json["predictions"]

    def test_a_package_without_heads_embeds_and_says_how_it_gets_one(self):
        with Service(BINARY, *OPTIONS, model=self.package) as service:
            self.assertEqual(service.get("/models").json["models"][0]["heads"], [])
            embedded = service.post("/embed", "image/png", PNG)
            self.assertEqual(embedded.code, 200, embedded.body)
            refused = service.post("/predict", "image/png", PNG)
            self.assertEqual((refused.code, refused.json["type"]), (409, "urn:cxrd:problem:no-heads"))
            self.assertIn("cxrd head add --model DIR --head", refused.detail)
            data = base64.b64encode(PNG).decode()
            asked = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [data]}]}
            target = f"/v2/models/{service.get('/models').json['models'][0]['name']}/infer"
            answer = service.post(target, "application/json", json.dumps(asked).encode())
            self.assertEqual(answer.code, 409)
            answer = service.post(target, "application/json",
                                  json.dumps(asked | {"outputs": [{"name": "embedding.class"}]}).encode())
            self.assertEqual(answer.code, 200, answer.body)
        with Service(BINARY, *OPTIONS, model=GOLDEN) as service:  # the same backbone
            self.assertEqual(service.post("/embed", "image/png", PNG).json["embeddings"], embedded.json["embeddings"])

    def test_commands_work_on_it_or_say_why_not(self):
        picture = self.package.parent / "picture.png"
        picture.write_bytes(PNG)
        done = run("predict", "--model", self.package, picture)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has no heads", done.stderr)
        self.assertIn("cxrd head add", done.stderr)
        self.assertIn("no heads: it only embeds", run("inspect", self.package).stdout)
        for words in (("inspect", self.package), ("inspect", "--seal", self.package),
                      ("bench", "--model", self.package, "--runs", "1")):
            with self.subTest(words[0]):
                done = run(*words)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_heads_that_are_added_answer_as_those_imported_at_once(self):
        names = ("findings", "views")
        with Service(BINARY, *OPTIONS, model=self.make("both", *names)) as service:
            expected = self.answers(service)
        with Service(BINARY, *OPTIONS, model=self.package) as service:  # which goes on while its package changes
            for name in names:
                self.add(name)
                self.assertEqual(service.post("/embed", "image/png", PNG).code, 200)
                self.assertEqual(service.post("/predict", "image/png", PNG).code, 409)
            service.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(service.get("/models").json["models"][0]["heads"]) == 2)
            self.assertEqual(self.answers(service), expected)
            self.assertEqual(run("head", "remove", "--model", self.package, "--head", "name=findings").returncode, 0)
            self.assertFalse((self.package / "head.findings.safetensors").exists())
            self.assertEqual(self.answers(service), expected)  # it keeps what it opened
            service.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(service.get("/models").json["models"][0]["heads"]) == 1)

    def test_a_head_of_the_mean_patch_token(self):
        """Its logits are those of the mean that /embed gives."""
        width = CARD["backbone"]["width"]
        weights = [[math.sin(1 + row * width + column) for column in range(width)] for row in range(2)]
        write_safetensors(self.package.parent / "mean.safetensors", {
            "weight": ("F32", [2, width], array.array("f", sum(weights, [])).tobytes()),
            "bias": ("F32", [2], array.array("f", [0.5, -0.25]).tobytes())})
        (self.package.parent / "labels").write_text("a\nb\n")
        words = f"name=mean,kind=findings,weights={self.package.parent}/mean.safetensors,labels={self.package.parent}/labels"
        asked = run("head", "add", "--model", self.package, "--head", words)
        self.assertEqual(asked.returncode, 2)
        self.assertIn("say features=class,blocks=1 or features=mean in --head.", asked.stderr)
        added = run("head", "add", "--model", self.package, "--precision", "fp32", "--head", words + ",features=mean")
        self.assertEqual(added.returncode, 0, added.stderr)
        self.assertRegex(run("head", "list", "--model", self.package).stdout, r"mean +findings +linear +2 +mean patch +")
        self.assertIn("head mean: findings, linear, mean patch token", run("inspect", self.package).stdout)
        with Service(BINARY, *OPTIONS, model=self.package) as service:
            mean = service.post("/embed?tokens=mean", "image/png", PNG).json["embeddings"][0]["mean"]
            findings = service.post("/predict?attention=none", "image/png", PNG).predictions[0]["findings"]
        for row, bias, finding in zip(weights, (0.5, -0.25), findings, strict=True):
            expected = bias + math.fsum(a * b for a, b in zip(row, mean, strict=True))
            self.assertAlmostEqual(finding["logit"], expected, delta=1e-4 * (1 + abs(expected)))

    def test_the_list_says_what_is_there(self):
        self.add("findings", "tuberculosis")
        done = run("head", "list", "--model", self.package)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"findings +findings +glori +5 +last 4 blocks +head\.findings\.safetensors")
        self.assertRegex(done.stdout, r"tuberculosis +risk +linear +1 +last 1 block +")
        listed = json.loads(run("head", "list", "--model", self.package, "--format", "json").stdout)
        self.assertEqual([head["name"] for head in listed], ["findings", "tuberculosis"])
        self.assertEqual([label["name"] for label in listed[0]["labels"]],
                         [label["name"] for label in CARD["heads"][0]["labels"]])

    def test_what_is_refused_changes_nothing(self):
        self.add("findings")
        before = {path.name: path.read_bytes() for path in self.package.iterdir()}
        for words, code, sentence in (
                (("add", "--head", self.heads["findings"]), 2, "it has a head 'findings' already"),
                (("add", "--head", self.heads["views"], "--head", self.heads["views"]), 2, "Two heads have the name 'views'."),
                (("add", "--head", self.heads["views"] + "x"), 1, "No such file"),
                (("add", "--head", self.heads["risk"] + ",blocks=1"), 2, "leave features=, blocks= and views= out"),
                (("remove", "--head", "name=risk"), 2, "it has no head 'risk'; there are: findings."),
                (("remove", "--head", "findings", "--head", "risk"), 2, "it has no head 'risk'; there are none."),
                (("remove", "--head", "name=findings,kind=risk"), 2, "remove takes --head name=NAME"),
                (("add",), 2, "--head is needed"), (("list", "--head", "x"), 2, "unknown option --head")):
            with self.subTest(words):
                done = run("head", words[0], "--model", self.package, *words[1:])
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(sentence, done.stderr)
                self.assertEqual({path.name: path.read_bytes() for path in self.package.iterdir()}, before)

    def test_help_and_wrong_options(self):
        for words in (("head",), ("head", "add"), ("head", "list")):
            done = run(*words, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Usage: cxrd head add", done.stdout)
        for words, sentence in (
                (("head",), "say what to do: add, remove or list"), (("head", "dance"), "say what to do: add, remove or list"),
                (("head", "remove", "--head", "x"), "--model is needed; see cxrd head --help."),
                (("head", "list", "--model", "x", "--precision", "fp16"), "unknown option --precision; see cxrd head list --help."),
                (("head", "list", "--model", "x", "--format", "csv"), "--format is table or json, not 'csv'."),
                (("import", "--image-size", "512x"), "from 16 to 4096, or HEIGHTxWIDTH, not '512x'."),
                (("import", "--lora-alpha", "0"), "--lora-alpha is a number above 0, not '0'."),
                (("import", "--backbone", "x"), "--output is needed; see cxrd import --help."),
                (("import", "--backbone", self.backbone, "--output", "nowhere", "--layout", "x"),
                 "--layout is chexfound, dinov2 or timm, not 'x'."),
                (("import", "--backbone", "x", "--output", "nowhere", "--profile", "dinov2", "--preprocessor", "y"), "give one."),
                (("import", "--backbone", "x", "--output", "nowhere/x"), "nowhere/x cannot be made: No such file or directory."),
                (("import", "--backbone", "x", "--output", "nowhere", "--profile", "x"), "The profile is chexfound or dinov2, not 'x'.")):
            with self.subTest(words):
                done = run(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(sentence, done.stderr)

    def test_a_killed_change_leaves_a_package_that_is_right_or_refused(self):
        """Whenever it is killed: what opens has the heads from before or those it was given, and sealing ends what was begun."""
        words = [BINARY, "head", "add", "--model", str(self.package), "--head", self.heads["findings"], "--head", self.heads["views"]]
        heads, refused = {0}, 0
        for delay in range(KILLS):
            with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                time.sleep(delay * KILL_STEP_S)
                process.kill()
            done = run("inspect", self.package)
            if done.returncode:
                self.assertIn("seal it again with cxrd inspect --seal", done.stderr)
                refused += 1
                self.assertEqual(run("inspect", "--seal", self.package).returncode, 0)
            listed = json.loads(run("head", "list", "--model", self.package, "--format", "json").stdout)
            self.assertIn([head["name"] for head in listed], ([], ["findings", "views"]))
            heads.add(len(listed))
            if listed:
                done = run("head", "remove", "--model", self.package, "--head", "findings", "--head", "views")
                self.assertEqual(done.returncode, 0, done.stderr)
        print(f"{KILLS} kills: {refused} refused until sealed; heads {sorted(heads)}", file=sys.stderr)

    def test_what_a_killed_run_left_is_said(self):
        words = ["import", "--backbone", self.backbone, "--image-size", SIDE, "--profile", CARD["preprocessing"]["profile"],
                 "--output", f"{self.package.parent}/new/"]
        for _ in range(100):  # until it is interrupted while it writes
            with subprocess.Popen([BINARY, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
                while process.poll() is None and not list(self.package.parent.glob("new.part.??????")):
                    pass
                process.send_signal(signal.SIGINT)
                said = process.communicate()[1]
            left = sorted(self.package.parent.glob("new.part.??????"))
            if left:
                break
            shutil.rmtree(self.package.parent / "new", ignore_errors=True)
        self.assertEqual((len(left), process.returncode, said),
                         (1, -signal.SIGINT, f"cxrd import: interrupted: {self.package.parent}/new/ is not made; a folder of that name with "
                                             ".part.XXXXXX behind it may be left: delete it.\n"))
        shutil.rmtree(self.package.parent / "new", ignore_errors=True)
        (self.package.parent / "new.backup").mkdir()  # a person's own
        done = run(*words)
        self.assertEqual((done.returncode, done.stderr), (0, f"warning {left[0]} is what a run that was killed has left; delete it.\n"))
        self.assertEqual(sorted(self.package.parent.glob("new*")), sorted([left[0], self.package.parent / "new", self.package.parent / "new.backup"]))
        (self.package / "model.json.part.aBc123").write_bytes(b"{")
        (self.package / "head.old.safetensors").write_bytes(b"")
        done = run("head", "add", "--model", self.package, "--head", self.heads["findings"])
        self.assertEqual(done.returncode, 0)
        self.assertEqual(sorted(done.stderr.splitlines()), [
            f"warning {self.package}/head.old.safetensors: nothing in the package uses this file, which a run that was killed may have left.",
            f"warning {self.package}/model.json.part.aBc123 is what a run that was killed has left; delete it."])

    def test_thresholds_and_calibration_of_other_heads_stay(self):
        self.add("findings")
        card = json.loads((self.package / "model.json").read_text())
        card["heads"][0]["labels"][0] |= {"threshold": 0.3, "threshold_source": "ours", "calibration": {"scale": 2, "offset": -1}}
        (self.package / "model.json").write_text(json.dumps(card))
        refused = run("head", "add", "--model", self.package, "--head", self.heads["views"])
        self.assertEqual(refused.returncode, 1)
        self.assertIn("changed since the package was sealed", refused.stderr)
        self.assertEqual(run("inspect", "--seal", self.package).returncode, 0)
        sealed = json.loads((self.package / "model.json").read_text())["heads"][0]
        self.add("views")
        after = json.loads((self.package / "model.json").read_text())
        self.assertEqual(after["heads"][0], sealed)
        self.assertEqual(after["heads"][0]["labels"][0]["threshold_source"], "ours")
        self.assertEqual(set(after["provenance"]["heads"]), {"findings", "views"})
        self.assertEqual(run("inspect", self.package).returncode, 0)


if __name__ == "__main__":
    unittest.main()
