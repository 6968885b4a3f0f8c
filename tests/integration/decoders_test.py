#!/usr/bin/env python3
"""Decoders that die under load, over a service with a fake engine: decoders_test.py FAKE_CXRD"""

import os
import pathlib
import random
import signal
import sys
import threading
import time
import unittest

from service import Service, children, in_background, png, program, stat, wait_until

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)
LARGE = png(1500, 1500, lambda x, y: (x * y) % 251)
DECODERS = 2


def decoders(service):
    (template,) = children(service.process.pid)
    return children(template)


def gone(process):
    try:
        return stat(process)[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Decoders(unittest.TestCase):
    def setUp(self):
        self.service = Service(BINARY, "--decoders", str(DECODERS))
        self.answers = []

    def tearDown(self):
        self.service.__exit__()

    def load(self, ending):
        """Sends one image after the other, of a size that keeps a decoder at work most of the time."""
        while not ending.is_set():
            self.answers.append(self.service.post("/predict", "image/png", LARGE))

    def test_killed_decoders_cost_at_most_one_request_each(self):
        ending, kills = threading.Event(), 0
        clients = [in_background(lambda: self.load(ending)) for _ in range(4)]
        chance = random.Random(7)
        for _ in range(40):
            time.sleep(0.05)
            try:
                os.kill(chance.choice(decoders(self.service)), signal.SIGKILL)
                kills += 1
            except (IndexError, ProcessLookupError):
                pass  # all were being replaced
        ending.set()
        for client in clients:
            client.join()
        codes = [answer.code for answer in self.answers]
        failed = [answer for answer in self.answers if answer.code != 200]
        print(f"{len(codes)} requests, {kills} decoders killed, {len(failed)} requests failed", file=sys.stderr)
        self.assertEqual(set(codes) - {200, 503}, set())
        self.assertTrue(failed, "no decoder was killed at work: this proves nothing")
        self.assertLessEqual(len(failed), kills)
        for answer in failed:
            self.assertIn("was killed", answer.json["detail"])
        for _ in range(2 * DECODERS):
            self.assertEqual(self.service.post("/predict", "image/png", PICTURE).code, 200)
        self.assertEqual(self.service.get("/readyz").code, 200)
        self.assertEqual(self.service.stop(), 0)

    def test_decoders_are_not_told_of_the_end_and_leave_with_it(self):
        processes = [*children(self.service.process.pid), *decoders(self.service)]
        self.assertEqual(len(processes), 1 + DECODERS)
        for process in processes:
            os.kill(process, signal.SIGTERM)
            os.kill(process, signal.SIGINT)
        self.assertEqual(self.service.post("/predict", "image/png", PICTURE).code, 200)
        self.assertEqual(self.service.stop(), 0)
        self.assertTrue(all(gone(process) for process in processes))

    def test_decoders_do_not_outlive_a_killed_service(self):
        processes = [*children(self.service.process.pid), *decoders(self.service)]
        self.service.stop(signal.SIGKILL)
        wait_until(lambda: all(gone(process) for process in processes))

    def test_without_their_template_the_service_ends_to_be_started_anew(self):
        (template,) = children(self.service.process.pid)
        processes = decoders(self.service)
        os.kill(template, signal.SIGKILL)
        wait_until(lambda: all(gone(process) for process in processes))
        self.assertEqual(self.service.post("/predict", "image/png", PICTURE).code, 503)
        self.assertEqual(self.service.process.wait(30), 3)
        self.assertIn("started anew", self.service.errors())


class Settings(unittest.TestCase):
    def filters(self, *options):
        with Service(BINARY, "--decoders", "1", *options) as service:
            (decoder,) = decoders(service)
            self.assertEqual(service.post("/predict", "image/png", PICTURE).code, 200)
            status = pathlib.Path("/proc", str(decoder), "status").read_text()
            self.assertEqual(service.stop(), 0)
            return "Seccomp:\t2" in status, "without a filter" in service.errors()

    def test_system_calls_are_filtered_unless_switched_off_which_is_logged(self):
        self.assertEqual(self.filters(), (True, False))
        self.assertEqual(self.filters("--decoder-sandbox", "off"), (False, True))


if __name__ == "__main__":
    unittest.main(verbosity=2)
