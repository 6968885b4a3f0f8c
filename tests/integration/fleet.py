"""Three services behind the HAProxy or nginx of docker/, with the shipped configuration: only addresses in it are replaced."""

import contextlib
import hashlib
import http.client
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

import service
from service import Answer, Service, samples

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
KEY = "open sesame"
CONFIGURATIONS = service.ROOT / "docker"


def program(name):
    """Debian keeps servers where only root's PATH leads."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


class Names:
    """A name server that gives every host's address for every name, as Docker's and Kubernetes' do for a service."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
            except OSError:
                return
            end = query.index(b"\0", 12) + 5  # of the question: the name, its type and class
            wanted = struct.unpack(">H", query[end - 4:end - 2])[0]
            answers = HOSTS if wanted == 1 else ()  # 1: A
            head = query[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, len(answers), 0, 0)
            records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(host) for host in answers)
            self.socket.sendto(head + query[12:end] + records, client)

    def close(self):
        self.socket.close()


def put(text, old, new):
    """Replaces what must be there."""
    assert old in text, old
    return text.replace(old, new)


class Proxy:
    """One of the two, running. `certificate` and `key` are of the port for TLS."""

    def __init__(self, name, folder, port, probe_port, names):
        self.name, self.folder, self.process = name, pathlib.Path(folder), None
        self.port, self.tls_port, self.counters_port = service.free_ports(3, HOSTS)
        self.certificate = self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / "key.pem", "-out", self.certificate],
                       check=True, capture_output=True)
        self.configuration = getattr(self, name)(port, probe_port, names)

    def haproxy(self, port, probe_port, names):
        self.file = self.folder / "haproxy.cfg"
        both = self.folder / "both.pem"
        both.write_text(self.certificate.read_text() + (self.folder / "key.pem").read_text())
        self.environment = {"CXRD_CERTIFICATE": str(both), "CXRD_MAX_REQUESTS": "32"}
        self.check = [program("haproxy"), "-c", "-f", str(self.file)]
        self.start_command = [program("haproxy"), "-db", "-f", str(self.file)]
        text = (CONFIGURATIONS / "haproxy.cfg").read_text()
        for old, new in ((":8080\n", f"127.0.0.1:{self.port}\n"), (":8443 ", f"127.0.0.1:{self.tls_port} "),
                         (":8405\n", f"127.0.0.1:{self.counters_port}\n"), ('-cxrd}:8080"', f'-cxrd}}:{port}"'), ("port 8081", f"port {probe_port}"),
                         ("parse-resolv-conf", f"nameserver test 127.0.0.1:{names.port}")):
            text = put(text, old, new)
        return text

    def nginx(self, port, _probe_port, _names):
        self.file, self.environment = self.folder / "nginx.conf", {}
        begin = [program("nginx"), "-e", "stderr", "-p", str(self.folder), "-c", str(self.file)]
        self.check = [*begin, "-t"]
        self.start_command = [*begin, "-g", "daemon off;"]
        text = (CONFIGURATIONS / "nginx.conf").read_text()
        server = re.search("server cxrd:8080[^;]*;", text)[0]
        for old, new in ((server, " ".join(server.replace("cxrd:8080", f"{host}:{port}") for host in HOSTS)),
                         ("listen 8080 ", f"listen 127.0.0.1:{self.port} "), ("#tls listen 8443 ", f"listen 127.0.0.1:{self.tls_port} "),
                         ("#tls ", ""), (" /tmp/", f" {self.folder}/"), ("/etc/nginx/", f"{self.folder}/"),
                         ("access_log /dev/stdout", f"access_log {self.folder}/access.log")):
            text = put(text, old, new)
        return text

    def write(self, configuration):
        self.folder.chmod(0o755)  # for nginx's workers, who are nobody
        self.file.write_text(configuration)

    def complaints(self, **environment):
        """What the proxy itself says of the configuration; "" where it is in order."""
        done = subprocess.run(self.check, capture_output=True, text=True, timeout=30, env={**self.environment, **environment})
        words = done.stdout + done.stderr
        return words if done.returncode or "warn" in words.lower() else ""

    def __enter__(self):
        self.write(self.configuration)
        with open(self.folder / "proxy.log", "w") as log:
            self.process = subprocess.Popen(self.start_command, stdout=log, stderr=log, env=self.environment)
        service.wait_until(self.listens)
        return self

    def listens(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self):
        files = [self.folder / "proxy.log", self.folder / "access.log"]
        return "\n".join(file.read_text() for file in files if file.exists())

    def request(self, method, target, body=None, tls=False, connection=None, **headers):
        own = connection
        if tls:
            own = http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=60,
                                              context=ssl.create_default_context(cafile=self.certificate))
        elif not own:
            own = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own.request(method, target, body, {"X-API-Key": KEY, "Content-Type": "image/png", **headers})
        response = own.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        if not connection:
            own.close()
        return answer


class Fleet:
    """The services, their key file and the proxy; use it in a `with`."""

    def __init__(self, binary, proxy, *options, first=()):
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.keys = pathlib.Path(folder) / "keys"
        self.keys.write_text(f"valid:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
        self.binary, self.options = binary, options
        self.port, self.probe_port = service.free_ports(2, HOSTS)
        names = Names()
        self.stack.callback(names.close)
        self.instances = [None] * len(HOSTS)
        self.proxy = Proxy(proxy, folder, self.port, self.probe_port, names)
        self.first = first

    def __enter__(self):
        for number in range(len(HOSTS)):
            self.start(number, *(self.first if number == 0 else ()))
        self.stack.enter_context(self.proxy)
        service.wait_until(lambda: self.proxy.request("GET", "/models").code == 200)
        return self

    def __exit__(self, *_):
        self.stack.close()
        for instance in self.instances:
            if instance:
                instance.__exit__()

    def start(self, number, *options):
        """Starts an instance at its own address, and returns when it is ready."""
        host = HOSTS[number]
        if self.instances[number]:
            self.instances[number].__exit__()
        self.instances[number] = Service(self.binary, *self.options, *options, "--api-keys", str(self.keys), "--probe-listen",
                                         f"{host}:{self.probe_port}", host=host, port=self.port)

    def metrics(self, number):
        connection = http.client.HTTPConnection(HOSTS[number], self.probe_port, timeout=10)
        connection.request("GET", "/metrics")
        found = samples(connection.getresponse().read().decode())
        connection.close()
        return found

    def shares(self, seconds=2):
        """What part of the images in this time each instance had."""
        before = [self.metrics(number)["cxr_batch_size_sum", ""] for number in range(len(HOSTS))]
        time.sleep(seconds)
        done = [self.metrics(number)["cxr_batch_size_sum", ""] - old for number, old in enumerate(before)]
        return [images / max(sum(done), 1) for images in done]

    def seconds_to_spread(self, least=0.2):
        """How long until every instance has this part of the load."""
        start = time.monotonic()
        while min(found := self.shares()) < least:
            assert time.monotonic() < start + 30, f"the load does not spread: {found}"
        return time.monotonic() - start
