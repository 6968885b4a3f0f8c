#!/usr/bin/env python3
"""DICOM files of every form against independent judges: NumPy, DCMTK and GDCM. dicom_test.py DICOM_PIXELS"""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy

import dicom_files as files

PIXELS = sys.argv.pop(1)
# Bits allocated and stored, and whether they have a sign.
FORMS = [(8, 8, False), (16, 8, False), (16, 10, False), (16, 12, False), (16, 16, False), (16, 12, True),
         (16, 16, True), (8, 8, True)]


def equalise(image):
    """OpenCV's equalizeHist, written from its description."""
    counts = numpy.bincount(image.ravel(), minlength=256)
    first = int(numpy.flatnonzero(counts)[0])
    if counts[first] == image.size:
        return image
    scale = numpy.float32(255) / numpy.float32(image.size - counts[first])
    sums = numpy.cumsum(counts) - counts[first]
    levels = numpy.rint(sums.astype(numpy.float32) * scale).clip(0, 255).astype(numpy.uint8)
    levels[:first + 1] = 0
    return levels[image]


def mimic(values, inverted):
    """As the JPEGs of MIMIC-CXR were made."""
    shifted = values.astype(numpy.float64) - values.min()
    levels = (shifted / shifted.max() * 255).astype(numpy.uint8)
    return equalise(255 - levels if inverted else levels)


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.said = tempfile.TemporaryFile()
        cls.lookers = {profile: subprocess.Popen([PIXELS, profile], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=cls.said,
                                                 text=True) for profile in ("mimic", "voi")}

    @classmethod
    def tearDownClass(cls):
        for looker in cls.lookers.values():
            looker.communicate()
            assert looker.returncode == 0, looker.returncode
        assert os.fstat(cls.said.fileno()).st_size == 0, os.pread(cls.said.fileno(), 1000, 0)
        cls.said.close()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def look(self, profile, paths):
        """(status, width, height, warnings, sentence) of each."""
        looker, lines = self.lookers[profile], []
        for path in paths:
            looker.stdin.write(f"{path}\n")
            looker.stdin.flush()
            lines.append(looker.stdout.readline().rstrip("\n").split("\t"))
        return lines

    def grey(self, profile, path):
        status, width, height, _, sentence = self.look(profile, [path])[0]
        self.assertEqual(status, "OK", f"{path}: {sentence}")
        return numpy.fromfile(f"{path}.grey", numpy.uint8).reshape(int(height), int(width))

    def refused(self, status, path, *words):
        line = self.look("mimic", [path])[0]
        self.assertEqual(line[0], status, line)
        for word in words:
            self.assertIn(word, line[4])
        self.assertLess(len(line[4]), 319, line[4])

    def displayed(self, path, *options):
        """As DCMTK shows a file: dcm2pnm, and its siblings for JPEG and JPEG-LS."""
        out = self.folder / "displayed.pgm"
        end = files.syntax_of(path)[-5:]
        command = "dcml2pnm" if end in (".4.80", ".4.81") else "dcmj2pnm" if end[:3] == ".4." else "dcm2pnm"
        subprocess.run([command, "--no-overlays", *options, "--write-raw-pnm", path, out], check=True,
                       capture_output=True)
        head = out.read_bytes().split(b"\n", 4)
        lines = [line for line in head[:4] if not line.startswith(b"#")]
        width, height = map(int, lines[1].split())
        return numpy.frombuffer(out.read_bytes()[-width * height:], numpy.uint8).reshape(height, width)

    def near(self, left, right, name, most=1):
        difference = numpy.abs(left.astype(int) - right.astype(int))
        self.assertLessEqual(difference.max(), most, f"{name}: {difference.max()} at {difference.argmax()}")
        return difference.max()


class Pixels(Files):
    def test_every_form_of_native_pixels(self):
        for syntax in files.NATIVE:
            for allocated, bits, signed in FORMS:
                for photometric in ("MONOCHROME2", "MONOCHROME1"):
                    name = f"{syntax} {allocated} {bits} {signed} {photometric}"
                    values = files.stored(files.phantom(), bits, signed)
                    data = files.dataset(values, allocated, bits, signed, photometric)
                    path = files.save(data, self.folder / "native.dcm", syntax)
                    inverted = photometric == "MONOCHROME1"
                    self.near(self.grey("mimic", path), mimic(values, inverted), name, 0)
                    self.near(self.grey("voi", path), self.displayed(path, "--use-window", "1"), name)

    def test_every_transfer_syntax_packed(self):
        for syntax, (command, lossless) in files.PACKED.items():
            for allocated, bits, signed in FORMS:
                if syntax.endswith(".50") and bits != 8 or syntax.endswith(".51") and bits not in (8, 12):
                    continue
                if syntax[-2:] in ("50", "51", "57", "70", "81", "91") and signed:
                    continue
                name = f"{syntax} {allocated} {bits} {signed}"
                values = files.stored(files.phantom(), bits, signed)
                native = files.save(files.dataset(values, allocated, bits, signed), self.folder / "native.dcm")
                packed = files.pack(native, self.folder / "packed.dcm", *command)
                self.assertEqual(files.syntax_of(packed), syntax)
                shown = self.grey("voi", packed)
                self.near(shown, self.grey("voi", native), name, 0 if lossless else 24)
                if lossless:
                    self.near(self.grey("mimic", packed), mimic(values, False), name, 0)
                elif syntax[-2:] in ("50", "51", "81"):
                    self.near(shown, self.displayed(packed, "--use-window", "1"), name)

    def test_codestreams_in_several_fragments_are_joined(self):
        from pydicom.encaps import encapsulate

        values = files.stored(files.phantom(), 12)
        native = files.save(files.dataset(values), self.folder / "native.dcm")
        data = files.pydicom.dcmread(files.pack(native, self.folder / "packed.dcm", "dcmcjpeg", "+e1"))
        whole = list(files.pydicom.encaps.generate_pixel_data_frame(data.PixelData, 1))[0]
        data.PixelData = encapsulate([whole], fragments_per_frame=5)
        data.save_as(self.folder / "parts.dcm")
        self.near(self.grey("mimic", self.folder / "parts.dcm"), mimic(values, False), "parts", 0)

    def test_any_byte_may_make_a_codestream_even(self):
        native = files.save(files.dataset(files.stored(files.phantom(), 12)), self.folder / "native.dcm")
        shown = self.grey("voi", native)
        for end in ("4.57", "4.70", "4.80", "4.90"):
            packed = files.pack(native, self.folder / "packed.dcm", *files.PACKED[f"1.2.840.10008.1.2.{end}"][0])
            content = packed.read_bytes()
            at = content.rindex(b"\xff\xd9") + 2
            length = files.struct.unpack_from("<I", content, content.rindex(b"\xfe\xff\x00\xe0", 0, at) + 4)[0]
            for byte in (b"\x00", b"\xba", b"\xff"):
                begin = content.rindex(b"\xfe\xff\x00\xe0", 0, at)
                stream = content[begin + 8:at]
                stream += byte * (1 if len(stream) % 2 else 0)
                self.assertLessEqual(len(stream), length)
                packed.write_bytes(content[:begin + 4] + files.struct.pack("<I", len(stream)) + stream +
                                   b"\xfe\xff\xdd\xe0\0\0\0\0")
                self.near(self.grey("voi", packed), shown, end, 0)

    def test_the_first_of_several_frames_is_read(self):
        values = files.stored(files.phantom(), 12)
        data = files.dataset(values, sop_class=files.SC_WORDS, NumberOfFrames=3)
        data.PixelData += files.words(values[::-1], 16) * 2
        native = files.save(data, self.folder / "native.dcm")
        for path in (native, files.pack(native, self.folder / "rle.dcm", "gdcmconv", "--rle"),
                     files.pack(native, self.folder / "jpeg.dcm", "dcmcjpeg", "+e1"),
                     files.pack(native, self.folder / "jpeg_table.dcm", "dcmcjpeg", "+e1", "+ot")):
            self.near(self.grey("mimic", path), mimic(values, False), path.name, 0)
            self.assertIn("several frames", self.look("mimic", [path])[0][3])

    def test_bits_beside_those_stored_do_not_count(self):
        values = files.stored(files.phantom(), 12)
        data = files.dataset(values, HighBit=13)
        cells = (values.astype(numpy.uint16) << 2) | 0x8003
        data.PixelData = cells.astype("<u2").tobytes()
        path = files.save(data, self.folder / "high.dcm")
        self.near(self.grey("mimic", path), mimic(values, False), "high bit", 0)

    def test_colours_become_grey(self):
        image = files.phantom()
        for planar in (0, 1):
            data, values = files.colour(image, planar=planar)
            expected = (values @ numpy.array([299, 587, 114]) + 500) // 1000
            native = files.save(data, self.folder / "rgb.dcm")
            for path in (native, files.pack(native, self.folder / "rle.dcm", "gdcmconv", "--rle"),
                         files.pack(native, self.folder / "j2k.dcm", "gdcmconv", "--j2k"),
                         files.pack(native, self.folder / "jpeg.dcm", "gdcmconv", "--jpeg")):
                self.near(self.grey("voi", path), expected, f"{path.name} {planar}", 0)
                self.near(self.grey("mimic", path), mimic(expected, False), f"{path.name} {planar}", 0)
                self.assertIn("in colour", self.look("voi", [path])[0][3])
            lossy = files.pack(native, self.folder / "lossy.dcm", "dcmcjpeg", "+eb", "+q", "98", "+cy", "+s4")
            self.near(self.grey("voi", lossy), expected, "lossy", 4)


class Greys(Files):
    """The grey-scale pipeline, against DCMTK and NumPy."""

    def shown(self, data, *options, most=1):
        path = files.save(data, self.folder / "grey.dcm")
        shown = self.grey("voi", path)
        if options:
            self.near(shown, self.displayed(path, *options), str(options), most)
        return shown

    def test_windows(self):
        values = files.stored(files.phantom(), 12)
        window = ("--use-window", "1")
        for centre, width in ((1500, 1500), (2048, 4096), (2000.5, 777.7), (900, 1), (-200, 600), (1024, 2)):
            for photometric in ("MONOCHROME1", "MONOCHROME2"):
                self.shown(files.dataset(values, photometric=photometric, WindowCenter=centre, WindowWidth=width), *window)
        self.shown(files.dataset(values, WindowCenter=500, WindowWidth=900, RescaleSlope=0.5, RescaleIntercept=-300.25),
                   *window)
        signed = files.stored(files.phantom(), 12, True)
        self.shown(files.dataset(signed, signed=True, WindowCenter=-1200, WindowWidth=900, RescaleSlope=2,
                                 RescaleIntercept=-1000), *window)

    def test_window_functions(self):
        values = files.stored(files.phantom(), 12)
        exact = self.shown(files.dataset(values, WindowCenter=1500, WindowWidth=1300, VOILUTFunction="LINEAR_EXACT"))
        expected = ((values - 1500) / 1300 + 0.5).clip(0, 1) * 255
        self.near(exact, numpy.floor(expected + 0.5), "exact", 0)
        sigmoid = self.shown(files.dataset(values, WindowCenter=1500, WindowWidth=1300, VOILUTFunction="SIGMOID"),
                             "--use-window", "1", "--sigmoid-function")
        expected = 255 / (1 + numpy.exp(-4 * (values - 1500) / 1300))
        self.near(sigmoid, numpy.floor(expected + 0.5), "sigmoid", 0)

    def test_tables(self):
        values = files.stored(files.phantom(), 12)
        curve = (numpy.linspace(0, 1, 4096) ** 0.6 * 65535).astype(int)
        for bits in (8, 12, 16):
            entries = curve >> (16 - bits)
            for first, count in ((0, 4096), (700, 2000), (4000, 96)):
                item = files.table(first, count, bits, entries[first:first + count])
                data = files.dataset(values, VOILUTSequence=item)
                self.shown(data, "--use-voi-lut", "1")
        signed = files.stored(files.phantom(), 12, True)
        item = files.table(-2048, 4096, 16, curve, signed=True)
        self.shown(files.dataset(signed, signed=True, VOILUTSequence=item), "--use-voi-lut", "1")
        modality = files.table(0, 4096, 16, curve[::-1])
        self.shown(files.dataset(values, ModalityLUTSequence=modality, WindowCenter=20000, WindowWidth=30000),
                   "--use-window", "1")

    def test_65536_entries(self):
        values = files.stored(files.phantom(), 16)
        curve = numpy.linspace(65535, 0, 65536).astype(int)
        self.shown(files.dataset(values, bits=16, VOILUTSequence=files.table(0, 65536, 16, curve)), "--use-voi-lut", "1")

    def test_without_a_window_all_values_are_shown(self):
        values = files.stored(files.phantom(), 12) // 3 + 500
        for changes in ({"WindowCenter": None, "WindowWidth": None}, {"WindowWidth": 0.5}, {"WindowWidth": -3}):
            data = files.dataset(values, **changes)
            self.shown(data, "--min-max-window")
            path = self.folder / "grey.dcm"
            self.assertIn("no window", self.look("voi", [path])[0][3])
            self.assertNotIn("no window", self.look("mimic", [path])[0][3])

    def test_the_first_of_several_windows_is_used(self):
        values = files.stored(files.phantom(), 12)
        self.shown(files.dataset(values, WindowCenter=[1000, 2000], WindowWidth=[900, 100]), "--use-window", "1")
        self.assertIn("several windows", self.look("voi", [self.folder / "grey.dcm"])[0][3])

    def test_monochrome1_is_inverted_once(self):
        values = files.stored(files.phantom(), 12)
        data = files.dataset(values, photometric="MONOCHROME1", PresentationLUTShape="INVERSE")
        path = files.save(data, self.folder / "inverse.dcm")
        self.near(self.grey("mimic", path), mimic(values, True), "mimic", 0)
        plain = files.save(files.dataset(values), self.folder / "plain.dcm")
        self.near(self.grey("voi", path), 255 - self.grey("voi", plain).astype(int), "voi")
        self.assertIn("MONOCHROME1", self.look("mimic", [path])[0][3])

    def test_padding_is_black_and_takes_no_part(self):
        values = files.stored(files.phantom(), 11) + 100
        inner = values.copy()
        values[:, :9] = 4095
        for limit in (None, 4000):
            for photometric in ("MONOCHROME1", "MONOCHROME2"):
                data = files.dataset(values, photometric=photometric, WindowCenter=None, WindowWidth=None)
                data.PixelPaddingValue = 4095
                if limit:
                    data.PixelPaddingRangeLimit = limit
                path = files.save(data, self.folder / "padded.dcm")
                for profile in ("mimic", "voi"):
                    self.assertEqual(self.grey(profile, path)[:, :9].max(), 0)
                expected = mimic(inner[:, 9:], photometric == "MONOCHROME1")
                self.near(self.grey("mimic", path)[:, 9:], expected, "padding", 0)
                self.assertEqual(self.grey("voi", path)[:, 9:].max(), 255)

    def test_a_scale_that_means_nothing_is_refused(self):
        values = files.stored(files.phantom(), 12)
        for changes, words in (({"RescaleSlope": 0, "RescaleIntercept": 0}, "Rescale Slope is 0"),
                               ({"VOILUTSequence": files.table(0, 4096, 16, range(9))}, "shorter than its LUT Descriptor"),
                               ({"BitsStored": 17}, "Bits Stored"), ({"HighBit": 5}, "High Bit")):
            path = files.save(files.dataset(values, **changes), self.folder / "grey.dcm")
            self.refused("UNPROCESSABLE", path, words)


class Said(Files):
    """What is said of files: warnings, and refusals."""

    def warnings(self, profile="mimic", **changes):
        data = files.dataset(files.stored(files.phantom(), 12), **changes)
        line = self.look(profile, [files.save(data, self.folder / "said.dcm")])[0]
        self.assertEqual(line[0], "OK", line)
        return line[3]

    def test_nothing_is_said_of_a_usual_file(self):
        for profile in ("mimic", "voi"):
            self.assertEqual(self.warnings(profile), "")
        self.assertEqual(self.warnings(PatientOrientation="", BodyPartExamined="", BurnedInAnnotation="NO"), "")
        for code in (("272479007", "SCT"), ("399348003", "SCT"), ("R-10206", "SNM3"), ("R-10214", "SRT"), ("399033003", "SCT")):
            for position in ("PA", "", "CHEST PA 1"):
                self.assertEqual(self.warnings(ViewPosition=position, ViewCodeSequence=files.code(*code)), "", (code, position))

    def test_warnings(self):
        for changes, words in (({"ViewPosition": "LL"}, "a lateral view"), ({"ViewPosition": ""}, "does not say which view"),
                               ({"ViewPosition": "XYZ"}, "does not say which view"), ({"ViewPosition": None}, "which view"),
                               ({"ViewPosition": "PA", "ViewCodeSequence": files.code("399067008", "SCT")}, "a lateral view"),
                               ({"ViewPosition": "LL", "ViewCodeSequence": files.code("272479007", "SCT")}, "a lateral view"),
                               ({"ViewPosition": None, "ViewCodeSequence": files.code("R-10236", "SRT")}, "a lateral view"),
                               ({"ViewPosition": None, "ViewCodeSequence": files.code("399182000", "SCT")}, "which view"),  # oblique
                               ({"ViewPosition": None, "ViewCodeSequence": files.code("272479007", "99HOUSE")}, "which view"),
                               ({"BodyPartExamined": "KNEE"}, "not a chest"), ({"ImageType": ["DERIVED", "PRIMARY"]}, "derived"),
                               ({"BurnedInAnnotation": "YES"}, "burnt into its pixels"),
                               ({"PresentationIntentType": "FOR PROCESSING"}, "FOR PROCESSING"),
                               ({"sop_class": files.DX_PROCESSING}, "FOR PROCESSING"),
                               ({"PatientOrientation": ["R", "F"]}, "Patient Orientation"),
                               ({"PatientOrientation": ["L", "H"]}, "Patient Orientation"),
                               ({"photometric": "MONOCHROME1"}, "MONOCHROME1")):
            said = self.warnings(**changes)
            self.assertIn(words, said)
            self.assertEqual(said.count("The DICOM file"), 1, said)

    def test_kinds_of_objects(self):
        values = files.stored(files.phantom(), 12)
        storage = "1.2.840.10008.5.1.4.1.1."
        for end in ("1", "1.1", "1.1.1", "7", "7.2", "7.3", "7.4"):
            path = files.save(files.dataset(values, sop_class=storage + end), self.folder / "kind.dcm")
            self.assertEqual(self.look("voi", [path])[0][0], "OK")
        for end, name in (("2", "CT Image"), ("2.1", "CT Image"), ("4", "MR Image"), ("1.2", "Digital Mammography Image"),
                          ("88.11", "Structured Report"), ("104.1", "Encapsulated PDF"), ("11.1", "Presentation State"),
                          ("88.59", "Key Object Selection"), ("7.1", "Single Bit"), ("9.9.9", "Waveform"), ("77.77", "no kind")):
            path = files.save(files.dataset(values, sop_class=storage + end), self.folder / "kind.dcm")
            self.refused("UNSUPPORTED_MEDIA", path, name, storage + end, "send a radiograph")
        data = files.dataset(values)
        del data.SOPClassUID
        self.assertEqual(self.look("voi", [files.save(data, self.folder / "kind.dcm")])[0][0], "OK")  # the file says it

    def test_transfer_syntaxes_that_are_not_read_are_named(self):
        data = files.dataset(files.stored(files.phantom(), 12))
        for end, name in (("4.201", "High-Throughput JPEG 2000 Lossless"), ("4.203", "High-Throughput JPEG 2000"),
                          ("4.92", "JPEG 2000 Part 2"), ("4.100", "MPEG2"), ("4.110", "JPEG XL"), ("77", "no kind")):
            path = files.save(data, self.folder / "syntax.dcm")
            old, new = b"1.2.840.10008.1.2.1\0", f"1.2.840.10008.1.2.{end}".encode()
            content = path.read_bytes().replace(b"UI\x14\0" + old, b"UI" + bytes([len(new), 0]) + new)
            path.write_bytes(content)
            self.refused("UNSUPPORTED_MEDIA", path, name, new.decode(), "JPEG-LS or JPEG 2000")

    def test_forms_that_are_not_read_are_named(self):
        data = files.dataset(files.stored(files.phantom(), 12))
        for changes, words in (({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
                               ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "Bits Allocated of 32"),
                               ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "Bits Allocated of 1,")):
            changed = files.dataset(files.stored(files.phantom(), 12), **changes)
            self.refused("UNSUPPORTED_MEDIA", files.save(changed, self.folder / "form.dcm"), words)
        more = files.dataset(files.stored(files.phantom(), 12), Rows=32)
        self.refused("UNPROCESSABLE", files.save(more, self.folder / "form.dcm"), "more pixels than its Rows")
        for name in ("Rows", "PixelData", "PhotometricInterpretation", "BitsAllocated"):
            changed = files.dataset(files.stored(files.phantom(), 12))
            delattr(changed, name)
            self.refused("UNPROCESSABLE", files.save(changed, self.folder / "form.dcm"), "damaged")
        self.refused("UNPROCESSABLE", files.save(files.dataset(files.stored(files.phantom()[:8, :8], 12)), self.folder / "small.dcm"),
                     "too small: 8 x 8")
        self.assertEqual(data.Rows, 64)

    def test_without_preamble_and_group_2(self):
        values = files.stored(files.phantom(), 12)
        expected = mimic(values, False)
        for little, implicit in ((True, True), (True, False), (False, False)):
            data = files.dataset(values)
            if not little:
                data.PixelData = numpy.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
            data.is_little_endian, data.is_implicit_VR = little, implicit
            data.preamble, data.file_meta = None, files.FileMetaDataset()
            path = self.folder / "bare"
            data.save_as(path)
            self.assertNotIn(b"DICM", path.read_bytes()[:200])
            self.near(self.grey("mimic", path), expected, f"{little} {implicit}", 0)


class Damage(Files):
    def beginnings(self, path, count=60):
        whole = path.read_bytes()
        for i in range(count):
            piece = self.folder / f"piece{i}"
            piece.write_bytes(whole[:len(whole) * i // count])
            yield piece

    def test_no_beginning_of_a_file_is_taken_for_it(self):
        values = files.stored(files.phantom(), 12)
        native = files.save(files.dataset(values), self.folder / "native.dcm")
        packed = [files.save(files.dataset(values), self.folder / "implicit.dcm", files.NATIVE[0]),
                  files.save(files.dataset(values), self.folder / "deflated.dcm", files.NATIVE[2])]
        for syntax, (command, _) in files.PACKED.items():
            if not syntax.endswith(".50"):
                packed.append(files.pack(native, self.folder / f"packed{syntax[-3:]}.dcm", *command))
        for path in [native, *packed]:
            for line in self.look("mimic", list(self.beginnings(path, 25))):
                self.assertIn(line[0], ("UNPROCESSABLE", "UNSUPPORTED_MEDIA"), (path.name, line))
                self.assertTrue(line[4])

    def test_damage_inside_compressed_pixels_is_noticed(self):
        """Where the codec can: to JPEG 2000 and lossy JPEG most changed bits are others that might have been sent."""
        native = files.save(files.dataset(files.stored(files.phantom(300, 260), 12)), self.folder / "native.dcm")
        for end in ("4.57", "4.70", "4.80", "5"):
            packed = files.pack(native, self.folder / "packed.dcm", *files.PACKED[f"1.2.840.10008.1.2.{end}"][0])
            whole = packed.read_bytes()
            for at in (len(whole) // 3, len(whole) // 2, len(whole) * 9 // 10):
                for fill in (0, 0x55, 0x80):
                    content = bytearray(whole)
                    content[at:at + 300] = bytes([fill]) * 300
                    packed.write_bytes(content)
                    line = self.look("voi", [packed])[0]
                    self.assertEqual(line[0], "UNPROCESSABLE", (end, at, fill))
                    self.assertIn("compressed pixels", line[4])

    def test_changed_bytes_give_pixels_or_a_sentence(self):
        chance = random.Random(5)
        values = files.stored(files.phantom(), 12)
        native = files.save(files.dataset(values, VOILUTSequence=files.table(0, 4096, 12, range(4096))), self.folder / "n.dcm")
        paths = [native] + [files.pack(native, self.folder / f"p{syntax[-3:]}.dcm", *command)
                            for syntax, (command, _) in files.PACKED.items() if not syntax.endswith(".50")]
        changed = []
        for path in paths:
            whole = path.read_bytes()
            for i in range(40):
                content = bytearray(whole)
                # Most of a file is pixels, and what is before them matters more.
                reach = len(content) if i % 2 else 1500
                for _ in range(chance.randrange(1, 6)):
                    content[chance.randrange(132, reach)] = chance.randrange(256)
                changed.append(self.folder / f"{path.name}.{i}")
                changed[-1].write_bytes(content)
        output = subprocess.run([PIXELS, "voi", *changed], capture_output=True, check=True)  # decoders may die
        lines = [line.split("\t") for line in output.stdout.decode().splitlines()]
        self.assertEqual(len(lines), len(changed))
        for path, line in zip(changed, lines):
            self.assertIn(line[0], ("OK", "UNPROCESSABLE", "UNSUPPORTED_MEDIA", "TOO_LARGE"), (path.name, line))
            self.assertNotIn("Zwerchfell", line[4])

    def test_files_of_pydicom(self):
        """Odd, broken and other kinds of files: each a picture or a sentence."""
        folder = pathlib.Path(files.pydicom.__file__).parent / "data/test_files"
        paths = []
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size < 30000000:
                paths.append(self.folder / f"{len(paths)}.{path.name}")
                shutil.copyfile(path, paths[-1])
        self.assertGreater(len(paths), 60)
        lines = self.look("voi", paths)
        read = {path.name.split(".", 1)[1] for path, line in zip(paths, lines) if line[0] == "OK"}
        for line in lines:
            self.assertIn(line[0], ("OK", "UNPROCESSABLE", "UNSUPPORTED_MEDIA"), line)
        for name in ("JPEG-lossy.dcm", "JPEG2000.dcm", "JPGExtended.dcm", "SC_rgb_rle.dcm", "SC_rgb_gdcm_KY.dcm",
                     "GDCMJ2K_TextGBR.dcm", "image_dfl.dcm"):
            self.assertIn(name, read)

    def test_colours_of_pydicom_are_those_of_dcmtk(self):
        folder = pathlib.Path(files.pydicom.__file__).parent / "data/test_files"
        for path in sorted(folder.glob("SC_rgb_dcmtk*")) + sorted(folder.glob("SC_jpeg_no_color_transform*")):
            own = self.folder / "own.dcm"
            shutil.copyfile(path, own)
            out = self.folder / "colour.ppm"
            subprocess.run(["dcmj2pnm", "--write-raw-pnm", own, out], check=True, capture_output=True)
            shown = self.grey("voi", own)
            colours = numpy.frombuffer(out.read_bytes()[-3 * shown.size:], numpy.uint8).reshape(*shown.shape, 3)
            self.near(shown, (colours @ numpy.array([299, 587, 114]) + 500) // 1000, path.name, 2)


if __name__ == "__main__":
    unittest.main()
