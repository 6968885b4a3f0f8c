#!/usr/bin/env python3
"""Makes and scores the gate, the head that tells upright frontal chest drawings from other pictures.

A DIR is a folder of spoil.py, beside which `cxrd embed --tokens class,mean --output DIR.safetensors DIR` has put what the
backbone makes of its pictures.

    gate.py fit --train DIR... --output gate.safetensors     the weights, for cxrd head add
    gate.py choose --package PACKAGE DIR                      thresholds, into model.json, to be sealed afterwards
    gate.py score --package PACKAGE --answers FILE.jsonl DIR  a table, with what `cxrd predict --format jsonl DIR` said

Each label is a logistic regression of its own, with good pictures counting so often that one in ten is spoilt. Its threshold is what no more than two of the good pictures of DIR reaches;
where most that have the fault lie far above that, midway between (of logits).
"""

import argparse
import json
import os
import struct

import numpy

from evaluate import auroc
from spoil import LABELS

HEAD = "quality"
PENALTY = 3.0  # on squared weights of standardised features
SPOILT_SHARE = 0.1  # of pictures, as far as probabilities go: fewer are spoilt than in what is drawn to train on
SOURCE = "reached by at most two of {:,} good validation drawings"


def read_tensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "F16": "<f2"}
    return {
        name: numpy.frombuffer(data[slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def write_head(path, weights, bias):
    tensors = {"linear.bias": bias.astype("<f4"), "linear.weight": weights.astype("<f4")}
    reads = {"blocks": 1, "average_pool": True, "views": 1}
    header = {"__metadata__": {"labels": json.dumps(LABELS), "reads": json.dumps(reads)}}
    end = 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": (end, end + values.nbytes)}
        end += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(values.tobytes() for values in tensors.values()))


def load(folder):
    """Features [pictures, 2 width], truth bool [pictures, labels] and file names, of the pictures that could be read."""
    folder = folder.rstrip("/")
    tensors = read_tensors(folder + ".safetensors")
    with open(os.path.join(folder, "kinds.json"), encoding="utf-8") as file:
        kinds = json.load(file)
    with open(folder + ".jsonl", encoding="utf-8") as file:
        rows = [line for line in map(json.loads, file) if line["row"] is not None]
    names = [os.path.basename(line["image"]) for line in rows]
    features = numpy.concatenate([tensors["class"], tensors["mean"]], 1).astype(float)
    return features, numpy.array([[label in kinds[name] for label in LABELS] for name in names]), names


def regress(features, truth, counts):
    """Logistic regression by Newton's method, each picture counting so often; the last feature is 1 and free."""
    weights = numpy.zeros(features.shape[1])
    penalty = numpy.full(features.shape[1], PENALTY)
    penalty[-1] = 1e-6
    for _ in range(40):
        p = 1 / (1 + numpy.exp(-features @ weights))
        gradient = features.T @ (counts * (p - truth)) + penalty * weights
        curvature = (features * (counts * p * (1 - p))[:, None]).T @ features + numpy.diag(penalty)
        step = numpy.linalg.solve(curvature, gradient)
        weights -= step
        if numpy.abs(step).max() < 1e-7:
            break
    return weights


def fit(options):
    parts = [load(folder)[:2] for folder in options.train]
    features, truth = (numpy.concatenate(list(part)) for part in zip(*parts))
    mean, deviation = features.mean(0), features.std(0)
    standard = numpy.concatenate([(features - mean) / deviation, numpy.ones((len(features), 1))], 1)
    good = ~truth.any(1)
    counts = numpy.where(good, (1 - SPOILT_SHARE) / SPOILT_SHARE * (~good).sum() / good.sum(), 1.0)
    fitted = numpy.array([regress(standard, truth[:, i].astype(float), counts) for i in range(len(LABELS))])
    weights = fitted[:, :-1] / deviation
    write_head(options.output, weights, fitted[:, -1] - weights @ mean)


def head_of(package):
    """The package's model.json, its gate in there, and a function from features to logits."""
    with open(os.path.join(package, "model.json"), encoding="utf-8") as file:
        model = json.load(file)
    (head,) = (head for head in model["heads"] if head["name"] == HEAD)
    assert tuple(label["name"] for label in head["labels"]) == LABELS
    tensors = read_tensors(os.path.join(package, head["weights"]))
    return model, head, lambda features: features @ tensors["linear.weight"].T.astype(float) + tensors["linear.bias"]


def choose(options):
    model, head, logits_of = head_of(options.package)
    features, truth, _ = load(options.folder)
    logits, good = logits_of(features), ~truth.any(1)
    for i, label in enumerate(head["labels"]):
        threshold = numpy.sort(logits[good, i])[-3:-1].mean()  # two reach it
        threshold = max(threshold, (threshold + numpy.percentile(logits[truth[:, i], i], 5)) / 2)
        label["threshold"] = round(float(1 / (1 + numpy.exp(-threshold))), 4)
        label["threshold_source"] = SOURCE.format(good.sum())
        label.pop("threshold_weights_sha256", None)
    with open(os.path.join(options.package, "model.json"), "w", encoding="utf-8") as file:
        json.dump(model, file, indent=2)
        file.write("\n")


def score(options):
    _, _, logits_of = head_of(options.package)
    features, truth, names = load(options.folder)
    with open(options.answers, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    said = {os.path.basename(line["image"]["id"]): line["input_quality"] for line in lines if "error" not in line}
    codes = [{reason["code"] for reason in said[name]["reasons"]} for name in names]
    flagged = numpy.array([bool(found) for found in codes])
    logits, good = logits_of(features), ~truth.any(1)
    print("| label | drawn in | AUROC | flagged | as that |\n|---|---:|---:|---:|---:|")
    for i, label in enumerate(LABELS):
        has = truth[:, i]
        named = numpy.mean([label in found for found, one in zip(codes, has) if one])
        area = auroc(has[has | good], logits[has | good, i])
        print(f"| `{label}` | {has.sum()} | {area:.4f} | {100 * flagged[has].mean():.1f} % | {100 * named:.1f} % |")
    print(f"| nothing | {good.sum()} | | {100 * flagged[good].mean():.1f} % | |")
    scores = numpy.array([said[name]["score"] for name in names])
    print(f"score: AUROC of anything {auroc(~good, 1 - scores):.4f}; median {numpy.median(scores[good]):.3f} of good pictures")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("fit")
    command.add_argument("--train", nargs="+", required=True)
    command.add_argument("--output", required=True)
    command.set_defaults(run=fit)
    for name, run in (("choose", choose), ("score", score)):
        command = commands.add_parser(name)
        command.add_argument("folder")
        command.add_argument("--package", default=os.path.dirname(os.path.abspath(__file__)))
        command.set_defaults(run=run)
    command.add_argument("--answers", required=True)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
