#!/usr/bin/env python3
"""The input gate with the demonstration model, over HTTP and on the command line: quality_test.py CXRD MODEL"""

import csv
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy
from PIL import Image

import dicom_files as files
from service import FORM, Service, form, program

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(MODEL))
import spoil  # noqa: E402 (it lies with the model)

GOOD_DRAWN, SPOILT_DRAWN, SEED = 12, 12, 79
GOOD = MODEL / "samples/normal.png"
# What every picture is flagged with at least.
WRONG = {
    "inverted.png": "inverted",
    "sideways.jpg": "exif_orientation",
    "photograph.png": "colour",
    "faint.png": "low_contrast",
    "page.png": "exposure",
    "strip.png": "proportions",
    "lateral.dcm": "lateral",
    "hand.dcm": "not_a_chest",
    "turned.dcm": "orientation",
    "raw.dcm": "for_processing",
}


def setUpModule():
    """Draws the pictures; SAID is what the command line says of each."""
    global FOLDER, SAID
    FOLDER = pathlib.Path(tempfile.mkdtemp())
    unittest.addModuleCleanup(shutil.rmtree, FOLDER)
    film = Image.open(GOOD).convert("L")
    values = numpy.asarray(film)
    shutil.copy(GOOD, FOLDER / "good.png")
    Image.fromarray(255 - values).save(FOLDER / "inverted.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    film.transpose(Image.ROTATE_90).save(FOLDER / "sideways.jpg", exif=exif)
    colours = Image.merge("RGB", [film, film.transpose(Image.ROTATE_90).resize(film.size), film.transpose(Image.ROTATE_180)])
    colours.save(FOLDER / "photograph.png")
    Image.fromarray((100 + values // 10).astype("uint8")).save(FOLDER / "faint.png")
    Image.fromarray(numpy.where(values > 200, values, 255).astype("uint8")).save(FOLDER / "page.png")
    Image.fromarray(values[:, 150:350]).save(FOLDER / "strip.png")

    def dicom(name, values=values, **changes):
        changes = {"WindowCenter": 128, "WindowWidth": 256, "ViewPosition": "PA", **changes}
        files.save(files.dataset(values.astype("int32"), 8, 8, **changes), FOLDER / name)

    dicom("right.dcm")
    dicom("monochrome1.dcm", 255 - values, photometric="MONOCHROME1")
    dicom("lateral.dcm", ViewPosition="LL")
    dicom("hand.dcm", BodyPartExamined="HAND")
    dicom("turned.dcm", PatientOrientation=["P", "F"])
    dicom("raw.dcm", PresentationIntentType="FOR PROCESSING")
    for index in range(GOOD_DRAWN + SPOILT_DRAWN):
        kind, drawn = spoil.picture(SEED, index, GOOD_DRAWN)
        Image.fromarray(numpy.ascontiguousarray(drawn)).save(FOLDER / f"{'+'.join(kind) or 'nothing'}.{index}.png")
    (FOLDER / "cut.bad").write_bytes(GOOD.read_bytes()[:999])
    done = run("--format", "jsonl", FOLDER, MODEL / "samples")
    assert done.returncode == 0, done.stderr
    SAID = {pathlib.Path(line["image"]["id"]).name: line["input_quality"] for line in map(json.loads, done.stdout.splitlines())}


def run(*options):
    command = [BINARY, "predict", "--quiet", "--model", MODEL, "--attention", "none", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def codes(quality):
    return [reason["code"] for reason in quality["reasons"]]


class CommandLine(unittest.TestCase):
    def test_json_lines_say_what_is_wrong(self):
        for name, code in WRONG.items():
            with self.subTest(name):
                self.assertIn(code, codes(SAID[name]))
                self.assertIs(SAID[name]["acceptable"], False)
        for name in ("good.png", "right.dcm", "monochrome1.dcm", *(path.name for path in (MODEL / "samples").iterdir())):
            with self.subTest(name):
                self.assertEqual((SAID[name]["acceptable"], SAID[name]["reasons"]), (True, []))

    def test_the_head_tells_upright_frontal_chests_from_other_pictures(self):
        drawn = {name: quality for name, quality in SAID.items() if name.count(".") == 2}
        self.assertEqual(len(drawn), GOOD_DRAWN + SPOILT_DRAWN)
        for name, quality in drawn.items():
            with self.subTest(name):
                kind = name.split(".")[0]
                self.assertTrue(0 <= quality["score"] <= 1)
                if kind == "nothing":
                    self.assertEqual(quality["reasons"], [])
                    self.assertGreater(quality["score"], 0.5)
                elif kind not in ("mirrored", "cropped"):  # which it finds too rarely
                    self.assertIs(quality["acceptable"], False)
                    self.assertLess(quality["score"], 0.9)

    def test_tables_and_csv_say_it_too(self):
        done = run(FOLDER / "sideways.jpg", GOOD)
        first, second = done.stdout.split(str(GOOD))
        self.assertIn("\n  ! not acceptable, exif_orientation: The file asks to be rotated", first)
        self.assertRegex(second, r"^  600 x 500 png  input quality (0\.9\d\d|1\.000)\n")
        self.assertNotIn("not acceptable", second)
        done = run("--format", "csv", "--heads", "risk", FOLDER / "sideways.jpg", GOOD, FOLDER / "cut.bad")
        bad, good, failed = csv.DictReader(io.StringIO(done.stdout))
        self.assertEqual(bad["acceptable"], "false")
        self.assertIn("exif_orientation: The file asks", bad["quality_reasons"])
        self.assertEqual((good["acceptable"], good["quality_reasons"]), ("true", ""))
        self.assertAlmostEqual(float(good["quality_score"]), SAID["good.png"]["score"], 5)
        self.assertEqual((failed["acceptable"], failed["quality_score"], failed["quality_reasons"]), ("", "", ""))

    def test_required_the_others_are_answered(self):
        done = run("--format", "jsonl", "--require-quality", GOOD, FOLDER / "lateral.dcm", FOLDER / "right.dcm")
        self.assertEqual(done.returncode, 1)
        good, lateral, right = map(json.loads, done.stdout.splitlines())
        self.assertEqual(lateral["error"]["status"], 422)
        self.assertIn("as require_quality asks. The file says that this is a lateral view", lateral["error"]["detail"])
        self.assertIn("lateral.dcm: The picture is not acceptable (lateral", done.stderr)
        self.assertTrue(good["findings"] and right["findings"])


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, model=MODEL)
        cls.addClassCleanup(cls.service.__exit__)

    def test_answers_say_it_as_the_command_line_does(self):
        for name in (*WRONG, "good.png"):
            with self.subTest(name):
                answer = self.service.post("/predict?attention=none", "application/octet-stream", (FOLDER / name).read_bytes())
                found = answer.predictions[0]["input_quality"]
                self.assertEqual((found["acceptable"], found["reasons"]), (SAID[name]["acceptable"], SAID[name]["reasons"]))
                self.assertAlmostEqual(found["score"], SAID[name]["score"], 5)

    def test_required_it_is_a_422_that_says_why(self):
        path = "/predict?attention=none&require_quality=true"
        for name, code in WRONG.items():
            with self.subTest(name):
                answer = self.service.post(path, "application/octet-stream", (FOLDER / name).read_bytes())
                self.assertEqual(answer.code, 422)
                self.assertRegex(answer.detail, rf"^The picture is not acceptable \([a-z0-9_, ]*\b{code}\b")
        self.assertEqual(self.service.post(path, "image/png", GOOD.read_bytes()).code, 200)
        images = [(name, (FOLDER / name).read_bytes()) for name in ("good.png", "inverted.png", "good.png")]
        answer = self.service.post("/predict?attention=none", FORM, form(images, require_quality="true"))
        self.assertEqual([list(one)[1] for one in answer.predictions], ["input_quality", "error", "input_quality"])


if __name__ == "__main__":
    unittest.main()
