#!/usr/bin/env python3
"""HTTP itself, over a service with a fake engine: http_test.py FAKE_CXRD"""

import base64
import json
import signal
import socket
import sys
import time
import unittest

import service
from service import FORM, Service, codes, form, in_background, png, program, receive_all, receive_answer, wait_until

BINARY = program(sys.argv.pop(1))
PICTURE = png(100, 80)
INFERENCE = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                    "data": [base64.b64encode(PICTURE).decode()]}]})
HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(BINARY, "--probe-listen", "127.0.0.1:0")

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def test_every_described_route_answers_as_described(self):
        for target, item in service.DESCRIPTION.routes():
            if "post" in item:
                kind, body = ("application/json", INFERENCE) if "infer" in target else ("image/png", PICTURE)
                self.assertEqual(self.service.post(target, kind, body).code, 200, target)
                self.assertEqual(self.service.get(target).code, 405)
            else:
                self.assertEqual(self.service.get(target).code, 200, target)
                self.assertEqual(self.service.request("HEAD", target).code, 200)
                self.assertEqual(self.service.request("DELETE", target).code, 405)
            self.assertEqual(self.service.request("OPTIONS", target).code, 204)

    def test_what_is_not_described_is_not_there(self):
        for target in ("/", "/metric", "/v2/", "/v2/models", "/docs", "/healthz/", "/../healthz", "/models/none"):
            self.assertEqual(self.service.get(target).code, 404, target)

    def test_the_description_is_served_whole(self):
        text = (service.ROOT / "openapi.yaml").read_bytes()
        self.assertEqual(self.service.get("/openapi.yaml").body, text)
        self.assertEqual(self.service.get("/openapi.json").json, service.DESCRIPTION.document)

    def test_request_ids_are_echoed_or_made(self):
        self.assertEqual(self.service.get("/healthz", **{"X-Request-Id": "abc-1"}).headers["x-request-id"], "abc-1")
        self.assertNotEqual(self.service.get("/healthz", **{"X-Request-Id": "a b"}).headers["x-request-id"], "a b")
        answer = self.service.request("POST", "/predict", PICTURE, {"Content-Type": "image/png", "X-Request-Id": "x"})
        self.assertEqual(answer.json["request_id"], "x")

    def test_connections_are_kept(self):
        with self.service.connect() as connection:
            for _ in range(3):
                connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertIn(b"Connection: keep-alive", receive_answer(connection))
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertIn(b"Connection: close", receive_all(connection))

    def test_pipelined_requests_are_answered_in_order(self):
        request = HEAD + b"Content-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE
        last = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        self.assertEqual(codes(self.service.raw(request + request + last)), [200, 200, 404])

    def test_http_1_0_is_spoken(self):
        self.assertEqual(codes(self.service.raw(b"GET /healthz HTTP/1.0\r\n\r\n")), [200])

    def test_the_probe_listener_answers_probes_only(self):
        with socket.create_connection(("127.0.0.1", self.service.probe_port)) as connection:
            for target in (b"/healthz", b"/readyz", b"/metrics"):
                connection.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
                self.assertEqual(codes(receive_answer(connection)), [200])
            connection.sendall(b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(codes(receive_all(connection)), [404])

    def test_the_log_has_one_line_a_request_and_nothing_of_the_image(self):
        body = form([("Doe_John.png", PICTURE)])
        self.service.request("POST", "/predict", body, {"Content-Type": FORM, "X-Request-Id": "logged-1"})
        wait_until(lambda: "logged-1" in self.service.errors())
        line = next(line for line in self.service.errors().splitlines() if "logged-1" in line)
        entry = json.loads(line)
        self.assertEqual((entry["route"], entry["code"], entry["images"], entry["failed"]), ("/predict", 200, 1, 0))
        self.assertNotIn("Doe", self.service.errors())

    def test_the_log_counts_images_that_failed(self):
        body = form([("a.png", PICTURE), ("b.png", b"x"), ("c.png", b"y")])
        for number, route in enumerate(("/predict", "/embed")):
            self.service.request("POST", route, body, {"Content-Type": FORM, "X-Request-Id": f"counted-{number}"})
            wait_until(lambda: f"counted-{number}" in self.service.errors())
            entry = json.loads(next(line for line in self.service.errors().splitlines() if f"counted-{number}" in line))
            self.assertEqual((entry["route"], entry["code"], entry["images"], entry["failed"]), (route, 200, 3, 2))


class Withheld(unittest.TestCase):
    def test_a_site_may_keep_maps_and_pictures_in(self):
        with Service(BINARY, "--attention", "off") as running:
            self.assertIs(running.get("/models").json["attention"], False)
            answer = running.post("/predict", "image/png", PICTURE).predictions[0]
            self.assertTrue(answer["findings"])
            self.assertEqual(answer["attention_maps"], [])
            for query in ("attention=grid", "attention=contour", "attention_for=all", "render=png"):
                refused = running.post("/predict?" + query, "image/png", PICTURE)
                self.assertEqual((refused.code, refused.json["type"]), (403, "urn:cxrd:problem:switched-off"), query)
            outputs = running.get("/v2/models/demo").json["outputs"]
            self.assertFalse([one for one in outputs if one["name"].endswith(".attention")])

    def test_maps_and_pictures_leave_unless_it_does(self):
        with Service(BINARY) as running:
            self.assertIs(running.get("/models").json["attention"], True)
            answer = running.post("/predict?attention=contour&render=png", "image/png", PICTURE).predictions[0]
            self.assertEqual((answer["image"]["render"]["width"], answer["image"]["render"]["height"]), (100, 80))
            self.assertTrue(answer["attention_maps"][0]["contours"])


class Lifetime(unittest.TestCase):
    def test_a_request_in_flight_is_answered_after_sigterm(self):
        with Service(BINARY, "--rung", "slow") as running:
            request = in_background(lambda: running.post("/predict", "image/png", PICTURE))
            time.sleep(0.4)
            started = time.monotonic()
            self.assertEqual(running.stop(), 0)
            self.assertGreater(time.monotonic() - started, 0.2)
            self.assertEqual(request.join().code, 200)

    def test_new_work_is_refused_while_draining(self):
        with Service(BINARY, "--rung", "slow") as running:
            request = in_background(lambda: running.post("/predict", "image/png", PICTURE))
            time.sleep(0.3)
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            answer = running.get("/readyz")
            self.assertEqual((answer.code, answer.headers["connection"]), (503, "close"))
            answer = running.post("/predict", "image/png", PICTURE)
            self.assertEqual(answer.code, 503)
            self.assertIn("shutting down", answer.detail)
            answer = request.join()
            self.assertEqual((answer.code, answer.headers["connection"]), (200, "close"))
            self.assertEqual(running.process.wait(20), 0)

    def test_work_goes_on_for_a_while_after_sigterm(self):
        with Service(BINARY, "--grace-ms", "1500") as running:
            running.process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            wait_until(lambda: running.get("/readyz").code == 503, 1)
            self.assertIn("about to stop", running.get("/readyz").detail)
            self.assertEqual(running.get("/healthz").code, 200)
            while time.monotonic() - started < 1.2:
                answer = running.post("/predict", "image/png", PICTURE)
                self.assertEqual((answer.code, answer.headers["connection"]), (200, "close"))
            self.assertEqual(running.process.wait(20), 0)
            self.assertGreater(time.monotonic() - started, 1.5)

    def messages(self, running):
        lines = [json.loads(line) for line in running.errors().splitlines() if line.startswith("{")]
        return [line["message"] for line in lines if "message" in line]

    def test_a_person_is_not_kept_waiting(self):
        with Service(BINARY, "--grace-ms", "20000") as running:
            self.assertEqual(running.stop(signal.SIGINT, 10), 0)
            self.assertIn("stopping: SIGINT; new work is taken for 0 ms", "".join(self.messages(running)))

    def test_the_log_tells_each_step_of_stopping(self):
        with Service(BINARY, "--rung", "slow", "--grace-ms", "200", "--drain-timeout-ms", "7000") as running:
            request = in_background(lambda: running.post("/predict", "image/png", PICTURE))
            time.sleep(0.3)
            self.assertEqual(running.stop(), 0)
            self.assertEqual(request.join().code, 200)
            first, second, last = self.messages(running)[-3:]
        self.assertEqual(first, "stopping: SIGTERM; new work is taken for 200 ms, then 7000 ms are left for what is in flight")
        self.assertRegex(second, "^no new work is taken; [01] requests are in flight$")
        self.assertEqual(last, "stopped")

    def test_a_request_that_takes_too_long_is_cut_off(self):
        with Service(BINARY, "--rung", "slow", "--drain-timeout-ms", "100") as running:
            request = in_background(lambda: running.raw(HEAD + b"Content-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE))
            time.sleep(0.3)
            self.assertEqual(running.stop(), 0)
            self.assertEqual(request.join(), b"")
            self.assertEqual(self.messages(running)[-2:], ["1 requests were cut off", "stopped"])

    def test_a_second_signal_ends_at_once(self):
        with Service(BINARY, "--rung", "slow") as running:
            request = in_background(lambda: running.raw(HEAD + b"Content-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE))
            time.sleep(0.3)
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            self.assertEqual(running.stop(signal.SIGTERM, 5), 128 + signal.SIGTERM)
            self.assertEqual(request.join(), b"")

    def test_a_lost_device_is_told_by_the_exit_code_whoever_is_still_sending(self):
        with Service(BINARY, "--rung", "dead", "--drain-timeout-ms", "300", ready=False) as running:
            with running.connect() as connection:
                connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
                self.assertEqual(running.process.wait(20), 3)
            self.assertIn("must be started anew", running.errors())

    def test_probes_answer_while_the_model_is_being_loaded(self):
        with Service(BINARY, "--rung", "loading", ready=False) as running:
            self.assertEqual(running.get("/healthz").code, 200)
            self.assertEqual(running.get("/readyz").code, 503)
            answer = running.post("/predict", "image/png", PICTURE)
            self.assertEqual(answer.code, 503)
            self.assertIn("loaded", answer.detail)
            self.assertEqual(running.line(), "ready")
            self.assertEqual(running.get("/readyz").code, 200)

    def test_a_signal_while_loading_ends_cleanly(self):
        with Service(BINARY, "--rung", "loading", ready=False) as running:
            self.assertEqual(running.stop(signal.SIGINT, 2), 0)

    def test_a_model_that_does_not_load_is_told(self):
        with Service(BINARY, "--rung", "broken", ready=False) as running:
            self.assertEqual(running.process.wait(20), 1)
            self.assertIn("cxrd serve: The package is broken.", running.errors())

    def test_a_stuck_device_is_told_to_who_can_restart(self):
        with Service(BINARY, "--rung", "stuck") as running:
            self.assertEqual(running.get("/healthz").code, 503)
            self.assertEqual(running.get("/readyz").code, 503)
            self.assertIn("no progress", running.get("/healthz").detail)

    def test_a_device_lost_for_good_ends_the_process(self):
        with Service(BINARY, "--rung", "dead") as running:
            self.assertEqual(running.process.wait(20), 3)
            self.assertIn("could not be made ready again", running.errors())

    def test_a_taken_port_is_told(self):
        with Service(BINARY) as running:
            with self.assertRaises(AssertionError) as raised:
                Service(BINARY, "--listen", f"127.0.0.1:{running.port}", ready=False)
            self.assertIn("--listen", str(raised.exception))

    def test_two_models_with_one_name_are_refused(self):
        with Service(BINARY, "--model", "demo", ready=False) as running:
            self.assertEqual(running.process.wait(20), 1)
            self.assertIn("Two models are named 'demo'", running.errors())

    def test_many_clients_at_once(self):
        with Service(BINARY, "--threads", "4") as running:
            clients = [in_background(lambda: [running.post("/predict", "image/png", PICTURE).code for _ in range(5)])
                       for _ in range(12)]
            self.assertEqual([client.join() for client in clients], [[200] * 5] * 12)
            self.assertEqual(running.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
