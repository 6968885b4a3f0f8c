#!/usr/bin/env python3
"""cxrd tune: what it measures, where it is kept, and that no answer depends on it: tune_test.py CXRD MODEL"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from service import png, program

# Where the driver keeps what it compiled for other tests: compiling is not what these are about.
COMPILED = os.environ.get("MESA_SHADER_CACHE_DIR", str(pathlib.Path.home() / ".cache"))
MODEL = sys.argv.pop(2)
BINARY = program(sys.argv.pop(1))


class Tune(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """One measurement for all, in a cache of its own."""
        cls.folder = tempfile.TemporaryDirectory()
        cls.home = pathlib.Path(cls.folder.name)
        (cls.home / "image.png").write_bytes(png(100, 80))
        cls.tuned = cls.home / "tuned"
        done = cls.run_cxrd(cls.tuned, "tune", MODEL, "--rung", "portable", "--device", "cpu", "--batch", "2", "--budget", "5",
                            "--format", "json")
        assert done.returncode == 0, done.stderr
        cls.report = json.loads(done.stdout)
        cls.record = pathlib.Path(cls.report["record"])

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_cxrd(cls, cache, *arguments):
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "MESA_SHADER_CACHE_DIR": COMPILED}
        return subprocess.run([BINARY, *map(str, arguments)], env=environment, capture_output=True, text=True,
                              check=False)

    def predict(self, cache):
        """The predictions, without what differs from run to run, and what was said."""
        done = self.run_cxrd(cache, "predict", "--model", MODEL, "--rung", "portable", "--device", "cpu", "--batch", "2",
                             "--format", "json", self.home / "image.png")
        self.assertEqual(done.returncode, 0, done.stderr)
        predictions = json.loads(done.stdout)["predictions"]
        for prediction in predictions:
            prediction.pop("timing_ms", None)
        return predictions, done.stderr

    def device(self, cache):
        done = self.run_cxrd(cache, "devices", "--format", "json")
        return next(device for device in json.loads(done.stdout)["devices"] if device["kind"] == "cpu")

    def copied(self, name):
        """Another machine's cache, that has nothing but a copy of the record."""
        target = self.home / name / "cxrd"
        target.mkdir(parents=True)
        shutil.copy(self.record, target)
        return target.parent, target / self.record.name

    def test_the_table_says_which_tile_is_the_fastest(self):
        self.assertEqual((self.report["rung"], self.report["weights"]), ("portable", "fp32"))
        self.assertTrue(self.report["shapes"])
        measured = [shape for shape in self.report["shapes"] if shape["tiles"]]
        self.assertTrue(measured)
        for shape in measured:
            best = min(shape["tiles"], key=lambda tile: tile["ms"])
            self.assertEqual(shape["chosen"], best["tile"], shape)
            for tile in shape["tiles"]:
                self.assertGreater(tile["gflops"], 0)

    def test_the_record_lies_beside_the_pipelines_under_the_model_of_the_device(self):
        self.assertEqual(self.record.parent, self.tuned / "cxrd")
        self.assertRegex(self.record.name, r"^tiles-[0-9a-f]{4,8}-[0-9a-f]{4,8}\.cache$")
        ((key, rungs),) = json.loads(self.record.read_text()).items()
        self.assertRegex(key, r", driver [0-9a-f]{8}, shaders [0-9a-f]{16}$")
        known = rungs["portable f32"]["ms"]
        self.assertEqual({shape["shape"]: {tile["tile"]: tile["ms"] for tile in shape["tiles"]}
                          for shape in self.report["shapes"] if shape["tiles"]}, known)

    def test_devices_says_whether_one_is_tuned(self):
        count = sum(bool(shape["tiles"]) for shape in self.report["shapes"])
        self.assertEqual(self.device(self.tuned)["tuned"], {"portable": count})
        self.assertIn(f"tuned: portable for {count} shapes", self.run_cxrd(self.tuned, "devices").stdout)
        empty = self.home / "empty"
        self.assertEqual(self.device(empty)["tuned"], {})
        self.assertIn("not tuned", self.run_cxrd(empty, "devices").stdout)

    def test_answers_are_the_same_bits_with_any_record(self):
        plain, _ = self.predict(self.home / "plain")
        tuned, _ = self.predict(self.tuned)
        self.assertEqual(tuned, plain)
        cache, record = self.copied("other")
        self.assertTrue(self.device(cache)["tuned"])
        whole = json.loads(record.read_text())
        for rungs in whole.values(): # each shape prefers another tile than it was found to
            for number, tiles in enumerate(rungs["portable f32"]["ms"].values()):
                names = ["32x64", "64x32", "64x64"] # which the slowest of drivers compiles, too
                tiles.clear()
                tiles[names[number % len(names)]] = 0.001
        record.write_text(json.dumps(whole))
        other, said = self.predict(cache)
        self.assertEqual(other, plain)
        self.assertNotIn("not used", said)
        self.assertEqual(json.loads(record.read_text()), whole)

    def test_a_broken_record_is_said_to_be_and_ignored(self):
        plain, said = self.predict(self.home / "plain")
        self.assertNotIn("damaged", said)
        for number, damage in enumerate((b"", b"{", b"[]", b"\xff\x00", self.record.read_bytes()[:-20])):
            cache, record = self.copied(f"broken{number}")
            record.write_bytes(damage)
            broken, said = self.predict(cache)
            self.assertEqual(broken, plain)
            self.assertIn("The record of the fastest tiles is damaged", said)

    def test_trying_again_forgets_it(self):
        cache, record = self.copied("again")
        self.assertEqual(self.run_cxrd(cache, "devices", "--try-again").returncode, 0)
        self.assertFalse(record.exists())
        self.assertEqual(self.device(cache)["tuned"], {})

    def test_wrong_usage_is_refused(self):
        for arguments, words in (((), "give either one MODEL"), ((MODEL, "--arch", "vits16-64"), "give either one MODEL"),
                                 ((MODEL, MODEL), "give either one MODEL"), (("--arch", "vitx1-1"), "no architecture"),
                                 ((MODEL, "--budget", "0"), "from 1 to 3600"), ((MODEL, "--budget", "3601"), "from 1 to 3600"),
                                 ((MODEL, "--batch", "65"), "from 1 to 64"), ((MODEL, "--format", "csv"), "--format is"),
                                 ((MODEL, "--precision", "int8"), "--precision is"), ((MODEL, "--frobnicate"), "unknown option")):
            done = self.run_cxrd(self.home / "usage", "tune", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(words, done.stderr)
        done = self.run_cxrd(self.home / "usage", "tune", self.home / "nothing")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
