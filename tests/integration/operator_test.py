#!/usr/bin/env python3
"""What an operator meets, over a service with a fake engine: operator_test.py FAKE_CXRD"""

import sys
import unittest

from service import Service, in_background, png, samples, wait_until

BINARY = sys.argv.pop(1)
PICTURE = png(100, 80)


class Metrics(unittest.TestCase):
    def scrape(self, running):
        return samples(running.get("/metrics").body.decode())

    def test_requests_are_counted_and_scrapes_reset_nothing(self):
        with Service(BINARY) as running:
            for target in ("/predict", "/v1/predict", "/predict", "/predict?hat=1"):
                running.post(target, "image/png", PICTURE)
            running.get("/nothing")
            running.raw(b"nonsense\r\n\r\n")
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
        self.assertEqual(second[count, '{route="/metrics",code="200"}'], 1)

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
            found = self.scrape(running)
        for reason in ("queue_full", "slow_body", "too_large"):
            self.assertEqual(found["cxr_rejected_total", f'{{reason="{reason}"}}'], 1, reason)
        self.assertEqual(sum(value for (name, _), value in found.items() if name == "cxr_rejected_total"), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
