#!/usr/bin/env python3
"""Writes what the importer cannot know into the package's model.json: name, intended use and decision thresholds.

Each finding's threshold is where sensitivity plus specificity is greatest on drawings that were neither trained on nor
are used by evaluate.py. `cxrd inspect --seal PACKAGE` afterwards binds it to the weights and seals the package.
"""

import argparse
import json
import math
import os

from evaluate import score_checkpoint, youden

COUNT = 1000
SEED = 2_000_000
INTENDED_USE = (
    "Demonstration only: this model knows procedurally drawn chest phantoms, not patients. It is not a medical device "
    "and says nothing about a real radiograph."
)
DEFINITION = (
    "Chance that drawn pleural effusion, pneumothorax, consolidation and mass together cover more than 12 % of the "
    "drawn area of the two lung fields."
)


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True, help="phantom.pth of train.py")
    parser.add_argument("--package", default=os.path.dirname(os.path.abspath(__file__)))
    options = parser.parse_args()
    scores = score_checkpoint(options.checkpoint, COUNT, SEED)
    path = os.path.join(options.package, "model.json")
    with open(path, encoding="utf-8") as file:
        model = json.load(file)
    model["name"], model["version"], model["intended_use"] = "phantom", "1.2.0", INTENDED_USE
    for head in model["heads"]:
        if head["kind"] == "quality":  # gate.py chooses these
            continue
        if head["kind"] == "risk":
            head["definition"] = DEFINITION
        for label in head["labels"]:
            if head["kind"] == "risk":
                truth, answers = scores.risk_truth, scores.risk_answers
            else:
                truth, answers = scores.labels[label["name"]], scores.answers[label["name"]]
            label["threshold"] = round(sigmoid(youden(truth, answers)), 4)
            label["threshold_source"] = "Youden index on 1,000 validation drawings"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(model, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
