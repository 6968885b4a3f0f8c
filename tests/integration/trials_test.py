#!/usr/bin/env python3
"""Kernels that kill the process, hang the device or lose it cost one start at most: trials_test.py CXRD MODEL BAD_DRIVER [KIND]

BAD_DRIVER is bad_driver.c, through which the first of the rungs that this driver offers goes wrong.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from service import png, program

BAD_DRIVER = sys.argv.pop(3)
# Where the driver keeps what it compiled for other tests: compiling is not what these are about.
COMPILED = os.environ.get("MESA_SHADER_CACHE_DIR", str(pathlib.Path.home() / ".cache"))
MODEL = sys.argv.pop(2)
BINARY = program(sys.argv.pop(1))
# In batches of one image a network has one shape of each kind to be timed, and not those of eight sizes.
PREDICT = ("predict", "--model", MODEL, "--batch", "1")


class Trials(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """The rungs that a GPU would try, the first one first."""
        with tempfile.TemporaryDirectory() as folder:
            cls.cache = pathlib.Path(folder)
            offered = cls.device(cls())["rungs"]
        cls.candidates = [rung for rung in ("matrix", "half", "portable") if rung in offered]

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.cache = pathlib.Path(self.folder.name) / "cache"
        self.image = pathlib.Path(self.folder.name) / "image.png"
        self.image.write_bytes(png(100, 80))

    def tearDown(self):
        self.folder.cleanup()

    def start(self, *arguments, fault=""):
        loaded = ":".join(filter(None, [os.environ.get("LD_PRELOAD"), BAD_DRIVER]))
        environment = {**os.environ, "LD_PRELOAD": loaded, "BAD_DRIVER": fault, "XDG_CACHE_HOME": str(self.cache),
                       "MESA_SHADER_CACHE_DIR": COMPILED}
        return subprocess.Popen([BINARY, *arguments], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run_cxrd(self, *arguments, fault=""):
        process = self.start(*arguments, fault=fault)
        out, errors = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    def predict(self, fault=""):
        return self.run_cxrd(*PREDICT, "--format", "json", str(self.image), fault=fault)

    def device(self, *options):
        done = self.run_cxrd("devices", "--format", "json", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["devices"][0]

    def good(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(json.loads(done.stdout)["predictions"][0]["findings"])

    def passed_over(self, done):
        return [rung for rung in self.candidates if f"The {rung} kernels are passed over" in done.stderr]

    def record(self):
        """What is kept of the one network: the chosen rung, and when that was written."""
        (path,) = self.cache.rglob("rungs-*.cache")
        (entry,) = json.loads(path.read_text()).values()
        return entry.get("rung"), path.stat().st_mtime_ns

    def tiles_that_failed(self):
        return [failure["rung"] for failure in self.device()["failures"]]


class Choosing(Trials):
    def test_a_good_start_chooses_and_the_next_believes_it(self):
        self.good(self.predict())
        first = self.record()
        self.assertIn(first[0], self.candidates)
        done = self.predict()
        self.good(done)
        self.assertEqual((self.record(), self.passed_over(done)), (first, []))
        self.assertEqual(self.device()["failures"], [])

    def test_a_discrete_gpu_copies_pixels_and_answers_alike(self):
        """Through BAD_DRIVER without a fault this driver is a discrete GPU, which reads pixels from memory of its own."""
        options = (*PREDICT, "--rung", "portable", "--precision", "fp32", "--format", "json", str(self.image))
        copied = self.run_cxrd(*options)
        in_place = subprocess.run([BINARY, *options], capture_output=True, text=True, check=False,
                                  env={**os.environ, "XDG_CACHE_HOME": str(self.cache), "MESA_SHADER_CACHE_DIR": COMPILED})
        findings = [json.loads(done.stdout)["predictions"][0]["findings"] for done in (copied, in_place)]
        self.assertEqual(findings[0], findings[1])

    def test_two_starts_at_once_do_not_take_each_other_for_dead(self):
        starts = [self.start(*PREDICT, str(self.image)) for _ in range(2)]
        for start in starts:
            out, errors = start.communicate()
            self.assertEqual(start.returncode, 0, errors)
            self.assertNotIn("passed over", errors)
        self.assertEqual(self.device()["failures"], [])


class Killed(Trials):
    def test_kernels_that_kill_the_process_are_passed_over_by_the_next_start(self):
        killed = self.predict("die 1")
        self.assertLess(killed.returncode, 0)
        self.assertIn("did not survive", self.device()["failures"][0]["reason"])
        for again in range(2):
            done = self.predict()
            self.good(done)
            self.assertEqual(self.passed_over(done), [] if again else self.candidates[:1])
            self.assertIn(self.record()[0], self.candidates[1:])
        self.assertEqual([failure["rung"] for failure in self.device()["failures"]], self.candidates[:1])
        self.assertIn(f"passed over: {self.candidates[0]}", self.run_cxrd("devices").stdout)
        self.assertEqual(self.device("--try-again")["failures"], [])
        self.assertLess(self.predict("die 1").returncode, 0)
        self.assertEqual([failure["rung"] for failure in self.device()["failures"]], self.candidates[:1])

    def test_a_self_test_that_kills_the_process_costs_one_start(self):
        self.assertLess(self.predict("die pass").returncode, 0)
        (failure,) = self.device()["failures"]
        done = self.predict()
        self.good(done)
        self.assertEqual(self.passed_over(done), [failure["rung"]])

    def test_a_tile_that_kills_the_process_costs_one_start_and_not_its_rung(self):
        self.assertLess(self.predict("die tile").returncode, 0)
        (tile,) = self.tiles_that_failed()
        self.assertTrue(tile.startswith(f"{self.candidates[0]}: "), tile)
        done = self.predict()
        self.good(done)
        self.assertEqual(self.passed_over(done), [])
        self.assertIn(f"The tile {tile} is passed over", done.stderr)
        self.assertEqual(self.tiles_that_failed(), [tile])

    def test_when_every_rung_has_died_all_are_tried_again(self):
        for _ in self.candidates:
            self.assertLess(self.predict("die 1").returncode, 0)
        done = self.predict()
        self.good(done)
        self.assertEqual(self.passed_over(done), self.candidates)
        self.assertIn(self.record()[0], self.candidates)


class Lost(Trials):
    def test_a_device_lost_in_a_trial_is_opened_again(self):
        for fault in ("lose 1", "lose 3"):
            self.device("--try-again")
            done = self.predict(fault)
            self.good(done)
            self.assertIn(f"The {self.candidates[0]} kernels are not used", done.stderr)
            self.assertIn(self.record()[0], self.candidates[1:])
            self.assertIn("lost", self.device()["failures"][0]["reason"])

    def test_kernels_that_lose_the_device_in_the_self_test_make_room_for_others(self):
        done = self.predict("lose pass")
        self.good(done)
        (failure,) = self.device()["failures"]
        self.assertIn(f"The {failure['rung']} kernels are not used", done.stderr)
        self.assertIn(self.record()[0], set(self.candidates) - {failure["rung"]})

    def test_a_tile_that_loses_the_device_costs_no_more_than_itself(self):
        done = self.predict("lose tile")
        self.good(done)
        (tile,) = self.tiles_that_failed()
        self.assertTrue(tile.startswith(f"{self.candidates[0]}: "), tile)
        self.assertIn(f"The tile {tile} is not used", done.stderr)
        self.assertNotIn(f"The {self.candidates[0]} kernels are not used", done.stderr)
        self.assertIn(self.record()[0], self.candidates)


class Hung(Trials):
    def test_kernels_that_never_end_end_the_start_in_time(self):
        began = time.monotonic()
        hung = self.predict("hang 1")
        self.assertEqual(hung.returncode, 3, hung.stderr)
        self.assertIn(f"with the {self.candidates[0]} kernels", hung.stderr)
        self.assertGreater(time.monotonic() - began, 20)
        done = self.predict()
        self.good(done)
        self.assertEqual(self.passed_over(done), self.candidates[:1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
