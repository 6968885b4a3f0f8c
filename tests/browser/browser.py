"""Headless Chromium over its DevTools protocol, through a pipe: no driver, no websocket, nothing but Python's own library.

A browser that finds no name but the loopback's, so that a page which asks for anything elsewhere is seen to fail.
"""

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ("chromium-headless-shell", "chromium")  # the first is half the size and twice as quick
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
# What Chromium calls keys, and their number where the page's defaults (moving, checking, pressing) need it.
KEYS = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Tab": 9, "Enter": 13, "Escape": 27, " ": 32}


def program():
    """The browser of this machine; None where there is none."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser:
    """A browser with a profile of its own; use it in a `with`."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.number, self.answers, self.pages, self.pending = 0, {}, {}, b""
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()
        # The browser reads descriptor 3 and writes to 4.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", program(), *OPTIONS, f"--user-data-dir={self.folder.name}/profile"],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.writer)
        os.close(self.reader)
        with contextlib.suppress(OSError):  # its last child may still write
            self.folder.cleanup()

    def call(self, method, session=None, seconds=60, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while self.number not in self.answers:
            assert self.receive(end - time.monotonic()), f"{method} was not answered"
        answer = self.answers.pop(self.number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def receive(self, seconds):
        """Takes in what the browser has said; False when it says nothing for so long."""
        if not select.select([self.reader], [], [], max(seconds, 0))[0]:
            return False
        data = os.read(self.reader, 1 << 20)
        assert data, "the browser has ended"
        *messages, self.pending = (self.pending + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].take(message["method"], message["params"])
        return True

    def page(self, width=1280, height=800, dark=False, touch=False):
        """A new page in a context of its own: no storage of another page is in it."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, context, width, height, dark, touch)


class Page:
    def __init__(self, browser, session, context, width, height, dark, touch):
        self.browser, self.session, self.context = browser, session, context
        self.errors, self.addresses = [], []
        browser.pages[session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height, touch)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        browser.call("Browser.setDownloadBehavior", behavior="allow", browserContextId=context, downloadPath=browser.folder.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)
        del self.browser.pages[self.session]

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def take(self, method, said):
        """What goes wrong in the page, and what it asks for."""
        if method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.errors.append(str(said["args"]))
        elif method == "Network.requestWillBeSent":
            self.addresses.append(said["request"]["url"])

    def resize(self, width, height, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def do(self, script):
        """What an expression is; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']['exception'].get('description')}"
        return answer["result"].get("value")

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while True:
            value = self.do(f"(({condition}) || null) && true")
            if value:
                return value
            assert time.monotonic() < end, f"never came true: {condition}\n{self.text()}\n{self.errors}"
            self.browser.receive(0.05)

    def text(self, selector="body"):
        return self.do(f"document.querySelector({json.dumps(selector)}).innerText")

    def middle(self, selector):
        """Where an element is, once scrolled to."""
        x, y = self.do(f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            found.scrollIntoView({{block: 'center'}});
            const box = found.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()""")
        return x, y

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def hover(self, selector):
        self.mouse("mouseMoved", *self.middle(selector))

    def click(self, selector):
        x, y = self.middle(selector)
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def drag(self, selector, dx, dy, button="left", modifiers=0):
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y, button=button, clickCount=1, modifiers=modifiers)
        for step in (1, 2, 3, 4):
            self.mouse("mouseMoved", x + dx * step / 4, y + dy * step / 4, button=button, buttons=2 if button == "right" else 1,
                       modifiers=modifiers)
        self.mouse("mouseReleased", x + dx, y + dy, button=button, clickCount=1, modifiers=modifiers)

    def touch(self, kind, *places):
        """Fingers: where they are by now, none once they are gone."""
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)])

    def press(self, key, modifiers=0):
        code = KEYS.get(key) or ord(key.upper())
        text = "\r" if key == "Enter" else key if len(key) == 1 else None
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", key=key, windowsVirtualKeyCode=code, modifiers=modifiers,
                  **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code, modifiers=modifiers)

    def choose_files(self, selector, *paths):
        node = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]["objectId"]
        self.call("DOM.setFileInputFiles", files=[str(path) for path in paths], objectId=node)

    def drop(self, selector, *paths):
        x, y = self.middle(selector)
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y,
                      data={"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1})

    def downloaded(self, name, seconds=30):
        """A file that the page has handed out, once it is whole."""
        path = pathlib.Path(self.browser.folder.name, name)
        end = time.monotonic() + seconds
        while not path.exists():
            assert time.monotonic() < end, f"{name} was not downloaded: {os.listdir(self.browser.folder.name)}"
            self.browser.receive(0.05)
        return path.read_bytes()

    def screenshot(self, path):
        """A picture of the window, a PNG or a JPEG by its ending."""
        form = {"format": "jpeg", "quality": 80} if pathlib.Path(path).suffix == ".jpg" else {"format": "png"}
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **form)["data"]))
