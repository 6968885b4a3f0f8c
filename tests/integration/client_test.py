#!/usr/bin/env python3
"""What HTTP clients and proxies rely on, over a service with a fake engine: client_test.py FAKE_CXRD"""

import base64
import gzip
import json
import re
import sys
import time
import unittest

import service
from service import Service, codes, png, program, receive_all, receive_answer

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)


def head_of(received):
    """The lines of an answer's head but those that differ from answer to answer."""
    lines = received.split(b"\r\n\r\n")[0].split(b"\r\n")
    return [line for line in lines if not line.lower().startswith((b"x-request-id:", b"traceparent:"))]


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY)

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def raw(self, method, target, *lines):
        return self.service.raw("\r\n".join([f"{method} {target} HTTP/1.1", "Host: a", "Connection: close", *lines,
                                             "", ""]).encode())


class Methods(Client):
    def test_head_is_get_without_the_body(self):
        for target, item in service.DESCRIPTION.routes():
            if "get" not in item or target == "/metrics":  # whose length grows as it is read
                continue
            for accept in ("identity", "gzip"):
                got, head = (self.raw(method, target, f"Accept-Encoding: {accept}") for method in ("GET", "HEAD"))
                self.assertEqual(head_of(head), head_of(got), target)
                self.assertEqual(head.split(b"\r\n\r\n")[1], b"", target)
        self.assertEqual(codes(self.raw("HEAD", "/metrics")), [200])
        self.assertEqual(codes(self.raw("HEAD", "/nothing")), [404])
        self.assertEqual(codes(self.raw("HEAD", "/predict")), [405])

    def test_head_keeps_the_connection_in_step(self):
        with self.service.connect() as connection:
            connection.sendall(b"HEAD /models HTTP/1.1\r\nHost: a\r\n\r\n"
                               b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received = receive_all(connection)
        self.assertEqual(codes(received), [200, 200])
        self.assertEqual(json.loads(received.rsplit(b"\r\n\r\n", 1)[1])["name"], "cxrd")

    def test_options_tells_the_methods_of_every_route(self):
        for target, item in service.DESCRIPTION.routes():
            received = self.raw("OPTIONS", target)
            allowed = "GET, HEAD, OPTIONS" if "get" in item else "POST, OPTIONS"
            self.assertEqual(codes(received), [204], target)
            self.assertIn(f"Allow: {allowed}\r\n".encode(), received, target)
            self.assertNotIn(b"Content-Length", received, target)
            self.assertTrue(received.endswith(b"\r\n\r\n"), target)
        self.assertEqual(codes(self.raw("OPTIONS", "/nothing")), [404])

    def test_targets_that_are_no_path_are_refused(self):
        for method, target in (("OPTIONS", "*"), ("CONNECT", "a:80"), ("GET", "http://a"), ("GET", "version")):
            self.assertEqual(codes(self.raw(method, target)), [400], target)
        for method, target in (("TRACE", "/version"), ("FETCH", "/version"), ("get", "/version")):
            self.assertEqual(codes(self.raw(method, target)), [405], method)
        self.assertEqual(codes(self.raw("GET", "http://a/version")), [200])


class Compression(Client):
    def predict(self, accept=None):
        headers = {"Content-Type": "image/png", "X-Request-Id": "one"}
        if accept is not None:
            headers["Accept-Encoding"] = accept
        return self.service.request("POST", "/predict?attention_for=all", PICTURE, headers)

    def test_long_answers_are_compressed_for_who_takes_it(self):
        plain = self.predict().json
        for accept in ("gzip", "deflate, gzip;q=0.5", "*"):
            answer = self.predict(accept)
            self.assertEqual(answer.headers["content-encoding"], "gzip", accept)
            self.assertIn("Accept-Encoding", answer.headers["vary"])
            self.assertEqual(answer.predictions, plain["predictions"])
        for accept in (None, "", "identity", "gzip;q=0", "gzip;q=0.0, *", "br"):
            answer = self.predict(accept)
            self.assertNotIn("content-encoding", answer.headers, accept)
            self.assertIn("Accept-Encoding", answer.headers["vary"])

    def test_the_length_is_that_of_what_is_sent(self):
        received = self.raw("GET", "/openapi.yaml", "Accept-Encoding: gzip")
        head, body = received.split(b"\r\n\r\n", 1)
        self.assertEqual(int(re.search(rb"Content-Length: (\d+)", head)[1]), len(body))
        self.assertEqual(gzip.decompress(body), (service.ROOT / "openapi.yaml").read_bytes())

    def test_short_answers_are_not(self):
        answer = self.service.get("/version", **{"Accept-Encoding": "gzip"})
        self.assertNotIn("content-encoding", answer.headers)
        self.assertNotIn("vary", answer.headers)


class Packed(Client):
    def test_bodies_are_unpacked(self):
        plain = self.service.post("/predict", "image/png", PICTURE).predictions
        text = json.dumps({"images": [{"data": base64.b64encode(PICTURE).decode()}]}).encode()
        for kind, body in (("image/png", PICTURE), ("application/json", text), (service.FORM, service.form([(None, PICTURE)]))):
            headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
            answer = self.service.request("POST", "/predict", gzip.compress(body), headers)
            self.assertEqual(answer.json.get("predictions"), plain, kind)
            answer = self.service.request("POST", "/predict", gzip.compress(body)[:-9], headers)
            self.assertIn(answer.code, (400, 413), kind)

    def test_bombs_are_refused_and_other_codings_too(self):
        for target in ("/predict", "/embed", "/v2/models/demo/infer"):
            for coding, body, code in (("gzip", gzip.compress(bytes(32 << 20)), 413), ("gzip", gzip.compress(bytes(40 << 20)), 413),
                                       ("gzip", b"{}", 400), ("br", b"{}", 415), ("deflate", b"{}", 415)):
                answer = self.service.request("POST", target, body, {"Content-Type": "application/json", "Content-Encoding": coding})
                self.assertEqual(answer.code, code, (target, coding))


class Connections(Client):
    def test_an_idle_connection_is_kept(self):
        with self.service.connect() as connection:
            for pause in (0, 2.5):  # the library's own default is half a second
                time.sleep(pause)
                connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(codes(receive_answer(connection)), [200])

    def test_http_1_0_is_kept_only_on_request(self):
        with self.service.connect() as connection:
            connection.sendall(b"GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            self.assertIn(b"Connection: keep-alive", receive_answer(connection))
            connection.sendall(b"GET /version HTTP/1.0\r\n\r\n")
            self.assertIn(b"Connection: close", receive_all(connection))

    def test_what_is_no_body_is_not_waited_for(self):
        with self.service.connect() as connection:
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(codes(receive_answer(connection)), [200])
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            self.assertEqual(codes(receive_answer(connection)), [200])

    def test_continue_comes_once_and_the_connection_is_kept(self):
        head = (b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nExpect: 100-Continue\r\n"
                b"Content-Length: %d\r\n\r\n" % len(PICTURE))
        with self.service.connect() as connection:
            for _ in range(2):
                connection.sendall(head)
                self.assertEqual(connection.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
                connection.sendall(PICTURE)
                self.assertEqual(codes(receive_answer(connection)), [200])


del Client  # only its children are tests

if __name__ == "__main__":
    unittest.main(verbosity=2)
