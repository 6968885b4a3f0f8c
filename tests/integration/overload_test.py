#!/usr/bin/env python3
"""Three times as many requests as can be served, to a service with a fake engine: overload_test.py FAKE_CXRD

The bounds here leave room for a busy machine; tests/bench/overload.py holds the service to what is promised.
"""

import sys
import time
import unittest

import service
from service import Service, codes, png, program, receive_answer, samples, wait_until

sys.path.insert(0, str(service.ROOT / "tests/bench"))
from open_loop import OpenLoop

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)
HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)
BATCH_MS, BATCH = 200, 8 # so few requests a second that the machine is not the limit, the thread sanitizer on it or not


class Overload(unittest.TestCase):
    def metric(self, running, name, labels=""):
        return samples(running.get("/metrics").body.decode())[name, labels]

    def test_who_is_let_in_is_answered_soon_and_the_rest_are_refused_at_once(self):
        with Service(BINARY, "--rung", f"batched:{BATCH_MS}", "--max-batch", str(BATCH)) as running:
            load = OpenLoop(running.port, [HEAD + PICTURE])
            load.run(3 * BATCH * 1000 / BATCH_MS, 8)
            self.assertEqual((load.broken, load.without_retry), (0, 0))
            self.assertEqual({code for _, _, code in load.answers}, {200, 503})
            self.assertGreater(load.count(200), 0.75 * 8 * BATCH * 1000 / BATCH_MS)
            self.assertGreater(load.count(503), load.count(200))
            self.assertLess(load.milliseconds(0.99, 200), 5 * BATCH_MS)
            self.assertLess(load.milliseconds(0.5, 503), 50)
            self.assertGreaterEqual(load.milliseconds(0, 503), 25)
            # The last refusals are counted once their connections are drained.
            wait_until(lambda: self.metric(running, "cxr_rejected_total", '{reason="busy"}') == load.count(503))
            self.assertEqual(self.metric(running, "cxr_inflight_limit"), 2 * BATCH)
            self.assertEqual(running.post("/predict", "image/png", PICTURE).code, 200)
            self.assertEqual(running.stop(), 0)

    def test_the_limit_can_be_set_and_what_it_refuses_is_not_asked_for(self):
        with Service(BINARY, "--rung", "batched:2000", "--max-requests", "1") as running, running.connect() as first:
            first.sendall(HEAD + PICTURE)
            wait_until(lambda: self.metric(running, "cxr_inflight") == 1)
            time.sleep(0.3) # what came sooner would be a burst
            answer = running.post("/predict", "image/png", PICTURE)
            self.assertEqual(answer.code, 503)
            self.assertIn("as much work as it can do soon", answer.detail)
            self.assertEqual(codes(running.raw(HEAD.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue"))), [503])
            self.assertEqual(running.get("/readyz").code, 200)
            self.assertEqual(codes(receive_answer(first)), [200])


if __name__ == "__main__":
    unittest.main(verbosity=2)
