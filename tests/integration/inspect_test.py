#!/usr/bin/env python3
"""What cxrd inspect says of checkpoints, and that the line it prints imports them: inspect_test.py CXRD GOLDEN

GOLDEN is a golden package, whose weights are published again under other names.
"""

import json
import pathlib
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import unittest

from checkpoints import count, read_safetensors, write_safetensors

BINARY, GOLDEN = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
PUBLISHED = GOLDEN.parent / "published"
PHANTOM = GOLDEN.parents[2] / "models/phantom"
BACKBONE = json.loads((GOLDEN / "model.json").read_text())["backbone"]


def run(*words):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=120,
                          stdin=subprocess.DEVNULL)


def publish(path, rename=lambda name: name, extra=()):
    """The golden backbone under other names; `extra` tensors are of one float each."""
    content = (GOLDEN / BACKBONE["weights"]).read_bytes()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    header = {rename(name): entry for name, entry in header.items()}
    end = len(content) - start
    for i, name in enumerate(extra):
        header[name] = {"dtype": "F32", "shape": [1], "data_offsets": [end + 4 * i, end + 4 * i + 4]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[start:] + bytes(4 * len(extra)))
    return path


class Inspect(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def shown(self, path):
        done = run("inspect", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_line_that_it_prints_imports_it(self):
        published = self.folder / "a model's"  # whose name a shell would take apart
        published.mkdir()
        publish(published / "model.safetensors", lambda name: "teacher.backbone." + name, ["teacher.dino_head.last"])
        (published / "config.json").write_text(json.dumps({"img_size": BACKBONE["image_size"], "embed_dim": BACKBONE["width"],
                                                           "layer_norm_eps": 1e-5}))
        text = self.shown(published)
        self.assertIn(f"width {BACKBONE['width']}, depth {BACKBONE['depth']}, attention heads {BACKBONE['heads']}", text)
        self.assertIn(f"{BACKBONE['image_size']}x{BACKBONE['image_size']}", text)
        self.assertRegex(text, r"names +DINOv2's, of training\n")
        self.assertRegex(text, r"layer_norm_epsilon +1e-05\n")
        self.assertRegex(text, r"checkpoint +a safetensors file\n")
        count = len(re.findall("^teacher", text, re.M))
        self.assertRegex(text, rf"tensors +{count - 1}, of the {count} above\n")
        line = shlex.split(text[text.index("  cxrd import"):])
        self.assertEqual(line[:3] + line[4:], ["cxrd", "import", "--backbone", "--output", "DIR"])
        package = self.folder / "package"
        done = run(*line[1:-1], package)
        self.assertEqual(done.returncode, 0, done.stderr)
        card = json.loads((package / "model.json").read_text())
        self.assertEqual(card["backbone"]["layer_norm_epsilon"], 1e-5)

    def test_what_is_in_the_way_is_said_and_no_line_is_printed(self):
        text = self.shown(publish(self.folder / "a.bin", extra=["rope_embed.periods"]))
        self.assertIn("in the way of a backbone's import: ", text)
        self.assertIn("Tensor 'rope_embed.periods': rotary position embedding is not supported.", text)
        self.assertNotIn("cxrd import", text)
        text = self.shown(publish(self.folder / "b.bin", lambda name: name.replace("norm.bias", "norm.shift")))
        self.assertIn("Tensor 'norm.shift' is no part of a backbone that this program knows", text)
        text = self.shown(publish(self.folder / "c.bin", lambda name: name if name != "cls_token" else "mask_token"))
        self.assertIn("Tensor 'cls_token' of shape [1, 1, ?] is missing.", text)

    def test_a_head_waits_for_its_backbone(self):
        path = self.folder / "adapter_model.safetensors"
        width = BACKBONE["width"]
        names = [f"base_model.model.dinov2.encoder.layer.0.attention.attention.query.lora_{half}.weight" for half in "AB"]
        write_safetensors(path, {name: ("F32", [width, width], bytes(4 * width * width)) for name in names}
                          | {"base_model.model.classifier.weight": ("F32", [2, 2 * width], bytes(16 * width)),
                             "base_model.model.classifier.bias": ("F32", [2], bytes(8))})
        shown = self.shown(path)
        self.assertIn("not the model that it adapts: copy the adapter", shown)
        self.assertTrue(shown.endswith("head: transformers' classifier\n  in the way of its import: it goes with no backbone but the "
                                       "one it was trained with, and what is in that one's way is in its, too.\n"), shown)

    def test_every_tensor_of_the_network_is_counted(self):
        """Query, key and value become one of the package's and are three of the file's."""
        content = (PUBLISHED / "hf_dinov2/model.safetensors").read_bytes()
        header = json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
        names = [name for name in header if name != "__metadata__"]
        self.assertIn("embeddings.mask_token", names)  # which no answer depends on
        self.assertIn("encoder.layer.0.attention.attention.query.weight", names)
        self.assertRegex(self.shown(PUBLISHED / "hf_dinov2"), rf"tensors +{len(names) - 1}, of the {len(names)} above\n")

    def test_it_offers_what_head_add_takes(self):
        """And says what is in the way of the rest, or what must be said besides."""
        width = BACKBONE["width"]
        heads = {"good": {"linear.weight": [3, 2 * width], "linear.bias": [3]}, "bare": {"linear.weight": [3, 2 * width]},
                 "foreign": {"head.weight": [3, width], "head.bias": [3], "head.norm.weight": [width]},
                 "scalar": {"head.weight": [3], "head.bias": [3]}, "token": {"head.weight": [3, width], "head.bias": [3]}}
        labels = self.folder / "labels"
        labels.write_text("a\nb\nc\n")
        package = self.folder / "package"
        publish(self.folder / "model.safetensors")
        self.assertEqual(run("import", "--backbone", self.folder / "model.safetensors", "--output", package).returncode, 0)
        for name, tensors in heads.items():
            with self.subTest(name):
                path = self.folder / f"{name}.safetensors"
                write_safetensors(path, {key: ("F32", shape, bytes(4 * count(shape))) for key, shape in tensors.items()})
                offered = "cxrd head add" in self.shown(path)
                words = f"name={name},kind=findings,weights={path},labels={labels}" + (",features=class" if name == "token" else "")
                added = run("head", "add", "--model", package, "--head", words)
                self.assertEqual(offered, added.returncode == 0, added.stderr)
        self.assertIn("in the way of its import: Tensor 'head.norm.weight'", self.shown(self.folder / "foreign.safetensors"))

    def broken(self, name, tensor, value):
        """The golden backbone in float32 with one value of a tensor another."""
        tensors = {}
        for key, (kind, shape, data) in read_safetensors(GOLDEN / BACKBONE["weights"]).items():
            values = struct.unpack(f"<{count(shape)}{'e' if kind == 'F16' else 'f'}", data)
            if key == tensor:
                values = (*values[:5], value, *values[6:])
            tensors[key] = ("F32", shape, struct.pack(f"<{count(shape)}f", *values))
        write_safetensors(self.folder / name, tensors)
        return self.folder / name

    def test_it_asks_for_labels_where_nothing_has_them(self):
        for path, asks in (("hf_classifier", False), ("dinov2_linear_head.pth", True), ("dinov2_named_head.pth", True)):
            (line,) = re.findall("--head .*", self.shown(PUBLISHED / path))
            self.assertEqual("labels=FILE" in line, asks, path)
        for name in ("findings", "risk"):
            self.assertIn("head: a package's head\n\nTo import it:\n  cxrd head add --model DIR --head name=NAME,kind=findings,weights=",
                          self.shown(PHANTOM / f"head.{name}.safetensors"))

    def test_values_that_import_refuses_are_said_in_the_same_words(self):
        matrix = "blocks.0.attn.qkv.weight"
        for number, (tensor, value) in enumerate(((matrix, float("nan")), ("norm.bias", float("inf")), (matrix, -float("inf")))):
            path = self.broken(f"{number}.safetensors", tensor, value)
            done = run("import", "--backbone", path, "--output", self.folder / "package")
            self.assertEqual(done.returncode, 1)
            sentence = done.stderr.removeprefix(f"cxrd import: {path}: ")
            self.assertEqual(sentence, f"Tensor '{tensor}' holds a value that is not a finite number.\n")
            text = self.shown(path)
            self.assertIn("in the way of a backbone's import: " + sentence, text)
            self.assertNotIn("cxrd import", text)

    def test_the_line_asks_for_fp32_where_fp16_has_no_room(self):
        path = self.broken("large.safetensors", "blocks.1.attn.proj.weight", 7e4)
        done = run("import", "--backbone", path, "--output", self.folder / "package")
        sentence = done.stderr.removeprefix(f"cxrd import: {path}: ")
        self.assertEqual((done.returncode, sentence), (1, "Tensor 'blocks.1.attn.proj.weight' holds 70000, too large for fp16. "
                                                          "Import with --precision fp32.\n"))
        text = self.shown(path)
        self.assertIn("to be said: " + sentence, text)
        line = shlex.split(text[text.index("  cxrd import"):])
        self.assertEqual(line[4:], ["--output", "DIR", "--precision", "fp32"])
        done = run(*line[1:5], self.folder / "package", *line[6:])
        self.assertEqual(done.returncode, 0, done.stderr)
        width = BACKBONE["width"]
        for name, value in (("nan", float("nan")), ("large", 1e6), ("small", 1.0)):
            path = self.folder / f"head.{name}.safetensors"
            write_safetensors(path, {"weight": ("F32", [1, 2 * width], struct.pack(f"<{2 * width}f", value, *[0.5] * (2 * width - 1))),
                                     "bias": ("F32", [1], bytes(4))})
            added = [run("head", "add", "--model", self.folder / "package", "--precision", precision, "--head",
                         f"name={name}-{precision},kind=findings,weights={path}") for precision in ("fp16", "fp32")]
            text = self.shown(path)
            self.assertEqual("cxrd head add" in text, added[1].returncode == 0, added[1].stderr)
            self.assertEqual("--precision fp32" in text, (added[0].returncode, added[1].returncode) == (1, 0), text)
            for done in added:
                if done.returncode:
                    self.assertIn(done.stderr.split(f"{path}: ")[1].strip(), text)

    def test_an_import_says_what_it_made(self):
        """On standard output, as inspect would; notes are on standard error."""
        path = publish(self.folder / "model.safetensors", lambda name: "net." + name)
        (self.folder / "labels").write_text("Oedema\nMass\n")
        width = BACKBONE["width"]
        write_safetensors(self.folder / "probe", {"weight": ("F32", [2, 2 * width], bytes(16 * width)), "bias": ("F32", [2], bytes(8))})
        done = run("import", "--backbone", path, "--output", self.folder / "package", "--head",
                   f"name=probe,kind=findings,weights={self.folder}/probe,labels={self.folder}/labels")
        self.assertEqual(done.returncode, 0, done.stderr)
        inspected, package = self.shown(path), self.shown(self.folder / "package")
        for name in ("names", "network", "input", "positions", "layer_norm_epsilon", "preprocessing"):
            (line,) = re.findall(rf"^{name} +(.*)\n", inspected, re.M)
            if name == "positions":
                line = line.replace(", as nothing says otherwise (--layout)", "")  # they are not resized
            self.assertRegex(done.stdout, rf"(?m)^{name} +{re.escape(line)}$")
        self.assertRegex(done.stdout, rf"(?m)^tensors +{len(re.findall('^net[.]', inspected, re.M))} used, matrices as fp16$")
        for file in ("backbone", "head.probe"):
            size = (self.folder / "package" / f"{file}.safetensors").stat().st_size
            self.assertRegex(done.stdout, rf"(?m)^{file}\.safetensors +{size} bytes$")
        self.assertIn("head probe: findings, linear, last block and its mean patch token, 2 labels\n  Oedema, Mass\n", done.stdout)
        self.assertIn("head probe: findings, linear, last block and its mean patch token, 2 labels\n", package)
        (sha256,) = re.findall(r"(?m)^package_sha256 +([0-9a-f]{64})", done.stdout)
        self.assertIn(sha256, package)
        self.assertIn("made with 1 head. Show it with: cxrd inspect ", done.stdout)
        self.assertIn("note: Nothing says how its pictures are prepared: chexfound is assumed, as is right for CheXFound's own files; --profile", done.stderr)

    def test_the_authors_candidates_come_before_another_head(self):
        path = self.folder / "both.safetensors"
        width = BACKBONE["width"]
        name = "classifiers_dict.linear:blocks=1:avgpool=False:lr=0_1.linear."
        write_safetensors(path, {f"{start}{part}": ("F32", shape, bytes(4 * count(shape))) for start in (name, "head.")
                                 for part, shape in (("weight", [2, width]), ("bias", [2]))})
        text = self.shown(path)
        self.assertIn("head: the authors' head\n  candidate=linear:blocks=1:avgpool=False:lr=0_1\n", text)
        self.assertNotIn("candidate=KEY", text)

    def test_what_is_assumed_is_said_to_be(self):
        wrapped = publish(self.folder / "a.safetensors", lambda name: "net." + name)
        text = self.shown(wrapped)
        self.assertRegex(text, r"preprocessing +chexfound, as nothing says otherwise \(--profile\)")
        self.assertRegex(text, r"positions .*, as nothing says otherwise \(--layout\)")
        chunked = publish(self.folder / "b.safetensors", lambda name: re.sub(r"^blocks\.", "blocks.0.", name))
        self.assertNotIn("as nothing says otherwise", self.shown(chunked))

    def test_a_file_is_what_its_bytes_say(self):
        """Whatever its name ends in."""
        for content, sentence in ((b"", "It is empty."), (b"<!DOCTYPE html>", "It is a web page"), (b"GGUF\3\0\0\0", "It is a GGUF file"),
                                  (b"version https://git-lfs.github.com/spec/v1\n", "It is a Git LFS pointer"),
                                  (b"{\"a\": 1}", "no index of weights")):
            for name in ("model.safetensors", "model.pth", "model"):
                (self.folder / name).write_bytes(content)
                for words in (("inspect", self.folder / name),
                              ("import", "--backbone", self.folder / name, "--output", self.folder / "package")):
                    done = run(*words)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(sentence, done.stderr)
        self.assertFalse((self.folder / "package").exists())

    def test_its_exit_codes_are_those_of_its_help(self):
        said = run("inspect", "--help").stdout
        for words in ("0 all were shown, a checkpoint also where it cannot be imported", "a package that would not be loaded", "2 usage"):
            self.assertIn(words, " ".join(said.split()))
        package = self.folder / "package"
        path = publish(self.folder / "a.bin")
        self.assertEqual(run("import", "--backbone", path, "--output", package).returncode, 0)
        self.assertEqual([run("inspect", *words).returncode for words in ((package,), (path,), (self.folder / "gone",), ("--no",), ())],
                         [0, 0, 1, 2, 2])
        (package / "model.json").write_text((package / "model.json").read_text() + " ")
        self.assertEqual(run("inspect", path, package).returncode, 1)

    def test_a_checkpoint_in_a_packages_place_is_told(self):
        publish(self.folder / "model.safetensors")
        image = self.folder / "a.png"
        image.write_bytes(b"")
        for given, kind in ((self.folder, "a folder"), (self.folder / "model.safetensors", "a file")):
            for words in (("predict", "--model", given, image), ("embed", "--model", given, "--output", self.folder / "e.npy", image),
                          ("serve", "--listen", "127.0.0.1:0", "--model", given), ("bench", "--model", given), ("inspect", "--seal", given),
                          ("head", "list", "--model", given), ("head", "remove", "--model", given, "--head", "x"),
                          ("head", "add", "--model", given, "--head", f"name=x,kind=findings,weights={given}")):
                with self.subTest(words):
                    done = run(*words)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(f"{given}: It is {kind} and no model package, which is a folder with a model.json. Of a model as it "
                                  "is published cxrd import --backbone makes one.", done.stderr)

    def test_an_index_shows_all_of_its_files(self):
        publish(self.folder / "part", lambda name: "dinov2." + name)
        names = re.findall(r"^(dinov2\.\S+)", self.shown(self.folder / "part"), re.M)
        index = self.folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": {name: "part" for name in names}}))
        text = self.shown(self.folder)
        self.assertRegex(text, r"checkpoint +weights in 1 file with an index\n")
        self.assertEqual(re.findall(r"^(dinov2\.\S+)", text, re.M), names)
        index.write_text(json.dumps({"weight_map": {name: "part" for name in names[1:]}}))
        done = run("inspect", self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"Tensor '{names[0]}' is in it, but not by the index", done.stderr)


if __name__ == "__main__":
    unittest.main()
