#!/usr/bin/env python3
"""What a client behind the shipped HAProxy or nginx sees of three services that fail, under load:
proxy_test.py FAKE_CXRD haproxy|nginx [TEST...]

The load is 60 % of what the three can do, of pictures like radiographs in size; with one of them gone it is 90 % of the rest.
"""

import json
import random
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
import zlib

import service
from fleet import KEY, Fleet, program
from service import in_background, png, program, samples, wait_until

sys.path.insert(0, str(service.ROOT / "tests/bench"))
from open_loop import OpenLoop

BINARY, PROXY = program(sys.argv.pop(1)), sys.argv.pop(1)
BATCH_MS, BATCH, INSTANCES = 500, 8, 3
CAPACITY = INSTANCES * BATCH * 1000 / BATCH_MS
OPTIONS = ("--rung", f"batched:{BATCH_MS}", "--max-batch", str(BATCH), "--grace-ms", "5000",
           "--max-requests", "32" if PROXY == "haproxy" else "64")


def noise(width, height):
    """A PNG that does not shrink: as large as its pixels."""
    rows = b"".join(b"\0" + random.Random(y).randbytes(width) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def post(picture):
    return (f"POST /predict?attention=none HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Type: image/png\r\n"
            f"Content-Length: {len(picture)}\r\n\r\n").encode() + picture


# One in ten is of 2 MB, the others of 200 KB.
REQUESTS = [post(noise(400, 500))] * 9 + [post(noise(1400, 1500))]


# Eight clients in a process of their own that send 30 MB six times each, whatever they are told meanwhile, and print what that was.
FLOOD = """
import socket, sys, threading
body = bytes(1 << 20)
def flood():
    for _ in range(6):
        received = b""
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as connection:
            try:
                connection.sendall(b"POST /predict HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: image/png\\r\\nContent-Length: 31457280\\r\\n\\r\\n")
                for _ in range(30):
                    connection.sendall(body)
            except OSError:
                pass
            try:
                received = connection.recv(4096)
            except OSError:
                pass
        sys.stdout.write((received[9:12].decode() or "nothing") + "\\n")
threads = [threading.Thread(target=flood) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


class Load:
    """Valid users, until the `with` ends; then every one of them must have been answered."""

    def __init__(self, test, fleet):
        self.test, self.fleet = test, fleet
        self.loop = OpenLoop(fleet.proxy.port, REQUESTS, poisson=True)

    def __enter__(self):
        self.thread = in_background(lambda: self.loop.run(0.6 * CAPACITY, 120))
        wait_until(lambda: self.loop.count(200) > 30, 60)
        return self

    def __exit__(self, kind, *_):
        self.loop.ending = True
        self.thread.join()
        if kind:
            return
        codes = {code: self.loop.count(code) for code in {answer[2] for answer in self.loop.answers}}
        print(f"{self.test.id().rsplit('.', 1)[1]}: {codes}, {self.loop.broken} broken, slowest "
              f"{max(seconds for _, seconds, _ in self.loop.answers):.1f} s", flush=True)
        self.test.assertEqual((set(codes), self.loop.broken, self.loop.sent_again), ({200}, 0, 0), self.fleet.proxy.log()[-4000:])


class Failing(unittest.TestCase):
    def check_spread(self, fleet):
        self.assertLess(fleet.seconds_to_spread(), 10)

    def test_killed(self):
        with Fleet(BINARY, PROXY, *OPTIONS) as fleet, Load(self, fleet) as load:
            fleet.instances[0].process.kill()
            before = load.loop.count(200)
            wait_until(lambda: load.loop.count(200) > before + 2 * CAPACITY, 60)
            fleet.start(0)
            self.check_spread(fleet)

    def test_restarted_one_by_one(self):
        with Fleet(BINARY, PROXY, *OPTIONS) as fleet, Load(self, fleet):
            for number in range(INSTANCES):
                self.assertEqual(fleet.instances[number].stop(), 0)
                self.assertNotIn("cut off", fleet.instances[number].errors())
                fleet.start(number)
                self.check_spread(fleet)

    def test_hung(self):
        with Fleet(BINARY, PROXY, *OPTIONS) as fleet, Load(self, fleet) as load:
            fleet.instances[0].process.send_signal(signal.SIGSTOP)
            # What it held is sent again after 10 s, and answered while it still hangs.
            wait_until(lambda: any(seconds > 9.5 for _, seconds, _ in list(load.loop.answers)), 30)
            fleet.instances[0].process.send_signal(signal.SIGCONT)
            self.check_spread(fleet)

    def test_device_lost(self):
        with Fleet(BINARY, PROXY, *OPTIONS, first=("--lose-device-after", "40")) as fleet, Load(self, fleet):
            wait_until(lambda: fleet.metrics(0)["cxr_device_lost_total", ""] == 1, 60)
            time.sleep(3)
            self.check_spread(fleet)
            self.assertGreater(fleet.metrics(0)["cxr_rejected_total", '{reason="device_lost"}'], 0)

    def test_flooded_with_uploads_without_a_key(self):
        with Fleet(BINARY, PROXY, *OPTIONS) as fleet, Load(self, fleet):
            flood = subprocess.run([sys.executable, "-c", FLOOD, str(fleet.proxy.port)], stdout=subprocess.PIPE, text=True, timeout=90)
            told = flood.stdout.split()
            print(f"the flood was told {({code: told.count(code) for code in sorted(set(told))})}", flush=True)
            self.assertEqual(len(told), 48)
            self.check_spread(fleet)
            refused = [fleet.metrics(number)["cxr_rejected_total", '{reason="unauthorized"}'] for number in range(INSTANCES)]
            self.assertGreaterEqual(sum(refused), 24, told)


class Settings(unittest.TestCase):
    """What the configuration says and does while all is well."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(BINARY, PROXY))
        cls.proxy = cls.fleet.proxy

    def test_the_proxy_itself_finds_nothing_wrong(self):
        self.assertEqual(self.proxy.complaints(), "")
        if PROXY == "haproxy":
            del self.proxy.environment["CXRD_CERTIFICATE"]
            self.assertEqual(self.proxy.complaints(), "")

    def test_a_misspelt_option_is_told(self):
        try:
            self.proxy.write(self.proxy.configuration.replace("retry-on", "retry-om").replace("least_conn", "least_con"))
            self.assertIn("least_con" if PROXY == "nginx" else "retry-om", self.proxy.complaints())
        finally:
            self.proxy.write(self.proxy.configuration)

    def test_connections_are_kept(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=30) as connection:
            for _ in range(3):
                connection.sendall(post(png(100, 80)))
                self.assertTrue(service.receive_answer(connection).startswith(b"HTTP/1.1 200 "))

    def test_tls_ends_here(self):
        answer = self.proxy.request("POST", "/predict?attention=none", png(100, 80), tls=True)
        self.assertEqual(answer.code, 200, answer.body)

    def test_bodies_up_to_the_service_s_limit_pass(self):
        for size, code in ((32 << 20, 422), ((32 << 20) + 1, 413)):
            answer = self.proxy.request("POST", "/predict", png(100, 80)[:60].ljust(size, b"\0"))
            self.assertEqual(answer.code, code, answer.body)
            self.assertEqual(answer.headers["content-type"], "application/problem+json")

    def test_a_body_in_chunks_passes(self):
        answer = self.proxy.request("POST", "/predict?attention=none", iter([noise(300, 300)[:40000], noise(300, 300)[40000:]]))
        self.assertEqual(answer.code, 200, answer.body)

    def test_refusals_are_the_service_s_own(self):
        for headers, code in (({"X-API-Key": "wrong"}, 403), ({"Content-Type": "text/plain"}, 415)):
            answer = self.proxy.request("POST", "/predict", b"hello", **headers)
            self.assertEqual((answer.code, answer.json["status"]), (code, code))
            self.assertEqual(answer.json["instance"], answer.headers["x-request-id"])

    def test_who_sends_no_key_is_refused_before_the_body_is_taken_in(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=5) as connection:
            connection.sendall(post(b"").replace(b"X-API-Key: open sesame\r\n", b"").replace(b"Length: 0", b"Length: 30000000") + b"x" * 1000)
            self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 401 "))

    def test_counts_are_not_for_clients(self):
        self.assertEqual(self.proxy.request("GET", "/metrics").code, 404)
        self.assertEqual(self.proxy.request("GET", "/readyz").code, 200)

    def test_the_client_s_address_is_the_proxy_s_word(self):
        """The service believes the end of X-Forwarded-For, so what a client writes there must not become it."""
        with Fleet(BINARY, PROXY, "--log-client-address", "on", "--trusted-proxies", "127.0.0.0/8") as fleet:
            fleet.proxy.request("GET", "/models", **{"X-Forwarded-For": "192.0.2.7", "X-Request-Id": "forged"})

            def lines():
                logs = "".join(instance.errors() for instance in fleet.instances)
                return [json.loads(line) for line in logs.splitlines() if '"forged"' in line]
            wait_until(lines)
            self.assertEqual([line["address"] for line in lines()], ["127.0.0.1"])

    def test_without_any_instance_a_client_is_told_to_come_again(self):
        with Fleet(BINARY, PROXY, "--grace-ms", "0") as fleet:
            for instance in fleet.instances:
                instance.stop(signal.SIGKILL)
            answer = fleet.proxy.request("POST", "/predict", png(100, 80))
            self.assertEqual((answer.code, answer.json["status"]), (503, 503), answer.body)
            self.assertGreater(int(answer.headers["retry-after"]), 0)

    if PROXY == "haproxy": # nginx as packaged counts nothing
        def test_the_proxy_counts_for_prometheus(self):
            with socket.create_connection(("127.0.0.1", self.proxy.counters_port), timeout=10) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                text = service.receive_all(connection).decode()
            self.assertIn('haproxy_backend_status{proxy="cxrd"', text)


if __name__ == "__main__":
    if not program(PROXY):
        print(f"{PROXY} is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
