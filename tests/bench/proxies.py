#!/usr/bin/env python3
"""Requests from a grammar of broken heads, sent to the service itself and through nginx and HAProxy in front of it:
proxies.py CXRD MODEL [--count 10000] [--seed 1]

A request that a proxy takes for one and the service for two smuggles the second one past the proxy's rules. Each connection sends one
request that may be broken, with a second one ("inner") hidden in what should be its body. For each way the number of answers is
compared: behind a proxy the service must not log an inner request that the proxy gave no answer to; and sent directly, the
service must not see the inner one where a proxy forwards one request and answers once. nginx and haproxy are Debian's. MODEL is a package, or any word for the fake
engine. Exit 1 on any difference that has the service see more.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from service import Service  # noqa: E402

CLIENTS = 32
NGINX = """
user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; events {{}}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s; client_max_body_size 64m; client_header_timeout 1s; client_body_timeout 1s;
  upstream service {{ server 127.0.0.1:{service}; keepalive 8; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Case $http_x_case;
    proxy_request_buffering off; proxy_pass http://service; }} }} }}
"""
HAPROXY = """
global
  maxconn 200
defaults
  mode http
  timeout connect 2s
  timeout client 1s
  timeout server 5s
  timeout http-request 1s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend service
backend service
  server one 127.0.0.1:{service}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Grammar:
    """Requests of which most have something wrong, or something that programs read in two ways."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def pick(self, *choices):
        return self.chance.choice(choices)

    def usually(self, usual, *others):
        return usual if self.chance.random() < 0.8 else self.chance.choice(others)

    def field(self, name, value):
        end = self.usually("\r\n", "\n", "\r\r\n", "\r", " \r\n", "\r\n ", "\x00\r\n")
        colon = self.usually(": ", ":", " : ", ":\t", " :", ":  ", ":\x0b", ";", ":\r\n ")
        name = self.usually(name, name.lower(), name.upper(), " " + name, "\t" + name, name + "\x00", name.replace("-", "_"), name[:-1])
        return name + colon + value + end

    def length(self, size):
        return self.usually(str(size), f"+{size}", f"0{size}", f"{size}, {size}", f"{size} ", f"0x{size:x}", f"{size}\x0b", "0", str(size + 1),
                            str(max(size - 1, 0)), f"{size};", f"-{size}", f"{size},", "", f"{size}\t", f"'{size}'", "9" * 30)

    def coding(self):
        return self.usually("chunked", "Chunked", "identity", "chunked, identity", "gzip, chunked", "chunked,", ",chunked", "xchunked", "chunked ",
                            " chunked", "\tchunked", "chunked;q=1", "\"chunked\"", "chunked\x0b", "")

    def chunks(self, body):
        size = self.usually(f"{len(body):x}", f"{len(body):X}", f"0{len(body):x}", f"{len(body):x};a=b", f"{len(body):x} ", f"+{len(body):x}",
                            f"0x{len(body):x}", f"{len(body) + 1:x}", f"{max(len(body) - 1, 0):x}", "ffffffffffffffff", "0")
        end = self.usually("\r\n", "\n", "\r", "", ";\r\n", "\r\n\r\n")
        last = self.usually("0\r\n\r\n", "0\r\n", "0\n\n", "0\r\nX: y\r\n\r\n", "00\r\n\r\n", "0;x\r\n\r\n", "")
        return size + end + body + self.usually("\r\n", "\n", "") + last

    def request(self, case):
        inner = f"GET /models/inner HTTP/1.1\r\nHost: a\r\nX-Request-Id: inner-{case}\r\n\r\n"
        body = self.usually(inner, "", "x", "\r\n" + inner, inner + inner)
        method = self.usually("POST", "GET", "HEAD", "PUT", "OPTIONS", "post", "GE T")
        target = self.usually("/version", "/predict", "http://a/version", "//version", "/version?x", "*", "/%00", "/ver sion", "version", "")
        version = self.usually("HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "")
        first = (self.usually("", "\r\n", "\n", " ", "\r\n\r\n", "\n\n") + method + self.usually(" ", "  ", "\t") + target +
                 self.usually(" ", "  ", "\t") + version + self.usually("\r\n", "\n", " \r\n"))
        fields = [self.field("Host", self.usually("a", "a b", "a:80", "", "a, b"))]
        fields.append(f"X-Request-Id: outer-{case}\r\n")
        chunked = self.chance.random() < 0.4
        content = self.chunks(body) if chunked else body
        if chunked:
            fields.append(self.field("Transfer-Encoding", self.coding()))
        if not chunked or self.chance.random() < 0.3:
            fields.append(self.field("Content-Length", self.length(len(content))))
        for _ in range(self.pick(0, 0, 0, 1, 2)):
            fields.append(self.pick(self.field("Content-Length", self.length(len(content))), self.field("Transfer-Encoding", self.coding()),
                                    self.field("Connection", self.pick("close", "keep-alive", "Content-Length", "Transfer-Encoding")),
                                    self.field("X", "y"), ": y\r\n", "X\r\n", " folded\r\n", self.field("Expect", "100-continue")))
        self.chance.shuffle(fields)
        return (first + "".join(fields) + self.usually("\r\n", "\n", "\r\n\r\n", " \r\n") + content).encode("latin-1")


def send(port, data):
    """How many answers come back before the other side closes, or is quiet for a while."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(2.5)  # longer than everyone's patience with a request that is not whole
            while part := connection.recv(65536):
                received += part
                connection.settimeout(0.3)
        except OSError:
            pass
    return len(re.findall(rb"HTTP/1\.[01] (?!100)\d{3} ", received))


def seen(running, cases):
    """How many requests the service logged of each id."""
    counts = collections.Counter()
    for line in running.errors().splitlines():
        if (entry := json.loads(line)).get("event") == "request":
            counts[entry["id"]] += 1
    return {case: (counts[f"outer-{case}"], counts[f"inner-{case}"]) for case in cases}


def run(arguments, way, port_of):
    """Sends every case one way; returns how many answers each had, and what the service saw."""
    grammar = Grammar(arguments.seed)
    with Service(arguments.cxrd, "--log-level", "info", "--head-timeout-ms", "1000", "--body-timeout-ms", "1000",
                 model=arguments.model) as running, tempfile.TemporaryDirectory() as folder:
        port, proxy = port_of(running.port, folder)
        try:
            requests = [grammar.request(case) for case in range(arguments.count)]
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
                answers = dict(enumerate(clients.map(lambda data: send(port, data), requests)))
            time.sleep(2)
            found = seen(running, answers)
        finally:
            if proxy:
                proxy.terminate()
                proxy.wait()
    print(f"{way}: {sum(1 for count in answers.values() if count)} of {len(answers)} answered, "
          f"{sum(outer for outer, _ in found.values())} seen by the service, {sum(inner for _, inner in found.values())} inner ones", flush=True)
    return answers, found


def start(command, port):
    proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return port, proxy
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{command[0]} does not start")


def nginx(service, folder):
    port, path = free_port(), pathlib.Path(folder) / "nginx.conf"
    pathlib.Path(folder).chmod(0o755)
    path.write_text(NGINX.format(folder=folder, service=service, port=port))
    return start(["nginx", "-c", str(path), "-p", folder], port)


def haproxy(service, folder):
    port, path = free_port(), pathlib.Path(folder) / "haproxy.cfg"
    path.write_text(HAPROXY.format(service=service, port=port))
    return start(["haproxy", "-f", str(path), "-db"], port)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cxrd")
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    direct_answers, direct = run(arguments, "direct", lambda service, folder: (service, None))
    wrong = 0
    for way, port_of in (("nginx", nginx), ("haproxy", haproxy)):
        answers, found = run(arguments, way, port_of)
        grammar = Grammar(arguments.seed)
        for case in range(arguments.count):
            data = grammar.request(case)
            smuggled = found[case][1] and sum(found[case]) > answers[case]  # the proxy knew of fewer than the service got
            more = direct[case][1] and answers[case] == 1 and found[case] == (1, 0)
            if smuggled or more:
                wrong += 1
                if wrong <= 10:
                    print(f"{way}, case {case}: {'smuggled' if smuggled else 'two where the proxy sees one'}: {answers[case]} answers, "
                          f"the service saw {found[case]}, directly {direct[case]}: {data!r}")
    print(f"{arguments.count} requests, {wrong} seen as more than a proxy sees")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
