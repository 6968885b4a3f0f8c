"""Starts `cxrd serve`, speaks HTTP to it, draws pictures, and holds every answer against openapi.yaml."""

import contextlib
import gzip
import http.client
import json
import os
import pathlib
import random
import re
import shlex
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse
import zlib

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = tempfile.TemporaryDirectory()
BOUNDARY = "boundary-of-the-tests"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def under(wrapper, binary):
    """A program of the binary's name that starts it under another one, as `valgrind -q`."""
    script = pathlib.Path(SCRIPTS.name) / pathlib.Path(binary).name
    script.write_text(f'#!/bin/sh\nexec {wrapper} {shlex.quote(os.path.abspath(binary))} "$@"\n')
    script.chmod(0o755)
    return str(script)


def program(binary):
    """What a test starts: the program, under CXRD_TEST_WRAPPER where that is set."""
    wrapper = os.environ.get("CXRD_TEST_WRAPPER")
    return under(wrapper, binary) if wrapper else os.path.abspath(binary)


def free_ports(count, hosts=("127.0.0.1",)):
    """Ports that are free on every host: below those that the system gives to whoever asks for any, which another program
    might be given before they are used."""
    system = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    with contextlib.ExitStack() as stack:
        found = []
        while len(found) < count:
            port = random.randrange(system // 2, system)
            with contextlib.suppress(OSError):
                for host in hosts:
                    stack.enter_context(socket.create_server((host, port)))
                found.append(port)
        return found


def written(file):
    """What other processes have written so far to a file that they were handed: the place where they write is this one's,
    too, so that whoever seeks and reads moves it, and may read nothing from then on."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def png(width, height, pixel=lambda x, y: (x * 5 + y * 3) % 256, every=1):
    """An 8-bit grey PNG, of which only each row whose number is a multiple of `every` is drawn, then repeated."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    drawn = [b"\0" + bytes(pixel(x, y) for x in range(width)) for y in range(0, height, every)]
    rows = b"".join(drawn[y // every] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def form(images, **fields):
    """A multipart body: images are (file name or None, bytes)."""
    parts = []
    for name, data in images:
        file_name = f'; filename="{name}"' if name else ""
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"{file_name}\r\n\r\n'.encode() + data)
    for name, value in fields.items():
        parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode())
    return b"\r\n".join(parts) + f"\r\n--{BOUNDARY}--\r\n".encode()


# What every answer may have, whoever describes it.
FRAMING = {"content-type", "content-length", "connection", "cache-control", "x-content-type-options"}


class Answer:
    def __init__(self, code, headers, body):
        self.code, self.body = code, body
        self.headers = {name.lower(): value for name, value in headers}
        if self.headers.get("content-encoding") == "gzip":
            self.body = body = gzip.decompress(body) if body else body
        self.json = json.loads(body) if body and "json" in self.headers.get("content-type", "") else None

    @property
    def detail(self):
        return (self.json or {}).get("detail", "") or (self.json or {}).get("error", "")

    @property
    def predictions(self):
        assert "predictions" in self.json, f"{self.code}: {self.detail}"
        return self.json["predictions"]


class Description:
    """openapi.yaml as the judge of answers."""

    def __init__(self):
        self.document = yaml.safe_load((ROOT / "openapi.yaml").read_text())
        self.resolver = jsonschema.RefResolver("", self.document)

    def follow(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def operation(self, method, path):
        """The operation of a request, None where the description has none."""
        for pattern, item in self.document["paths"].items():
            if re.fullmatch(re.sub(r"{[a-z]+}", "[^/]+", re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")), path):
                return self.follow(item).get("get" if method == "HEAD" else method.lower())
        return None

    def routes(self):
        """Every path with the fake model's name and version in it, and its operations."""
        return [(path.replace("{name}", "demo").replace("{version}", "1.2.3").replace("{file}", "main.js"),
                 self.follow(item))
                for path, item in self.document["paths"].items()]

    def check(self, method, target, answer):
        operation = self.operation(method, urllib.parse.urlsplit(target).path)
        if operation:
            responses = operation["responses"]
            response = self.follow(responses.get(str(answer.code)) or responses["default"])
        else:
            inference = re.match("/v2(/|$)", target)
            name = "InferenceError" if inference else "Problem"
            response = self.follow({"$ref": f"#/components/responses/{name}"})
        described = {name.lower(): self.follow(header) for name, header in response.get("headers", {}).items()}
        for name in answer.headers:
            assert name in FRAMING or name in described or answer.code >= 400 or answer.code == 204, f"{target}: {name}"
        for name, header in described.items():
            value = answer.headers.get(name)
            assert value or not header["required"], f"{target}: no {name}"
            if value:
                self.validate(int(value) if header["schema"].get("type") == "integer" else value, header["schema"])
        if method == "HEAD" or answer.code in (204, 304):
            assert not answer.body
            return
        kind = answer.headers["content-type"]
        assert kind in response["content"], f"{target}: {kind} is not described for {answer.code}"
        if answer.json is not None:
            self.validate(answer.json, response["content"][kind]["schema"])
        if "error" in (answer.json or {}):
            assert answer.code >= 400 and answer.json["error"].endswith((".", "?")), answer.json
        elif answer.code >= 400:
            assert answer.json["status"] == answer.code
            assert answer.json["instance"] == answer.headers["x-request-id"]
            assert answer.json["detail"].endswith((".", "?")), answer.json["detail"]

    def validate(self, value, schema):
        jsonschema.Draft202012Validator(schema, resolver=self.resolver).validate(value)


DESCRIPTION = Description()


class Service:
    """A running service; use it in a `with`."""

    def __init__(self, binary, *options, ready=True, model="demo", host="127.0.0.1", port=0):
        self.host, self.log = host, tempfile.TemporaryFile()
        command = [binary, "serve"] if pathlib.Path(binary).name == "cxrd" else [binary]
        self.process = subprocess.Popen(
            [*command, "--model", str(model), "--listen", f"{host}:{port}",
             *([] if "--grace-ms" in options else ["--grace-ms", "0"]), *options],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = self.read_port("listening on")
        self.probe_port = self.read_port("probes on") if "--probe-listen" in options else None
        if ready and self.line() != "ready":
            raise AssertionError(self.errors())

    def read_port(self, kind):
        line = self.line()
        if not line.startswith(f"{kind} http://127.0.0."):
            errors = self.errors()
            self.__exit__()
            raise AssertionError(line + errors)
        return int(line.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def line(self):
        return self.process.stdout.readline().strip()

    def errors(self):
        return written(self.log)

    def stop(self, number=signal.SIGTERM, seconds=60):
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def request(self, method, target, body=None, headers=None, connection=None):
        """One request, its answer held against the description."""
        own = connection or http.client.HTTPConnection(self.host, self.port, timeout=300)
        own.request(method, target, body, headers or {})
        response = own.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        if not connection:
            own.close()
        DESCRIPTION.check(method, target, answer)
        return answer

    def get(self, target, **headers):
        return self.request("GET", target, headers=headers)

    def post(self, target, kind, body):
        return self.request("POST", target, body, {"Content-Type": kind})

    def connect(self):
        connection = socket.create_connection((self.host, self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def raw(self, data):
        """Sends bytes as they are and returns everything that comes until the service closes."""
        with self.connect() as connection:
            connection.sendall(data)
            return receive_all(connection)


def receive_all(connection):
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not data:
            return received
        received += data


def receive_answer(connection):
    """One answer with its body, from a connection that may be kept."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, body = received.split(b"\r\n\r\n", 1)
    missing = int(re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE)[1]) - len(body)
    while missing > 0:
        data = connection.recv(missing)
        received += data
        missing -= len(data)
    return received


def codes(received):
    """The codes of all answers in a stream of bytes."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def samples(text):
    """A Prometheus text: {(name, labels): value}. Every sample must stand under the HELP and TYPE of its family."""
    found, family, kind = {}, None, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family, kind = line.split(" ", 3)[2], None
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and kind in ("counter", "gauge", "histogram"), line
            continue
        name, labels, value = re.fullmatch(r'([a-z_]+)(\{(?:[a-z0-9_]+="[^"\\]*",?)+\})? (\S+)', line).groups()
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        assert kind and name in [family + suffix for suffix in suffixes], line
        assert (name, labels or "") not in found, line
        found[name, labels or ""] = float(value)
    return found


def stat(process):
    """The state, the parent and the name of a process."""
    text = pathlib.Path("/proc", str(process), "stat").read_text()
    state, parent = text.rsplit(")", 1)[1].split()[:2]
    return state, int(parent), text[text.index("(") + 1:text.rindex(")")]


def children(parent):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and stat(entry.name)[1] == parent:
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def in_background(function):
    """Runs a function on a thread; join() returns what it returned."""

    class Background(threading.Thread):
        def run(self):
            self.result = function()

        def join(self, timeout=None):
            super().join(timeout)
            return self.result

    thread = Background()
    thread.start()
    return thread


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this never came true"
        time.sleep(0.02)
