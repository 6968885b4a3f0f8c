#!/usr/bin/env python3
"""A real engine under load: several devices, lost devices, stopping, reloading: load_test.py CXRD MODEL

MODEL is a small package: on a CPU driver a large one would take minutes.
"""

import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from service import FORM, Service, form, png, program, wait_until

MODEL = pathlib.Path(sys.argv.pop(2))
BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)


class Clients:
    """Threads that send one prediction after the other, and what they got: (code, headers, model version)."""

    def __init__(self, service, count=8):
        self.service, self.ending, self.answers, self.broken = service, False, [], []
        self.leaving = False # once set, a client that is sent away does not come again
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = None
        while not self.ending:
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=120)
            try:
                answer = self.service.request("POST", "/predict", PICTURE, {"Content-Type": "image/png"}, connection)
            except (OSError, http.client.HTTPException) as error:
                self.broken.append((time.monotonic(), repr(error)))
                connection = None
                time.sleep(0.05)
                continue
            version = answer.json["model"]["version"] if answer.code == 200 else None
            self.answers.append((answer.code, answer.headers, version))
            if answer.headers["connection"] == "close":
                connection.close()
                connection = None
            if answer.code != 200:
                if self.leaving:
                    break
                time.sleep(0.05)
        if connection:
            connection.close()

    def stop(self):
        self.ending = True
        for thread in self.threads:
            thread.join()

    def count(self, code):
        return sum(answer[0] == code for answer in self.answers)


class Devices(unittest.TestCase):
    def test_two_workers_answer_as_one_does(self):
        with Service(BINARY, model=MODEL) as one, \
                Service(BINARY, "--device", "0", "--device", "0", model=MODEL) as two:
            expected = one.post("/predict", "image/png", PICTURE).predictions[0]
            body = form([(None, PICTURE)] * 20)
            clients = Clients(two, 4)
            for prediction in two.post("/predict", FORM, body).predictions:
                self.assertEqual(prediction["findings"], expected["findings"])
            clients.stop()
            self.assertEqual(clients.broken, [])
            self.assertEqual(clients.count(200), len(clients.answers))
            self.assertEqual(two.get("/models").json["models"][0]["device"], one.get("/models").json["models"][0]["device"])

    def test_a_device_that_is_not_there_is_told(self):
        with Service(BINARY, "--device", "0", "--device", "99", model=MODEL, ready=False) as running:
            self.assertEqual(running.process.wait(60), 1)
            self.assertIn("There is no device 99", running.errors())


class Loss(unittest.TestCase):
    def test_a_lost_device_costs_only_retries(self):
        with Service(BINARY, "--lose-device-after", "20", model=MODEL) as running:
            expected = running.post("/predict", "image/png", PICTURE).predictions
            seen = []
            ending = threading.Event()
            probe = threading.Thread(target=lambda: self.watch(running, seen, ending))
            probe.start()
            clients = Clients(running)
            wait_until(lambda: 503 in seen, 120)
            wait_until(lambda: seen[-1] == 200, 120)
            before = clients.count(200)
            wait_until(lambda: clients.count(200) > before + 20, 120)
            clients.stop()
            ending.set()
            probe.join()
            self.assertEqual(clients.broken, [])
            self.assertEqual(clients.count(200) + clients.count(503), len(clients.answers))
            self.assertGreater(clients.count(503), 0)
            for code, headers, _ in clients.answers:
                self.assertEqual("retry-after" in headers, code == 503)
            self.assertEqual(running.post("/predict", "image/png", PICTURE).predictions, expected)
            self.assertEqual(running.stop(), 0)

    def test_weights_that_were_written_to_are_not_loaded_again(self):
        """The files were hashed at the start. The device is lost long after that, and reads them again."""
        with tempfile.TemporaryDirectory() as folder:
            package = pathlib.Path(folder) / "package"
            shutil.copytree(MODEL, package)
            with Service(BINARY, "--lose-device-after", "20", model=package) as running:
                self.assertEqual(running.post("/predict", "image/png", PICTURE).code, 200)
                with open(package / "head.risk.safetensors", "r+b") as file:
                    file.truncate(100)
                clients = Clients(running)
                self.assertEqual(running.process.wait(120), 3)
                clients.stop()
                self.assertIn("head.risk.safetensors: It was changed while it was in use.", running.errors())

    def test_other_weights_behind_an_old_time_are_not_loaded_either(self):
        with tempfile.TemporaryDirectory() as folder:
            package = pathlib.Path(folder) / "package"
            shutil.copytree(MODEL, package)
            weights = package / "head.risk.safetensors"
            with Service(BINARY, "--lose-device-after", "20", model=package) as running:
                self.assertEqual(running.post("/predict", "image/png", PICTURE).code, 200)
                before = weights.stat()
                data = bytearray(weights.read_bytes())
                data[-1] ^= 1
                with open(weights, "r+b") as file:
                    file.write(data)
                os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
                clients = Clients(running)
                self.assertEqual(running.process.wait(120), 3)
                clients.stop()
                self.assertIn("head.risk.safetensors: its SHA-256 is not the one in model.json", running.errors())

    @staticmethod
    def watch(running, seen, ending):
        while not ending.is_set():
            seen.append(running.get("/readyz").code)
            time.sleep(0.01)


class Stop(unittest.TestCase):
    def test_sigterm_under_load_fails_no_request(self):
        grace_s = 1
        with Service(BINARY, "--grace-ms", str(1000 * grace_s), model=MODEL) as running:
            clients = Clients(running)
            wait_until(lambda: clients.count(200) > 20, 120)
            clients.leaving, before, told = True, clients.count(200), time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: running.get("/readyz").code == 503, grace_s)
            self.assertEqual(running.process.wait(60), 0)
            clients.stop()
            self.assertGreater(clients.count(200), before)
            self.assertGreater(clients.count(503), 0)
            self.assertEqual(clients.count(200) + clients.count(503), len(clients.answers))
            # Who connects after the end finds nobody; everyone before was answered.
            self.assertEqual([error for when, error in clients.broken if when < told + grace_s], [])
            self.assertNotIn("cut off", running.errors())


def edit(package, old, new):
    """Changes model.json and does not seal it."""
    text = (package / "model.json").read_text().replace(":\t", ": ")
    assert old in text
    (package / "model.json").write_text(text.replace(old, new))


class Reload(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.package = pathlib.Path(folder.name) / "package"
        self.replace("1")

    def replace(self, version, change=lambda package: None):
        """Moves a new package into the old one's place."""
        new, old = self.package.with_name("new"), self.package.with_name("old")
        shutil.copytree(MODEL, new)
        card = json.loads((new / "model.json").read_text())
        (new / "model.json").write_text(json.dumps({**card, "version": version}))
        subprocess.run([BINARY, "inspect", "--seal", new], check=True, stdout=subprocess.DEVNULL)
        change(new)
        if self.package.exists():
            self.package.rename(old)
        new.rename(self.package)
        shutil.rmtree(old, ignore_errors=True)

    def version(self, running):
        return running.get("/models").json["models"][0]["version"]

    def test_a_new_version_replaces_the_old_one_and_no_request_fails(self):
        with Service(BINARY, model=self.package) as running:
            clients = Clients(running)
            for version in ("2", "3"):
                wait_until(lambda: clients.count(200) > 10, 120)
                self.replace(version)
                running.process.send_signal(signal.SIGHUP)
                wait_until(lambda: self.version(running) == version, 120)
                self.assertEqual(running.get("/readyz").code, 200)
                before = len(clients.answers)
                wait_until(lambda: len(clients.answers) > before + 20, 120)
            clients.stop()
            self.assertEqual(clients.broken, [])
            self.assertEqual(clients.count(200), len(clients.answers))
            seen = [version for _, _, version in clients.answers]
            self.assertEqual(set(seen), {"1", "2", "3"})
            self.assertEqual(seen[-8:], ["3"] * 8)
            self.assertEqual(running.stop(), 0)

    def test_a_broken_package_leaves_the_old_one_serving(self):
        with Service(BINARY, model=self.package) as running:
            expected = running.post("/predict", "image/png", PICTURE).predictions
            one = hashlib.sha256((self.package / "SHA256SUMS").read_bytes()).hexdigest()
            wait_until(lambda: f"package_sha256 {one}" in running.errors())
            self.assertEqual(running.get("/models").json["models"][0]["package_sha256"], one)
            self.assertIn(f'package_sha256="{one}"}} 1', running.get("/metrics").body.decode())
            for number, change in enumerate((lambda package: (package / "model.json").write_text("{"),
                                             lambda package: (package / "SHA256SUMS").unlink(),
                                             lambda package: edit(package, '"threshold": 0.5', '"threshold": 0.1'),
                                             lambda package: (package / "backbone.safetensors").write_bytes(b"x"),
                                             lambda package: (package / "head.risk.safetensors").unlink()), 1):
                self.replace("2", change)
                running.process.send_signal(signal.SIGHUP)
                wait_until(lambda: running.errors().count("the old ones stay") == number, 120)
                self.assertEqual(running.get("/readyz").code, 200)
                self.assertEqual(self.version(running), "1")
                self.assertEqual(running.post("/predict", "image/png", PICTURE).predictions, expected)
            self.replace("4")
            running.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.version(running) == "4", 120)


if __name__ == "__main__":
    unittest.main(verbosity=2)
