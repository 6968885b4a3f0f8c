"""The Markdown page of what gpu.py measured: a section a step, with what became of its parts, its commands and its tables.

Tables are made of the records that the parts told (gpu_parts.py), so whatever is there of a step that was cut is shown.
"""

import statistics


def table(columns, rows):
    """A Markdown table, words to the left and numbers to the right; nothing where there are no rows."""
    if not rows:
        return []
    right = [not isinstance(value, str) or not value for value in rows[0]]
    return ["", "| " + " | ".join(columns) + " |", "|" + "|".join("---:" if one else "---" for one in right) + "|",
            *("| " + " | ".join(shown(value) for value in row) + " |" for row in rows)]


def shown(value):
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    digits = next((digits for least, digits in ((1000, 0), (100, 1), (1, 2)) if abs(value) >= least), None)
    return f"{value:.3g}" if digits is None else f"{value:.{digits}f}"


def times(value):
    return f"{value:.2f}x"


def share(value):
    return f"{value:.0%}"


def of(records, key):
    return [record for record in records if key in record]


def watts(record):
    """Power and memory of a record, or nothing where the driver tells neither."""
    power = record.get("power") or {}
    return [power.get("watts", [None])[0], power.get("mib", [None, None])[1]]


def devices(records):
    lines = []
    for record in of(records, "device"):
        device = record["device"]
        rows = [[name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value)]
                for name, value in device.items() if name != "lacks" and value != []]
        lines += table(["", "what cxrd says of it"], rows)
        lines += ["", *(f"- It lacks {rung}: {why}." for rung, why in device["lacks"].items())]
    lines += ["", *(f"nvidia-smi: {record['nvidia']}." for record in of(records, "nvidia"))]
    for record in of(records, "told"):
        told = record["told"] or {}
        lines.append(f"The machine has {record['cores']} cores. Power is {'' if 'watts' in told else 'not '}told, "
                     f"memory in use is {'' if 'mib' in told else 'not '}told.")
    return lines


def kernelcheck(records):
    return table(["rung", "cases", "wrong", "seconds"],
                 [[r["rung"], r["cases"], r["wrong"], r["seconds"]] for r in of(records, "cases")])


def validation(records):
    return table(["rung", "cases", "wrong", "messages of the layer", "seconds"],
                 [[r["rung"], r["cases"], r["wrong"], r["messages"], r["seconds"]] for r in of(records, "cases")])


def golden(records):
    return table(["network", "rung", "weights", "", "largest error", "bound"],
                 [[r["package"], r["rung"], r["weights"], "right" if r["good"] else "WRONG", r["error"], r["bound"]]
                  for r in of(records, "package")])


def tune(records):
    """Of each rung the shapes of its first two rounds, the largest batch and one image."""
    rows, shown_of = [], {}
    for record in of(records, "chosen"):
        shown_of[record["rung"]] = shown_of.get(record["rung"], 0) + 1
        if shown_of[record["rung"]] <= 12:
            rows.append([record["rung"], record["shape"], record["chosen"], (record["gflops"] or 0) / 1e3, record["first"],
                         record["first_gflops"] / 1e3, record["measured"]])
    return (table(["rung", "shape", "fastest tile", "TFLOP/s", "first tile", "TFLOP/s there", "tiles measured"], rows) +
            table(["rung", "not measured", "seconds"], [[r["rung"], r["missing"], r["seconds"]] for r in of(records, "missing")]))


def bench(records):
    rows, ceilings = [], []
    for record in of(records, "report"):
        report, limits = record["report"], record["report"]["ceilings"]
        ceilings.append([record["rung"], report["weights"], report["ready_ms"] / 1e3, report["weight_bytes"] / 1e9,
                         report["activation_bytes"] / 1e9, limits["peak_gflops"] / 1e3, limits["gemm_gflops"] / 1e3,
                         limits["copy_gbytes"], watts(record)[1]])
        for batch in report["batches"]:
            tflops = report["backbone_gflop"] * batch["images_per_s"] / 1e3
            rows.append([record["rung"], batch["batch"], batch["images_per_s"], batch["best_ms"], batch["median_ms"], tflops,
                         share(1e3 * tflops / limits["gemm_gflops"])])
    return (table(["rung", "batch", "images/s at best", "best ms", "median ms", "backbone TFLOP/s",
                   "of the GEMM ceiling"], rows) +
            table(["rung", "weights", "ready s", "weights GB", "activations GB", "float32 peak TFLOP/s", "GEMM ceiling TFLOP/s",
                   "copy GB/s", "MiB in use"], ceilings) + operations(records))


def operations(records):
    """Where the fastest rung's time goes at the largest batch."""
    if not of(records, "report"):
        return []
    record = max(of(records, "report"), key=lambda r: r["report"]["batches"][-1]["images_per_s"])
    batch = record["report"]["batches"][-1]
    gemm = record["report"]["ceilings"]["gemm_gflops"]
    rows = [[op["operation"], op["ms"], share(op["ms"] / batch["best_ms"]), op["gflops"] / 1e3 if "gflops" in op else None,
             share(op["gflops"] / gemm) if "gflops" in op else "", op.get("gbytes")] for op in batch["operations"]]
    return ["", f"Rung {record['rung']} at batch {batch['batch']}, operation by operation:",
            *table(["operation", "ms", "of the time", "TFLOP/s", "of the GEMM ceiling", "GB/s"], rows)]


def ready(records):
    return table(["", "ready after s", "PyTorch", "on"],
                 [[r["who"], r["ready_s"], r["torch"], r["device"]] for r in of(records, "ready_s")])


def turns(records):
    rows, found = [], {}
    for record in of(records, "turn"):
        found.setdefault((record["batch"], record["who"]), {})[record["turn"]] = record
    for (batch, who), mine in sorted(found.items(), key=lambda item: item[0][0]):
        ours = found.get((batch, "cxrd"), {})
        ratios = [mine[turn]["median_ms"] / ours[turn]["median_ms"] for turn in mine if turn in ours]
        best, median = (choose(record[key] for record in mine.values())
                        for choose, key in ((min, "best_ms"), (statistics.median, "median_ms")))
        name = f"cxrd, rung {next(iter(mine.values()))['rung']}" if who == "cxrd" else who
        rows.append([batch, name, len(mine), 1e3 * batch / best, 1e3 * batch / median, best, median,
                     "" if who == "cxrd" or not ratios else times(statistics.median(ratios))])
    return table(["batch", "", "rounds", "images/s at best", "images/s, median", "best ms", "median ms",
                  "cxrd is faster by"], rows)


def energy(records):
    rows = []
    for record in of(records, "images_per_s"):
        power, memory = watts(record)
        rows.append([record["who"], record["batch"], record["images_per_s"], power,
                     None if power is None else power / record["images_per_s"], memory])
    return table(["", "batch", "images/s", "W", "J an image", "MiB in use on the GPU"], rows)


def products(records, steps):
    """Beside each product cxrd's, from the fastest rung that measured that batch."""
    rows, reports = [], [record["report"] for record in of(steps.get("bench", {}).get("records", []), "report")]
    ours, rung, most = {}, "", 0
    for report in reports:
        for batch in report["batches"]:
            if records and batch["batch"] == records[0].get("batch") and batch["images_per_s"] > most:
                ours = {op["operation"]: op.get("gflops", 0) / 1e3 for op in batch["operations"]}
                rung, most = report["rung"], batch["images_per_s"]
    for record in of(records, "gflop"):
        theirs, mine = record["gflop"] / record["best_ms"], ours.get(record["what"])
        rows.append([record["what"], record["shape"], record["who"], theirs, mine, times(mine / theirs) if mine else ""])
    return table(["", "rows x columns x depth", "", "PyTorch TFLOP/s", f"cxrd {rung} TFLOP/s", "cxrd is faster by"], rows)


def http(records):
    engine = next((record["engine"] for record in of(records, "engine")), None)
    lines = [f"\nPackage {record['model']}; the engine alone {record['engine']:.1f} images/s."
             for record in of(records, "engine")]
    lines += table(["clients", "requests/s", "of the engine", "p50 ms", "p99 ms", "refused", "lost", "W", "MiB in use"],
                   [[r["clients"], r["requests_per_s"], share(r["requests_per_s"] / engine), r["p50_ms"], r["p99_ms"],
                     r["refused"], r["lost"], *watts(r)] for r in of(records, "clients")])
    for record in of(records, "stage_ms"):
        stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in record["stage_ms"].items())
        lines += ["", f"Mean ms of each stage: {stages}."]
    return lines


# key: title, what the reader must know, what draws its records
STEPS = {
    "devices": ("The device", "", devices),
    "kernelcheck": ("Kernels against the CPU's reference", "", kernelcheck),
    "validation": ("Kernels under the validation layer", "", validation),
    "golden": ("Golden values", "The largest error of any tap, relative to the root mean square of what is expected.", golden),
    "tune": ("Tiles", "The fastest tile of each shape, operation and rows x columns x depth, or images x heads x tokens.", tune),
    "bench": ("The network on every rung", "Random weights. Best and median are of the runs after warming up; ceilings are "
              "measured in the same process before.", bench),
    "ready": ("PyTorch, made ready", "Compiling began with the first step and stood still while cxrd was timed; torch.compile in "
              "its default mode, a batch size at a time, the network with fused attention.", ready),
    "turns": ("In turns with PyTorch", "Each round runs every contestant once. PyTorch's time is of calls one behind another "
              "for 0.1 s, waited for once, after 0.3 s of warming up; cxrd's is of each batch from submission to answer, images' "
              "upload included. Best of all rounds, median of the rounds' medians, ratio the median of the rounds' own.", turns),
    "energy": ("Power and memory", "Mean power while the largest batch is computed over and over. Memory is the whole GPU's, "
               "so PyTorch's other processes, each with its network, are in every line.", energy),
    "products": ("Products and attention", "PyTorch's products (cuBLAS, or rocBLAS) without bias or what follows; cxrd's, from "
                 "its own benchmark, with the bias, the activation or the residual that are fused into them.", products),
    "http": ("The HTTP service", "Clients on the same machine send one PNG over and over and ask again once answered.", http),
}
STATES = {"failed": "FAILED after {:.1f} s", "late": "CUT after {:.1f} s", "missing": "not measured", "left out": "left out"}


def markdown(result):
    """The page of what is there so far: result as gpu.py writes it in JSON."""
    device = result["device"]
    name = f"{device['name']}, {device['driver']} {device['driver_info']}" if device else "No device yet"
    lines = [f"# {name}", "", f"{result['architecture']}, batch {', '.join(map(str, result['batches']))}; "
             f"{result['date']}, {result['seconds']:.0f} s of {result['budget_s']:.0f} s so far."]
    if result["rehearsal"]:
        lines += ["", "A rehearsal: a small network, and no figure here says anything of a GPU."]
    for key, step in result["steps"].items():
        title, note, draw = STEPS[key]
        records = step["records"]
        lines += ["", f"## {title}", *(["", note] if note else [])]
        lines += draw(records, result["steps"]) if draw is products else draw(records)
        commands = list(dict.fromkeys(record["command"] for record in of(records, "command")))
        lines += ["", "```", *commands, "```"] if commands else []
        for part in step["parts"]:
            if part["state"] in STATES:
                first, *rest = part["why"].splitlines() or [""]
                lines += ["", f"{part['name']}: {STATES[part['state']].format(part['seconds'])}. {first}",
                          *(["```", *rest, "```"] if rest else [])]
    return "\n".join(lines) + "\n"
