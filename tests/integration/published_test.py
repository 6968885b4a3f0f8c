#!/usr/bin/env python3
"""Checkpoints as they are published, imported and held against what their originals say: published_test.py CXRD PUBLISHED

PUBLISHED is tests/golden/published: what is there was made with the originals' own code (make.py), and answers/ is what that
code gave in float64. With --full behind it the official CheXFound folder is tried at its own size, too, which takes 4 GB of disk.
"""

import base64
import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from checkpoints import floats, read_safetensors
from service import Service

BINARY, PUBLISHED = str(pathlib.Path(sys.argv.pop(1)).resolve()), pathlib.Path(sys.argv.pop(1)).resolve()
MODELS_A_SERVICE = 16  # as many as it takes
COSINE, ERROR = 0.99999, 2e-4  # of each token; of its largest difference, in root mean squares of the token
LOGIT = 1e-4

# How docs/models.md imports each, all paths being in PUBLISHED: what stands here is all that its user types. "A+B" is a folder
# into which the files of both were put.
LABELS = "labels=labels_crlf_bom.txt"
CASES = {
    "hf_dinov2": "--backbone hf_dinov2",
    "hf_swiglu": "--backbone hf_swiglu",
    "hf_registers": "--backbone hf_registers",
    "hf_classifier": "--backbone hf_classifier --head name=head,kind=findings,weights=hf_classifier",
    "hf_registers_classifier":
        "--backbone hf_registers_classifier --head name=head,kind=findings,weights=hf_registers_classifier",
    "hf_newest": "--backbone hf_newest",
    "hf_newest_swiglu": "--backbone hf_newest_swiglu",
    "hf_newest_registers": "--backbone hf_newest_registers",
    "hf_lora": "--backbone hf_dinov2+hf_lora",
    "hf_lora_classifier": "--backbone hf_dinov2+hf_lora_classifier "
                          f"--head name=head,kind=findings,weights=hf_dinov2+hf_lora_classifier,{LABELS}",
    "hf_lora_whole": "--backbone hf_lora_whole",
    "timm_dinov2": "--backbone timm_dinov2",
    "timm_reg4": "--backbone timm_reg4.pth",
    "timm_giant": "--backbone timm_giant.safetensors",
    "timm_head": f"--backbone timm_head.pth --head name=head,kind=findings,weights=timm_head.pth,{LABELS}",
    "dinov2_pretrain": f"--backbone dinov2_pretrain.pth --head name=linear,kind=findings,weights=dinov2_linear_head.pth,{LABELS} "
                       f"--head name=linear4,kind=findings,weights=dinov2_linear4_head.pth,{LABELS} "
                       f"--head name=named,kind=findings,weights=dinov2_named_head.pth,{LABELS}",
    "dinov2_reg4_pretrain": "--backbone dinov2_reg4_pretrain.pth",
    "xray_dino_vitl16": "--backbone xray_dino_vitl16.pth",
    "chexfound": "--backbone chexfound",
    "chexfound_chunked": "--backbone chexfound_chunked",
}


def run(*words):
    """Nothing here may wait for ever."""
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=120, cwd=PUBLISHED,
                          stdin=subprocess.DEVNULL)


def cosine(left, right):
    product = math.fsum(a * b for a, b in zip(left, right))
    return product / math.sqrt(math.fsum(a * a for a in left) * math.fsum(b * b for b in right))


def error(found, expected):
    scale = math.sqrt(math.fsum(value * value for value in expected) / len(expected))
    return max(abs(a - b) for a, b in zip(found, expected)) / scale


def rows(values, width):
    return [values[at:at + width] for at in range(0, len(values), width)]


class Expected:
    """The answers of one case at one size: {picture: {"class" or "patch" or "logits.<head>": tensor}}."""

    def __init__(self, case):
        self.sizes = {}
        for key, (_, shape, data) in read_safetensors(PUBLISHED / "answers" / f"{case}.safetensors").items():
            picture, size, name = re.fullmatch(r"(\w+)@(native|\d+x\d+)\.([\w.]+)", key).groups()
            self.sizes.setdefault(size, {}).setdefault(picture, {})[name] = (shape, floats(data))


class Published(unittest.TestCase):
    """Every case at its own size and at others, square and rectangular."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.worst = {}

    def together(self, word):
        """The folder that "A+B" stands for; any other word is itself."""
        if "+" not in word:
            return word
        folder = self.folder / "together" / word
        for part in word.split("+"):
            shutil.copytree(PUBLISHED / part, folder, dirs_exist_ok=True)
        return folder

    def package(self, words, name, size="native"):
        options = [] if size == "native" else ["--image-size", size]
        done = run("import", *map(self.together, words.split()), *options, "--precision", "fp32", "--name", name, "--output", self.folder / name)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / name

    def packages(self, cases):
        """[(name, folder, answers)] of all cases and sizes; a case that cannot be imported fails alone."""
        made = []
        for case, (answers, words) in cases.items():
            for size, expected in Expected(answers).sizes.items():
                with self.subTest(case=case, size=size):
                    name = f"{case}-{size}"
                    made.append((name, self.package(words, name, size), expected))
        return made

    def hold(self, running, name, picture, expected):
        image = (PUBLISHED / "images" / f"{picture}.png").read_bytes()
        answer = running.post(f"/embed?tokens=class,patch&model={name}", "image/png", image)
        self.assertEqual(answer.code, 200, answer.body)
        (one,) = answer.json["embeddings"]
        shape, values = expected["patch"]
        self.assertEqual(one["patch"]["shape"], shape)
        found = rows(floats(base64.b64decode(one["patch"]["data"])), shape[1]) + [one["class"]]
        wanted = rows(values, shape[1]) + [expected["class"][1]]
        for number, (left, right) in enumerate(zip(found, wanted, strict=True)):
            self.worst[name] = max(self.worst.get(name, 0), error(left, right))
            self.assertGreater(cosine(left, right), COSINE, f"token {number}")
            self.assertLess(error(left, right), ERROR, f"token {number}")
        logits = {key.split(".", 1)[1]: tensor[1] for key, tensor in expected.items() if key.startswith("logits.")}
        if logits:
            (one,) = running.post(f"/predict?attention=none&model={name}", "image/png", image).predictions
            for head, wanted in logits.items():
                found = [finding["logit"] for finding in one["findings"] if finding["head"] == head]
                self.assertEqual(len(found), len(wanted), head)
                for left, right in zip(found, wanted):
                    self.assertLess(abs(left - right), LOGIT * max(1, abs(right)), head)

    def check(self, cases):
        made = self.packages(cases)
        for start in range(0, len(made), MODELS_A_SERVICE):
            part = made[start:start + MODELS_A_SERVICE]
            more = [word for _, folder, _ in part[1:] for word in ("--model", str(folder))]
            with Service(BINARY, "--precision", "fp32", "--rung", "portable", *more, model=part[0][1]) as running:
                for name, _, pictures in part:
                    for picture, expected in pictures.items():
                        with self.subTest(model=name, picture=picture):
                            self.hold(running, name, picture, expected)

    def test_each_form_answers_as_its_original(self):
        self.check({case: (case, words) for case, words in CASES.items()})

    def test_one_network_in_every_wrapping(self):
        self.check({path.name.replace(".", "_"): ("wrapped", f"--backbone wrapped/{path.name} --profile dinov2")
                    for path in sorted((PUBLISHED / "wrapped").iterdir())})

    @classmethod
    def tearDownClass(cls):
        for name, worst in cls.worst.items():
            print(f"{name}: largest difference {worst:.1e} of a token's root mean square")


if __name__ == "__main__":
    unittest.main(verbosity=2)
