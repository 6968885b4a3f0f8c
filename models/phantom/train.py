#!/usr/bin/env python3
"""Trains the phantom network from scratch and writes it in the authors' checkpoint layout.

Besides the labels, two things that only drawings can give make training short: the GLoRI attention of a drawn finding
is rewarded for lying inside the drawn lesion, and a linear probe on the patch tokens (thrown away afterwards) has to
say which finding lies in which patch.
"""

import argparse
import multiprocessing
import os
import threading
import time

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

import draw
from evaluate import auroc, peak_inside
from network import BLOCKS_TAKEN, GRID, IMAGE_SIZE, WIDTH, Phantom, whitened_patches

DRAWN_SIZE = 256
BATCH = 16
FRESH = 6  # drawings of a batch that are new; the others are seen again
VALIDATION_SEED = 2
VALIDATION_COUNT = 400
RATE = 6e-4  # of AdamW
STEEP_RATE = 0.008  # of Orthogonal
DRAWN_AHEAD = 256
EMPHASIS = {"Rib Fracture": 4.0}  # of a finding's share in the losses: breaks are small, and learnt last
CANDIDATE = "classifiers_dict.linear:blocks=4:avgpool={}:lr=0_0010000000"


def patch_truth(mask):
    """The grid of patches whose centre lies in a mask [patches]; the one nearest its middle if none does."""
    height, width = mask.shape
    centres = (numpy.arange(GRID) + 0.5) / GRID
    truth = mask[numpy.ix_((centres * height).astype(int), (centres * width).astype(int))]
    if not truth.any() and mask.any():
        rows, columns = numpy.nonzero(mask)
        truth[int(rows.mean() * GRID / height), int(columns.mean() * GRID / width)] = True
    return truth.ravel()


def example(task):
    """(seed, index) -> crop uint8 [S,S], labels bool [C], patch truth bool [C,patches], risk bool."""
    drawing = draw.draw_numbered(*task, DRAWN_SIZE, DRAWN_SIZE)
    crop = Image.fromarray(draw.to_bytes(drawing.image)).resize((IMAGE_SIZE, IMAGE_SIZE), Image.BICUBIC)
    labels = numpy.array([drawing.labels[name] for name in draw.FINDINGS])
    patches = numpy.zeros((len(draw.FINDINGS), GRID * GRID), bool)
    for name, mask in drawing.masks.items():
        patches[draw.FINDINGS.index(name)] = patch_truth(mask)
    return numpy.asarray(crop), labels, patches, drawing.risk


class Orthogonal(torch.optim.Optimizer):
    """Momentum whose step is the nearest matrix with equal singular values (Muon), for the backbone's matrices.

    Every direction of a matrix learns at the same pace, which takes far fewer steps here than AdamW does. Five
    Newton-Schulz iterations bring the singular values near 1.
    """

    def __init__(self, matrices, lr, momentum=0.95, weight_decay=0.01):
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for matrix in group["params"]:
                memory = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                memory.lerp_(matrix.grad, 1 - group["momentum"])
                update = matrix.grad.lerp(memory, group["momentum"])
                tall = update.shape[0] > update.shape[1]
                update = update.T if tall else update
                update = update / (update.norm() + 1e-7)
                for _ in range(5):
                    square = update @ update.T
                    update = 3.4445 * update + (-4.7750 * square + 2.0315 * square @ square) @ update
                update = update.T if tall else update
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5)


class Source:
    """Examples in order from a drawing process that stays at most DRAWN_AHEAD ahead."""

    def __init__(self, pool, tasks):
        self.ahead = threading.Semaphore(DRAWN_AHEAD)
        self.examples = pool.imap(example, self._paced(tasks))

    def _paced(self, tasks):
        for task in tasks:
            self.ahead.acquire()
            yield task

    def __next__(self):
        self.ahead.release()
        return next(self.examples)


class Examples:
    """Examples kept in memory as they come from the drawing process."""

    def __init__(self, count):
        self.crops = numpy.empty((count, IMAGE_SIZE, IMAGE_SIZE), numpy.uint8)
        self.labels = numpy.empty((count, len(draw.FINDINGS)), bool)
        self.patches = numpy.empty((count, len(draw.FINDINGS), GRID * GRID), bool)
        self.risks = numpy.empty(count, bool)
        self.size = 0

    def take(self, source, count):
        for _ in range(count):
            self.crops[self.size], self.labels[self.size], self.patches[self.size], self.risks[self.size] = next(source)
            self.size += 1

    def batch(self, indices):
        arrays = (self.crops, self.labels, self.patches, self.risks)
        crops, labels, patches, risks = (torch.from_numpy(array[indices]) for array in arrays)
        return crops, labels.float(), patches.float(), risks.float()


def losses(model, probe, crops, labels, patches, risks):
    emphasis = torch.tensor([EMPHASIS.get(name, 1.0) for name in draw.FINDINGS])
    logits, risk, weights, tokens = model(crops)
    findings = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(0)
    risk_loss = functional.binary_cross_entropy_with_logits(risk, risks)
    placed = patches.sum(-1) > 0
    inside = (weights.mean(1) * patches).sum(-1)
    attention = -(inside[placed] + 1e-6).log().mean()
    where = probe(torch.cat(tokens, dim=-1)).transpose(1, 2)
    location = functional.binary_cross_entropy_with_logits(where, patches, reduction="none").mean((0, 2))
    location = (emphasis * location).mean()
    total = 4 * (emphasis * findings).mean() + 0.5 * risk_loss + 0.25 * attention + 12 * location
    return total, findings, risk_loss, attention, location


@torch.no_grad()
def validate(model, examples):
    logits, maps, risks = [], [], []
    for start in range(0, examples.size, 50):
        output = model(torch.from_numpy(examples.crops[start : min(start + 50, examples.size)]))
        logits.append(output[0])
        risks.append(output[1])
        maps.append(output[2].mean(1))
    logits, maps = torch.cat(logits).numpy(), torch.cat(maps).numpy()
    scores, hits = [], []
    for index, name in enumerate(draw.FINDINGS):
        scores.append(auroc(examples.labels[:, index], logits[:, index]))
        if name in draw.LOCALISED:
            hits += [peak_inside(maps[i, index], examples.patches[i, index]) for i in examples.labels[:, index].nonzero()[0]]
    return scores, float(numpy.mean(hits)), auroc(examples.risks, torch.cat(risks).numpy())


def save(model, output):
    """teacher_checkpoint.pth, glori.pth and risk.pth as the authors' code names and nests them."""

    def named(module, prefix):
        return {f"{prefix}.{name}": value.detach().clone() for name, value in module.state_dict().items()}

    def head(module, average_pool, prefix):
        return {"model": named(module, CANDIDATE.format(average_pool) + prefix)}

    torch.save({"teacher": named(model.backbone, "backbone")}, os.path.join(output, "teacher_checkpoint.pth"))
    torch.save(head(model.findings, False, ".decoder"), os.path.join(output, "glori.pth"))
    torch.save(head(model.risk, True, ""), os.path.join(output, "risk.pth"))
    torch.save(model.state_dict(), os.path.join(output, "phantom.pth"))


def learning_rate(step, steps):
    """Share of the full rate: a short rise, a plateau, and a straight fall over the last 80 % of the steps."""
    return min((step + 1) / 60, 1, (steps - step) / (0.8 * steps))


def changed_steps(output, steps):
    """The number written to OUTPUT/steps, for who wants a run shorter; before the fall begins, nothing else changes."""
    path = os.path.join(output, "steps")
    if not os.path.exists(path):
        return steps
    with open(path, encoding="utf-8") as file:
        return int(file.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--start", help="phantom.pth of an earlier run to go on from")
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    chooser = numpy.random.default_rng(options.seed)

    fresh = options.steps * FRESH + BATCH
    tasks = [(VALIDATION_SEED, i) for i in range(VALIDATION_COUNT)] + [(options.seed, i) for i in range(fresh)]
    with multiprocessing.Pool(1, os.nice, (5,)) as pool:
        source = Source(pool, tasks)
        validation, training = Examples(VALIDATION_COUNT), Examples(fresh)
        validation.take(source, VALIDATION_COUNT)
        training.take(source, BATCH)

        model, probe = Phantom(len(draw.FINDINGS)), nn.Linear(BLOCKS_TAKEN * WIDTH, len(draw.FINDINGS))
        nn.init.zeros_(probe.weight)
        nn.init.constant_(probe.bias, -4)
        if options.start:
            model.load_state_dict(torch.load(options.start, map_location="cpu"))
        else:
            weight, bias = whitened_patches(torch.from_numpy(validation.crops))
            model.backbone.patch_embed.proj.weight.data.copy_(weight)
            model.backbone.patch_embed.proj.bias.data.copy_(bias)
        trained = [value for value in (*model.parameters(), *probe.parameters()) if value.requires_grad]
        steep = [value for value in model.backbone.blocks.parameters() if value.dim() == 2]
        taken = {id(value) for value in steep}
        matrices = [value for value in trained if value.dim() > 1 and id(value) not in taken]
        vectors = [value for value in trained if value.dim() == 1]
        groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
        optimizers = [torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98)), Orthogonal(steep, STEEP_RATE)]

        started = time.time()
        sums = 0
        step, steps = 0, options.steps
        while step < steps:
            training.take(source, FRESH)
            again = chooser.integers(0, training.size - FRESH, BATCH - FRESH)
            batch = training.batch(numpy.concatenate((numpy.arange(training.size - FRESH, training.size), again)))
            share = learning_rate(step, steps)
            for optimizer, rate in zip(optimizers, (RATE, STEEP_RATE)):
                for group in optimizer.param_groups:
                    group["lr"] = rate * share
            total, findings, *others = losses(model, probe, *batch)
            model.zero_grad(set_to_none=True)
            probe.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            for optimizer in optimizers:
                optimizer.step()

            step += 1
            sums = sums + torch.cat((torch.stack((total, *others)), findings)).detach()
            if step % 20 == 0:
                steps = changed_steps(options.output, steps)
                means = (sums / 20).tolist()
                sums = 0
                head = "step {:5d} {:6.0f} s  loss {:.3f} risk {:.3f} attention {:.3f} location {:.4f} |".format(
                    step, time.time() - started, *means[:4]
                )
                print(head, " ".join(f"{value:.3f}" for value in means[4:]), flush=True)
            if step % 200 == 0 or step == steps:
                scores, hits, risk = validate(model, validation)
                print(f"  validation: mean AUROC {numpy.mean(scores):.4f} risk {risk:.4f} peaks inside {hits:.3f} |",
                      " ".join(f"{value:.3f}" for value in scores), flush=True)
                save(model, options.output)


if __name__ == "__main__":
    main()
