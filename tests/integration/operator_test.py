#!/usr/bin/env python3
"""What an operator meets, over a service with a fake engine: operator_test.py FAKE_CXRD"""

import hashlib
import json
import os
import sys
import tempfile
import unittest
import unittest.mock

import service
from service import FORM, Service, codes, form, in_background, png, program, samples, wait_until

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


class Metrics(unittest.TestCase):
    def scrape(self, running):
        return samples(running.get("/metrics").body.decode())

    def wait_for(self, running, name, labels):
        """A refusal is counted once its connection is drained, which may be after the client has its answer."""
        wait_until(lambda: self.scrape(running).get((name, labels)))

    def test_requests_are_counted_and_scrapes_reset_nothing(self):
        with Service(BINARY) as running:
            for target in ("/predict", "/v1/predict", "/predict", "/predict?hat=1"):
                running.post(target, "image/png", PICTURE)
            running.get("/nothing")
            running.raw(b"nonsense\r\n\r\n")
            self.wait_for(running, "cxr_request_duration_seconds_count", '{route="other",code="400"}')
            first, second = self.scrape(running), self.scrape(running)
        count = "cxr_request_duration_seconds_count"
        for found in (first, second):
            self.assertEqual(found[count, '{route="/predict",code="200"}'], 2)
            self.assertEqual(found[count, '{route="/predict",code="400"}'], 1)
            self.assertEqual(found[count, '{route="/v1/predict",code="200"}'], 1)
            self.assertEqual(found[count, '{route="other",code="404"}'], 1)
            self.assertEqual(found[count, '{route="other",code="400"}'], 1)
            self.assertEqual(found["cxr_batch_size_count", ""], 3)
            self.assertEqual(found["cxr_inflight", ""], 0)
            self.assertEqual(found["cxr_queue_capacity", ""], 256)
        self.assertGreaterEqual(second[count, '{route="/metrics",code="200"}'], 1)

    def test_histograms_add_up(self):
        with Service(BINARY) as running:
            for _ in range(5):
                running.post("/predict", "image/png", PICTURE)
            found = self.scrape(running)
        series = {}
        for (name, labels), value in found.items():
            if name.endswith("_bucket"):
                rest, bound = labels.strip("{}").rsplit("le=", 1)
                series.setdefault((name[:-7], rest.strip(",")), []).append((float(bound.strip('"')), value))
        self.assertGreater(len(series), 5)
        for (name, labels), buckets in series.items():
            self.assertEqual(buckets, sorted(buckets), name)
            self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets), name)
            self.assertEqual(buckets[-1], (float("inf"), found[name + "_count", f"{{{labels}}}" if labels else ""]))

    def test_what_is_worked_on_is_in_flight(self):
        with Service(BINARY, "--rung", "slow") as running:
            request = in_background(lambda: running.post("/predict", "image/png", PICTURE))
            wait_until(lambda: self.scrape(running)["cxr_inflight", ""] == 1)
            request.join()
            self.assertEqual(self.scrape(running)["cxr_inflight", ""], 0)

    def test_refused_work_is_counted_by_its_reason(self):
        with Service(BINARY, "--rung", "full", "--body-timeout-ms", "300") as running:
            running.post("/predict", "image/png", PICTURE)
            running.raw(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nx")
            running.raw(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
            self.wait_for(running, "cxr_rejected_total", '{reason="too_large"}')
            found = self.scrape(running)
        self.assertEqual(found["cxr_request_duration_seconds_count", '{route="/predict",code="408"}'], 1)
        for reason in ("queue_full", "slow_body", "too_large"):
            self.assertEqual(found["cxr_rejected_total", f'{{reason="{reason}"}}'], 1, reason)
        self.assertEqual(sum(value for (name, _), value in found.items() if name == "cxr_rejected_total"), 3)


class Variables(unittest.TestCase):
    def test_one_that_is_misspelt_is_warned_of(self):
        with unittest.mock.patch.dict(os.environ, {"CXRD_API_KEY": "x", "CXRD_PORT_80_TCP": "tcp://1", "CXRD_THREADS": "8"}):
            with Service(BINARY) as running:
                wait_until(lambda: "is no option" in running.errors())
                warnings = [line for line in running.errors().splitlines() if "is no option" in line]
        self.assertEqual(len(warnings), 1, warnings)
        self.assertIn("CXRD_API_KEY ", warnings[0])


class Log(unittest.TestCase):
    TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY)

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def entry(self, name):
        """The one line of a request's id."""
        wait_until(lambda: f'"{name}"' in self.service.errors())
        lines = [json.loads(line) for line in self.service.errors().splitlines()]
        found = [line for line in lines if line.get("id") == name]
        self.assertEqual(len(found), 1, name)
        return found[0]

    def test_a_trace_is_continued_and_logged(self):
        answer = self.service.request("POST", "/predict", PICTURE, {
            "Content-Type": "image/png", "X-Request-Id": "trace-1", "traceparent": f"00-{self.TRACE}-{self.PARENT}-01"})
        _, trace, span, flags = answer.headers["traceparent"].split("-")
        self.assertEqual((trace, flags), (self.TRACE, "01"))
        self.assertNotEqual(span, self.PARENT)
        entry = self.entry("trace-1")
        self.assertEqual((entry["trace"], entry["span"], entry["parent"]), (self.TRACE, span, self.PARENT))

    def test_a_trace_that_is_not_valid_is_replaced(self):
        for number, value in enumerate(("", "00-x", f"00-{self.TRACE}-{self.PARENT}-01-x", f'00-{self.TRACE}"-')):
            name = f"broken-{number}"
            answer = self.service.get("/version", **{"traceparent": value, "X-Request-Id": name})
            self.assertNotIn(self.TRACE, answer.headers["traceparent"])
            entry = self.entry(name)
            self.assertEqual(answer.headers["traceparent"], f"00-{entry['trace']}-{entry['span']}-00")
            self.assertNotIn("parent", entry)
        twice = b"traceparent: 00-%s-%s-01\r\n" % (self.TRACE.encode(), self.PARENT.encode()) * 2
        received = self.service.raw(b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + twice + b"\r\n")
        self.assertNotIn(self.TRACE.encode(), received)

    def test_a_line_has_the_stages_and_what_went_wrong(self):
        self.service.request("POST", "/predict", PICTURE, {"Content-Type": "image/png", "X-Request-Id": "stages-1"})
        entry = self.entry("stages-1")
        self.assertEqual((entry["decode_ms"], entry["preprocess_ms"], entry["queue_ms"], entry["inference_ms"]), (1, 2, 3, 4))
        self.assertEqual((entry["method"], entry["route"], entry["code"], entry["images"]), ("POST", "/predict", 200, 1))
        self.assertEqual(entry["bytes_in"], len(PICTURE))
        self.assertGreaterEqual(entry["ms"], entry["read_ms"] + entry["write_ms"])
        self.service.request("POST", "/predict", b"?", {"Content-Type": "image/png", "X-Request-Id": "wrong-1"})
        self.assertEqual(self.entry("wrong-1")["status"], "UNSUPPORTED_MEDIA")

    def test_nothing_that_a_client_sent_of_a_patient_is_logged(self):
        body = form([("Doe_Jane_1970.png", PICTURE), ("b", b"no picture of Doe")], heads="Doe")
        for target in ("/predict", "/predict?patient=Doe", "/Doe", "/models/Doe"):
            self.service.request("POST", target, body, {"Content-Type": FORM, "X-Request-Id": "private-1", "X-Patient": "Doe"})
        self.service.post("/predict", FORM, form([("Doe.png", PICTURE)]))
        self.service.get("/version", **{"X-Request-Id": "private-2"})
        self.entry("private-2")
        self.assertNotIn("Doe", self.service.errors())


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.file = tempfile.NamedTemporaryFile("w", suffix=".keys")
        lines = ["# who may ask", f"ward:{digest('open sesame')}", f"slow:{digest('little')}:2", ""]
        cls.file.write("\n".join(lines))
        cls.file.flush()
        cls.service = Service(BINARY, "--api-keys", cls.file.name)

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()
        cls.file.close()

    def test_a_prediction_needs_a_key(self):
        for headers, code in (({}, 401), ({"X-API-Key": "open"}, 403), ({"X-API-Key": "open sesame"}, 200),
                              ({"Authorization": "Bearer open sesame"}, 200), ({"Authorization": "Basic eA=="}, 401)):
            answer = self.service.request("POST", "/predict", PICTURE, {"Content-Type": "image/png", **headers})
            self.assertEqual(answer.code, code, headers)

    def test_what_is_described_as_open_is_open_and_the_rest_is_not(self):
        for target, item in service.DESCRIPTION.routes():
            open_to_all = item.get("get", {}).get("security") == []
            method = "GET" if "get" in item else "POST"
            code = self.service.request(method, target, b"" if method == "POST" else None).code
            self.assertEqual(code, 200 if open_to_all else 401, target)

    def test_a_refused_body_is_not_asked_for(self):
        received = self.service.raw(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
                                    b"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n")
        self.assertEqual(codes(received), [401])

    def test_a_quota_ends_in_429_and_the_log_names_the_key_but_never_shows_it(self):
        answers = [self.service.get("/models", **{"X-API-Key": "little", "X-Request-Id": f"quota-{i}"}) for i in range(3)]
        self.assertEqual([answer.code for answer in answers], [200, 200, 429])
        self.assertIn(int(answers[2].headers["retry-after"]), (29, 30))
        wait_until(lambda: '"quota-2"' in self.service.errors())
        self.assertIn('"client":"slow"', self.service.errors())
        self.assertNotIn("little", self.service.errors())
        found = samples(self.service.get("/metrics").body.decode())
        self.assertEqual(found["cxr_rejected_total", '{reason="quota"}'], 1)
        self.assertGreaterEqual(found["cxr_rejected_total", '{reason="unauthorized"}'], 0)

    def test_a_file_that_is_wrong_is_told_at_the_start(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("ward:sesame\n")
            file.flush()
            for name, words in ((file.name, "Line 1 of the API keys"), ("/nowhere", "/nowhere")):
                with self.assertRaises(AssertionError) as raised:
                    Service(BINARY, "--api-keys", name)
                self.assertIn(words, str(raised.exception))


class Origins(unittest.TestCase):
    PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "content-type,x-api-key"}

    def test_without_the_option_no_page_may_read(self):
        with Service(BINARY) as running:
            for method in ("GET", "OPTIONS"):
                answer = running.request(method, "/models", headers=self.PREFLIGHT)
                self.assertFalse([name for name in answer.headers if name.startswith("access-control")])

    def test_listed_origins_may_read_and_a_preflight_needs_no_key(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write(f"a:{digest('b')}")
            keys.flush()
            with Service(BINARY, "--cors-origins", "https://a.example", "--api-keys", keys.name) as running:
                answer = running.request("OPTIONS", "/predict", headers=self.PREFLIGHT)
                self.assertEqual((answer.code, answer.headers["access-control-allow-methods"]), (204, "POST, OPTIONS"))
                wanted = {"content-type", "x-api-key", "authorization"}
                self.assertLessEqual(wanted, set(answer.headers["access-control-allow-headers"].lower().split(", ")))
                for headers, code in (({}, 401), ({"X-API-Key": "b"}, 200)):
                    answer = running.get("/models", Origin="https://a.example", **headers)
                    self.assertEqual(answer.code, code)
                    self.assertEqual(answer.headers["access-control-allow-origin"], "https://a.example")
                    self.assertIn("Origin", answer.headers["vary"])
                answer = running.get("/healthz", Origin="https://b.example")
                self.assertNotIn("access-control-allow-origin", answer.headers)
                refused = running.raw(b"GET /healthz%00 HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n")
                self.assertIn(b"Access-Control-Allow-Origin: https://a.example\r\n", refused)

    def test_what_is_no_origin_is_told_at_the_start(self):
        with self.assertRaises(AssertionError) as raised:
            Service(BINARY, "--cors-origins", "a.example")
        self.assertIn("'a.example' is no origin", str(raised.exception))


if __name__ == "__main__":
    unittest.main(verbosity=2)
