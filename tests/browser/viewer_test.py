#!/usr/bin/env python3
"""The viewer in a browser, against a running service: viewer_test.py CXRD FAKE_CXRD PHANTOM [--screenshots FOLDER] [--axe FILE]

What the page shows is held against what POST /predict answers to the same file, down to the pixels of the map. Each test ends by
asking that the page wrote no error and asked for nothing elsewhere. Without a browser it is skipped (77). With axe-core's axe.min.js
that too looks at each page, as it is at the test's end.
"""

import csv
import hashlib
import http.client
import http.server
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zlib

import browser

if not browser.program():
    print(f"none of {', '.join(browser.PROGRAMS)} is installed")
    sys.exit(77)

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from service import FORM, Service, form, in_background, png, png_size, program  # noqa: E402 (found there)

CXRD, FAKE, PHANTOM = program(sys.argv.pop(1)), program(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1)).resolve()
SAMPLES = PHANTOM / "samples"


def option(name):
    if name not in sys.argv:
        return None
    at = sys.argv.index(name)
    del sys.argv[at]
    return pathlib.Path(sys.argv.pop(at))


SHOTS, AXE = option("--screenshots"), option("--axe")
if SHOTS:
    SHOTS.mkdir(parents=True, exist_ok=True)
SHIFT = 8
KEY = "correct-horse"

# The pixels of the first pane, drawn anew; the other functions compare two of them.
PIXELS = """
window.pixels = async (pane = 0) => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const canvas = document.querySelectorAll('.pane-canvas')[pane];
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
};
window.hash = async (pane) => {
    const digest = await crypto.subtle.digest('SHA-256', (await pixels(pane)).data);
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};
window.change = (id, value) => {
    const control = document.getElementById(id);
    if (control.type === 'checkbox') control.checked = value; else control.value = value;
    control.dispatchEvent(new Event(control.type === 'range' ? 'input' : 'change', {bubbles: true}));
};
window.mode = (value) => document.querySelector(`input[name=mode][value=${value}]`).click();
// Two colour maps differ at a pixel by the weight times what their colours differ by, whatever lies below; in blue, these two
// differ most where the weight is largest.
window.mapPeak = async (pane = 0) => {
    change('peak', false);
    change('opacity', 100);
    change('palette', 'viridis');
    const first = await pixels(pane);
    change('palette', 'grey');
    const second = await pixels(pane);
    let most = 0, x = 0, y = 0, count = 0;
    for (let i = 2; i < first.data.length; i += 4) most = Math.max(most, Math.abs(first.data[i] - second.data[i]));
    for (let i = 2; i < first.data.length; i += 4) {
        if (Math.abs(first.data[i] - second.data[i]) < most - 2) continue;
        x += (i >> 2) % first.width + 0.5;
        y += Math.floor((i >> 2) / first.width) + 0.5;
        count++;
    }
    return {x: x / count, y: y / count, most, width: first.width, height: first.height};
};
"""


def contrast(first, second):
    """Of two CSS colours (WCAG 2, relative luminance)."""
    def luminance(colour):
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1:-1].replace(",", " ").split()[:3]]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def turned_by_exif(jpeg):
    """The same JPEG with an EXIF orientation of 6: a reader that applies it turns the picture on its side."""
    tiff = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


class Viewer(unittest.TestCase):
    """A service of the demonstration model, and a page in a window of the size of a desk."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.browser = cls.enterClassContext(browser.Browser())
        cls.service = cls.enterClassContext(cls.start())

    @classmethod
    def start(cls):
        return Service(CXRD, model=PHANTOM)

    def page(self, service=None, hash="", **window):
        page = self.enterContext(self.browser.page(**window))
        service = service or self.service
        page.origin = f"http://127.0.0.1:{service.port}/"
        page.expected_errors = ["willReadFrequently"]  # of this test's own reading
        self.addCleanup(self.check_page, page)
        page.open(page.origin + hash)
        page.do(PIXELS)
        return page

    def check_page(self, page):
        """Nothing from elsewhere, and no error but those that a browser writes of the refusals a test asked for."""
        if AXE:
            page.do(AXE.read_text() + "; 0")
            self.assertEqual(page.do("axe.run().then(({violations}) => violations.map(({id, nodes}) => `${id}: ${nodes[0].html}`))"), [])
        elsewhere = [address for address in page.addresses if not address.startswith((page.origin, "blob:" + page.origin))]
        self.assertEqual(elsewhere, [])
        errors = [error for error in page.errors if not any(expected in error for expected in page.expected_errors)]
        self.assertEqual(errors, [])

    def shot(self, page, name):
        if SHOTS:
            page.screenshot(SHOTS / f"{name}.png")

    def file(self, name, data):
        (self.root / name).write_bytes(data)
        return self.root / name

    def answer(self, path):
        return self.service.post("/predict?attention_for=all", FORM, form([(path.name, path.read_bytes())])).predictions[0]

    def choose(self, page, *paths):
        """Gives files to the page and waits until none is worked on."""
        page.choose_files("#files", *paths)
        page.wait(f"document.querySelectorAll('[data-state=done], [data-state=failed]').length === {len(paths)}")

    def wait_for_picture(self, page, pane=0):
        """Until it is decoded: then something in the pane is bright."""
        page.wait(f"pixels({pane}).then(({{data}}) => Math.max(...data.filter((_, i) => i % 4000 === 0)) > 200)")

    def rows(self, page):
        return page.do("[...document.querySelectorAll('.row')].map((row) => row.querySelector('.row-label').textContent)")

    def select(self, page, label):
        page.do(f"[...document.querySelectorAll('.row')].find((row) => row.querySelector('.row-label').textContent === {json.dumps(label)})"
                ".querySelector('input').click()")

    def shown_peak(self, page, image, pane=0):
        """Where the map is strongest on the canvas, in the pixels of the original, when the picture just fits."""
        found = page.do(f"mapPeak({pane})")
        self.assertGreater(found["most"], 100, "there is a map on the canvas")
        scale = min(found["width"] / image["width"], found["height"] / image["height"])
        return ((found["x"] - (found["width"] - image["width"] * scale) / 2) / scale,
                (found["y"] - (found["height"] - image["height"] * scale) / 2) / scale)

    def check_peak(self, page, prediction, label, pane=0):
        attention = next(each for each in prediction["attention_maps"] if each["label"] == label)
        region = prediction["image"]["region"]
        x, y = self.shown_peak(page, prediction["image"], pane)
        self.assertLess(abs(x - attention["peak"]["x"]), region["width"] / attention["columns"], label)
        self.assertLess(abs(y - attention["peak"]["y"]), region["height"] / attention["rows"], label)
        return x, y


class Results(Viewer):
    def test_a_sample_shows_its_findings_sorted_and_judged(self):
        page = self.page()
        self.shot(page, "start")
        self.assertIn("not patients", page.text("#intended-use"))
        page.click(".sample")
        page.wait("document.querySelector('.row')")
        self.shot(page, "findings")
        prediction = self.answer(SAMPLES / "pneumothorax.png")
        order = sorted(prediction["findings"], key=lambda each: (not each["positive"], -each["probability"]))
        self.assertEqual(self.rows(page), [each["label"] for each in order] + [each["name"] for each in prediction["risk_scores"]])
        bold = page.do("[...document.querySelectorAll('.row.positive .row-label')].map((each) => each.textContent)")
        self.assertEqual(bold, [each["label"] for each in order if each["positive"]])
        self.assertIn("Pneumothorax", page.text("#announcement"))
        ticks = page.do("""[...document.querySelectorAll('.row')].map((row) => {
            const bar = row.querySelector('.bar').getBoundingClientRect();
            const place = (name) => row.querySelector(name)?.getBoundingClientRect();
            const tick = place('.bar-tick');
            return [place('.bar-fill').width / bar.width, tick ? (tick.x + 1 - bar.x) / bar.width : null]; })""")
        for (share, tick), finding in zip(ticks, order + prediction["risk_scores"]):
            self.assertAlmostEqual(share, finding["probability"], delta=0.01)
            self.assertAlmostEqual(-1 if tick is None else tick, finding.get("threshold", -1), delta=0.01)

    def test_the_chosen_finding_moves_the_map(self):
        page = self.page()
        path = SAMPLES / "mass_rib_fracture.png"
        self.choose(page, path)
        prediction = self.answer(path)
        places = []
        for label in ("Mass", "Rib Fracture", "Cardiomegaly"):
            self.select(page, label)
            places.append(self.check_peak(page, prediction, label))
        self.assertGreater(max(abs(a - b) for a, b in zip(places[0], places[2])), 30)
        self.select(page, "lung_area_lost")  # of a linear head
        self.assertEqual(page.do("mapPeak()")["most"], 0)
        self.assertIn("no attention map", page.text("#detail"))

    def test_the_map_follows_the_pointer_and_comes_back(self):
        page = self.page()
        self.choose(page, SAMPLES / "pneumothorax.png")
        before = page.do("hash()")
        page.hover(".row:not(.positive)")
        self.assertNotEqual(page.do("hash()"), before)
        page.hover("#intended-use")
        self.assertEqual(page.do("hash()"), before)

    def test_the_peak_lies_right_in_tall_and_wide_pictures(self):
        for width, height in ((300, 900), (900, 300), (1500, 1499)):
            path = self.file(f"{width}.png", png(width, height, lambda x, y: (x * 7 + y * y) % 256, every=3))
            page = self.page()
            self.choose(page, path)
            prediction = self.answer(path)
            for label in ("Mass", "Pneumothorax"):
                self.select(page, label)
                self.check_peak(page, prediction, label)

    def test_an_exif_orientation_does_not_turn_the_picture(self):
        upright = (SAMPLES / "effusion_cardiomegaly.jpg").read_bytes()
        hashes = []
        for name, data in (("upright.jpg", upright), ("turned.jpg", turned_by_exif(upright))):
            page = self.page()
            self.choose(page, self.file(name, data))
            page.do("mode('none')")
            hashes.append(page.do("hash()"))
        self.assertEqual(hashes[0], hashes[1])
        self.assertIn("orientation", page.text("#cautions"))

    def test_greys_are_those_of_the_file(self):
        plain = png(400, 300)
        gamma = b"gAMA" + (220000).to_bytes(4, "big")  # which would brighten them
        chunk = (4).to_bytes(4, "big") + gamma + zlib.crc32(gamma).to_bytes(4, "big")
        for name, data in (("plain.png", plain), ("gamma.png", plain[:33] + chunk + plain[33:])):
            page = self.page()
            self.choose(page, self.file(name, data))
            page.do("mode('none')")
            page.do("change('region', false)")
            page.click("#zoom-pixels")
            wrong = page.do("""pixels().then(({data, width, height}) => {
                const left = Math.round(width / 2 - 200), top = Math.round(height / 2 - 150);
                let wrong = 0;
                for (let y = 0; y < 300; y++)
                    for (let x = 0; x < 400; x++)
                        wrong += data[((top + y) * width + left + x) * 4] === (x * 5 + y * 3) % 256 ? 0 : 1;
                return wrong; })""")
            self.assertEqual(wrong, 0, name)

    def test_a_warning_is_in_sight(self):
        path = self.file("tall.png", png(200, 600))
        page = self.page()
        self.choose(page, path)
        for warning in self.answer(path)["image"]["warnings"]:
            self.assertIn(warning, page.text("#cautions"))
        self.shot(page, "warning")


class Looking(Viewer):
    """What a person does with the picture and the map."""

    def setUp(self):
        self.pane = self.page()
        self.choose(self.pane, SAMPLES / "pneumothorax.png")

    def picture_only(self):
        self.pane.do("mode('none')")
        self.pane.do("change('region', false)")
        return self.pane.do("hash()")

    def middle(self):
        """The grey in the middle of the canvas."""
        return self.pane.do("pixels().then((image) => image.data[((image.height >> 1) * image.width + (image.width >> 1)) * 4])")

    def test_the_sliders_rule_the_map(self):
        page = self.pane
        coloured = page.do("hash()")
        page.do("change('peak', false)")
        page.do("change('region', false)")
        page.do("change('opacity', 0)")
        without = page.do("hash()")
        self.assertEqual(without, self.picture_only())
        page.do("mode('colour')")
        page.do("change('opacity', 85)")
        covered = []
        for floor in (0, 40, 80):
            page.do(f"change('floor', {floor})")
            covered.append(page.do("""pixels().then(async ({data}) => {
                mode('none');
                const plain = (await pixels()).data;
                mode('colour');
                return data.filter((value, i) => value !== plain[i]).length; })"""))
        self.assertGreater(covered[0], covered[1])
        self.assertGreater(covered[1], covered[2])
        self.assertGreater(covered[2], 0)
        page.do("change('floor', 30)")
        page.do("mode('contour')")
        self.assertNotIn(page.do("hash()"), (coloured, without))
        self.assertIn("Lines at 50, 75 %", page.text("#legend-text"))
        self.shot(page, "contours")
        page.do("change('floor', 80)")
        self.assertEqual(page.do("hash()"), without)

    def test_inverting_and_windowing_change_greys_as_they_say(self):
        page = self.pane
        plain = self.picture_only()
        grey = self.middle()
        page.click("#invert")
        self.assertEqual(self.middle(), 255 - grey)
        page.click("#invert")
        self.assertEqual(page.do("hash()"), plain)
        page.drag(".pane-canvas", -155, 0, modifiers=SHIFT)  # 255 greys are 100 now, about the same middle
        self.assertAlmostEqual(self.middle(), min(max((grey - 77.5) * 2.55, 0), 255), delta=4)
        page.click("#tool-window")
        page.drag(".pane-canvas", 0, -50)
        self.assertAlmostEqual(self.middle(), min(max((grey - 127.5) * 2.55, 0), 255), delta=4)
        page.click("#reset-window")
        self.assertEqual(page.do("hash()"), plain)
        page.drag(".pane-canvas", 255, 0)  # a window of 510 halves the contrast
        self.assertAlmostEqual(self.middle(), (grey + 127.5) / 2, delta=2)

    def test_full_screen_keeps_the_intended_use_in_sight(self):
        page = self.pane
        page.click("#full-screen")
        page.wait("document.fullscreenElement?.contains(document.getElementById('intended-use'))")
        page.click("#full-screen")
        page.wait("!document.fullscreenElement")

    def test_zoom_and_pan_keep_the_map_on_the_picture(self):
        page = self.pane
        fitted = page.do("hash()")
        page.click("#zoom-in")
        zoomed = page.do("hash()")
        page.drag(".pane-canvas", 60, 40)
        self.assertEqual(len({fitted, zoomed, page.do("hash()")}), 3)
        # By 1.25 about the middle, then moved.
        prediction = self.answer(SAMPLES / "pneumothorax.png")
        image, peak = prediction["image"], next(each for each in prediction["attention_maps"] if each["label"] == "Pneumothorax")["peak"]
        found = page.do("mapPeak()")
        scale = 1.25 * min(found["width"] / image["width"], found["height"] / image["height"])
        for axis, size, moved in (("x", "width", 60), ("y", "height", 40)):
            expected = found[size] / 2 + (peak[axis] - image[size] / 2) * scale + moved
            self.assertAlmostEqual(found[axis], expected, delta=scale * image["region"]["width"] / 12)
        # The wheel zooms about the pointer: what lies under it stays.
        left, top = page.do("(({x, y}) => [x, y])(document.querySelector('.pane-canvas').getBoundingClientRect())")
        before = page.do("hash()")
        page.mouse("mouseWheel", left + found["x"], top + found["y"], deltaX=0, deltaY=-120)
        page.wait(f"hash().then((now) => now !== '{before}')")
        nearer = page.do("mapPeak()")
        self.assertAlmostEqual(nearer["x"], found["x"], delta=4)
        self.assertAlmostEqual(nearer["y"], found["y"], delta=4)
        page.do("change('palette', 'viridis')")
        page.do("change('opacity', 85)")
        page.do("change('peak', true)")
        page.click("#zoom-fit")
        self.assertEqual(page.do("hash()"), fitted)

    def test_settings_are_in_the_address_and_the_picture_is_not(self):
        page = self.pane
        self.select(page, "Rib Fracture")
        page.do("mode('contour')")
        page.do("change('floor', 33)")
        page.click("#invert")
        address = page.do("location.hash")
        self.assertEqual(address, "#finding=findings%2FRib+Fracture&mode=contour&floor=33&invert=1")
        other = self.page(hash=address)
        self.choose(other, SAMPLES / "pneumothorax.png")
        self.assertEqual(other.do("document.querySelector('.row :checked').value"), "findings/Rib Fracture")
        self.assertEqual(other.do("hash()"), page.do("hash()"))
        strange = self.page(hash="#mode=nothing&palette=__proto__&floor=many&opacity=1e9&finding=x")
        self.choose(strange, SAMPLES / "pneumothorax.png")
        self.assertEqual(strange.do("[document.querySelector('[name=mode]:checked').value, opacity.value, floor.value]"),
                         ["colour", "100", "10"])

    def test_downloads_hold_what_is_shown(self):
        page = self.pane
        prediction = self.answer(SAMPLES / "pneumothorax.png")
        page.click("#download-json")
        self.assertEqual(json.loads(page.downloaded("pneumothorax.json"))["predictions"], [prediction])
        page.click("#download-csv")
        table = list(csv.DictReader(io.StringIO(page.downloaded("pneumothorax.csv").decode())))
        self.assertEqual(len(table), len(prediction["findings"]) + len(prediction["risk_scores"]))
        by_label = {row["label"]: row for row in table}
        for finding in prediction["findings"]:
            row = by_label[finding["label"]]
            self.assertEqual((float(row["probability"]), float(row["threshold"]), row["positive"] == "true"),
                             (finding["probability"], finding["threshold"], finding["positive"]))
        page.click("#download-png")
        picture = page.downloaded("pneumothorax.Pneumothorax.png")
        width, height = png_size(picture)
        self.assertEqual(width, round(prediction["image"]["width"] * 640 / 620))
        self.assertGreater(height, 640)
        if SHOTS:
            (SHOTS / "download.png").write_bytes(picture)


class Behind(Viewer):
    """A proxy that gives the service a path of its own."""

    def proxy(self, prefix):
        service = self.service

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                if not self.path.startswith(prefix):
                    self.send_error(404)
                    return
                connection = http.client.HTTPConnection(service.host, service.port, timeout=60)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                connection.request(self.command, self.path[len(prefix) - 1:], body, dict(self.headers))
                answer = connection.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                connection.close()

            do_GET = do_POST = forward

            def log_message(self, *_):
                pass

        server = self.enterContext(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        server.daemon_threads = True
        in_background(server.serve_forever)
        self.addCleanup(server.shutdown)
        return server.server_port

    def test_it_works_under_a_path(self):
        page = self.enterContext(self.browser.page())
        page.origin, page.expected_errors = f"http://127.0.0.1:{self.proxy('/cxr/')}/cxr/", ["willReadFrequently"]
        page.open(page.origin)
        page.wait("!document.getElementById('samples').hidden")
        page.click(".sample")
        page.wait("document.querySelector('.row')")
        self.assertEqual(self.rows(page)[0], "Pneumothorax")
        self.check_page(page)


class Several(Viewer):
    def test_files_of_each_kind_may_be_dropped_or_pasted(self):
        page = self.page()
        names = ["effusion_cardiomegaly.jpg", "edema_effusion.dcm", "nodule_16bit.png", "normal.png"]
        page.drop("#drop", *[SAMPLES / name for name in names])
        page.wait(f"document.querySelectorAll('.thumbnail[data-state=done]').length === {len(names)}")
        for number, name in enumerate(names):
            page.do(f"document.querySelectorAll('.thumbnail input')[{number}].click()")
            page.wait(f"document.querySelector('#panel-title').textContent === '{name}'")
            self.wait_for_picture(page)
            self.assertTrue(page.do("document.querySelector('.pane-note').hidden"), name)
        self.assertTrue(page.do("[...document.querySelectorAll('.thumbnail canvas')].every((each) => each.width > 50)"))
        page.do("""(async () => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([await (await fetch('page/pneumothorax.png')).blob()], 'pasted.png'));
            document.dispatchEvent(new ClipboardEvent('paste', {clipboardData})); })()""")
        page.wait("document.querySelector('#panel-title').textContent === 'pasted.png' && document.querySelector('.row')")
        self.assertEqual(self.rows(page)[0], "Pneumothorax")

    def test_images_are_ordered_by_a_finding_and_seen_side_by_side(self):
        page = self.page()
        paths = [SAMPLES / name for name in ("normal.png", "pneumothorax.png", "effusion_cardiomegaly.jpg")]
        page.drop("#drop", *paths)
        page.wait("document.querySelectorAll('.thumbnail[data-state=done]').length === 3")
        names = "[...document.querySelectorAll('.thumbnail-name')].map((each) => each.textContent)"
        self.assertEqual(page.do(names), [path.name for path in paths])
        predictions = {path.name: self.answer(path) for path in paths}
        for label in ("Cardiomegaly", "Pneumothorax"):
            page.do(f"change('sort', 'findings/{label}')")
            value = {name: next(each["probability"] for each in prediction["findings"] if each["label"] == label)
                     for name, prediction in predictions.items()}
            page.do("new Promise(requestAnimationFrame)")
            page.wait(f"{names}[0] === {json.dumps(max(value, key=value.get))}")
            self.assertEqual(page.do(names), sorted(value, key=value.get, reverse=True))
        page.click(".thumbnail")  # the first, by pneumothorax
        page.wait("document.querySelector('#panel-title').textContent === 'pneumothorax.png'")
        page.click("#side-by-side")
        page.wait("document.querySelectorAll('.pane-canvas').length === 2")
        second = page.do("document.querySelector('.pane select').selectedOptions[0].textContent")
        self.assertEqual(second, "normal.png")
        for pane in (0, 1):
            self.wait_for_picture(page, pane)
        self.shot(page, "side_by_side")
        # The second shows what is chosen of the first, not what it would show alone.
        self.assertIn("Pneumothorax", page.text(".pane:nth-child(2) .pane-caption"))
        self.check_peak(page, predictions["pneumothorax.png"], "Pneumothorax", 0)
        self.check_peak(page, predictions[second], "Pneumothorax", 1)
        # Moving one moves the other; what one was zoomed to stays when the other comes.
        page.click("#zoom-fit")
        both = page.do("Promise.all([hash(0), hash(1)])")
        page.drag(".pane-canvas", 40, 0)
        self.assertTrue(all(now != before for now, before in zip(page.do("Promise.all([hash(0), hash(1)])"), both)))
        page.click("#side-by-side")
        page.wait("document.querySelectorAll('.pane-canvas').length === 1")
        page.click("#zoom-in")
        zoomed = page.do("hash()")
        page.click("#side-by-side")
        page.wait("document.querySelectorAll('.pane-canvas').length === 2")
        page.click("#side-by-side")
        page.wait("document.querySelectorAll('.pane-canvas').length === 1")
        self.assertEqual(page.do("hash()"), zoomed)
        page.click("#clear")
        page.wait("!document.getElementById('start').hidden")
        self.assertEqual(page.do("document.activeElement.id"), "choose")

    def test_pictures_that_were_let_go_come_back(self):
        page = self.page()
        self.choose(page, SAMPLES / "pneumothorax.png", SAMPLES / "edema_effusion.dcm")
        page.do("mode('none')")
        page.wait("document.querySelector('#panel-title').textContent === 'pneumothorax.png'")
        first = page.do("hash()")
        page.click(".thumbnail:nth-child(2)")
        page.wait("document.querySelector('#panel-title').textContent === 'edema_effusion.dcm'")
        self.wait_for_picture(page)
        self.assertNotEqual(page.do("hash()"), first)
        page.click(".thumbnail:nth-child(1)")
        page.wait(f"hash().then((now) => now === '{first}')")

    def test_one_that_fails_leaves_the_others(self):
        page = self.page()
        page.expected_errors += ["415"]
        self.choose(page, self.file("notes.png", b"hello"), SAMPLES / "normal.png")
        states = page.do("[...document.querySelectorAll('.thumbnail')].map((each) => each.dataset.state)")
        self.assertEqual(states, ["failed", "done"])
        self.assertIn("plain text", page.text("#problem"))
        page.do("document.querySelectorAll('.thumbnail input')[1].click()")
        page.wait("document.querySelector('.row')")
        page.click("#download-csv")
        table = list(csv.DictReader(io.StringIO(page.downloaded("cxrd.csv").decode())))
        self.assertIn("plain text", table[0]["error"])
        self.assertEqual(table[-1]["file"], "normal.png")


class Dicom(Viewer):
    def test_a_dicom_file_is_shown_with_its_scale(self):
        page = self.page()
        # With a Pixel Spacing (0028,0030) in its place, before Bits Allocated.
        sample = (SAMPLES / "edema_effusion.dcm").read_bytes()
        at = sample.index(b"\x28\x00\x00\x01US\x02\x00")
        path = self.file("spaced.dcm", sample[:at] + b"\x28\x00\x30\x00DS\x0a\x000.61\\0.55 " + sample[at:])
        self.choose(page, path)
        prediction = self.answer(path)
        image = prediction["image"]
        self.assertEqual(image["pixel_spacing_mm"], [0.61, 0.55])
        self.shot(page, "dicom")
        self.select(page, "Edema")
        self.check_peak(page, prediction, "Edema")
        page.do("mode('none')")
        # The bar's base is the only run of pure white in its row: its length is a round number of centimetres.
        bar = page.do("""pixels().then(({data, width, height}) => {
            const y = height - 14;
            let count = 0;
            for (let x = 0; x < width / 2; x++) count += data[(y * width + x) * 4] === 255 ? 1 : 0;
            return {count, width, height}; })""")
        scale = min(bar["width"] / image["width"], bar["height"] / image["height"])
        millimetres = bar["count"] / scale * image["pixel_spacing_mm"][1]
        self.assertLess(min(abs(millimetres - length) for length in (10, 20, 50, 100, 200)), 2 * image["pixel_spacing_mm"][1] / scale)


class Changed(Viewer):
    def test_another_model_behind_the_page_is_no_answer(self):
        package = self.root / "package"
        shutil.copytree(PHANTOM, package, ignore=shutil.ignore_patterns("samples", "*.py", "*.md"))
        with Service(CXRD, model=package) as service:
            page = self.page(service)
            page.expected_errors += ["ERR_CONNECTION"]
            port = service.port
            page.wait("document.getElementById('intended-use').innerText.includes('not patients')")
            service.stop()
        page.click(".sample")
        page.wait("document.getElementById('service-alert').innerText.includes('did not answer')")
        card = package / "model.json"
        card.write_text(card.read_text().replace("Demonstration only:", "Something else:"))
        subprocess.run([CXRD, "inspect", "--seal", str(package)], check=True, capture_output=True)
        with Service(CXRD, model=package, port=port):
            self.choose(page, SAMPLES / "normal.png")
            self.assertIn("another model package", page.text("#problem"))
            self.assertEqual(self.rows(page), [])


class Withheld(Viewer):
    """A service that gives neither maps nor pictures."""

    @classmethod
    def start(cls):
        return Service(CXRD, "--attention", "off", model=PHANTOM)

    def test_findings_are_shown_without_maps(self):
        page = self.page()
        self.choose(page, SAMPLES / "pneumothorax.png", SAMPLES / "edema_effusion.dcm")
        self.assertIn("Pneumothorax", self.rows(page))
        self.assertIn("gives no attention maps", page.text("#detail"))
        self.assertTrue(page.do("document.getElementById('map-controls').hidden"))
        page.click(".thumbnail:nth-child(2)")
        page.wait("document.querySelector('.pane-note').innerText.includes('gave no picture')")
        self.assertIn("Edema", self.rows(page))


class Reach(Viewer):
    """By keyboard alone, on every screen, in the dark."""

    def focused(self, page):
        return page.do("document.activeElement.id || document.activeElement.className || document.activeElement.name")

    def tab_to(self, page, wanted, most=60):
        for _ in range(most):
            page.press("Tab")
            if self.focused(page) == wanted:
                return
        self.fail(f"{wanted} is not reached by Tab")

    def test_the_keyboard_does_all(self):
        page = self.page()
        self.tab_to(page, "choose")
        self.tab_to(page, "sample")
        page.press("Enter")
        page.wait("document.querySelector('.row')")
        self.assertEqual(page.do("document.activeElement.id"), "panel-title")  # its button is gone: on with the results
        page.press("Tab")
        self.assertEqual(self.focused(page), "finding")
        self.tab_to(page, "pane-canvas")
        before = page.do("hash()")
        page.press("+")
        zoomed = page.do("hash()")
        page.press("ArrowLeft")
        self.assertEqual(len({before, zoomed, page.do("hash()")}), 3)
        page.press("0")
        self.assertEqual(page.do("hash()"), before)
        page.press("i")
        self.assertNotEqual(page.do("hash()"), before)
        page.press("i")
        page.press("ArrowRight", SHIFT)
        self.assertNotEqual(page.do("hash()"), before)
        page.press("w")
        self.assertEqual(page.do("hash()"), before)
        self.tab_to(page, "finding")
        rows = self.rows(page)
        for label in rows[1:]:
            page.press("ArrowDown")
            page.wait(f"document.querySelector('#detail h3').textContent === '{label}'")
        page.press("ArrowUp")
        page.wait(f"document.querySelector('#detail h3').textContent === '{rows[-2]}'")
        self.assertNotEqual(page.do("hash()"), before)
        self.assertEqual(self.focused(page), "finding")

    def test_two_fingers_zoom_and_one_moves(self):
        page = self.page(width=375, height=700, touch=True)
        self.choose(page, SAMPLES / "pneumothorax.png")
        x, y = page.middle(".pane-canvas")
        before = page.do("mapPeak()")
        page.touch("touchStart", (x - 40, y), (x + 40, y))
        page.touch("touchMove", (x - 60, y), (x + 60, y))
        page.touch("touchMove", (x - 80, y), (x + 80, y))
        page.touch("touchEnd")
        zoomed = page.do("mapPeak()")
        for axis, size in (("x", "width"), ("y", "height")):  # twice as far from the middle
            self.assertAlmostEqual(zoomed[axis] - before[size] / 2, 2 * (before[axis] - before[size] / 2), delta=4)
        page.touch("touchStart", (x, y))
        page.touch("touchMove", (x + 15, y - 10))
        page.touch("touchMove", (x + 30, y - 20))
        page.touch("touchEnd")
        moved = page.do("mapPeak()")
        self.assertAlmostEqual(moved["x"], zoomed["x"] + 30, delta=3)
        self.assertAlmostEqual(moved["y"], zoomed["y"] - 20, delta=3)

    def test_it_fits_a_phone_and_a_wall(self):
        for width, height, touch in ((375, 700, True), (2560, 1440, False), (3840, 2160, False)):
            page = self.page(width=width, height=height, touch=touch)
            self.shot(page, f"start_{width}")
            self.choose(page, SAMPLES / "pneumothorax.png", SAMPLES / "normal.png")
            self.shot(page, f"viewer_{width}")
            self.assertLessEqual(page.do("document.documentElement.scrollWidth"), width)
            page.do("window.scrollTo(0, 1e6)")
            self.shot(page, f"viewer_{width}_end")
            box = page.do("document.getElementById('intended-use').getBoundingClientRect().toJSON()")
            self.assertGreaterEqual(box["top"], 0)
            self.assertLessEqual(box["bottom"], height)
            canvas = page.do("document.querySelector('.pane-canvas').getBoundingClientRect().toJSON()")
            self.assertGreater(min(canvas["width"], canvas["height"]), 0.45 * min(width, height))
            small = page.do("""[...document.querySelectorAll('button, select')].filter((each) => each.offsetParent)
                .map((each) => each.getBoundingClientRect()).filter(({width, height}) => Math.min(width, height) < 24).length""")
            self.assertEqual(small, 0, "controls that a finger cannot hit")

    def test_letters_are_read_in_light_and_dark(self):
        grounds = []
        for dark in (False, True):
            page = self.page(dark=dark)
            self.shot(page, f"start_{'dark' if dark else 'light'}")
            self.choose(page, SAMPLES / "pneumothorax.png")
            self.shot(page, f"viewer_{'dark' if dark else 'light'}")
            grounds.append(page.do("getComputedStyle(document.body).backgroundColor"))
            pairs = page.do("""[...document.querySelectorAll('h1, h2, h3, p, label, legend, dt, dd, button, .row-value, .row-label')]
                .filter((each) => each.offsetParent && each.innerText.trim() && !each.closest('.pane')).map((each) => {
                    let ground = each;
                    const clear = (colour) => /^rgba\\(.* 0\\)$/.test(colour) || colour.startsWith('color(');
                    while (clear(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
                    return [each.innerText.slice(0, 30), getComputedStyle(each).color, getComputedStyle(ground).backgroundColor]; })""")
            self.assertGreater(len(pairs), 25)
            for text, colour, ground in pairs:
                self.assertGreaterEqual(contrast(colour, ground), 4.5, f"{text}: {colour} on {ground}, dark {dark}")
        self.assertGreater(contrast(*grounds), 8)


class Models(Viewer):
    """Models of other kinds than the demonstration's."""

    @classmethod
    def start(cls):
        return Service(FAKE, "--model", "other", "--rung", "views")

    def test_another_model_reads_all_images_again(self):
        page = self.page()
        self.assertTrue(page.do("document.getElementById('samples').hidden"), "its drawings are the demonstration's")
        self.choose(page, self.file("a.png", png(100, 100)), self.file("b.png", png(90, 100)))
        facts = "document.getElementById('fact-list').textContent"
        self.assertIn("demo", page.do(facts))
        page.do("change('model', 'other')")
        page.wait("document.querySelectorAll('[data-state=done]').length === 2 && " + facts + ".includes('other')")
        self.assertEqual(page.do("location.hash"), "#model=other")
        again = self.page(hash="#model=other")
        self.choose(again, self.root / "a.png")
        self.assertIn("other", again.do(facts))

    def test_heads_of_two_views_read_one_image_as_both(self):
        page = self.page()
        self.choose(page, self.file("a.png", png(100, 100)))
        self.assertIn("Effusion", self.rows(page))
        self.assertIn("read this one image as both views", page.text("#cautions"))
        self.assertIn("Nobody has set the thresholds of some of these labels", page.text("#findings"))
        self.select(page, "area_lost")  # a risk of a head that has maps
        page.wait("document.querySelector('#detail h3').textContent === 'area_lost'")
        self.assertNotIn("linear", page.text("#detail"))
        self.assertGreater(page.do("mapPeak()")["most"], 100)


class Problems(Viewer):
    """Each class of error, in plain words with what to do."""

    @classmethod
    def start(cls):
        return Service(FAKE)

    def problem(self, page, *words, selector="#problem"):
        page.wait(f"!document.querySelector('{selector}').closest('[hidden]') && "
                  f"{json.dumps(words)}.every((word) => document.querySelector('{selector}').innerText.includes(word))", seconds=20)
        return page.text(selector)

    def test_of_the_file(self):
        cases = [("hello.png", b"hello", 415, "plain text", "Save the picture as PNG, JPEG or DICOM"),
                 ("cut.png", png(100, 100)[:200], 422, "truncated", "Choose another file"),
                 ("small.png", png(8, 8), 422, "too small", "Choose another file"),
                 ("huge.png", png(64, 64) + b"\0" * (33 << 20), 413, "32 MiB", "Send a smaller file"),
                 ("nan.png", png(97, 80), 500, "not finite", "Choose another picture")]
        for name, data, status, *words in cases:
            page = self.page()
            page.expected_errors += [str(status)]
            self.choose(page, self.file(name, data))
            text = self.problem(page, *words)
            self.assertIn("Request ", text, "what the log calls it")
            self.assertIn("failed", page.text("#announcement"))
            self.check_page(page)
        self.shot(page, "problem")

    def test_of_the_service(self):
        with Service(FAKE, "--rung", "headless") as service:
            page = self.page(service)
            page.expected_errors += ["409"]
            self.choose(page, self.file("a.png", png(100, 100)))
            self.problem(page, "no heads", "Choose another model")
        with Service(FAKE, "--rung", "full") as service:
            page = self.page(service)
            page.expected_errors += ["503"]
            page.choose_files("#files", self.file("a.png", png(100, 100)))
            page.wait("document.getElementById('progress-text').innerText.includes('Waiting')")
            self.problem(page, "queue is full", "Try again in 2 seconds")
        with Service(FAKE, "--rung", "slow", "--deadline-ms", "100") as service:
            page = self.page(service)
            page.expected_errors += ["504"]
            self.choose(page, self.file("a.png", png(100, 100)))
            self.problem(page, "Try again")

    def test_of_a_service_that_is_gone(self):
        with Service(FAKE) as service:
            page = self.page(service)
            page.expected_errors += ["ERR_CONNECTION"]
            service.stop()
            self.choose(page, self.file("a.png", png(100, 100)))
            self.problem(page, "did not answer", "Check your connection")

    def test_of_a_service_that_is_being_started(self):
        with Service(FAKE, "--rung", "loading", ready=False) as service:
            page = self.page(service)
            page.expected_errors += ["503"]
            self.problem(page, "still being loaded", selector="#service-alert")
            page.wait("document.getElementById('service-state').hidden")
            self.choose(page, self.file("a.png", png(100, 100)))
            self.assertIn("Edema", self.rows(page))

    def test_a_key_is_asked_for_and_kept_in_this_tab(self):
        keys = self.file("keys", f"ward:{hashlib.sha256(KEY.encode()).hexdigest()}\n".encode())
        with Service(FAKE, "--api-keys", str(keys)) as service:
            page = self.page(service)
            page.expected_errors += ["401", "403"]
            page.wait("document.getElementById('key-dialog').open")
            self.shot(page, "key")
            self.assertIn("key", self.problem(page, selector="#service-alert"))
            page.do("key.value = 'two words'")
            page.click("#key-form [type=submit]")
            self.assertIn("no spaces", page.text("#key-error"))
            page.do("key.value = 'wrong'")
            page.click("#key-form [type=submit]")
            self.problem(page, "Check the key", selector="#service-alert")
            page.click("#open-key")
            page.do("key.value = ''")
            page.click("#key")
            for letter in KEY:
                page.press(letter)
            page.press("Enter")
            page.wait("document.getElementById('service-state').hidden")
            self.choose(page, self.file("a.png", png(100, 100)))
            self.assertIn("Edema", self.rows(page))
            self.assertNotIn(KEY, page.do("location.href + JSON.stringify(localStorage) + document.cookie"))
            other = self.page(service)
            other.expected_errors += ["401"]
            other.wait("document.getElementById('key-dialog').open")


if __name__ == "__main__":
    unittest.main(verbosity=2)
