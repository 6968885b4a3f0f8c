#!/usr/bin/env python3
"""DICOM files over HTTP and on the command line, with a real model: dicom_service_test.py CXRD MODEL"""

import base64
import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from PIL import Image

import dicom_files as files
from service import FORM, Service, form, program

BINARY, MODEL = program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)).resolve()
SAMPLE = MODEL / "samples/edema_effusion.dcm"
KIND = "application/dicom"


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name="chest.dcm", **changes):
        """A phantom's file, whose pixels are 8 bits wide, so that a PNG has the same."""
        image = files.phantom(300, 260, 3)
        values = (image * 255 + 0.5).astype("int32")
        Image.fromarray(values.astype("uint8")).save(self.folder / "same.png")
        changes = {"WindowCenter": 128, "WindowWidth": 256, **changes}
        return files.save(files.dataset(values, 8, 8, **changes), self.folder / name)


class Http(Folder):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.mkdtemp()
        os.environ["TMPDIR"] = cls.temporary
        cls.service = Service(BINARY, model=MODEL)
        del os.environ["TMPDIR"]

    @classmethod
    def tearDownClass(cls):
        code = cls.service.stop()
        cls.service.__exit__()
        left = os.listdir(cls.temporary)
        shutil.rmtree(cls.temporary)
        assert code == 0 and not left, (code, left)

    def predict(self, path, query=""):
        answer = self.service.post("/predict?attention=none" + query, KIND, path.read_bytes())
        self.assertEqual(answer.code, 200, answer.body)
        return answer.predictions[0]

    def test_the_answer_says_what_the_file_is(self):
        path = self.file(PixelSpacing=[0.14, 0.15], ImagerPixelSpacing=[0.2, 0.2])
        image = self.predict(path)["image"]
        expected = {"format": "dicom", "width": 300, "height": 260, "profile": "chexfound", "dicom_profile": "voi",
                    "modality": "DX", "view_position": "PA", "photometric_interpretation": "MONOCHROME2",
                    "transfer_syntax": files.EXPLICIT, "presentation_intent": "FOR PRESENTATION",
                    "pixel_spacing_mm": [0.14, 0.15], "window": {"centre": 128, "width": 256, "function": "LINEAR"},
                    "warnings": []}
        self.assertEqual({name: image[name] for name in expected}, expected)
        self.assertNotIn("uids", image)
        region = image["region"]
        self.assertAlmostEqual(region["x"] + region["width"] / 2, 150, delta=1)
        self.assertNotIn("pixel_spacing_mm", self.predict(self.file())["image"])
        coded = self.file(ViewPosition=None, ViewCodeSequence=files.code("399348003", "SCT"))
        self.assertEqual(self.predict(coded)["image"]["view_position"], "AP")

    def test_uids_come_when_they_are_asked_for(self):
        path = self.file()
        uids = {"study_instance_uid": "2.25.7000.3", "series_instance_uid": "2.25.7000.4", "sop_instance_uid": "2.25.7000.1.1"}
        self.assertEqual(self.predict(path, "&identifiers=uids")["image"]["uids"], uids)
        plain = self.service.post("/predict", KIND, path.read_bytes())
        self.assertNotIn(b"2.25.7000", plain.body)
        embedded = self.service.post("/embed?identifiers=uids", KIND, path.read_bytes())
        self.assertEqual(embedded.json["embeddings"][0]["image"]["uids"], uids)

    def test_a_file_has_the_answer_of_the_picture_it_shows(self):
        path = self.file()
        picture = self.service.post("/predict", "image/png", (self.folder / "same.png").read_bytes()).predictions[0]
        shown = self.service.post("/predict", KIND, path.read_bytes()).predictions[0]
        for member in ("findings", "risk_scores", "attention_maps"):
            self.assertEqual(shown[member], picture[member])
        for syntax in ("1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"):
            packed = files.pack(path, self.folder / "packed.dcm", *files.PACKED[syntax][0])
            answer = self.predict(packed)
            self.assertEqual(answer["image"]["transfer_syntax"], syntax)
            self.assertEqual(answer["findings"], picture["findings"])

    def rendered(self, data, kind, query=""):
        """The image that comes back, with the answer's `image`."""
        answer = self.service.post("/predict?attention=none&render=png" + query, kind, data)
        self.assertEqual(answer.code, 200, answer.body)
        image = answer.predictions[0]["image"]
        picture = Image.open(io.BytesIO(base64.b64decode(image["render"]["png"])))
        self.assertEqual(picture.size, (image["render"]["width"], image["render"]["height"]))
        return picture, image

    def test_an_image_comes_back_as_it_is_presented(self):
        path = self.file()
        same = Image.open(self.folder / "same.png")
        picture, image = self.rendered(path.read_bytes(), KIND)
        self.assertEqual((picture.mode, picture.size), ("L", (image["width"], image["height"])))
        self.assertEqual(picture.tobytes(), same.tobytes())
        dark = self.file("dark.dcm", PhotometricInterpretation="MONOCHROME1")
        picture, _ = self.rendered(dark.read_bytes(), KIND)
        self.assertEqual(picture.tobytes(), bytes(255 - value for value in same.tobytes()))  # bone bright
        equalised, _ = self.rendered(path.read_bytes(), KIND, "&dicom_profile=mimic")
        self.assertNotEqual(equalised.tobytes(), same.tobytes())
        small, _ = self.rendered(path.read_bytes(), KIND, "&size=150")
        self.assertEqual(small.size, (150, 130))
        box = same.reduce(2)  # Pillow's average of each 2 x 2
        self.assertLessEqual(max(abs(a - b) for a, b in zip(small.tobytes(), box.tobytes())), 1)

    def test_a_picture_keeps_its_colours_its_orientation_and_16_bits_their_order(self):
        colours = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle).resize((200, 120)) for angle in (0, 90, 180)])
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter turn, which is not made
        colours.save(self.folder / "turned.jpg", exif=exif, quality=95)
        stored = Image.open(self.folder / "turned.jpg")
        picture, image = self.rendered((self.folder / "turned.jpg").read_bytes(), "image/jpeg")
        self.assertEqual((picture.mode, picture.size), ("RGB", (200, 120)))
        self.assertEqual((image["width"], image["height"]), (200, 120))
        self.assertEqual(picture.tobytes(), stored.convert("RGB").tobytes())
        deep = Image.new("I;16", (100, 90))
        deep.putdata([1000 + 100 * (place % 100) + place // 100 for place in range(9000)])
        deep.save(self.folder / "deep.png")
        picture, _ = self.rendered((self.folder / "deep.png").read_bytes(), "image/png")
        self.assertEqual(picture.mode, "L")
        self.assertEqual(picture.tobytes(), bytes(int((100 * (place % 100) + place // 100) / 9989 * 255) for place in range(9000)))

    def test_the_request_chooses_the_profile(self):
        path = self.file()
        voi, mimic = self.predict(path, "&dicom_profile=voi"), self.predict(path, "&dicom_profile=mimic")
        self.assertEqual(self.predict(path)["findings"], voi["findings"])  # the package's own
        self.assertEqual(mimic["image"]["dicom_profile"], "mimic")
        self.assertNotIn("window", mimic["image"])
        self.assertNotEqual(mimic["findings"], voi["findings"])
        refused = self.service.post("/predict?dicom_profile=ct", KIND, path.read_bytes())
        self.assertEqual(refused.code, 400)
        self.assertIn("there are: mimic, voi", refused.detail)
        self.assertEqual(self.service.get("/models").json["models"][0]["dicom_profile"], "voi")

    def test_every_form_of_a_request_takes_it(self):
        data = self.file().read_bytes()
        first = self.predict(self.folder / "chest.dcm")["findings"]
        body = json.dumps({"images": [{"data": base64.b64encode(data).decode()}], "dicom_profile": "voi"})
        for kind, content in ((FORM, form([("a.dcm", data)], dicom_profile="voi")), ("application/json", body),
                              ("application/octet-stream", data), ("image/png", data)):
            answer = self.service.post("/predict", kind, content)
            self.assertEqual(answer.code, 200, answer.body)
            self.assertEqual(answer.predictions[0]["findings"], first)

    def test_tensors_have_the_same_warnings(self):
        path = self.file(ViewPosition="LL", photometric="MONOCHROME1")
        warnings = self.predict(path)["image"]["warnings"]
        self.assertEqual(len(warnings), 3, warnings)  # it looks inverted besides
        elements = [base64.b64encode(path.read_bytes()).decode()]
        request = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": elements}]}
        for profile in (None, "mimic", "voi"):
            request["parameters"] = {"dicom_profile": profile}
            answer = self.service.post("/v2/models/phantom/infer", "application/json", json.dumps(request))
            self.assertEqual(answer.code, 200, answer.body)
            self.assertEqual(answer.json["parameters"]["dicom_profile"], profile or "voi")
        self.assertEqual(answer.json["parameters"]["warnings_0"], " ".join(warnings))
        request["parameters"] = {"dicom_profile": "ct"}
        self.assertEqual(self.service.post("/v2/models/phantom/infer", "application/json", json.dumps(request)).code, 400)

    def test_refusals_are_told(self):
        path = self.file(sop_class="1.2.840.10008.5.1.4.1.1.104.1")
        answer = self.service.post("/predict", KIND, path.read_bytes())
        self.assertEqual(answer.code, 415)
        self.assertIn("Encapsulated PDF", answer.detail)
        whole = self.file().read_bytes()
        self.assertEqual(self.service.post("/predict", KIND, whole[:-900]).code, 422)
        both = self.service.post("/predict?attention=none", FORM, form([("a", whole), ("b", whole[:-900])])).predictions
        self.assertIn("findings", both[0])
        self.assertEqual((both[1]["error"]["status"], both[1]["image"]["format"]), (422, "dicom"))

    def test_nothing_of_a_patient_leaves_the_file(self):
        """Neither answers nor log nor metrics have what a file says of its patient, whatever becomes of it."""
        good = self.file()
        jpeg = bytearray(files.pack(good, self.folder / "packed.dcm", "gdcmconv", "--j2k").read_bytes())
        at = bytes(jpeg).index(b"\xff\x4f\xff\x51")
        jpeg[at + 60:at + 400] = bytes(340)  # its decoder may die of that
        sent = [good.read_bytes(), good.read_bytes()[:-900], good.read_bytes()[:700], bytes(jpeg),
                self.file("ct.dcm", sop_class="1.2.840.10008.5.1.4.1.1.2").read_bytes(),
                self.file("slope.dcm", RescaleSlope=0, RescaleIntercept=0).read_bytes()]
        said = b""
        for data in sent:
            for target in ("/predict?identifiers=uids", "/embed", "/predict?attention=overlay"):
                said += self.service.post(target, KIND, data).body
        said += self.service.post("/predict", FORM, form([("a.dcm", data) for data in sent[:2]])).body
        said += self.service.get("/metrics").body + self.service.errors().encode()
        for value in files.PATIENT.values():
            self.assertIn(value.encode(), sent[0])
            for word in value.encode().replace(b"^", b" ").split():
                self.assertFalse(len(word) > 6 and word in said, word)
        with open(f"/proc/{self.service.process.pid}/limits") as limits:
            core = next(line for line in limits if line.startswith("Max core file size"))
        self.assertEqual(core.split()[4], "0")


class CommandLine(Folder):
    def run_predict(self, *arguments):
        done = subprocess.run([BINARY, "predict", "--model", MODEL, *arguments], capture_output=True, text=True,
                              cwd=self.folder)
        own = [line for line in done.stderr.splitlines(True) if "running on the CPU driver" not in line]
        done.stderr = "".join(own)
        return done

    def test_folders_of_files_without_endings(self):
        source = self.file()
        export = self.folder / "export/PAT0/ST0"
        export.mkdir(parents=True)
        for name in ("IM000000", "1.2.840.113619.2.1"):
            shutil.copyfile(source, export / name)
        report = self.file("report", sop_class="1.2.840.10008.5.1.4.1.1.88.11")
        shutil.move(report, export / "SR000001")
        directory = self.file("directory", sop_class="1.2.840.10008.1.3.10")
        shutil.move(directory, self.folder / "export/DICOMDIR")
        (self.folder / "export/README").write_text("Burnt by a machine.")
        done = self.run_predict("--format", "json", "--attention", "none", "--output", "results", "export")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(done.stderr, "cxrd predict: skipped 1 without an ending and without an image in them, 2 DICOM "
                                      "without a picture.\n")
        written = sorted(str(path.relative_to(self.folder / "results")) for path in (self.folder / "results").rglob("*.json"))
        self.assertEqual(written, ["PAT0/ST0/1.2.840.113619.2.1.json", "PAT0/ST0/IM000000.json"])

    def test_every_form_says_the_same(self):
        path = self.file(ViewPosition="", BodyPartExamined="KNEE")
        words = ("does not say which view", "not a chest")
        for form_name in ("table", "csv", "json", "jsonl"):
            done = self.run_predict("--format", form_name, path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for word in words:
                self.assertIn(word, done.stdout, form_name)
            for value in files.PATIENT.values():
                self.assertNotIn(value, done.stdout)
        self.assertIn("dicom voi", self.run_predict(path).stdout)
        mimic = self.run_predict("--dicom-profile", "mimic", "--identifiers", "uids", "--format", "jsonl", path).stdout
        image = json.loads(mimic)["image"]
        self.assertEqual((image["dicom_profile"], image["uids"]["study_instance_uid"]), ("mimic", "2.25.7000.3"))
        for form_name in ("table", "csv"):
            done = self.run_predict("--identifiers", "uids", "--format", form_name, path)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("UIDs have no place in this form: give --format json or jsonl.", done.stderr)
        rows = list(csv.DictReader(self.run_predict("--format", "csv", path).stdout.splitlines()))
        self.assertTrue(all(words[0] in row["warnings"] for row in rows))

    def test_embeddings_take_a_profile_and_say_which(self):
        path, found = self.file(PhotometricInterpretation="MONOCHROME1"), {}
        for name, options in (("own", ()), ("voi", ("--dicom-profile", "voi")), ("mimic", ("--dicom-profile", "mimic"))):
            output = self.folder / f"{name}.npy"
            done = subprocess.run([BINARY, "embed", "--model", MODEL, "--output", output, *options, path], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            line = json.loads(output.with_suffix(".jsonl").read_text())
            found[name] = line["dicom_profile"], output.read_bytes()
        self.assertEqual(found["own"], found["voi"])
        self.assertEqual((found["voi"][0], found["mimic"][0]), ("voi", "mimic"))
        self.assertNotEqual(found["voi"][1], found["mimic"][1])

    def test_a_damaged_file_takes_nothing_else_along(self):
        good = self.file()
        packed = bytearray(files.pack(good, self.folder / "a.dcm", "gdcmconv", "--j2k").read_bytes())
        at = bytes(packed).index(b"\xff\x4f\xff\x51")
        packed[at + 60:at + 400] = bytes(340)
        (self.folder / "a.dcm").write_bytes(packed)
        done = self.run_predict("--format", "csv", self.folder / "a.dcm", good)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a.dcm: The DICOM file is damaged: its compressed pixels cannot be decoded.", done.stderr)
        self.assertIn("chest.dcm,findings,", done.stdout)
        self.assertEqual([name for name in os.listdir(self.folder) if "core" in name], [])

    def test_the_sample_is_what_it_is_drawn_as(self):
        findings = json.loads(self.run_predict("--format", "jsonl", "--attention", "none", SAMPLE.resolve()).stdout)["findings"]
        positive = {finding["label"] for finding in findings if finding["positive"]}
        self.assertEqual(positive, {"Edema", "Pleural Effusion"})


if __name__ == "__main__":
    unittest.main()
