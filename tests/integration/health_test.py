#!/usr/bin/env python3
"""`cxrd health`, which a container's health check runs, beside services in every state: health_test.py CXRD FAKE_CXRD"""

import contextlib
import socket
import subprocess
import sys
import time
import unittest

from service import Service, free_ports, in_background

FAKE, BINARY = sys.argv.pop(2), sys.argv.pop(1)


def health(*arguments):
    done = subprocess.run([BINARY, "health", *arguments], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


class Health(unittest.TestCase):
    def answering(self, data, times=1, pause=0):
        """The result of asking somebody who says this, so often, and then closes."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                with server.accept()[0] as connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    for _ in range(times):
                        connection.sendall(data)
                        time.sleep(pause)
            thread = in_background(answer)
            found = health(f"http://127.0.0.1:{server.getsockname()[1]}/healthz")
            thread.join()
            return found

    def test_well(self):
        with Service(FAKE, "--probe-listen", "127.0.0.1:0") as running:
            for port in (running.port, running.probe_port):
                for path in ("healthz", "readyz"):
                    self.assertEqual(health(f"http://127.0.0.1:{port}/{path}"), (0, "", ""))

    def test_what_is_wrong_is_said(self):
        for state, path, words in (("loading", "readyz", "answers 503: {"), ("lost", "readyz", "device"), ("stuck", "healthz", "answers 503: {")):
            with Service(FAKE, "--rung", state, ready=state != "loading") as running:
                code, out, errors = health(f"http://localhost:{running.port}/{path}")
                self.assertEqual((code, out), (1, ""), state)
                self.assertIn(words, errors)
        with Service(FAKE) as running:
            self.assertIn("answers 404", health(f"http://127.0.0.1:{running.port}/nowhere")[2])

    def test_nobody(self):
        (port,) = free_ports(1)
        self.assertEqual(health(f"http://127.0.0.1:{port}/healthz"),
                         (1, "", f"cxrd health: http://127.0.0.1:{port}/healthz does not answer: Connection refused.\n"))

    def test_silence_and_drops_end_after_5_s(self):
        for data, times, pause in ((b"", 1, 7), (b"H", 12, 0.6)):
            start = time.monotonic()
            code, _, errors = self.answering(data, times, pause)
            self.assertEqual(code, 1)
            self.assertIn("5 s have passed", errors)
            self.assertGreater(time.monotonic() - start, 4.9)

    def test_what_is_no_answer(self):
        for data in (b"hello", b"HTTP/1.1 200 OK\r\n", b"", b"HTTP/2 200\r\n\r\n", b"x" * 10000):
            code, _, errors = self.answering(data)
            self.assertEqual(code, 1, data)
            self.assertIn("is not HTTP", errors, data)

    def test_addresses_of_both_kinds(self):
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
                port = server.getsockname()[1]
        except OSError:
            self.skipTest("no IPv6 here")
        with subprocess.Popen([FAKE, "--model", "demo", "--listen", f"[::1]:{port}", "--grace-ms", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            while process.stdout.readline() != "ready\n":
                self.assertIsNone(process.poll())
            self.assertEqual(health(f"http://[::1]:{port}/readyz")[0], 0)
            process.terminate()

    def test_usage(self):
        for url in ("127.0.0.1:8080", "https://a:1/", "http://a/healthz", "http://a:1", "http://a:0/x", "http://:/", "", "http://a:1/x y",
                    "http://a:1/x\r\nX: y", "http://" + "a" * 300 + ":1/"):
            code, _, errors = health(url)
            self.assertEqual(code, 2, url)
            self.assertIn("takes one URL such as", errors)
        self.assertEqual(health("http://a:1/", "b")[0], 2)
        code, out, _ = health("--help")
        self.assertEqual(code, 0)
        self.assertIn("usage: cxrd health", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
