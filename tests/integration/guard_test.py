#!/usr/bin/env python3
"""Requests that are read differently by different programs, and slow ones, byte by byte over a socket, to a
service with a fake engine: guard_test.py FAKE_CXRD"""

import json
import random
import re
import socket
import sys
import time
import unittest

from service import Service, codes, in_background, png, program, receive_all, receive_answer, wait_until

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)
HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"


def drip(running, data, pause, seconds=20):
    """Sends byte after byte; returns what came, and whether the service closed the connection."""
    received, end = b"", time.monotonic() + seconds
    with running.connect() as connection:
        connection.settimeout(pause)
        for at in range(len(data)):
            try:
                connection.sendall(data[at:at + 1])
                part = connection.recv(65536)
            except socket.timeout:
                continue
            except ConnectionError:
                return received, True
            if not part:
                return received, True
            received += part
            if time.monotonic() > end:
                break
    return received, False


class Guards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, "--body-timeout-ms", "700", "--head-timeout-ms", "600")

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def refused(self, data, code, words=b""):
        received = self.service.raw(data)
        self.assertEqual(codes(received), [code], received)
        self.assertIn(b"Connection: close", received)
        self.assertIn(b"application/problem+json", received)
        self.assertIn(words, received)

    def test_smuggled_requests_are_not_seen(self):
        smuggled = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
        size = b"Content-Length: %d\r\n" % len(smuggled)
        chunked = b"Transfer-Encoding: chunked\r\n"
        for lines, code in ((size + chunked, 400), (chunked + size, 400), (chunked, 400),
                            (b"Transfer-Encoding: identity\r\n" + size, 400),
                            (b"Transfer-Encoding: chunked, chunked\r\n", 400),
                            (b"Transfer-Encoding: gzip, chunked\r\n", 400), (chunked + chunked, 400),
                            (b"Transfer-Encoding: xchunked\r\n", 400), (b"Transfer-Encoding:\r\n", 400),
                            (b"Transfer-Encoding : chunked\r\n" + size, 400),
                            (size + b"Content-Length: 0\r\n", 400), (b"Content-Length: 0\r\n" + size, 400),
                            (size + size, 400), (b"Content-Length: +0\r\n", 400), (b"Content-Length: 0, 0\r\n", 400),
                            (b"Content-Length: +4\r\n", 400), (b"Content-Length: 4, 0\r\n", 400),
                            (b"Content-Length: -4\r\n", 400), (b"Content-Length:\r\n", 400),
                            (b"Content-Length: 4 4\r\n", 400), (b"Content-Length: 4\x0b\r\n", 400),
                            (b"Content-Length: 18446744073709551620\r\n", 413), (b"Content-Length: 1e1\r\n", 400),
                            (b"Content-Length: 4\r\ncontent-length: 4\r\n", 400),
                            (b"Content-Length : %d\r\n" % len(smuggled), 400),
                            (b"X: y\r\n Content-Length: %d\r\n" % len(smuggled), 400),
                            (b"X: y\r\n\tTransfer-Encoding: chunked\r\n" + size, 400),
                            (size + b"X: y\r\n folded\r\nTransfer-Encoding: chunked\r\n", 400),
                            (size + b": y\r\nTransfer-Encoding: chunked\r\n", 400),
                            (size + b"\x80: y\r\nTransfer-Encoding: chunked\r\n", 400),
                            (size + b"X: y\nTransfer-Encoding: chunked\n", 400),
                            (size + b"X: y\r\rTransfer-Encoding: chunked\r\n", 400),
                            (b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n" + size, 400),
                            (b"TE: trailers\r\ntransfer-encoding:chunked\r\n" + size, 400),
                            (b"Transfer-Encoding:\tchunked\r\n" + size, 400),
                            (b"Content-Length: 0x0\r\n", 400), (b"", 411)):
            received = self.service.raw(HEAD + lines + b"\r\n" + smuggled)
            self.assertEqual(len(codes(received)), 1, (lines, received))
            self.assertNotIn(b'"version"', received)
            self.assertEqual(codes(received), [code], lines)

    def test_a_get_hides_no_request_either(self):
        smuggled = b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n"
        for lines in (b"Transfer-Encoding: chunked\r\n", b"Content-Length: +4\r\n", b"Content-Length: 4, 0\r\n",
                      b"Content-Length: 4\r\nContent-Length: 0\r\n"):
            received = self.service.raw(b"GET /version HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n" + smuggled)
            self.assertEqual(len(codes(received)), 1, lines)
            self.assertGreaterEqual(codes(received)[0], 400, lines)
        whole = b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
        self.assertEqual(codes(self.service.raw(whole + smuggled)), [200])  # a body, read as one

    def test_what_is_no_post_has_a_small_body_or_none(self):
        for method in (b"GET", b"HEAD"):
            head = method + b" /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            self.assertEqual(codes(self.service.raw(head + b"Content-Length: 65536\r\n\r\n" + bytes(65536)))[0] // 100, 2)
            self.assertEqual(codes(self.service.raw(head + b"Content-Length: 65537\r\n\r\n")), [413])
            chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + bytes(65536) + b"\r\n"
            self.assertEqual(codes(self.service.raw(head + chunks + b"0\r\n\r\n"))[0] // 100, 2)
            self.assertEqual(codes(self.service.raw(head + chunks + b"1\r\n")), [413])

    def test_blank_lines_and_odd_first_lines_are_no_request(self):
        inner = b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n"
        for blank in (b"\n\n", b"\r\n\r\n", b"\r\n", b"\n", b" ", b"\t", b"\x00"):
            for shift in range(-3, 4):
                size = len(HEAD) + len(b"Content-Length: 999\r\n\r\n") + shift
                head = HEAD + b"Content-Length: %3d\r\n\r\n" % size
                received = self.service.raw(blank + head + inner + b"A" * (size - len(inner)))
                self.assertEqual(codes(received), [400], (blank, shift))
        for line in (b"GET  /version HTTP/1.1\r\n", b"GET /version  HTTP/1.1\r\n", b" GET /version HTTP/1.1\r\n",
                     b"GET /version HTTP/1.1 \r\n", b"GET /version HTTP/1.1\n", b"GET\t/version HTTP/1.1\r\n",
                     b"GET /version\r\n", b"GET /version HTTP/1.11\r\n", b"GET /version HTTP/1.\r\n", b"GET  HTTP/1.1\r\n",
                     b"GET /version http/1.1\r\n", b"G(T /version HTTP/1.1\r\n", b"G" * 17 + b" /version HTTP/1.1\r\n",
                     b"GET http://a HTTP/1.1\r\n", b"GET /version HTTP/1.1\r\r\n"):
            self.refused(line + b"Host: a\r\n\r\n" + inner, 400)

    def test_chunks_make_a_body(self):
        def chunks(data, size):
            return b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                            for part in (data[at:at + size] for at in range(0, len(data), size))) + b"0\r\n\r\n"

        head = HEAD + b"Transfer-Encoding: chunked\r\n"
        for size in (1, 100, 1 << 20):
            with self.service.connect() as connection:  # the next request begins where the last chunk ends
                connection.sendall((head + b"\r\n" + chunks(PICTURE, size)) * 2)
                received = b""
                while len(codes(received)) < 2:
                    received += receive_answer(connection)
                self.assertEqual(codes(received), [200, 200], size)
        whole = chunks(PICTURE, 100)
        for body, code in ((b"0\r\n\r\n", 422), (b"0;a=b\r\n\r\n", 400), (b"0\r\nX: y\r\n\r\n", 400), (b"\r\n", 400),
                           (b"5\nhello\r\n0\r\n\r\n", 400), (b"5\r\nhello0\r\n\r\n", 400), (b"-1\r\n", 400), (b"0x5\r\n", 400),
                           (b" 5\r\nhello\r\n", 400), (b"5 \r\nhello\r\n", 400), (b"ffffffffffffffff\r\n", 400),
                           (b"ffffffff\r\n", 413), (b"2000001\r\n", 413), (b"000000005\r\nhello\r\n", 400)):
            received = self.service.raw(head + b"Connection: close\r\n\r\n" + body + b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(codes(received), [code], body)
        with self.service.connect() as connection:
            connection.sendall(head + b"\r\n" + whole[:-7])
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(codes(receive_all(connection)), [400])
        self.refused(HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + whole, 400)

    def test_what_a_proxy_may_send_is_taken(self):
        for head in (b"GET http://a/version HTTP/1.1\r\nHost: a\r\n", b"GET /version HTTP/1.0\r\nExpect: 100-continue\r\n"):
            self.assertEqual(codes(self.service.raw(head + b"Connection: close\r\n\r\n")), [200], head)
        for method in (b"TRACE", b"PUT", b"DELETE", b"PROPFIND", b"BREW"):
            received = self.service.raw(method + b" /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertEqual(codes(received), [405], method)
        post = HEAD.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)
        self.assertEqual(codes(self.service.raw(post + PICTURE)), [200])

    def test_errors_before_a_route_is_known_have_the_form_of_the_path(self):
        for path, form in ((b"/v2/models/demo/infer", b'{"error":'), (b"/predict", b'"type":')):
            for lines in (b"Content-Length: +4\r\n", b"Content-Length: 99999999\r\n", b"X y\r\n",
                          b"Transfer-Encoding: gzip\r\n"):
                received = self.service.raw(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
                self.assertIn(form, received, lines)

    def test_the_63rd_header_is_the_last(self):
        for count, code in ((61, 200), (62, 431), (63, 431), (64, 431)):  # beside Host and Connection
            lines = b"".join(b"X-%d: y\r\n" % i for i in range(count))
            received = self.service.raw(b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + lines + b"\r\n")
            self.assertEqual(codes(received), [code], count)
        hidden = b"".join(b"X-%d: y\r\n" % i for i in range(62)) + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"
        self.refused(HEAD + hidden + b"\r\n", 431)

    def test_header_fields_are_whole_lines(self):
        for line in (b"X\r\n", b": y\r\n", b"X-\x00: y\r\n", b"X: a\x00b\r\n", b"X : y\r\n", b"X y: z\r\n", b" X: y\r\n",
                     b"X: y\r\n folded\r\n", b"X: y\n", b"X: y\r", b"\xc3\xa4: y\r\n"):
            received = self.service.raw(b"GET /version HTTP/1.1\r\nHost: a\r\n" + line + b"\r\nGET /models HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(codes(received), [400], line)
        for line in (b"X:\r\n", b"X: \r\n", b"X:y\r\n", b"X:  y \r\n", b"X: :\r\n", b"X!#$%&'*+-.^_`|~: y\r\n"):
            received = self.service.raw(b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + line + b"\r\n")
            self.assertEqual(codes(received), [200], line)

    def test_heads_are_bounded(self):
        many = b"".join(b"X-%d: y\r\n" % i for i in range(70))
        self.refused(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + many + b"\r\n", 431, b"more than 63")
        wide = b"X: " + b"y" * 20000 + b"\r\n"
        self.refused(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + wide + b"\r\n", 431, b"16 KiB")
        self.refused(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + wide * 10 + b"\r\n", 431, b"too long")

    def test_hosts_and_targets_are_checked(self):
        self.refused(b"GET /healthz HTTP/1.1\r\n\r\n", 400, b"Host")
        self.refused(b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, b"Host")
        self.refused(b"GET /healthz%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"control")
        self.refused(b"GET /healthz%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"control")
        for byte in (b"\r", b"\n", b"\x00", b"\x7f", b"\x80", b"\xff"):
            received = self.service.raw(b"GET /healthz" + byte + b"x HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(set(codes(received)) - {400}, set(), byte)
            received = self.service.raw(b"GET /version?a=" + byte + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(set(codes(received)) - {400}, set(), byte)
        for escape in (b"%01", b"%1f", b"%7F", b"%0a", b"%09"):
            self.refused(b"GET /healthz" + escape + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"control")
        self.refused(b"GET /healthz%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, b"hexadecimal")
        self.refused(b"GET /healthz%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, b"UTF-8")
        self.refused(b"GET /" + b"a" * 4096 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, b"4096")
        self.refused(b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400)
        self.refused(b"GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n", 400, b"HTTP/1.1")
        self.refused(b"nonsense\r\n\r\n", 400, b"malformed")

    def test_a_large_body_is_refused_before_it_is_read(self):
        start = time.monotonic()
        self.refused(HEAD + b"Content-Length: 33554433\r\n\r\n" + b"x" * 100, 413, b"32 MiB")
        self.assertLess(time.monotonic() - start, 10)

    def test_a_body_for_nobody_is_not_read(self):
        self.refused(b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxx", 404)
        self.refused(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n", 415)

    def test_a_refused_client_that_keeps_sending_reads_its_answer(self):
        with self.service.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 99999999\r\n\r\n" + b"x" * 500000)
            self.assertEqual(codes(receive_all(connection)), [413])

    def test_a_slow_body_is_ended_at_the_deadline(self):
        start = time.monotonic()
        with self.service.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
            received = b""
            connection.settimeout(0.1)
            while not received and time.monotonic() - start < 10:
                connection.sendall(b"x")
                try:
                    received = connection.recv(65536)
                except socket.timeout:
                    pass
            connection.settimeout(10)
            received += receive_all(connection)
        self.assertEqual(codes(received), [408])
        self.assertIn(b"0.7 s", received)
        self.assertLess(time.monotonic() - start, 5)

    def test_a_cut_off_body_is_told(self):
        with self.service.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\nxyz")
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(codes(receive_all(connection)), [400])

    def test_a_client_that_hangs_up_is_not_worked_for(self):
        with Service(BINARY, "--rung", "slow") as running:
            with running.connect() as connection:
                connection.sendall(HEAD + b"X-Request-Id: hung-up\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE)
                time.sleep(0.3)
            wait_until(lambda: '"hung-up"' in running.errors())
            line = next(line for line in running.errors().splitlines() if '"hung-up"' in line)
            self.assertEqual(json.loads(line)["code"], 499)

    def test_a_prediction_has_a_deadline(self):
        with Service(BINARY, "--rung", "slow", "--deadline-ms", "300") as running:
            self.assertEqual(running.post("/predict", "image/png", PICTURE).code, 504)

    def test_continue_comes_after_admission(self):
        expect = b"Expect: 100-continue\r\n"
        with self.service.connect() as connection:
            connection.sendall(HEAD + expect + b"Content-Length: %d\r\n\r\n" % len(PICTURE))
            self.assertEqual(codes(connection.recv(65536)), [100])
            connection.sendall(PICTURE)
            self.assertEqual(codes(receive_answer(connection)), [200])
        self.refused(HEAD + expect + b"Content-Length: 99999999\r\n\r\n", 413)
        self.refused(HEAD.replace(b"/predict", b"/nothing") + expect + b"Content-Length: 5\r\n\r\n", 404)

    def test_a_slow_head_is_ended(self):
        start = time.monotonic()
        head = b"GET /version HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 1000
        received, closed = drip(self.service, head, 0.05)
        self.assertTrue(closed)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(codes(received), [408])
        self.assertIn(b"too slow", received)

    def test_a_client_that_says_nothing_is_ended(self):
        start = time.monotonic()
        self.assertEqual(self.service.raw(b""), b"")
        self.assertLess(time.monotonic() - start, 5)

    def test_the_service_lives_on(self):
        for junk in (b"", b"\0", b"\r\n\r\n", b"GET", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"):
            with self.service.connect() as connection:
                connection.sendall(junk)
        self.assertEqual(self.service.get("/readyz").code, 200)


class Pauses(unittest.TestCase):
    def test_an_answer_that_was_not_taken_whole_is_logged_by_what_left(self):
        chance = random.Random(1)
        picture = png(900, 900, lambda x, y: chance.randrange(256))
        with Service(BINARY, "--body-timeout-ms", "1000") as running, socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", running.port))
            connection.sendall(b"POST /predict?attention=overlay&attention_for=all HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
                               b"X-Request-Id: untaken\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture)
            wait_until(lambda: '"untaken"' in running.errors())
            (line,) = [line for line in running.errors().splitlines() if '"untaken"' in line]
            size = int(re.search(rb"Content-Length: (\d+)", connection.recv(2000))[1])
        self.assertEqual(json.loads(line)["code"], 200)
        self.assertLess(json.loads(line)["bytes_out"], size)

    def test_a_heads_time_runs_from_the_connection_on(self):
        with Service(BINARY, "--head-timeout-ms", "2000") as running, running.connect() as connection:
            time.sleep(1.4)
            start = time.monotonic()
            connection.sendall(b"G")
            self.assertEqual(codes(receive_all(connection)), [408])
            self.assertLess(time.monotonic() - start, 1.6)

    def test_a_body_of_one_byte_a_second_is_ended_at_the_deadline(self):
        with Service(BINARY, "--body-timeout-ms", "2500") as running:
            start = time.monotonic()
            with running.connect() as connection:
                connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
                received = b""
                connection.settimeout(1)
                while not received and time.monotonic() - start < 10:
                    connection.sendall(b"x")
                    try:
                        received = connection.recv(65536)
                    except socket.timeout:
                        pass
                self.assertAlmostEqual(time.monotonic() - start, 2.5, delta=1)
                connection.settimeout(10)
                received += receive_all(connection)
            self.assertEqual(codes(received), [408])

    def test_a_body_that_stops_coming_is_told_so(self):
        with Service(BINARY, "--head-timeout-ms", "500") as running:
            received = running.raw(HEAD + b"Content-Length: 1000\r\n\r\nx")
            self.assertEqual(codes(received), [408])
            self.assertIn(b"or nothing of it for 0.5 s", received)


if __name__ == "__main__":
    unittest.main(verbosity=2)
