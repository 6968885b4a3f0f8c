#!/usr/bin/env python3
"""What tests/bench/gpu.py does when things go wrong, which its rehearsal does not show: measure_gpu_test.py"""

import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import gpu
import gpu_page
import gpu_parts
import gpu_power
from gpu_torch import Contestant

# Stands before every program and answers instead of it: kernels of one rung are wrong, those of another never end.
FAKE = """#!/usr/bin/env python3
import json, os, sys, time
words = " ".join(sys.argv)
if "devices" in words:
    device = {"name": "Fake GPU 9", "kind": "discrete", "usable": True, "rung": "half", "driver": "fake", "driver_info": "1",
              "rungs": ["portable", "half", "matrix"], "lacks": {"cpu": "it is a GPU"}}
    print(json.dumps({"devices": [device]}))
elif "kernelcheck" in words:
    if "matrix" in words and HANG:
        with open("PID", "w") as file:
            print(os.getpid(), file=file, flush=True)
            time.sleep(HANG)
    print("gemm  half  exact  out  0.3 (bound 0.01)  wrong" if "half" in words else "gemm  out  0.001 (bound 0.01)  ok")
    print("5 cases, 1 wrong" if "half" in words else "5 cases, 0 wrong")
    sys.exit("half" in words)
elif "golden_test" in words:
    print("ok: largest error 1e-05, bound 0.0001")
"""


def ends(pid):
    """Whether a process ends within 5 s; whoever takes orphans in may be slow to bury them."""
    for _ in range(50):
        try:
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.1)
    return False


class Parts(unittest.TestCase):
    def run_part(self, measure, limit=5, left=60):
        told = []
        return gpu.run_part(gpu.Part("http", "part", measure, 1, limit), None, told.append, left), told

    def test_a_part_is_ended_at_its_limit_with_all_it_started_and_what_it_told_stays(self):
        def hang(_, tell):
            child = subprocess.Popen(["sleep", "60"])
            tell(pid=child.pid)
            child.wait()
        start = time.monotonic()
        (state, why), told = self.run_part(hang, limit=0.5)
        self.assertEqual((state, why), ("late", "It was ended at its limit of 0 s."))
        self.assertLess(time.monotonic() - start, 5)
        self.assertTrue(ends(told[0]["pid"]), "what the part started still runs")

    def test_the_budget_cuts_a_part_and_leaves_out_what_does_not_fit(self):
        (state, _), _ = self.run_part(lambda *_: time.sleep(60), left=1.2)
        self.assertEqual(state, "late")
        (state, why), told = self.run_part(lambda _, tell: tell(ran=1), left=0.5)
        self.assertEqual((state, told), ("left out", []))
        self.assertIn("were left", why)

    def test_a_part_that_breaks_says_why(self):
        def missing(*_):
            raise gpu_parts.Missing("no torch")
        self.assertEqual(self.run_part(lambda _, tell: tell(x=1 // 0))[0][0], "failed")
        self.assertEqual(self.run_part(missing)[0], ("missing", "No torch."))
        self.assertEqual(self.run_part(lambda *_: os._exit(3))[0], ("failed", "Its process died."))


class WholeRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, hang):
        fake = self.folder / "fake"
        fake.write_text(FAKE.replace("HANG", str(hang)).replace("PID", str(self.folder / "pid")))
        fake.chmod(0o755)
        return subprocess.Popen([sys.executable, BENCH / "gpu.py", "--rehearse", "--out", self.folder / "out", "--wrapper",
                                 fake, "--steps", "kernelcheck,golden"], stdout=subprocess.PIPE, text=True)

    def found(self, suffix):
        return (self.folder / "out" / f"fake-gpu-9.{suffix}").read_text()

    def test_a_failure_is_told_and_stops_nothing(self):
        run = self.start(0)
        self.assertEqual((run.communicate()[0] != "", run.returncode), (True, 1))
        steps = json.loads(self.found("json"))["steps"]
        self.assertEqual({part["name"]: part["state"] for part in steps["kernelcheck"]["parts"]},
                         {"matrix": "done", "half": "failed", "portable": "done"})
        self.assertEqual([part["state"] for part in steps["golden"]["parts"]], ["done"] * 3)
        page = self.found("md")
        self.assertIn("gemm  half  exact  out  0.3 (bound 0.01)  wrong", page)
        self.assertNotIn("(bound 0.01)  ok", page)
        self.assertIn("| half | 5 | 1 |", page)
        self.assertIn("| massive | half | f16 | right |", page)

    def test_a_cut_leaves_what_was_done(self):
        run = self.start(60)
        self.assertIn("devices", run.stdout.readline())
        pid = self.folder / "pid"
        end = time.monotonic() + 10
        while time.monotonic() < end and not (pid.exists() and pid.read_text()):
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=10)
        self.assertEqual(run.returncode, 1)
        self.assertTrue(ends(int(pid.read_text())), "a program still runs")
        self.assertIn("# Fake GPU 9, fake 1", self.found("md"))
        self.assertEqual(list(json.loads(self.found("json"))["steps"])[0], "devices")

    def test_a_step_that_is_none_is_usage(self):
        run = subprocess.run([sys.executable, BENCH / "gpu.py", "--out", self.folder, "--steps", "kernels"],
                             capture_output=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"no step is called kernels", run.stderr)

    def test_power_is_what_nvidia_smi_tells(self):
        smi = self.folder / "nvidia-smi"
        smi.write_text("#!/bin/sh\necho '300.5, 1000, 1755'\necho '500.5, 3000, [N/A]'\n")
        smi.chmod(0o755)
        start, path = time.time(), self.folder / "power"
        subprocess.run([sys.executable, BENCH / "gpu_power.py", path], check=True,
                       env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"})
        self.assertEqual(gpu_power.between(path, start, time.time()),
                         {"watts": [400.5, 500.5], "mib": [2000, 3000], "mhz": [1755, 1755]})
        self.assertIsNone(gpu_power.between(path, 0, start))
        self.assertIsNone(gpu_power.between(self.folder / "none", 0, time.time()))

    def test_power_is_what_amdgpu_tells(self):
        device = self.folder / "card1/device"
        (device / "hwmon/hwmon3").mkdir(parents=True)
        (device / "mem_info_vram_used").write_text(f"{3 * 2**20}\n")
        (device / "hwmon/hwmon3/power1_average").write_text("42000000\n")
        self.assertEqual(gpu_power.amd_folders(self.folder), [device])
        power, memory, clock = gpu_power.amd_values(device)
        self.assertEqual((power, memory, math.isnan(clock)), (42, 3, True))

    def test_an_answer_to_one_that_was_ended_is_passed_over(self):
        contestant = Contestant("eager", "none", "cpu", "none", [1], self.folder / "log")
        contestant.end()
        for pipe in (contestant.process.stdin, contestant.process.stdout):
            pipe.close()
        contestant.process.stdout = open(self.folder / "answers", "w+b", buffering=0)
        contestant.process.stdin = type("Asked", (), {"write": lambda _, line: self.answer(contestant, line)})()
        self.assertEqual(contestant.ask(do="network")["best_ms"], 2)
        contestant.process.stdout.close()

    @staticmethod
    def answer(contestant, line):
        file = contestant.process.stdout
        file.write(b'{"id": 1, "best_ms": 1}\n' + json.dumps({"id": json.loads(line)["id"], "best_ms": 2}).encode() + b"\n")
        file.seek(0)

    def test_turns_are_compared_round_by_round(self):
        records = [{"who": who, "rung": "half", "batch": 8, "turn": turn, "best_ms": ms, "median_ms": ms}
                   for turn, (ours, theirs) in enumerate([(1, 2), (10, 30), (4, 4)])
                   for who, ms in (("cxrd", ours), ("torch", theirs))]
        page = "\n".join(gpu_page.turns(records))
        self.assertIn("| 8 | cxrd, rung half | 3 | 8000 | 2000 | 1 | 4 |  |", page)
        self.assertIn("| 8 | torch | 3 | 4000 | 2000 | 2 | 4 | 2.00x |", page)


if __name__ == "__main__":
    unittest.main()
