#!/usr/bin/env python3
"""Clients that mean no good: hostile_test.py CXRD MODEL [--bad 10000] [--slow 200] [--dropped 2000] [--array-mib 32] [--minutes M]

All at once: requests that are good ones with something broken, clients that send a byte a second, and connections that are
dropped at any moment. Meanwhile a good prediction and the probes are answered within a second, and afterwards descriptors,
threads, decoders and memory are back where they were; and JSON of millions of empty texts costs no more than its bytes. MODEL is a package, or any word for the fake engine. What was promised was seen with the demonstration model and the
counts that stand here, on the newer CPU driver: CXRD_TEST_WRAPPER=scripts/userland-run hostile_test.py build/cli/cxrd models/phantom
"""

import argparse
import base64
import collections
import contextlib
import gzip
import itertools
import json
import pathlib
import random
import re
import selectors
import socket
import struct
import threading
import time
import zlib

from service import FORM, ROOT, Service, children, form, in_background, png, program, wait_until

WORKERS, THREADS, DECODERS, ARRAYS = 4, 256, 2, 16
PICTURE = png(100, 80)
JPEG = (ROOT / "models/phantom/samples/consolidation_devices.jpg").read_bytes()
ANSWER_S_MAX = 1


def request(kind, body, target="/predict", length=None, extra=b""):
    return (f"POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {kind}\r\n".encode() + extra +
            b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body)


def plane(side):
    """A PNG of so many pixels a side, each row of one grey: small as a file, large as a picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((y % 251,)) * side for y in range(side))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def chunked(kind, body, target, chance):
    """A request whose body comes in chunks."""
    head = f"POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    while body:
        size = chance.choice((1, 7, 1000, 100000))
        head, body = head + b"%x\r\n" % len(body[:size]) + body[:size] + b"\r\n", body[size:]
    return head + b"0\r\n\r\n"


def damaged(data, chance):
    """A copy with some bytes changed, cut out, doubled or cut off."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        size = min(chance.choice((1, 2, 4, 16, 300)), len(data) - at)
        way = chance.randrange(5)
        if way == 0:
            data[at:at + size] = chance.randbytes(size)
        elif way == 1:
            del data[at:at + size]
        elif way == 2:
            data[at:at] = data[at:at + size]
        elif way == 3:
            data[at:at + size] = chance.choice((b"\0", b"\xff", b"\r\n", b'"', b"{", b"--", b"99999999999", b": ")) * size
        else:
            del data[at:]
    return bytes(data)


class Bad:
    """Good requests of every kind, and how they are broken; and some that are well-formed and greedy."""

    large = plane(6000)
    kept = plane(2400) # 16 MiB as pixels, and not a large one

    def __init__(self, model):
        text = base64.b64encode(PICTURE).decode()
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [text]}
        self.images = [("image/png", PICTURE), ("image/jpeg", JPEG)]
        self.others = [(FORM, form([("a.png", PICTURE), (None, JPEG[:2000])], attention="png"), "/predict"),
                       ("application/json", json.dumps({"images": [{"id": "a", "data": text}], "heads": ["findings"],
                                                        "threshold": 0.5}).encode(), "/predict"),
                       ("application/json", json.dumps({"inputs": [tensor]}).encode(), f"/v2/models/{model}/infer")]

    def next(self, chance):
        """The bytes to send, and whether the sending side is to be shut behind them."""
        way = chance.randrange(10)
        if chance.random() < 0.005: # much to draw, and gone before it is drawn
            return request("image/png", self.large, "/predict?attention=overlay&attention_for=all"), chance.random() < 0.5
        if way == 6: # chunks that are in order, and such that are not
            data = chunked(*chance.choice([*self.others, ("image/png", PICTURE, "/predict")]), chance)
            return (data if chance.random() < 0.5 else damaged(data, chance)), True
        if way == 7: # packed bodies, whole and damaged
            kind, body, target = chance.choice(self.others)
            packed = gzip.compress(body if chance.random() < 0.9 else bytes(40 << 20))
            return request(kind, packed if chance.random() < 0.5 else damaged(packed, chance), target, extra=b"Content-Encoding: gzip\r\n"), False
        if way == 8: # refused before the body is read, which goes on coming
            return request("text/plain", bytes(chance.choice((100, 100000, 3000000))), chance.choice(("/predict", "/nothing"))), False
        if way == 9: # a second request where the first one's body should be, behind blank lines
            inner = b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n"
            return chance.choice((b"\r\n", b"\n\n", b" ")) + request("image/png", inner), False
        if way < 2: # a broken image in a request that is in order
            kind, image = chance.choice(self.images)
            return request(kind, damaged(image, chance), "/predict?attention=" + chance.choice(("none", "overlay"))), False
        if way < 4: # a broken body with the right length
            kind, body, target = chance.choice(self.others)
            return request(kind, damaged(body, chance), target), False
        if way == 4: # a body that is shorter than announced
            kind, body, target = chance.choice(self.others)
            return request(kind, body[:chance.randrange(len(body))], target, len(body)), True
        head, body = request(*chance.choice(self.others)).split(b"\r\n\r\n", 1)
        return damaged(head + b"\r\n\r\n", chance) + body, True


def send_bad(running, model, count, seed, codes):
    chance, bad = random.Random(seed), Bad(model)
    for _ in range(count):
        data, shut = bad.next(chance)
        received = b""
        with running.connect() as connection:
            try:
                connection.sendall(data)
                if shut:
                    connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(65536):
                    received += part
            except ConnectionError:
                pass
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", received)
        codes[int(found[1]) if found else 0] += 1


class Slow(threading.Thread):
    """Clients that send a byte a second, half of them of a head, half of a body, and come again when sent away."""

    DATA = request("image/png", b"x" * 10000)
    HEAD = DATA.index(b"\r\n\r\n") + 4

    def __init__(self, running, count):
        super().__init__()
        self.address, self.ending, self.sent_away = ("127.0.0.1", running.port), False, 0
        self.selector, self.clients = selectors.DefaultSelector(), {}
        for number in range(count):
            self.connect(bool(number % 2))

    def connect(self, to_the_body):
        connection = socket.create_connection(self.address)
        connection.setblocking(False)
        if to_the_body:
            connection.sendall(self.DATA[:self.HEAD])
        self.clients[connection] = self.HEAD if to_the_body else 0
        self.selector.register(connection, selectors.EVENT_READ)

    def drip(self):
        for connection, at in self.clients.items():
            try:
                connection.send(self.DATA[at:at + 1])
                self.clients[connection] += 1
            except OSError:
                pass # was sent away, which the selector tells

    def answer(self, connection):
        try:
            if connection.recv(65536):
                return
        except OSError:
            pass
        self.sent_away += 1
        self.selector.unregister(connection)
        to_the_body = self.clients.pop(connection) >= self.HEAD
        connection.close()
        self.connect(to_the_body)

    def run(self):
        while not self.ending:
            self.drip()
            end = time.monotonic() + 1
            while (left := end - time.monotonic()) > 0:
                for key, _ in self.selector.select(left):
                    self.answer(key.fileobj)
        for connection in self.clients:
            connection.close()


def drop_connections(running, count, seed):
    """Opens connections and drops them: at once, in a head, in a body, before the answer; some with a reset."""
    chance, data = random.Random(seed), request("image/png", PICTURE)
    for _ in range(count):
        with running.connect() as connection:
            connection.sendall(data[:chance.choice((0, 0, chance.randrange(100), chance.randrange(len(data)), len(data)))])
            if chance.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Watch(threading.Thread):
    """Good requests, one after the other: the slowest of each kind, and what was not answered well."""

    def __init__(self, running):
        super().__init__()
        self.running, self.ending, self.slowest, self.wrong, self.count = running, False, collections.Counter(), [], 0

    def run(self):
        while not self.ending:
            for target in ("/healthz", "/readyz", "/metrics", "/predict"):
                start = time.monotonic()
                answer = self.running.post(target, "image/png", PICTURE) if target == "/predict" else self.running.get(target)
                self.slowest[target] = max(self.slowest[target], time.monotonic() - start)
                if answer.code != 200:
                    self.wrong.append((target, answer.code, answer.detail))
            self.count += 1
            time.sleep(0.02)


def held(process):
    """What a process and its decoders hold: descriptors, threads, decoders, MiB of memory that lies in no file."""
    (template,) = children(process)
    family = [process, template, *children(template)]
    folder = pathlib.Path("/proc")
    kib = sum(int(number) for one in family
              for number in re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", (folder / str(one) / "smaps_rollup").read_text(), re.M))
    return (sum(len(list((folder / str(one) / "fd").iterdir())) for one in family),
            len(list((folder / str(process) / "task").iterdir())), len(family) - 2, kib / 1024)


def attack(running, model, bad, slow, dropped, seeds):
    """All of it at once, its chances drawn from `seeds` on; returns the codes of bad requests and how often slow clients were sent away."""
    codes, drip = collections.Counter(), Slow(running, slow)
    drip.start()
    threads = [in_background(lambda seed=seed: send_bad(running, model, bad // WORKERS, seeds + seed, codes))
               for seed in range(WORKERS)]
    threads.append(in_background(lambda: drop_connections(running, dropped, seeds)))
    for thread in threads:
        thread.join()
    drip.ending = True
    drip.join()
    return codes, drip.sent_away


def arrays(running, mib, count):
    """JSON of millions of empty texts, so many at once; all are told that they are no request. Returns how many MiB the service held
    more than before while they came."""
    body = b'{"images":["' + b'","' * ((mib << 20) // 3 - 10) + b'"]}'

    def send():
        while (answer := running.post("/predict", "application/json", body)).code == 503:
            time.sleep(0.1)
        return answer

    before = most = held(running.process.pid)[3]
    threads = [in_background(send) for _ in range(count)]
    while any(thread.is_alive() for thread in threads):
        most = max(most, held(running.process.pid)[3])
        time.sleep(0.05)
    for thread in threads:
        answer = thread.join()
        assert answer.code == 400 and "more than 4096 values" in answer.detail, answer.detail
    return most - before


def warm(running, threads):
    """Uses every thread of the service with a request as long as what it keeps for a connection, and every decoder with a picture as
    large as what it keeps; that is taken once."""
    pictures = [in_background(lambda: running.post("/predict", "image/png", Bad.kept)) for _ in range(4 * DECODERS)]
    for picture in pictures:
        picture.join()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(running.connect()) for _ in range(threads)]
        for connection in connections:
            connection.sendall(request("image/png", PICTURE + bytes(100000)).replace(b"Connection: close", b"X-A: b"))
        for connection in connections:
            connection.recv(65536)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("model")
    for name, count in (("bad", 10000), ("slow", 200), ("dropped", 2000)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--memory-mib", type=float, default=8, help="that may be held more than before")
    parser.add_argument("--array-mib", type=int, default=32, help="of a body of empty texts")
    parser.add_argument("--warm", type=int, default=3, help="times that every thread is used before memory is measured")
    parser.add_argument("--minutes", type=float, default=0, help="to go on for, again and again")
    arguments = parser.parse_args()
    with Service(program(arguments.binary), "--log-level", "error", "--head-timeout-ms", "5000", "--body-timeout-ms", "8000",
                 "--decoders", str(DECODERS), "--threads", str(THREADS), model=arguments.model) as running:
        model = running.get("/models").json["models"][0]["name"]
        for _ in range(arguments.warm):
            warm(running, THREADS)
        attack(running, model, arguments.bad, arguments.slow, arguments.dropped, 0) # what is taken once
        time.sleep(1)
        before, watch, start = held(running.process.pid), Watch(running), time.monotonic()
        watch.start()
        codes, sent_away = attack(running, model, arguments.bad, arguments.slow, arguments.dropped, 100)
        for seed in itertools.count(200, 100):
            if time.monotonic() - start > 60 * arguments.minutes:
                break
            more_codes, more_away = attack(running, model, arguments.bad, arguments.slow, arguments.dropped, seed)
            codes, sent_away = codes + more_codes, sent_away + more_away
        seconds = time.monotonic() - start
        watch.ending = True
        watch.join()
        wait_until(lambda: held(running.process.pid)[:3] == before[:3])
        after = held(running.process.pid)
        errors = running.errors()
        print(f"{sum(codes.values())} bad requests in {seconds:.0f} s: {dict(sorted(codes.items()))} (0: no answer); slow clients were "
              f"sent away {sent_away} times; {arguments.dropped} connections dropped\n{watch.count} rounds of good requests, the "
              "slowest of each: " + ", ".join(f"{target} {1e3 * seconds:.0f} ms" for target, seconds in watch.slowest.items()) +
              "\ndescriptors, threads, decoders, MiB: before %d %d %d %.1f, after %d %d %d %.1f" % (*before, *after))
        start = time.monotonic()
        more = arrays(running, arguments.array_mib, ARRAYS)
        print(f"{ARRAYS} bodies of {arguments.array_mib} MiB of empty texts at once: {time.monotonic() - start:.1f} s, {more:.0f} MiB more at most")
        start = time.monotonic()
        while (kept := held(running.process.pid)[3] - before[3]) >= arguments.memory_mib:
            assert time.monotonic() < start + 10, f"{kept:.1f} MiB more are still held after 10 s"
            time.sleep(0.1)
        code = running.stop()
    assert code == 0, errors
    assert not watch.wrong, watch.wrong[:5]
    assert max(watch.slowest.values()) < ANSWER_S_MAX
    assert after[3] - before[3] < arguments.memory_mib
    assert more < ARRAYS * arguments.array_mib + arguments.memory_mib # the bodies, and nothing made of them
    assert set(codes) <= {0, 200, 400, 404, 405, 408, 411, 413, 415, 422, 431, 499, 503}, codes
    assert codes[0] < sum(codes.values()) / 5 # who ends a request in its middle may find nobody to answer
    assert "Sanitizer" not in errors, errors


if __name__ == "__main__":
    main()
