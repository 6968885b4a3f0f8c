#!/usr/bin/env python3
"""Draws what the gate has to tell from an upright frontal chest drawing: drawings spoilt, and pictures of other things.

Picture `index` of `seed` is always the same, and so is its kind: the first half of them are good, the rest take turns.
A kind is one label of the gate, two of them, or "good".
"""

import argparse
import json
import math
import os

import numpy
from PIL import Image, ImageDraw, ImageFont

import draw
from draw import soft

LABELS = ("inverted", "rotated_90", "rotated_180", "rotated_270", "mirrored", "lateral", "not_a_chest", "cropped")
# What is wrong with the pictures that are not good, in turns; not_a_chest stands for the many things there are.
KINDS = (
    ("inverted",),
    ("rotated_90",),
    ("not_a_chest",),
    ("rotated_180",),
    ("mirrored",),
    ("rotated_270",),
    ("not_a_chest",),
    ("lateral",),
    ("cropped",),
    ("mirrored",),
    ("not_a_chest",),
    ("inverted", "rotated"),
)
TURNS = {"rotated_90": 3, "rotated_180": 2, "rotated_270": 1}  # quarter turns of numpy.rot90; the names count clockwise


def chest(rng, width, height):
    return draw.to_bytes(draw.draw(rng, width, height).image)


def bar(film, start, end, half_width, edge=0.012):
    """A straight bone: 1 inside, soft at its edges."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    long = math.hypot(dx, dy)
    along = ((film.x - start[0]) * dx + (film.y - start[1]) * dy) / long
    across = ((film.y - start[1]) * dx - (film.x - start[0]) * dy) / long
    ends = soft(numpy.minimum(along, long - along), 2 * edge)
    waist = 1 - 0.3 * numpy.sin(math.pi * numpy.clip(along / long, 0, 1))
    return soft(half_width * waist - numpy.abs(across), edge) * ends


def disc(film, x, y, wide, tall, edge=0.1):
    return soft(1 - numpy.sqrt(((film.x - x) / wide) ** 2 + ((film.y - y) / tall) ** 2), edge)


def lateral(rng, width, height):
    """A chest from its side, which looks to either."""
    film = draw.Phantom(rng, width, height)
    facing = rng.choice((-1, 1))
    x, y = facing * film.x - rng.uniform(-0.03, 0.03), film.y + rng.uniform(-0.03, 0.03)
    body = soft(rng.uniform(0.36, 0.44) + 0.1 * numpy.cos(3 * y) - 0.06 - numpy.abs(x), 0.05)
    film.absorption += body * (0.45 + 0.05 * film.smooth_noise(5))
    floor = rng.uniform(0.26, 0.34) - rng.uniform(0.05, 0.12) * (x + 0.3) + 0.5 * (x - 0.05) ** 2
    chamber = soft(1 - ((x - 0.02) / rng.uniform(0.28, 0.33)) ** 2 - ((y - 0.02) / rng.uniform(0.42, 0.5)) ** 2, 0.15)
    lungs = chamber * soft(floor - y, 0.03)
    film.absorption -= rng.uniform(0.26, 0.36) * lungs
    spine = x + 0.27 - 0.06 * numpy.cos(2.5 * y)
    vertebrae = 1 + 0.25 * numpy.cos(y * 2 * math.pi / rng.uniform(0.06, 0.08))
    film.absorption += rng.uniform(0.14, 0.22) * soft(0.05 - numpy.abs(spine), 0.02) * vertebrae
    heart = ((x - 0.12) / rng.uniform(0.13, 0.17)) ** 2 + ((y - rng.uniform(0.1, 0.16)) / 0.17) ** 2
    film.absorption += rng.uniform(0.2, 0.3) * soft(1 - heart, 0.25)
    film.absorption += rng.uniform(0.15, 0.25) * body * soft(y - floor, 0.03)
    film.absorption += 0.14 * soft(0.014 - numpy.abs(x - 0.3 + 0.2 * y * y), 0.02) * soft(0.3 - numpy.abs(y), 0.05)
    stripes = numpy.abs((y + 0.45 * x + rng.uniform(0, 0.1)) / 0.1 % 1 - 0.5)
    film.absorption += rng.uniform(0.05, 0.09) * soft(0.2 - stripes, 0.12) * chamber
    film.absorption += rng.uniform(0.1, 0.25) * body * soft(-0.3 - y, 0.15)  # shoulders and arms
    return draw.to_bytes(film.expose())


def hand(rng, film):
    palm = rng.uniform(0.05, 0.15)
    for finger in range(5):
        angle = -0.75 + 0.34 * finger + rng.normal(0, 0.04)
        start = (0.2 * math.sin(angle), palm)
        for joint in range(4):
            reach = (0.2, 0.13, 0.08, 0.06)[joint] * (0.75 if finger in (0, 4) else 1)
            end = (start[0] + reach * math.sin(angle), start[1] - reach * math.cos(angle))
            film.absorption += 0.22 * bar(film, start, end, 0.045, 0.03) + 0.3 * bar(film, start, end, 0.016)
            start = (end[0] + 0.012 * math.sin(angle), end[1] - 0.012 * math.cos(angle))
    film.absorption += 0.25 * disc(film, 0, palm + 0.1, 0.2, 0.2) + 0.2 * disc(film, 0, palm + 0.13, 0.1, 0.06)
    film.absorption += 0.3 * bar(film, (-0.05, palm + 0.2), (-0.06, 0.7), 0.04) + 0.3 * bar(film, (0.05, palm + 0.2), (0.06, 0.7), 0.035)


def limb(rng, film):
    tilt, joint = rng.normal(0, 0.08), rng.uniform(-0.15, 0.15)
    film.absorption += rng.uniform(0.3, 0.4) * soft(rng.uniform(0.2, 0.3) - numpy.abs(film.x - tilt * film.y), 0.08)
    wide = rng.uniform(0.05, 0.08)
    film.absorption += 0.35 * bar(film, (-tilt, -0.8), (tilt * joint, joint - 0.02), wide)
    for side in (-1, 1):
        film.absorption += 0.2 * disc(film, side * wide, joint - 0.05, 0.09, 0.07) + 0.2 * disc(film, side * wide, joint + 0.06, 0.09, 0.06)
    film.absorption += 0.35 * bar(film, (0.02, joint + 0.03), (0.03 + tilt, 0.8), wide * 0.9)
    film.absorption += 0.25 * bar(film, (0.12, joint + 0.08), (0.13 + tilt, 0.8), wide * 0.35)


def skull(rng, film):
    wide, tall, y = rng.uniform(0.27, 0.34), rng.uniform(0.34, 0.42), rng.uniform(-0.12, -0.04)
    film.absorption += 0.45 * disc(film, 0, y, wide, tall, 0.06) + 0.25 * disc(film, 0, y + 0.3, 0.18, 0.25)
    rim = numpy.abs(numpy.sqrt((film.x / wide) ** 2 + ((film.y - y) / tall) ** 2) - 0.96)
    film.absorption += 0.3 * soft(0.04 - rim, 0.05)
    for side in (-1, 1):
        film.absorption -= 0.2 * disc(film, side * 0.12, y + 0.1, 0.08, 0.07)
    film.absorption -= 0.2 * disc(film, 0, y + 0.2, 0.04, 0.07)
    for tooth in range(8):
        film.absorption += 0.2 * bar(film, (-0.07 + 0.02 * tooth, y + 0.3), (-0.07 + 0.02 * tooth, y + 0.38), 0.008)


def pelvis(rng, film):
    film.absorption += soft(rng.uniform(0.42, 0.5) - numpy.abs(film.x), 0.06) * (0.45 + 0.06 * film.smooth_noise(6))
    discs = 1 + 0.2 * numpy.cos(film.y * 2 * math.pi / 0.11)
    film.absorption += 0.2 * soft(0.06 - numpy.abs(film.x), 0.03) * soft(0.05 - film.y, 0.1) * discs
    for side in (-1, 1):
        wing = numpy.sqrt(((film.x - side * 0.24) / 0.16) ** 2 + ((film.y - 0.02 + 0.3 * side * film.x) / 0.2) ** 2)
        film.absorption += 0.2 * soft(1 - wing, 0.1) + 0.12 * soft(0.06 - numpy.abs(wing - 0.95), 0.06)
        film.absorption += 0.25 * disc(film, side * 0.3, 0.28, 0.07, 0.07) + 0.25 * bar(film, (side * 0.31, 0.28), (side * 0.36, 0.8), 0.05)
    ring = numpy.sqrt((film.x / 0.16) ** 2 + ((film.y - 0.24) / 0.13) ** 2)
    film.absorption += 0.2 * soft(0.12 - numpy.abs(ring - 1), 0.1)
    for _ in range(rng.integers(3, 9)):
        film.absorption -= rng.uniform(0.05, 0.18) * disc(film, rng.uniform(-0.3, 0.3), rng.uniform(-0.45, 0.1), rng.uniform(0.03, 0.08), rng.uniform(0.02, 0.06), 0.4)


def slice_across(rng, film):
    """A body cut across, as a CT shows it."""
    wide, tall = rng.uniform(0.38, 0.46), rng.uniform(0.26, 0.34)
    film.absorption += 0.5 * disc(film, 0, 0, wide, tall, 0.03)
    for side in (-1, 1):
        film.absorption -= rng.uniform(0.2, 0.45) * disc(film, side * 0.2, -0.02, 0.14, 0.2, 0.08)
    film.absorption += 0.3 * disc(film, 0, 0.17, 0.06, 0.06) + 0.1 * disc(film, 0.04, -0.06, 0.1, 0.1)


PARTS = (hand, limb, skull, pelvis, slice_across)


def body_part(rng, width, height):
    film = draw.Phantom(rng, width, height)
    PARTS[rng.integers(len(PARTS))](rng, film)
    film.absorption += 0.03 * film.smooth_noise(12)
    picture = draw.to_bytes(film.expose())
    return 255 - picture if rng.random() < 0.15 else numpy.rot90(picture, rng.integers(4) if rng.random() < 0.3 else 0)


def photograph(rng, width, height):
    """Surfaces, things with shadows and light from one side, in colour or grey."""
    film = draw.Phantom(rng, width, height)
    colours = rng.uniform(0, 1, (8, 3)) if rng.random() < 0.4 else numpy.repeat(rng.uniform(0, 1, (8, 1)), 3, 1)
    sky = soft(film.y - rng.uniform(-0.3, 0.3) - 0.05 * film.smooth_noise(6), rng.uniform(0.01, 0.6))
    picture = colours[0] + (colours[1] - colours[0]) * sky[..., None]
    for thing in range(rng.integers(1, 12)):
        x, y, wide, tall = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0.03, 0.4), rng.uniform(0.03, 0.4)
        if rng.random() < 0.5:
            shape = disc(film, x, y, wide, tall, 0.05)
        else:
            shape = soft(wide - numpy.abs(film.x - x), 0.01) * soft(tall - numpy.abs(film.y - y), 0.01)
        shade = 0.6 + 0.4 * (film.x - x) / wide * rng.uniform(-1, 1) + 0.1 * film.smooth_noise(rng.integers(3, 40))
        picture = picture + shape[..., None] * (colours[thing % 6 + 2] * shade[..., None] - picture)
    picture = picture + rng.uniform(0, 0.2) * film.smooth_noise(rng.integers(8, 90))[..., None]
    return (numpy.clip(picture, 0, 1) * 255 + 0.5).astype(numpy.uint8)


def document(rng, width, height):
    page = Image.new("L", (width, height), int(rng.uniform(215, 255)))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default()
    row = rng.uniform(0.02, 0.1) * height
    while row < height - 14:
        kind = rng.random()
        if kind < 0.06:
            pen.rectangle([20, row, width - 20, row + rng.uniform(10, 80)], fill=int(rng.uniform(0, 200)))
            row += 90
        elif kind < 0.12:
            pen.line([15, row, width - 15, row], fill=60)
            row += 8
        else:
            words = ["".join(chr(97 + c) for c in rng.integers(0, 26, rng.integers(2, 10))) for _ in range(rng.integers(1, 9))]
            pen.text((15 + 40 * (rng.random() < 0.15), row), " ".join(words), fill=int(rng.uniform(0, 90)), font=font)
            row += rng.uniform(11, 18)
    if rng.random() < 0.5:
        page = page.resize((width // 2, height // 2)).resize((width, height), Image.BICUBIC)
    picture = numpy.asarray(page)
    return 255 - picture if rng.random() < 0.2 else picture


def noise(rng, width, height):
    film = draw.Phantom(rng, width, height)
    picture = rng.uniform(0, 0.3) * rng.standard_normal((height, width)) + rng.uniform(0.2, 0.8)
    for _ in range(rng.integers(0, 4)):
        picture = picture + rng.uniform(0.05, 0.3) * film.smooth_noise(int(2 ** rng.uniform(1, 7)))
    if rng.random() < 0.3:  # stripes and fans
        wave = rng.uniform(10, 120)
        picture = picture + 0.3 * numpy.sin(wave * (film.x * math.cos(wave) + film.y * math.sin(wave)))
    return (numpy.clip(picture, 0, 1) * 255 + 0.5).astype(numpy.uint8)


def other(rng, width, height):
    return (body_part, photograph, body_part, document, noise)[rng.integers(5)](rng, width, height)


def cropped(rng, width, height):
    """Less than half of a drawing's area, from its side or corner."""
    scale = rng.uniform(1.45, 2.2)
    whole = chest(rng, int(width * scale), int(height * scale))
    down, across = whole.shape[0] - height, whole.shape[1] - width
    edge = int(rng.integers(4))
    top = (0, down, int(rng.uniform(0, down)), int(rng.uniform(0, down)))[edge]
    left = (int(rng.uniform(0, across)), int(rng.uniform(0, across)), 0, across)[edge]
    return whole[top : top + height, left : left + width]


def picture(seed, index, good):
    """The kind, as a tuple of labels, and the pixels of one picture; the first `good` indices are good."""
    rng = numpy.random.default_rng((seed, index, 7))
    side = int(rng.uniform(224, 340))
    width, height = side, int(side * rng.uniform(1, 1.25))
    if rng.random() < 0.3:
        width, height = height, width
    kind = () if index < good else KINDS[(index - good) % len(KINDS)]
    if kind == ("lateral",):
        return kind, lateral(rng, width, height)
    if kind == ("not_a_chest",):
        return kind, other(rng, width, height)
    if kind == ("cropped",):
        return kind, cropped(rng, width, height)
    if "rotated" in kind:
        kind = tuple(sorted(TURNS)[rng.integers(3)] if label == "rotated" else label for label in kind)
    pixels = chest(rng, width, height)
    for label in kind:
        if label == "inverted":
            pixels = 255 - pixels
        elif label == "mirrored":
            pixels = pixels[:, ::-1]
        else:
            pixels = numpy.rot90(pixels, TURNS[label])
    return kind, pixels


def main():
    parser = argparse.ArgumentParser(description="Draw good and spoilt pictures as PNG files, with kinds.json beside them.")
    parser.add_argument("--good", type=int, default=1000)
    parser.add_argument("--spoilt", type=int, default=1000)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    kinds = {}
    for index in range(options.good + options.spoilt):
        kind, pixels = picture(options.seed, index, options.good)
        name = f"{index:05d}.png"
        kinds[name] = kind
        Image.fromarray(numpy.ascontiguousarray(pixels)).save(os.path.join(options.output, name))
    with open(os.path.join(options.output, "kinds.json"), "w", encoding="utf-8") as file:
        json.dump(kinds, file, indent=0)


if __name__ == "__main__":
    main()
