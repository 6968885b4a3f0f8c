#!/usr/bin/env python3
"""The official CheXFound folder, imported as it is downloaded: official_test.py CXRD [--full]

Random weights under the names and in the shapes of its two files, a small network, or with --full its own 1.22 GB: then the
import must take under 20 s and less than 300 MB of memory beside the mapped file. A GLoRI head is added to the package, which
must then answer as the package made of the authors' two .pth files does. On a CPU the full size is quick enough with the newer
driver only: CXRD_TEST_WRAPPER=scripts/userland-run.
"""

import hashlib
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from checkpoints import count, write_pth, write_safetensors
from service import Service, png, program

BINARY = program(sys.argv.pop(1))
FULL = "--full" in sys.argv and not sys.argv.remove("--full")
SECONDS_MAX, MEMORY_MAX = 20, 300 << 20
RUNG = ["--rung", "cpu"] if FULL else []
SHAPE = {"width": 1024, "depth": 24, "side": 512, "glori": 768, "inner": 2048} if FULL else \
    {"width": 128, "depth": 4, "side": 64, "glori": 128, "inner": 64}
PATCH, REGISTERS, CLASSES, BLOCKS = 16, 4, 40, 4
NOISE = struct.pack("<65536f", *(random.Random(1).gauss(0, 0.04) for _ in range(65536)))


def noise(name, shape):
    """The same for the same name: a piece of one stretch of noise, over and over."""
    size, start = 4 * count(shape), 4 * (int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big"))

    def make():
        turned = NOISE[start:] + NOISE[:start]
        return (turned * (size // len(turned) + 1))[:size]

    return "F32", list(shape), make


def backbone():
    """{name: tensor} of the authors' network."""
    width, depth, grid = SHAPE["width"], SHAPE["depth"], SHAPE["side"] // PATCH
    hidden = (int(4 * width * 2 / 3) + 7) // 8 * 8
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 1 + grid * grid, width), "register_tokens": (1, REGISTERS, width),
              "mask_token": (1, width), "patch_embed.proj.weight": (width, 3, PATCH, PATCH), "patch_embed.proj.bias": (width,)}
    for i in range(depth):
        parts = {"norm1": (width,), "attn.qkv": (3 * width, width), "attn.proj": (width, width), "norm2": (width,),
                 "mlp.w12": (2 * hidden, width), "mlp.w3": (width, hidden)}
        for part, shape in parts.items():
            shapes |= {f"blocks.{i}.{part}.weight": shape, f"blocks.{i}.{part}.bias": shape[:1]}
        shapes |= {f"blocks.{i}.ls1.gamma": (width,), f"blocks.{i}.ls2.gamma": (width,)}
    shapes |= {"norm.weight": (width,), "norm.bias": (width,)}
    return {name: noise(name, shape) for name, shape in shapes.items()}


def glori():
    width, inner, memory = SHAPE["glori"], SHAPE["inner"], BLOCKS * SHAPE["width"]
    layer, attention = "layers.0.", "layers.0.multihead_attn."
    shapes = {"embed_standart.weight": (width, memory), "embed_standart.bias": (width,), "query_embed.weight": (CLASSES, width),
              attention + "in_proj_weight": (3 * width, width), attention + "in_proj_bias": (3 * width,),
              attention + "out_proj.weight": (width, width), attention + "out_proj.bias": (width,),
              layer + "linear1.weight": (inner, width), layer + "linear1.bias": (inner,), layer + "linear2.weight": (width, inner),
              layer + "linear2.bias": (width,), "duplicate_pooling": (CLASSES, width, 1), "duplicate_pooling_bias": (CLASSES,)}
    for i in (1, 2, 3):
        shapes |= {f"{layer}norm{i}.weight": (width,), f"{layer}norm{i}.bias": (width,)}
    candidate = f"module.classifiers_dict.linear:blocks={BLOCKS}:avgpool=False:lr=0_0005000000.decoder."
    return {"model": {candidate + name: noise("glori." + name, shape) for name, shape in shapes.items()}, "iteration": 1000}


def published_name(name):
    """Of the folder's file: a whole model's, whose LayerScale is called a weight."""
    return "model." + name.replace(".gamma", ".weight")


class Official(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.folder, tensors = cls.root / "CheXFound", backbone()
        cls.folder.mkdir()
        write_safetensors(cls.folder / "model.safetensors", {published_name(name): tensor for name, tensor in tensors.items()})
        (cls.folder / "config.json").write_text(json.dumps(
            {"img_size": SHAPE["side"], "patch_size": PATCH, "num_register_tokens": REGISTERS, "ffn_layer": "swiglufused",
             "init_values": 1e-5, "block_chunks": 0, "interpolate_antialias": False, "interpolate_offset": 0.1}))
        write_pth(cls.root / "glori.pth", glori())
        cls.seconds, cls.memory, done = cls.watched("import", "--backbone", cls.folder, "--output", cls.root / "package")
        assert done.returncode == 0, done.stderr

    @classmethod
    def watched(cls, *words):
        """Runs cxrd; how long it took, and the most memory that it had which is no file's."""
        most, began = 0, time.monotonic()
        with subprocess.Popen([BINARY, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                try:
                    status = pathlib.Path("/proc", str(process.pid), "status").read_text()
                    most = max([most] + [int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("RssAnon")])
                except (FileNotFoundError, ProcessLookupError):
                    pass
                time.sleep(0.01)
            seconds = time.monotonic() - began
            out, errors = process.communicate()
        return seconds, most, subprocess.CompletedProcess(words, process.returncode, out, errors)

    def test_it_is_imported_quickly_and_in_little_memory(self):
        print(f"{self.seconds:.1f} s, {self.memory >> 20} MiB")
        if FULL:
            self.assertLess(self.seconds, SECONDS_MAX)
            self.assertLess(self.memory, MEMORY_MAX)

    def test_it_embeds_and_says_that_it_has_no_heads(self):
        image = png(SHAPE["side"], SHAPE["side"])
        with Service(BINARY, *RUNG, model=self.root / "package") as running:
            (one,) = running.post("/embed", "image/png", image).json["embeddings"]
            self.assertEqual(len(one["class"]), SHAPE["width"])
            answer = running.post("/predict", "image/png", image)
            self.assertIn(answer.code, range(400, 500), answer.body)
            for word in ("no heads", "cxrd head add"):
                self.assertIn(word, answer.detail)

    def test_a_head_added_answers_as_the_authors_files_do(self):
        head = f"name=findings,kind=findings,weights={self.root}/glori.pth"
        done = subprocess.run([BINARY, "import", "--backbone", str(self.folder), "--output", str(self.root / "with_head")], check=False,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([BINARY, "head", "add", "--model", str(self.root / "with_head"), "--head", head], check=False,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        teacher = {"teacher": {"backbone." + name: tensor for name, tensor in backbone().items()}}
        write_pth(self.root / "teacher_checkpoint.pth", teacher)
        done = subprocess.run([BINARY, "import", "--backbone", str(self.root / "teacher_checkpoint.pth"), "--image-size",
                               str(SHAPE["side"]), "--head", head, "--output", str(self.root / "authors")], check=False,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        image, said = png(SHAPE["side"] + 40, SHAPE["side"] + 9), []
        for package in ("with_head", "authors"):
            with Service(BINARY, *RUNG, model=self.root / package) as running:
                (one,) = running.post("/predict", "image/png", image).predictions
                self.assertEqual(len(one["findings"]), CLASSES)
                said.append([(finding["label"], finding["logit"]) for finding in one["findings"]] + [one["attention_maps"]])
        self.assertEqual(said[0], said[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
