"""Sends requests at a fixed rate, each when it is due, whether or not those before it are answered.

Clients that wait for an answer before they ask again slow down with the service, and so never show what it does with more
than it can take. Here a latency counts from the moment a request was due. One thread and one selector: some hundred
requests a second cost a few percent of a core.
"""

import itertools
import random
import re
import selectors
import socket
import time


def post(target, kind, path):
    """The bytes of a request whose body is a file."""
    with open(path, "rb") as file:
        body = file.read()
    return (f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def percentile(values, share):
    """The smallest value that at least this share of all does not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Exchange:
    """One connection with at most one request on its way."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(address)
        self.used, self.out, self.received = False, b"", b""

    def begin(self, due, request):
        self.due, self.request = due, request
        self.out, self.received = memoryview(request), b""

    def send(self):
        try:
            self.out = self.out[self.socket.send(self.out):]
        except BlockingIOError:
            pass

    def receive(self):
        """The code once the whole answer is here, else None. Raises ConnectionError when it will never be."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionResetError
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        head = head.lower()  # HAProxy writes names so
        if not end or len(body) < int(re.search(rb"\r\ncontent-length: (\d+)", head)[1]):
            return None
        self.kept = b"\r\nconnection: close" not in head
        self.retry = b"\r\nretry-after: " in head
        return int(head[9:12])


class OpenLoop:
    """What became of the requests: answers [(due, seconds, code)], and broken, those that got no answer at all."""

    def __init__(self, port, requests, poisson=False, seed=1):
        """`requests`: the bytes of requests, sent in turns."""
        self.address, self.requests = ("127.0.0.1", port), itertools.cycle(requests)
        self.poisson, self.chance = poisson, random.Random(seed)
        self.selector, self.idle, self.busy = selectors.DefaultSelector(), [], set()
        self.answers, self.broken, self.without_retry, self.opened = [], 0, 0, 0
        self.sent_again, self.ending = 0, False  # on a connection that was kept and gone; run() ends early

    def start(self, due, request):
        exchange = self.idle.pop() if self.idle else None
        if not exchange:
            exchange = Exchange(self.address)
            self.opened += 1
            self.selector.register(exchange.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, exchange)
        exchange.begin(due, request)
        self.busy.add(exchange)
        self.selector.modify(exchange.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, exchange)

    def drop(self, exchange):
        self.selector.unregister(exchange.socket)
        exchange.socket.close()
        self.busy.discard(exchange)
        if exchange in self.idle:
            self.idle.remove(exchange)

    def step(self, exchange, events):
        try:
            if exchange in self.busy and events & selectors.EVENT_WRITE:
                exchange.send()
                if not exchange.out:
                    self.selector.modify(exchange.socket, selectors.EVENT_READ, exchange)
            code = exchange.receive() if events & selectors.EVENT_READ else None
        except OSError:
            waited, kept = exchange in self.busy, exchange.used and not exchange.received
            self.drop(exchange)
            if waited and kept: # the service had closed a kept connection before it saw the request: RFC 9112, 9.3.1
                self.sent_again += 1
                self.start(exchange.due, exchange.request)
            elif waited:
                self.broken += 1
            return
        if code is None:
            return
        self.answers.append((exchange.due, time.monotonic() - exchange.due, code))
        self.without_retry += code == 503 and not exchange.retry
        self.busy.discard(exchange)
        exchange.used, exchange.received = True, b""
        if exchange.kept and not exchange.out:
            self.idle.append(exchange)
        else:
            self.drop(exchange)

    def pump(self, until):
        """Works on what is under way until then, or until nothing is."""
        while (left := until - time.monotonic()) > 0:
            for key, events in self.selector.select(left):
                self.step(key.data, events)
            if not self.busy and not self.idle:
                time.sleep(max(0, until - time.monotonic()))

    def run(self, per_second, seconds, every=None):
        """Requests at this rate for so long; `every` is called once a second. Waits for the last answers."""
        start = due = time.monotonic()
        told = start + 1
        while due < start + seconds and not self.ending:
            self.pump(due)
            self.start(due, next(self.requests))
            due += self.chance.expovariate(per_second) if self.poisson else 1 / per_second
            if every and due >= told:
                told += 1
                every()
        self.finish()

    def closed(self, clients, seconds):
        """The same with so many clients that ask again once answered; returns answers of 200 a second."""
        start = time.monotonic()
        seen = len(self.answers)
        for _ in range(clients):
            self.start(start, next(self.requests))
        while (now := time.monotonic()) < start + seconds:
            self.pump_once()
            for _ in range(clients - len(self.busy)):
                self.start(now, next(self.requests))
        self.finish()
        return sum(code == 200 for _, _, code in self.answers[seen:]) / (time.monotonic() - start)

    def pump_once(self):
        for key, events in self.selector.select(0.1):
            self.step(key.data, events)

    def finish(self, seconds=60):
        end = time.monotonic() + seconds
        while self.busy and time.monotonic() < end:
            self.pump_once()
        self.broken += len(self.busy)
        for exchange in [*self.busy, *self.idle]:
            self.drop(exchange)
        self.idle = []

    def count(self, code):
        return sum(answer[2] == code for answer in self.answers)

    def milliseconds(self, share, code):
        return 1e3 * percentile([seconds for _, seconds, got in self.answers if got == code], share)
