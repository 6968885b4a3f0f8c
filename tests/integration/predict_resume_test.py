#!/usr/bin/env python3
"""Archives through `cxrd predict`: shares of several machines, and runs that go on: predict_resume_test.py CXRD MODEL"""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from service import png, program

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)).resolve()
PREDICT = (BINARY, "predict", "--model", MODEL, "--rung", "portable", "--attention", "none", "--quiet")  # portable is the quickest to start


class Archive(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        self.images = self.folder / "images"
        (self.images / "deep").mkdir(parents=True)

    def fill(self, count):
        for number in range(count):
            (self.images / ("deep" if number % 2 else ".") / f"{number:03}.png").write_bytes(
                png(40 + number % 50, 44, lambda x, y, n=number: (x * (n + 3) + y * 5) % 256))

    def run_predict(self, output, *options, inputs=None, code=0, form="json"):
        done = subprocess.run([*PREDICT, "--format", form, "--output", self.folder / output, *options, *(inputs or [self.images])],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stderr)
        return "".join(line for line in done.stderr.splitlines(True) if not line.startswith("warning There is no GPU"))

    def answers(self, output):
        """The bytes of each answer, by its place."""
        folder = self.folder / output
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def done(self, output):
        """How many answers are whole: those that a run is writing have other names, and may be gone before they are read."""
        return sum(1 for _ in (self.folder / output).rglob("*.json"))

    def test_shards_in_one_folder_are_the_whole(self):
        self.fill(9)
        self.run_predict("whole")
        self.assertEqual(len(self.answers("whole")), 9)
        counts = []
        for number in (1, 2, 3, 4):
            self.run_predict("shards", "--shard", f"{number}/4")
            counts.append(len(self.answers("shards")))
        self.assertEqual(counts, [3, 5, 7, 9])
        self.assertEqual(self.answers("shards"), self.answers("whole"))
        self.assertEqual(self.run_predict("shards", "--resume"), "cxrd predict: 9 of 9 images were done before.\n")
        for path in (self.folder / "shards/000.json", self.folder / "shards/deep/001.json"):
            path.unlink()
        self.assertIn("7 of 9 images were done before.", self.run_predict("shards", "--resume", form="jsonl"))
        self.assertEqual(self.answers("shards"), self.answers("whole"))
        self.run_predict("none", "--shard", "12/12")  # there are fewer images than shards

    def test_a_killed_run_goes_on_to_the_same_bytes(self):
        self.fill(80)
        self.run_predict("whole")
        for number in (signal.SIGKILL, signal.SIGINT):
            before = self.done("part")
            process = subprocess.Popen([*PREDICT, "--batch", "1", "--format", "json", "--output", self.folder / "part", "--resume", self.images],
                                       stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            end = time.monotonic() + 100
            while process.poll() is None and self.done("part") < before + 16 and time.monotonic() < end:
                time.sleep(0.002)
            process.send_signal(number)
            said = process.communicate(timeout=100)[1]
            self.assertEqual(process.returncode, -number, said)
        self.assertRegex(said, r"interrupted: \d+ of 80 images are done; the same command with --resume goes on\.")
        self.assertRegex(self.run_predict("part", "--resume"), r"^cxrd predict: [1-7]\d of 80 images were done before\.\n$")
        self.assertEqual({place: content for place, content in self.answers("part").items() if place.endswith(".json")}, self.answers("whole"))

    def test_answers_of_another_run_are_refused(self):
        self.fill(3)
        self.run_predict("answers")
        package = self.folder / "other"
        shutil.copytree(MODEL, package)
        card = json.loads((package / "model.json").read_text())
        (package / "model.json").write_text(json.dumps({**card, "version": "9.9.9"}))
        subprocess.run([BINARY, "inspect", "--seal", package], check=True, capture_output=True)
        before = self.answers("answers")
        for options, words in ((["--threshold", "0.3"], "was begun with options attention=none, and this run has attention=none threshold=0.3;"),
                               (["--precision", "fp16"], "was begun with precision auto, and this run has fp16;"),
                               (["--model", package], "was begun with package_sha256 ")):
            self.assertIn(words, self.run_predict("answers", "--resume", *options, code=2))
        (self.images / "002.png").write_bytes(png(50, 50))
        said = self.run_predict("answers", "--resume", code=2)
        self.assertIn("002.png: this image was changed since ", said)
        self.assertEqual(self.answers("answers"), before)
        (self.folder / "answers/002.json").unlink()
        self.assertIn("2 of 3 images were done before.", self.run_predict("answers", "--resume"))
        (self.folder / "answers/002.json").write_text('{"image": {"id"')
        self.assertIn("002.json: ", self.run_predict("answers", "--resume", code=2))

    def test_what_failed_is_tried_again(self):
        self.fill(2)
        path = self.images / "bad.png"
        path.write_bytes(b"hello")
        self.run_predict("answers", code=1)
        self.assertIn("error", json.loads((self.folder / "answers/bad.json").read_text()))
        self.assertIn("2 of 3 images were done before.", self.run_predict("answers", "--resume", code=1))
        path.write_bytes(png(50, 50))
        self.assertIn("2 of 3 images were done before.", self.run_predict("answers", "--resume"))
        self.assertIn("3 of 3 images were done before.", self.run_predict("answers", "--resume"))

    def test_only_answers_that_say_what_they_are_of_can_go_on(self):
        for form in ("table", "csv"):
            self.assertIn("--resume needs --output DIR and --format json or jsonl", self.run_predict("answers", "--resume", code=2, form=form))
        for shard in ("0/2", "3/2", "1", "1/x"):
            self.assertIn("--shard is I/N, two whole numbers", self.run_predict("answers", "--shard", shard, code=2))


if __name__ == "__main__":
    unittest.main(verbosity=2)
