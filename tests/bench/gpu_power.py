#!/usr/bin/env python3
"""What the driver tells of the GPU's power, memory and clock, again and again: gpu_power.py FILE

Appends "UNIX_TIME WATTS MIB MHZ" lines, "nan" for what is not told, from nvidia-smi or else the amdgpu driver's files; ends at
once where there is neither. `between` is what gpu.py makes of them.
"""

import math
import os
import pathlib
import shutil
import subprocess
import sys
import time

EVERY_S = 0.2
QUERY = "power.draw,memory.used,clocks.sm"
FIELDS = ("watts", "mib", "mhz")


def nvidia(write):
    smi = subprocess.Popen(["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits", "--id=0",
                            f"--loop-ms={int(1e3 * EVERY_S)}"], stdout=subprocess.PIPE, text=True)
    for line in smi.stdout:
        write(*(number(part) for part in line.split(",")))


def number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def first(folder, *patterns):
    """The number in the first file there that holds one."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            try:
                return float(path.read_text())
            except (OSError, ValueError):
                pass
    return math.nan


def amd_folders(drm=pathlib.Path("/sys/class/drm")):
    return [path.parent for path in sorted(drm.glob("card*/device/mem_info_vram_used"))]


def amd_values(folder):
    """Watts, MiB and MHz: the files hold microwatts, bytes and hertz."""
    return (first(folder, "hwmon/hwmon*/power1_average", "hwmon/hwmon*/power1_input") / 1e6,
            first(folder, "mem_info_vram_used") / 2**20, first(folder, "hwmon/hwmon*/freq1_input") / 1e6)


def amd(folder, write):
    while True:
        write(*amd_values(folder))
        time.sleep(EVERY_S)


def between(path, start, end):
    """{"watts": [mean, most], ...} of the lines of a spell, None where nothing is told."""
    try:
        lines = [[number(part) for part in line.split()] for line in pathlib.Path(path).read_text().splitlines()]
    except FileNotFoundError:
        return None
    rows = [line[1:] for line in lines if len(line) == 1 + len(FIELDS) and start <= line[0] <= end]
    found = {}
    for field, column in zip(FIELDS, zip(*rows)):
        known = [value for value in column if not math.isnan(value)]
        if known:
            found[field] = [sum(known) / len(known), max(known)]
    return found or None


def main():
    parent = os.getppid()
    with open(sys.argv[1], "w", buffering=1, encoding="utf-8") as file:
        def write(*values):
            if os.getppid() != parent: # whoever asked was killed
                sys.exit()
            print(time.time(), *values, file=file)
        if shutil.which("nvidia-smi"):
            nvidia(write)
        elif folders := amd_folders():
            amd(folders[0], write)


if __name__ == "__main__":
    main()
