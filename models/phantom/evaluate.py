#!/usr/bin/env python3
"""Scores the phantom model on drawings it has not seen.

Either the checkpoint, rounded to float16 as the package stores it:
    evaluate.py --checkpoint RUN/phantom.pth [--count 1000] [--seed 3]
or what `cxrd predict --format jsonl --attention-for all` said about drawings made by draw.py:
    evaluate.py --predictions FILE.jsonl --truth DIR/truth.json

AUROC is over all drawings. A map's peak counts as inside when the centre of its strongest patch lies in the drawn
lesion's mask (draw.py says how each is marked); the share is over the drawings in which the finding is drawn, for every
finding but Edema and Normal, whether or not the model calls the finding.
"""

import argparse
import json
import os

import numpy
from PIL import Image

import draw


def auroc(truth, scores):
    """Chance that a positive scores above a negative, ties counting half."""
    truth, scores = numpy.asarray(truth, bool), numpy.asarray(scores, float)
    _, inverse, counts = numpy.unique(scores, return_inverse=True, return_counts=True)
    ranks = (numpy.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives, negatives = truth.sum(), (~truth).sum()
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def youden(truth, scores):
    """The threshold with the greatest sum of sensitivity and specificity, midway between two scores."""
    order = numpy.argsort(scores)
    truth, scores = numpy.asarray(truth, bool)[order], numpy.asarray(scores, float)[order]
    missed = numpy.cumsum(truth) / truth.sum()
    spared = numpy.cumsum(~truth) / (~truth).sum()
    best = int(numpy.argmax((spared - missed)[:-1]))
    return float((scores[best] + scores[best + 1]) / 2)


def peak_inside(attention, patches):
    """Whether a map's strongest patch is one of the lesion's."""
    return bool(patches[int(attention.argmax())])


class Scores:
    """Truth and answers, drawing by drawing."""

    def __init__(self):
        self.labels = {name: [] for name in draw.FINDINGS}
        self.answers = {name: [] for name in draw.FINDINGS}
        self.inside = {name: [] for name in draw.LOCALISED}
        self.risk_truth, self.risk_answers = [], []

    def print(self):
        areas = {name: auroc(self.labels[name], self.answers[name]) for name in draw.FINDINGS}
        print("| finding | drawn in | AUROC | peak inside |\n|---|---:|---:|---:|")
        for name in draw.FINDINGS:
            hits = f"{100 * numpy.mean(self.inside[name]):.1f} %" if name in self.inside else ""
            print(f"| {name} | {sum(self.labels[name])} | {areas[name]:.4f} | {hits} |")
        every = [hit for hits in self.inside.values() for hit in hits]
        drawn = len(self.risk_truth)
        print(f"| **all findings** | {drawn} drawings | **{numpy.mean(list(areas.values())):.4f}** | **{100 * numpy.mean(every):.1f} %** of {len(every)} |")
        print(f"| risk {draw.RISK_NAME} | {sum(self.risk_truth)} | {auroc(self.risk_truth, self.risk_answers):.4f} | |")


def score_checkpoint(path, count, seed):
    import torch
    from network import Phantom
    from train import example

    torch.set_num_threads(1)
    model = Phantom(len(draw.FINDINGS))
    state = torch.load(path, map_location="cpu")
    model.load_state_dict({name: value.half().float() for name, value in state.items()})
    model.eval()
    scores = Scores()
    for index in range(count):
        crop, labels, patches, risk = example((seed, index))
        with torch.no_grad():
            logits, risk_logit, weights, _ = model(torch.from_numpy(numpy.array(crop))[None])
        maps = weights[0].mean(0).numpy()
        scores.risk_truth.append(bool(risk))
        scores.risk_answers.append(float(risk_logit[0]))
        for place, name in enumerate(draw.FINDINGS):
            scores.labels[name].append(bool(labels[place]))
            scores.answers[name].append(float(logits[0, place]))
            if labels[place] and name in scores.inside:
                scores.inside[name].append(peak_inside(maps[place], patches[place]))
    return scores


def read_predictions(path):
    """Prediction objects by file name."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    return {os.path.basename(line["image"]["id"]): line for line in lines}


def score_predictions(predictions_path, truth_path):
    folder = os.path.dirname(truth_path)
    predictions = read_predictions(predictions_path)
    with open(truth_path, encoding="utf-8") as file:
        truth = json.load(file)
    scores = Scores()
    for entry in truth:
        name = entry["image"]
        prediction = predictions.get(name) or predictions[os.path.splitext(name)[0]]
        peaks = {map_["label"]: map_["peak"] for map_ in prediction["attention_maps"]}
        logits = {finding["label"]: finding["logit"] for finding in prediction["findings"]}
        scores.risk_truth.append(entry["risk"][draw.RISK_NAME])
        scores.risk_answers.append(prediction["risk_scores"][0]["logit"])
        for finding in draw.FINDINGS:
            drawn = finding in entry["labels"]
            scores.labels[finding].append(drawn)
            scores.answers[finding].append(logits[finding])
            if drawn and finding in scores.inside:
                mask = numpy.asarray(Image.open(os.path.join(folder, entry["masks"][finding]["file"])))
                peak = peaks[finding]
                row, column = min(int(peak["y"]), mask.shape[0] - 1), min(int(peak["x"]), mask.shape[1] - 1)
                scores.inside[finding].append(bool(mask[row, column]))
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--predictions")
    parser.add_argument("--truth")
    options = parser.parse_args()
    if options.checkpoint:
        score_checkpoint(options.checkpoint, options.count, options.seed).print()
    elif options.predictions and options.truth:
        score_predictions(options.predictions, options.truth).print()
    else:
        parser.error("give --checkpoint, or --predictions and --truth")


if __name__ == "__main__":
    main()
