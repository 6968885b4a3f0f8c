#!/usr/bin/env python3
"""The dashboard and the alert rules ask for what /metrics has: monitoring_test.py FAKE_CXRD"""

import json
import pathlib
import re
import signal
import sys
import tempfile
import time
import unittest

import yaml

import service
from service import Service, png, program, samples, wait_until

BINARY = program(sys.argv.pop(1))
FOLDER = service.ROOT / "docs/monitoring"
FROM_THE_SCRAPE = {"instance", "job", "le"}


def texts(node, name):
    """The values of every member of this name, however deep."""
    if isinstance(node, dict):
        found = [value for key, value in node.items() if key == name and isinstance(value, str)]
        return found + [text for value in node.values() for text in texts(value, name)]
    return [text for value in node for text in texts(value, name)] if isinstance(node, list) else []


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Service(BINARY) as running:
            running.post("/predict", "image/png", png(100, 80))
            cls.found = {}
            text = running.get("/metrics").body.decode()
            cls.reasons = re.findall(r'reason="([a-z_]+)"', text)
            for name, labels in samples(text):
                cls.found.setdefault(name, set()).update(re.findall(r'([a-z0-9_]+)="', labels))
        cls.dashboard = json.loads((FOLDER / "grafana.json").read_text())
        cls.rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())

    def check(self, expressions):
        asked = set()
        for text in expressions:
            self.assertEqual([text.count(c) for c in "({["], [text.count(c) for c in ")}]"], text)
            quoted = re.sub(r'"[^"]*"', '""', text)
            names = re.findall(r"\b(?:cxr|process)_[a-z_]+", quoted)
            asked.update(names)
            for name in names:
                self.assertIn(name, self.found, text)
            known = FROM_THE_SCRAPE.union(*(self.found[name] for name in names)) if names else FROM_THE_SCRAPE
            for name, inside in re.findall(r"\b((?:cxr|process)_[a-z_]+)\{([^}]*)\}", quoted):
                for label in re.findall(r"([a-z]+)\s*[=!]", inside):
                    self.assertIn(label, self.found[name] | FROM_THE_SCRAPE, text)
            for labels in re.findall(r"\bby \(([a-z0-9_, ]+)\)", quoted):
                self.assertLessEqual(set(labels.split(", ")), known, text)
        return asked

    def test_the_description_names_every_metric(self):
        operation = service.DESCRIPTION.operation("GET", "/metrics")
        described = set(re.findall(r"\b(?:cxr|process)_[a-z_]+", operation["responses"]["200"]["description"]))
        self.assertEqual(described, {re.sub("_(bucket|sum|count)$", "", name) for name in self.found})

    def test_the_dashboard_shows_every_metric(self):
        expressions = texts(self.dashboard, "expr")
        self.assertEqual(len(expressions), sum(len(panel["targets"]) for panel in self.dashboard["panels"]))
        families = {re.sub("_(bucket|sum|count)$", "", name) for name in self.found}
        self.assertEqual({re.sub("_(bucket|sum|count)$", "", name) for name in self.check(expressions)}, families)
        boxes = [panel["gridPos"] for panel in self.dashboard["panels"]]
        for at, a in enumerate(boxes):
            self.assertLessEqual(a["x"] + a["w"], 24)
            for b in boxes[:at]:
                apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
                self.assertTrue(apart, (a, b))

    def test_the_alerts_ask_for_what_there_is(self):
        rules = [rule for group in self.rules["groups"] for rule in group["rules"]]
        self.assertEqual(len({rule["alert"] for rule in rules}), len(rules))
        self.assertGreater(len(self.check([rule["expr"] for rule in rules])), 4)
        reasons = set(re.findall(r'reason=~"([^"]*)"', " ".join(rule["expr"] for rule in rules)))
        for reason in {one for alternatives in reasons for one in alternatives.split("|")}:
            self.assertIn(reason, self.reasons)

    def test_every_alert_has_its_row(self):
        rows = set(re.findall(r"^\| (Cxrd[A-Za-z]+) \|", (service.ROOT / "docs/operating.md").read_text(), re.MULTILINE))
        self.assertEqual(rows, {rule["alert"] for group in self.rules["groups"] for rule in group["rules"]})

    def test_connections_starts_and_failed_reloads_are_counted(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write(f"a:{'0' * 64}\n")
            keys.flush()
            with Service(BINARY, "--threads", "5", "--api-keys", keys.name) as running, running.connect(), running.connect():
                def now():
                    return samples(running.get("/metrics").body.decode())
                wait_until(lambda: now()["cxr_connections", ""] == 3)  # with the one that asks
                found = now()
                self.assertEqual((found["cxr_connections_limit", ""], found["cxr_reload_failed_total", ""]), (5, 0))
                self.assertLess(abs(found["process_start_time_seconds", ""] - time.time()), 60)
                self.assertGreater(found["process_max_fds", ""], found["process_open_fds", ""])
                self.assertGreater(found["process_open_fds", ""], 10)
                self.assertGreater(found["process_resident_memory_bytes", ""], 1 << 20)
                pathlib.Path(keys.name).write_text("no line of keys\n")
                running.process.send_signal(signal.SIGHUP)
                wait_until(lambda: now()["cxr_reload_failed_total", ""] == 1)

    def test_the_table_names_every_metric(self):
        table = (FOLDER / "README.md").read_text()
        for reason in self.reasons:
            self.assertIn(f"`{reason}`", table)
        for name in self.found:
            self.assertIn("`" + re.sub("_(bucket|sum|count)$", "", name), table)


if __name__ == "__main__":
    unittest.main(verbosity=2)
