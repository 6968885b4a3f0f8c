#!/usr/bin/env python3
"""More connections than there are threads: who makes room for whom, to a service with a fake engine: flood_test.py FAKE_CXRD"""

import contextlib
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from service import Service, codes, in_background, png, program, receive_all, receive_answer, samples, wait_until

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)
HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"


class Flood(unittest.TestCase):
    def test_probes_answer_while_connections_take_every_thread(self):
        with Service(BINARY, "--threads", "4", "--head-timeout-ms", "2000", "--probe-listen", "127.0.0.1:0") as running:
            flood = [running.connect() for _ in range(200)]
            waiting = in_background(lambda: running.get("/version").code)
            for target in (b"/healthz", b"/readyz", b"/metrics"):
                with socket.create_connection(("127.0.0.1", running.probe_port), timeout=2) as connection:
                    connection.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % target)
                    self.assertEqual(codes(receive_all(connection)), [200])
            for connection in flood:
                connection.close()
            self.assertEqual(waiting.join(), 200)
            self.assertEqual(running.post("/predict", "image/png", PICTURE).code, 200)
            self.assertEqual(running.stop(), 0)

    def test_two_listeners_have_ports_of_their_own(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        for other in ("127.0.0.1", "127.0.0.2"):
            done = subprocess.run([BINARY, "--model", "demo", "--listen", f"127.0.0.1:{port}", "--probe-listen", f"{other}:{port}"],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"both are {port}", done.stderr)

    def test_idle_connections_make_room_for_others(self):
        with Service(BINARY, "--threads", "4") as running:
            with contextlib.ExitStack() as stack:
                opened = []
                for number in range(12):
                    opened.append(stack.enter_context(running.connect()))
                    opened[-1].sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertIn(b"Connection: keep-alive", receive_answer(opened[-1]), number)
                    time.sleep(0.1)  # for its thread to note on a busy machine that it is idle, before the next one's does
                for connection in opened[:8]:  # those that were idle longest
                    self.assertEqual(receive_all(connection), b"")
                opened[-1].sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(codes(receive_answer(opened[-1])), [200])

    def test_the_slowest_make_room_for_others(self):
        with Service(BINARY, "--threads", "16") as running:
            slow = [running.connect() for _ in range(100)]
            stop = threading.Event()

            def drip_on():
                for number, connection in enumerate(slow):
                    with contextlib.suppress(OSError):
                        connection.sendall((HEAD + b"Content-Length: 30000000\r\n\r\n") if number % 2 else b"G")
                while not stop.wait(0.05):
                    for connection in slow:
                        with contextlib.suppress(OSError):
                            connection.sendall(b"x")

            dripping = in_background(drip_on)
            times = []
            try:
                for _ in range(20):
                    start = time.monotonic()
                    self.assertEqual(running.post("/predict", "image/png", PICTURE).code, 200)
                    self.assertEqual(running.get("/readyz").code, 200)
                    times.append(time.monotonic() - start)
            finally:
                stop.set()
                dripping.join()
            for connection in slow:
                connection.close()
            self.assertLess(max(times), 10, times)  # they would hold the service for a minute each

    def test_who_makes_room_reads_why(self):
        """Bodies as fast as they may be, in more threads or memory than there are: whoever goes is told to come again."""
        body = bytes(24 << 20)
        head = HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) + 1)
        for options in (("--threads", "6"), ("--request-memory-mib", "100")):
            with Service(BINARY, *options) as running:
                told = []

                def send(running=running, told=told):
                    """Reads while it sends, as curl does."""
                    data = memoryview(head + body) # but for the last byte
                    with running.connect() as connection:
                        while data and not select.select([connection], [], [], 0)[0]:
                            data = data[connection.send(data[:1 << 16]):]
                        connection.settimeout(3)
                        with contextlib.suppress(TimeoutError):
                            told.append(connection.recv(65536))

                senders = [in_background(send) for _ in range(12)]
                for sender in senders:
                    sender.join()
                self.assertGreater(len(told), 0)
                for answer in told:
                    self.assertRegex(answer, rb"^HTTP/1.1 503 [\s\S]*\r\nRetry-After: \d")

    def test_a_refused_client_that_stays_is_logged_and_holds_up_nothing(self):
        with Service(BINARY) as running, running.connect() as connection:
            connection.sendall(HEAD.replace(b"image/png", b"text/plain") + b"Content-Length: 3000\r\n\r\nabc")
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 415 "))
            wait_until(lambda: '"code":415' in running.errors(), 2)
            counted = samples(running.get("/metrics").body.decode())
            times = [seconds for (name, labels), seconds in counted.items()
                     if name == "cxr_request_duration_seconds_sum" and 'code="415"' in labels]
            self.assertEqual(len(times), 1)
            self.assertLess(times[0], 0.5)
            start = time.monotonic()
            self.assertEqual(running.stop(), 0)
            self.assertLess(time.monotonic() - start, 3)

    def test_readiness_tells_when_nobody_gets_in(self):
        with Service(BINARY, "--threads", "4", "--rung", "batched:6000", "--max-requests", "64",
                     "--probe-listen", "127.0.0.1:0") as running:
            working = [in_background(lambda: running.post("/predict", "image/png", PICTURE).code) for _ in range(4)]

            def ready():
                with socket.create_connection(("127.0.0.1", running.probe_port), timeout=5) as connection:
                    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    return codes(receive_all(connection))

            self.assertEqual(ready(), [200])
            wait_until(lambda: ready() == [503])
            self.assertEqual([one.join() for one in working], [200] * 4)
            wait_until(lambda: ready() == [200])

    def test_a_refused_upload_reads_its_answer(self):
        with Service(BINARY) as running:
            for head, code in ((b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n", 415),
                               (b"POST /nothing HTTP/1.1\r\nHost: a\r\n", 404)):
                with running.connect() as connection:
                    connection.sendall(head + b"Content-Length: 30000000\r\n\r\n")
                    for _ in range(300):
                        connection.sendall(b"x" * 100000)  # a reset would be a BrokenPipeError
                    self.assertEqual(codes(receive_all(connection)), [code])

    def test_a_flood_does_not_hold_up_the_end(self):
        with Service(BINARY, "--threads", "4") as running:
            flood = [running.connect() for _ in range(50)]
            start = time.monotonic()
            self.assertEqual(running.stop(signal.SIGTERM, 10), 0)
            self.assertLess(time.monotonic() - start, 5)
            for connection in flood:
                connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
