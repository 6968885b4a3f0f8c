#!/usr/bin/env python3
"""What Mesa's compiler makes of every kernel for AMD's GPUs, without one, and how fast ViT-L/16 at 512 x 512 could be there.

    python3 tests/bench/amd.py [--build build]

Draws the tables of docs/gpu/amd.md anew, between their marks. The estimate is a bound: in the loops that multiply every
instruction takes its issue slot and every access to shared memory its bytes, nothing waits for anything, and each kernel
takes what the slowest of vector instructions, shared memory and memory takes; memory gives each operand once.
"""
import argparse
import collections
import math
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/gpu/amd.md"
# As AMD gives them: compute units, boost clock, memory; SIMDs of a unit, and clocks a vector instruction of 32 lanes takes one.
Gpu = collections.namedtuple("Gpu", "family product units ghz gbps simds clocks tflops matrix_tflops")
GPUS = [
    Gpu("polaris10", "RX 580", 36, 1.340, 256, 4, 2, 6.17, 0),
    Gpu("vega10", "RX Vega 64", 64, 1.546, 484, 4, 2, 12.66, 0),
    Gpu("navi10", "RX 5700 XT", 40, 1.905, 448, 2, 1, 9.75, 0),
    Gpu("navi21", "RX 6900 XT", 80, 2.250, 512, 2, 1, 23.04, 0),
    Gpu("navi31", "RX 7900 XTX", 96, 2.500, 960, 2, 1, 61.4, 122.8),
    Gpu("gfx1151", "Radeon 8060S", 40, 2.900, 256, 2, 1, 29.7, 59.4),
]
SHARED_BYTES_A_CLOCK = 128 # of a compute unit
WMMA_CLOCKS, WMMA_MACS = 32, 16 * 16 * 16 # 122.8 TFLOP/s are 256 operations a clock and SIMD
SLOW = re.compile(r"v_(exp|log|rcp|rsq|sqrt|sin|cos)_|v_mul_(lo|hi)_|v_mad_[ui]64|v_lshlrev_b64") # a quarter of the rate
MULTIPLY_ADD = re.compile(r"v_(dual_)?(pk_)?(fma|fmac|fmaak|fmamk|mad|mac|madak|madmk|fma_mix)_(f32|mix_f32)")
LAYERS, WIDTH, HIDDEN, TOKENS, HEADS, BATCH = 24, 1024, 2752, 1029, 16, 8


def run(family, build, what):
    """The lines of kernelcheck on that GPU."""
    command = [ROOT / "scripts/radv-run", family, build / "tests/kernelcheck/kernelcheck", what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr or done.stdout)
    return done.stdout.splitlines()


def read(lines):
    """The pipelines, each (rung, weights, name, numbers, lines of code)."""
    pipelines = []
    for line in lines:
        if match := re.match(r"(\w+) +(f16|f32)  (.+?) *((?:, [^,]+ [\d.]+)+)(  SPILLED)?$", line):
            numbers = dict(part.rsplit(" ", 1) for part in match[4][2:].split(", "))
            pipelines.append((match[1], match[2], match[3], {name: float(value) for name, value in numbers.items()}, []))
        elif pipelines and line.startswith("--- "): # the last form is the machine's
            pipelines[-1][4].clear()
        elif pipelines:
            pipelines[-1][4].append(line)
    return pipelines


def loops_of(code):
    """(first, last) of each loop: from a label to a branch back to it."""
    labels = {match[1]: i for i, line in enumerate(code) if (match := re.match(r"(BB\d+):", line))}
    loops = {}
    for i, line in enumerate(code):
        match = re.search(r"s_c?branch\S* (BB\d+)", line)
        if match and labels.get(match[1], i) < i:
            loops[labels[match[1]]] = i
    return sorted(loops.items())


class Part:
    """What one round of a part of a loop's code takes of a wave."""

    def __init__(self, gpu, code, lanes):
        self.macs = self.clocks = self.shared = 0
        for line in code:
            for word in re.findall(r"(?:^\s*|:: )([vd]s?_\S+)", line):
                self.add(gpu, word, lanes, second=word.startswith("v_dual") and ":: " + word in line)

    def add(self, gpu, word, lanes, second):
        if word.startswith("v_wmma"):
            self.macs += WMMA_MACS
            self.clocks += WMMA_CLOCKS
        elif word.startswith("v_"):
            multiplies = bool(MULTIPLY_ADD.match(word))
            self.macs += lanes * multiplies
            slow = SLOW.match(word) or gpu.family == "polaris10" and word.startswith("v_fma_f32") # GFX8 has mad at full rate
            if not second: # the other half of a pair is issued with it
                self.clocks += gpu.clocks * lanes // 32 * (4 if slow else 1)
        elif word.startswith("ds_") and re.search(r"(read|write|load|store)", word):
            width = max(4, int(re.search(r"[bu](\d+)", word)[1]) // 8) * (2 if re.search(r"2addr|read2|write2", word) else 1)
            self.shared += lanes * width / SHARED_BYTES_A_CLOCK


def round_of(gpu, code, macs_inside):
    """One round of the outermost loop that multiplies, those in it as often as makes `macs_inside` each (of a lane)."""
    lanes = 32 if re.search(r"(vcc|exec)_lo", "\n".join(code)) else 64
    loops = loops_of(code)
    whole = max((loop for loop in loops if Part(gpu, code[loop[0]:loop[1]], lanes).macs), key=lambda loop: loop[1] - loop[0])
    inner = [loop for loop in loops if loop != whole and whole[0] <= loop[0] and loop[1] <= whole[1]]
    inner = [loop for loop in inner if not any(other != loop and other[0] <= loop[0] and loop[1] <= other[1] for other in inner)]
    outside, at = [], whole[0]
    total = Part(gpu, [], lanes)
    for first, last in inner + [(whole[1], whole[1])]:
        outside += code[at:first]
        at = last
        part = Part(gpu, code[first:last], lanes)
        times = macs_inside * lanes / part.macs if part.macs else 1
        for name in ("macs", "clocks", "shared"):
            setattr(total, name, getattr(total, name) + times * getattr(part, name))
    rest = Part(gpu, outside, lanes)
    for name in ("macs", "clocks", "shared"):
        setattr(total, name, getattr(total, name) + getattr(rest, name))
    return total, lanes


def bound_s(gpu, waves_rounds, part, size_bytes):
    """The longest of the three, and its name."""
    return max((waves_rounds * part.clocks / (gpu.units * gpu.simds * gpu.ghz * 1e9), "instructions"),
               (waves_rounds * part.shared / (gpu.units * gpu.ghz * 1e9), "shared memory"),
               (size_bytes / (gpu.gbps * 1e9), "memory"))


def product_s(gpu, code, tile, n, k, element, out_bytes):
    rows, columns = tile
    m = BATCH * TOKENS
    part, _ = round_of(gpu, code, 1024) # of gemm.comp: 8 x 8 of 16 along K
    macs = math.ceil(m / rows) * rows * math.ceil(n / columns) * columns * k
    return bound_s(gpu, macs / part.macs, part, (m * k + n * k) * element + m * out_bytes)


def attention_s(gpu, code, tile, wave_rows, element):
    queries, keys = tile
    part, lanes = round_of(gpu, code, 1024) # of attention.comp: 4 x 4 of 64, 4 x 8 of 32
    waves = queries / wave_rows if wave_rows else queries * 2 / lanes # 8 threads make 4 rows
    rounds = BATCH * HEADS * math.ceil(TOKENS / queries) * math.ceil(TOKENS / keys)
    return bound_s(gpu, rounds * waves, part, 4 * BATCH * TOKENS * WIDTH * element)


def network(gpu, pipelines, rung, weights):
    """Seconds of a batch by operation, the fastest tile each, and what bounds it."""
    element = 4 if rung == "portable" else 2
    found = {}

    def keep(operation, times, one):
        found[operation] = min(found.get(operation, (math.inf, "")), (times * one[0], one[1]))

    for its_rung, its_weights, name, _, code in pipelines:
        match = re.match(r"(gemm \w+|attention) (\d+)x(\d+)(?:.* by (\d+))?", name)
        if its_rung != rung or not match or (its_weights != weights and match[1] != "attention"):
            continue
        tile = int(match[2]), int(match[3])
        if match[1] == "attention":
            keep("attention", LAYERS, attention_s(gpu, code, tile, int(match[4] or 0), element))
        for operation, epilogue, n, k, out_bytes in (
                ("qkv", "heads", 3 * WIDTH, WIDTH, 3 * WIDTH * element), ("projection", "add", WIDTH, WIDTH, 8 * WIDTH),
                ("ffn in", "swiglu", 2 * HIDDEN, WIDTH, HIDDEN * element), ("ffn out", "add", WIDTH, HIDDEN, 8 * WIDTH)):
            if match[1] == "gemm " + epilogue:
                keep(operation, LAYERS, product_s(gpu, code, tile, n, k, element, out_bytes))
    found["layernorm"] = (2 * LAYERS * BATCH * TOKENS * WIDTH * (4 + element) / (gpu.gbps * 1e9), "memory")
    return found


def compiled_table(by_gpu):
    """Registers and waves of each kernel on each GPU: the most and the fewest of its epilogues."""
    rows = {}
    for gpu, pipelines in by_gpu:
        for rung, weights, name, numbers, _ in pipelines:
            kernel = re.sub(r"^gemm \w+ ", "gemm ", name)
            kernel = kernel if re.match("gemm|attention", kernel) else "all others"
            rows.setdefault((rung, weights, kernel), {}).setdefault(gpu.family, []).append(numbers)
    lines = ["| rung, weights | kernel | shared bytes | " + " | ".join(gpu.family for gpu, _ in by_gpu) + " |",
             "|---|---|---:|" + "---:|" * len(by_gpu)]
    for (rung, weights, kernel), cells in rows.items():
        shared = max(numbers["LDS size"] for all_of in cells.values() for numbers in all_of)
        line = f"| {rung} {weights} | {kernel} | {shared:.0f} |"
        for gpu, _ in by_gpu:
            if all_of := cells.get(gpu.family):
                spilled = sum(value for numbers in all_of for key, value in numbers.items() if "pill" in key)
                line += f" {max(n['VGPRs'] for n in all_of):.0f}, {min(n['Subgroups per SIMD'] for n in all_of):.0f}"
                line += f", {spilled:.0f} spilled |" if spilled else " |"
            else:
                line += " |"
        lines.append(line)
    return lines


def estimate_table(by_gpu):
    flops = 2 * TOKENS * LAYERS * (WIDTH * (4 * WIDTH + 3 * HIDDEN) + 2 * TOKENS * WIDTH)
    names = ["qkv", "attention", "projection", "ffn in", "ffn out", "layernorm"]
    lines = [f"| GPU | rung | {' | '.join(names)} | ms an image | TFLOP/s | of the peak |", "|---|---|" + "---:|" * (len(names) + 3)]
    for gpu, pipelines in by_gpu:
        for rung in sorted({pipeline[0] for pipeline in pipelines}, key=["portable", "half", "matrix"].index):
            found = network(gpu, pipelines, rung, "f16")
            seconds = sum(one[0] for one in found.values()) / BATCH
            peak = gpu.matrix_tflops if rung == "matrix" else gpu.tflops
            letter = {"instructions": "i", "shared memory": "s", "memory": "m"}
            cells = " | ".join(f"{found[name][0] / BATCH * 1e3:.1f} {letter[found[name][1]]}" for name in names)
            lines.append(f"| {gpu.product} | {rung} | {cells} | {seconds * 1e3:.1f} | {flops / seconds * 1e-12:.1f} | "
                         f"{flops / seconds * 1e-12 / peak:.0%} |")
    return lines


def draw(name, lines):
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: drawn by tests/bench/amd.py -->\n", f"<!-- end of {name} -->\n"
    before, rest = text.split(begin)
    PAGE.write_text(before + begin + "\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", metavar="FOLDER")
    build = parser.parse_args().build
    by_gpu = [(gpu, read(run(gpu.family, build, "--code"))) for gpu in GPUS]
    draw("registers", compiled_table(by_gpu))
    draw("estimate", estimate_table(by_gpu))


if __name__ == "__main__":
    main()
