#!/usr/bin/env python3
"""What the system gives a service, and what it gives away: addresses, descriptors, threads, cores, a log that nobody
reads. With a fake engine: limits_test.py FAKE_CXRD"""

import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from service import Service, codes, free_ports, png, program, receive_all, samples, wait_until, written

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)


def ask(address, port, data, family=socket.AF_INET):
    with socket.socket(family) as connection:
        connection.settimeout(20)
        connection.connect((address, port))
        connection.sendall(data)
        return codes(receive_all(connection))


def is_ready(port):
    try:
        return ask("127.0.0.1", port, b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") == [200]
    except OSError:
        return False


class Started:
    """A service started by a command line of its own; use it in a `with`."""

    def __init__(self, *options, before=(), limits=None, stderr=None, listen="127.0.0.1:0"):
        def limit():
            for name, value in (limits or {}).items():
                resource.setrlimit(name, (value, value))

        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*before, BINARY, "--model", "demo", "--listen", listen, "--grace-ms", "0", *options], stdout=subprocess.PIPE,
            stderr=stderr or self.log, text=True, preexec_fn=limit)
        self.first = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", self.first)[1]) if self.first else None
        if self.first:
            assert self.process.stdout.readline() == "ready\n"

    def errors(self):
        return written(self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Addresses(unittest.TestCase):
    def test_ipv6_is_listened_on(self):
        with Started(listen="[::1]:0") as running:
            self.assertTrue(running.first.startswith("listening on http://[::1]:"))
            self.assertEqual(ask("::1", running.port, POST + PICTURE, socket.AF_INET6), [200])
            with self.assertRaises(ConnectionRefusedError):
                ask("127.0.0.1", running.port, b"")

    def test_the_address_of_everything_is_both(self):
        with Started(listen="[::]:0") as running:
            self.assertEqual(ask("::1", running.port, POST + PICTURE, socket.AF_INET6), [200])
            self.assertEqual(ask("127.0.0.1", running.port, POST + PICTURE), [200])

    def test_what_is_no_address_is_told(self):
        for listen, words in (("::1:8080", "ADDRESS:PORT"), ("8080", "ADDRESS:PORT"), ("127.0.0.1:", "ADDRESS:PORT"),
                              ("127.0.0.1:x", "ADDRESS:PORT"), ("192.0.2.1:0", "no address of this machine"),
                              ("127.0.0.1:99999", "ADDRESS:PORT")):
            with Started(listen=listen) as failed:
                self.assertEqual(failed.process.wait(20), 2 if words == "ADDRESS:PORT" else 1)
                self.assertIn(words, failed.errors(), listen)

    def test_the_client_is_logged_where_it_is_asked_for(self):
        def logged(*options):
            with Service(BINARY, *options) as running:
                running.request("GET", "/version", headers={"X-Forwarded-For": "192.0.2.7, 198.51.100.9"})
                self.assertEqual(running.stop(), 0)
                line = next(line for line in running.errors().splitlines() if "/version" in line)
                return json.loads(line).get("address")

        self.assertIsNone(logged())
        self.assertEqual(logged("--log-client-address", "on"), "127.0.0.1")
        self.assertEqual(logged("--log-client-address", "on", "--trusted-proxies", "127.0.0.0/8"), "198.51.100.9")
        self.assertEqual(logged("--log-client-address", "on", "--trusted-proxies", "127.0.0.1,198.51.100.0/24"), "192.0.2.7")


class Limits(unittest.TestCase):
    def test_few_descriptors_mean_few_connections(self):
        with Started(limits={resource.RLIMIT_NOFILE: 300}) as running:
            wait_until(lambda: "22 connections are served at once instead of 256" in running.errors())
            opened = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(100)]
            self.assertEqual(ask("127.0.0.1", running.port, POST + PICTURE), [200])
            for connection in opened:
                connection.close()
        with Started(limits={resource.RLIMIT_NOFILE: 100}) as failed:
            self.assertEqual(failed.process.wait(20), 1)
            self.assertIn("raise ulimit -n", failed.errors())

    def test_it_answers_without_proc(self):
        who = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        hide = ["unshare", *who, "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"']
        with Started(before=hide) as running:
            self.assertEqual(ask("127.0.0.1", running.port, POST + PICTURE), [200])

    def test_no_core_is_left_unless_it_is_asked_for(self):
        for options, kept in (((), False), (("--core-dumps", "on"), True)):
            with Started(*options, limits={resource.RLIMIT_CORE: 1 << 20}) as running:
                limit = next(line for line in pathlib.Path(f"/proc/{running.process.pid}/limits").read_text().splitlines()
                             if line.startswith("Max core file size"))
                self.assertEqual(limit.split()[4], "1048576" if kept else "0")

    def test_two_signals_at_once_are_one(self):
        with Service(BINARY, "--grace-ms", "400") as running:
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.02)
            self.assertEqual(running.stop(signal.SIGTERM), 0)


class Streams(unittest.TestCase):
    def test_closed_ones_are_nobody_elses(self):
        """What is printed would else reach whatever got their numbers."""
        (port,) = free_ports(1)
        for closed in ((1,), (2,), (1, 2), (0, 1, 2)):
            process = subprocess.Popen([BINARY, "--model", "demo", "--grace-ms", "0", "--listen", f"127.0.0.1:{port}"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       preexec_fn=lambda closed=closed: [os.close(stream) for stream in closed])
            try:
                wait_until(lambda: is_ready(port))
                for _ in range(3):
                    self.assertEqual(ask("127.0.0.1", port, POST + PICTURE), [200], closed)
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(20), 0, closed)
            finally:
                process.kill()
                process.wait()

    def test_a_log_that_reaches_its_limit_stops_nobody(self):
        with tempfile.TemporaryFile() as log, Started(limits={resource.RLIMIT_FSIZE: 8192}, stderr=log) as running:
            for _ in range(100):
                self.assertEqual(ask("127.0.0.1", running.port, POST + PICTURE), [200])
            with socket.create_connection(("127.0.0.1", running.port)) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                found = samples(receive_all(connection).split(b"\r\n\r\n", 1)[1].decode())
            self.assertEqual(os.fstat(log.fileno()).st_size, 8192)
            self.assertGreater(found["cxr_log_dropped_total", ""], 50)
            running.process.send_signal(signal.SIGTERM)
            self.assertEqual(running.process.wait(20), 0)


class Log(unittest.TestCase):
    def test_a_log_that_nobody_reads_stops_nobody(self):
        reader, writer = os.pipe()
        with Started(stderr=writer) as running:
            os.close(writer)
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)

            def get(target):
                connection.request("GET", target)
                return connection.getresponse().read().decode()

            for _ in range(6000):
                get("/healthz")
            dropped = samples(get("/metrics"))["cxr_log_dropped_total", ""]
            self.assertGreater(dropped, 0)
            text = b""
            while b"lines of the log were dropped" not in text:
                text += os.read(reader, 1 << 16)
                get("/healthz")
            for line in text.splitlines()[:-1]:
                json.loads(line)
            connection.close()
        os.close(reader)


if __name__ == "__main__":
    unittest.main(verbosity=2)
