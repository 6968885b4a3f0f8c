#!/usr/bin/env python3
"""`cxrd embed` with a real model: embed_cli_test.py CXRD MODEL FOLDER_OF_PICTURES

Files are read by hand, and by numpy and safetensors as well where they are installed.
"""

import array
import ast
import base64
import hashlib
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from service import FORM, Service, form, png, program

try:
    import numpy
    from safetensors.numpy import load_file
except ImportError:
    numpy = load_file = None

ITSELF = os.path.abspath(sys.argv[1])
BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)).resolve()
EMBED = (BINARY, "embed", "--model", MODEL, "--rung", "portable")  # the quickest to start, and it has both precisions
SAMPLES = sorted(path for path in pathlib.Path(sys.argv.pop(1)).resolve().iterdir() if path.suffix in (".png", ".jpg"))
DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "embeddings.md"
CARD = json.loads((MODEL / "model.json").read_text())["backbone"]
WIDTH, GRID = CARD["width"], CARD["image_size"] // CARD["patch_size"]
VALUES = {"class": WIDTH, "mean": WIDTH, "patch": GRID * GRID * WIDTH}


def npy(path):
    """An .npy file as NumPy's NEP 1 has it: (shape, bytes)."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    size = 10 + struct.unpack("<H", data[8:10])[0]
    assert size % 64 == 0 and data[size - 1:size] == b"\n"
    header = ast.literal_eval(data[10:size].decode())
    assert header["descr"] == "<f4" and header["fortran_order"] is False and len(header) == 3
    return header["shape"], data[size:]


def tensors(path):
    """A safetensors file: {name: (shape, bytes)}."""
    data = path.read_bytes()
    size = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:size])
    package = header.pop("__metadata__")["package_sha256"]
    assert len(package) == 64
    for entry in header.values():
        assert entry["dtype"] == "F32"
    return {name: (tuple(entry["shape"]), data[size:][slice(*entry["data_offsets"])]) for name, entry in header.items()}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Embed(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)
        self.images = self.folder / "images"
        self.images.mkdir()

    def tearDown(self):
        self.place.cleanup()

    def fill(self, count):
        """So many different pictures, of which every seventh is none."""
        for number in range(count):
            path = self.images / f"{number:03}.png"
            path.write_bytes(b"hello" if number % 7 == 5 else png(40 + number, 44, lambda x, y: (x * (number + 3) + y * 5) % 256))
        return count

    def run_embed(self, output, *options, inputs=None, code=0, binary=BINARY, **more):
        """What it says on standard error, but for the warning of a machine without a GPU."""
        done = subprocess.run([binary, *EMBED[1:], "--output", self.folder / output, *options,
                               *(inputs or [self.images])], capture_output=True, text=True, timeout=300, **more)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        return "".join(line for line in done.stderr.splitlines(True) if not line.startswith("warning There is no GPU"))

    def same(self, left, right):
        for ending in (".npy", ".safetensors", ".jsonl"):
            one, other = self.folder / (left + ending), self.folder / (right + ending)
            self.assertEqual(one.exists(), other.exists(), ending)
            if one.exists():
                self.assertEqual(one.read_bytes(), other.read_bytes(), ending)


class Numbers(Embed):
    def test_rows_are_what_the_service_answers(self):
        with Service(BINARY, "--rung", "portable", model=MODEL) as running:
            body = form([(path.name, path.read_bytes()) for path in SAMPLES], tokens="class,mean,patch")
            expected = running.post("/embed", FORM, body).json
        rows = {name: b"" for name in VALUES}
        for one in expected["embeddings"]:
            rows["patch"] += base64.b64decode(one["patch"]["data"])
            for name in ("class", "mean"):
                rows[name] += array.array("f", one[name]).tobytes()
        shapes = {name: (len(SAMPLES), *((GRID * GRID, WIDTH) if name == "patch" else (WIDTH,))) for name in VALUES}
        for name in VALUES:
            self.assertEqual(self.run_embed(f"{name}.npy", "--tokens", name, inputs=SAMPLES), "")
            self.assertEqual(npy(self.folder / f"{name}.npy"), (shapes[name], rows[name]), name)
            for mode in (None, "r") if numpy else ():
                found = numpy.load(self.folder / f"{name}.npy", mmap_mode=mode)
                self.assertEqual((found.shape, found.dtype, found.tobytes()), (shapes[name], numpy.float32, rows[name]))
        self.run_embed("all.safetensors", "--tokens", "class,mean,patch", inputs=SAMPLES)
        self.assertEqual(tensors(self.folder / "all.safetensors"), {name: (shapes[name], rows[name]) for name in VALUES})
        for name, (shape, data) in tensors(self.folder / "all.safetensors").items() if load_file else ():
            found = load_file(self.folder / "all.safetensors")[name]
            self.assertEqual((found.shape, found.tobytes()), (shape, data))
        for number, (line, path, one) in enumerate(zip(lines(self.folder / "all.jsonl"), SAMPLES, expected["embeddings"])):
            self.assertEqual(line, {"row": number, "image": str(path), "width": one["image"]["width"], "height": one["image"]["height"],
                                    "bytes": path.stat().st_size, "modified": line["modified"],
                                    "changed": line["changed"], "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                                    "row_sha256": hashlib.sha256(b"".join(rows[name][number * 4 * VALUES[name]:][:4 * VALUES[name]]
                                                                          for name in ("patch", "mean", "class"))).hexdigest(),
                                    "cxrd": line["cxrd"],
                                    "warnings": one["image"]["warnings"], "grid": [GRID, GRID], "tokens": "class,mean,patch", "dicom_profile": "mimic",
                                    "package_sha256": expected["model"]["package_sha256"], "device": line["device"],
                                    "rung": line["rung"], "precision": "auto"})
        self.assertTrue(any(line["warnings"] for line in lines(self.folder / "all.jsonl")))


class Rows(Embed):
    def test_images_that_fail_have_a_line_and_no_row(self):
        self.fill(8)
        said = self.run_embed("e.npy", code=1)
        self.assertEqual(said.count("\n"), 1)  # no bar: it is no terminal
        found = lines(self.folder / "e.jsonl")
        self.assertEqual([line["row"] for line in found], [0, 1, 2, 3, 4, None, 5, 6])
        self.assertIn("plain text", found[5]["error"])
        self.assertIn(f"cxrd embed: {self.images}/005.png: {found[5]['error']}\n", said)
        self.assertEqual(npy(self.folder / "e.npy")[0], (7, WIDTH))
        self.assertIn(f"8 of 8 images were done before.\ncxrd embed: 1 of them failed, as their lines beside {self.folder}/e.npy say.\n",
                      self.run_embed("e.npy", "--resume", code=1))

    def test_files_of_one_name_are_different_rows(self):
        for name in ("p1", "p2"):
            (self.images / name).mkdir()
            (self.images / name / "view.png").write_bytes(png(40, 40 + ord(name[1])))
        self.run_embed("e.npy", inputs=[self.images / "p1", self.images / "p2"])
        self.assertEqual([line["image"] for line in lines(self.folder / "e.jsonl")],
                         [str(self.images / name / "view.png") for name in ("p1", "p2")])

    def test_names_that_are_no_utf_8_are_escaped(self):
        name = os.path.join(os.fsencode(self.images), b"odd\xff\n.png")
        with open(name, "wb") as file:
            file.write(png(40, 40))
        self.run_embed("e.npy", inputs=[name])
        (line,) = lines(self.folder / "e.jsonl")
        self.assertEqual(line["image"], str(self.images) + "/odd\\xff\\x0a.png")
        self.assertIn("1 of 1 images were done before", self.run_embed("e.npy", "--resume", inputs=[name]))

    def test_shards_together_are_the_whole(self):
        count = self.fill(7)
        self.run_embed("whole.npy", code=1)
        whole, (_, data) = lines(self.folder / "whole.jsonl"), npy(self.folder / "whole.npy")
        rows = {}
        for number in (1, 2):  # number 6 is no picture
            self.run_embed(f"s{number}.npy", "--shard", f"{number}/2", code=number - 1)
            _, part = npy(self.folder / f"s{number}.npy")
            for line in lines(self.folder / f"s{number}.jsonl"):
                self.assertEqual(line["shard"], f"{number}/2")
                rows[line["image"]] = None if line["row"] is None else part[line["row"] * WIDTH * 4:][:WIDTH * 4]
        self.assertEqual(len(rows), count)
        for line in whole:
            row = None if line["row"] is None else data[line["row"] * WIDTH * 4:][:WIDTH * 4]
            self.assertEqual(rows[line["image"]], row, line)
        joined = self.join("joined.npy", "s1.npy", "s2.npy")
        self.assertEqual(joined.returncode, 0, joined.stderr)
        shape, part = npy(self.folder / "joined.npy")
        found = lines(self.folder / "joined.jsonl")
        self.assertEqual((shape, len(found)), ((count - 1, WIDTH), count))
        for line in found:
            row = None if line["row"] is None else part[line["row"] * WIDTH * 4:][:WIDTH * 4]
            self.assertEqual(rows.pop(line["image"]), row, line)
        self.assertEqual([line["row"] for line in found if line["row"] is not None], list(range(count - 1)))
        if numpy:
            self.assertEqual(numpy.load(self.folder / "joined.npy", mmap_mode="r").tobytes(), part)
        self.run_embed("none.npy", "--shard", "8/8")
        self.assertEqual(npy(self.folder / "none.npy"), ((0, WIDTH), b""))
        self.assertEqual((self.folder / "none.jsonl").read_bytes(), b"")


    def join(self, *names):
        """Runs the recipe of docs/embeddings.md."""
        (recipe,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", DOCS.read_text(), re.S)
        (self.folder / "join.sh").write_text(recipe)
        return subprocess.run(["sh", "join.sh", *names], cwd=self.folder, capture_output=True, text=True, timeout=100)

    def test_what_does_not_belong_together_is_not_joined(self):
        self.fill(5)
        for number in (1, 2):
            self.run_embed(f"s{number}.npy", "--shard", f"{number}/2", "--tokens", "patch")
            self.run_embed(f"m{number}.npy", "--shard", f"{number}/2", "--tokens", "mean")
            self.run_embed(f"t{number}.npy", "--shard", f"{number}/3", "--tokens", "patch")
        (self.images / "000a.png").write_bytes(png(50, 50))
        self.run_embed("later.npy", "--shard", "2/2", "--tokens", "patch")
        self.run_embed("empty.npy", "--shard", "7/7", "--tokens", "patch")
        for names in (("s1.npy",), ("s2.npy", "s1.npy"), ("s1.npy", "s1.npy"), ("s1.npy", "m2.npy"), ("s1.npy", "t2.npy"),
                      ("s1.npy", "later.npy"), ("s1.npy", "gone.npy"), ("s1.npy", "s2.npy", "empty.npy")):
            self.assertNotEqual(self.join("joined.npy", *names).returncode, 0, names)
            self.assertFalse((self.folder / "joined.npy").exists(), names)
        self.assertEqual(self.join("joined.npy", "s1.npy", "s2.npy").returncode, 0)
        self.assertEqual(npy(self.folder / "joined.npy")[0], (5, GRID * GRID, WIDTH))
        for number in range(1, 8):  # of six images
            self.run_embed(f"e{number}.npy", "--shard", f"{number}/7", "--tokens", "patch", code=int(number == 7 and 0))
        joined = self.join("whole.npy", *(f"e{number}.npy" for number in range(1, 8)))
        self.assertEqual(joined.returncode, 0, joined.stderr)
        self.assertEqual(npy(self.folder / "whole.npy")[0], (6, GRID * GRID, WIDTH))


class Resume(Embed):
    def test_a_killed_run_goes_on_to_the_same_bytes(self):
        self.fill(40)
        options = ["--tokens", "patch,mean"]
        self.run_embed("whole.safetensors", *options, code=1)
        journal = self.folder / "e.jsonl"
        process = subprocess.Popen([*EMBED, "--batch", "1", "--output", self.folder / "e.safetensors", *options,
                                    self.images], stderr=subprocess.PIPE)
        end = time.monotonic() + 100
        while process.poll() is None and (not journal.exists() or not journal.stat().st_size) and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertTrue((self.folder / "e.safetensors.part").exists())
        self.assertFalse((self.folder / "e.safetensors").exists())
        done = journal.read_bytes().count(b"\n")
        self.assertGreater(done, 0)
        said = self.run_embed("e.safetensors", *options, code=2)
        self.assertIn("is of a run that did not end: go on with it with --resume", said)
        with open(journal, "ab") as file:
            file.write(b'{"row":')  # as of a write that was cut
        said = self.run_embed("e.safetensors", "--resume", *options, code=1)
        self.assertIn(f"cxrd embed: {done} of 40 images were done before.\n", said)
        self.same("e", "whole")
        said = self.run_embed("e.safetensors", "--resume", *options, code=1)  # some have failed, then as now
        self.assertTrue(said.startswith("cxrd embed: 40 of 40 images were done before.\n"), said)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["e.jsonl", "e.safetensors", "images", "whole.jsonl", "whole.safetensors"])

    def test_a_full_disk_ends_with_a_sentence_and_goes_on_later(self):
        self.fill(20)
        row = 4 * VALUES["patch"]
        self.run_embed("whole.npy", "--tokens", "patch", code=1, binary=ITSELF)  # newer drivers keep their memory in files

        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (15 * row, 15 * row))

        said = self.run_embed("e.npy", "--tokens", "patch", code=1, binary=ITSELF, preexec_fn=full)
        self.assertIn(f"cxrd embed: {self.folder}/e.npy.part: cannot be written: File too large.\n", said)
        self.assertIn("cxrd embed: 16 of 20 images are done; the same command with --resume goes on.\n", said)
        self.assertFalse((self.folder / "e.npy").exists())
        self.run_embed("e.npy", "--tokens", "patch", "--resume", code=1, binary=ITSELF)
        self.same("e", "whole")

    def test_another_run_is_refused(self):
        self.fill(3)
        self.run_embed("e.npy", "--resume")  # where there is nothing to go on with, it begins
        package = self.folder / "other"
        shutil.copytree(MODEL, package)
        card = json.loads((package / "model.json").read_text())
        card["version"] = "9.9.9"
        (package / "model.json").write_text(json.dumps(card))
        subprocess.run([BINARY, "inspect", "--seal", package], check=True, capture_output=True)
        for options, words in ((["--tokens", "mean"], "was begun with tokens class, and this run has mean"),
                               (["--precision", "fp16"], "was begun with precision auto, and this run has fp16"),
                               (["--model", package], "was begun with package_sha256 ")):
            self.assertIn(words, self.run_embed("e.npy", "--resume", *options, code=2))
        (self.images / "000a.png").write_bytes(png(50, 50))
        self.assertIn("image 2 was", self.run_embed("e.npy", "--resume", code=2))
        (self.images / "000a.png").unlink()
        (self.images / "001.png").write_bytes(png(50, 50))
        self.assertIn(f"{self.images}/001.png: this image was changed since its line 2 of ", self.run_embed("e.npy", "--resume", code=2))
        self.assertIn("e.npy is there already; delete it", self.run_embed("e.npy", code=2))


class Interrupted(Embed):
    def start(self, *options, **more):
        """A run that has written twice, so that it has noted the first, and has long to go on."""
        journal = self.folder / "e.jsonl"
        sizes = {journal.stat().st_size if journal.exists() else 0}
        process = subprocess.Popen([*EMBED, "--batch", "1", "--output", self.folder / "e.npy", *options,
                                    self.images], **more)
        end = time.monotonic() + 100
        while process.poll() is None and len(sizes) < 3 and time.monotonic() < end:
            sizes.add(journal.stat().st_size if journal.exists() else 0)
            time.sleep(0.002)
        return process

    def test_it_says_what_is_kept_and_how_to_go_on(self):
        self.fill(120)
        done = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("--resume", stderr=subprocess.PIPE, text=True)
            process.send_signal(number)
            _, said = process.communicate(timeout=100)
            self.assertEqual(process.returncode, -number, said)
            (line,) = [line for line in said.splitlines() if "interrupted" in line]
            found = re.fullmatch(rf"cxrd embed: interrupted: (\d+) of 120 images are done, and (\d+) rows are kept in "
                                 rf"{self.folder}/e\.npy\.part; the same command with --resume goes on\.", line)
            self.assertTrue(found, line)
            kept = lines(self.folder / "e.jsonl")[:int(found[1])]
            self.assertEqual((len(kept), sum(one["row"] is not None for one in kept)), (int(found[1]), int(found[2])))
            self.assertGreater(len(kept), done)
            done = len(kept)
        self.assertIn(" of 120 images were done before.", self.run_embed("e.npy", "--resume", code=1))
        self.run_embed("whole.npy", code=1)
        self.same("e", "whole")

    def test_a_shell_sees_130(self):
        self.fill(300)
        process = subprocess.Popen(["sh", "-c", 'trap : INT; "$@"; echo $?', "sh", *EMBED, "--batch", "1", "--output",
                                    self.folder / "e.npy", self.images], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   start_new_session=True)
        end = time.monotonic() + 100
        while not ((self.folder / "e.jsonl").exists() and (self.folder / "e.jsonl").stat().st_size) and time.monotonic() < end:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        self.assertEqual(process.communicate(timeout=100)[0].strip(), "130")

    def test_a_damaged_row_is_told(self):
        self.fill(40)
        self.run_embed("whole.npy", code=1)
        process = self.start(stderr=subprocess.DEVNULL)
        process.kill()
        process.wait()
        data = bytearray((self.folder / "e.npy.part").read_bytes())
        data[128 + 4 * WIDTH * 3] ^= 1
        (self.folder / "e.npy.part").write_bytes(data)
        said = self.run_embed("e.npy", "--resume", code=1)
        self.assertIn("cxrd embed: 3 of 40 images were done before.\n", said)
        self.assertIn(f"cxrd embed: the row of {self.images}/003.png has other bytes than were written, so {self.folder}/e.npy.part was "
                      "damaged: this image and those after it are computed again.\n", said)
        self.same("e", "whole")


class Usage(Embed):
    def test_what_is_wrong_is_told(self):
        self.fill(1)
        for options, words in (([], "Give --model DIR, --output FILE.npy and at least one image"),
                               (["--output", "e.txt", self.images], "ends in .npy or .safetensors, not \"e.txt\"."),
                               (["--output", "e.npy", "--tokens", "cls", self.images], "cannot be 'cls'; there are: class, mean, patch."),
                               (["--output", "e.npy", "--tokens", "class,mean", self.images], "A .npy file holds one array"),
                               (["--output", "e.npy", "--shard", "0/4", self.images], "I from 1 to N, N at most 100000, not \"0/4\"."),
                               (["--output", "e.npy", "--batch", "65", self.images], "--batch is a whole number from 1 to 64"),
                               (["--output", "e.npy", "--flip", self.images], "unknown option --flip")):
            done = subprocess.run([*EMBED, *options], capture_output=True, text=True, cwd=self.folder)
            self.assertEqual(done.returncode, 2, options)
            self.assertIn(words, done.stderr)
        done = subprocess.run([BINARY, "embed", "--help"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for words in ("--shard I/N", "--resume", "Exit codes: 0 ", "end in .png, .jpg, "):
            self.assertIn(words, done.stdout)
        said = self.run_embed("nowhere/e.npy", code=1)
        self.assertIn("nowhere/e.npy.part: cannot be made: No such file or directory.", said)
        self.assertIn("there is no such file or folder", self.run_embed("e.npy", inputs=["gone.png"], code=1))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["images"])

    def test_a_bar_is_drawn_on_a_terminal(self):
        self.fill(2)
        ours, theirs = pty.openpty()
        subprocess.run([*EMBED, "--output", self.folder / "f.npy", self.images], stderr=theirs, timeout=100, check=True)
        os.close(theirs)
        self.assertIn(b"0 of 2 images", os.read(ours, 4096))
        subprocess.run([*EMBED, "--output", self.folder / "g.npy", "--quiet", self.images],
                       stderr=(theirs := pty.openpty())[1], timeout=100, check=True)
        os.close(theirs[1])
        with open(theirs[0], "rb", buffering=0) as said:
            self.assertNotIn(b"images", said.read(4096) or b"")
        os.close(ours)


if __name__ == "__main__":
    unittest.main(verbosity=2)
