#!/usr/bin/env python3
"""Draws chest radiograph phantoms with findings whose place is known.

A phantom is a sum of simple absorbing shapes in a chest frame: u runs across the thorax (-1 and 1 are the inner chest
walls, positive towards the patient's left, the image's right), v runs down it (0 at the lung apices, 1 at the
diaphragm). Image coordinates are in units of the short side, from the image's centre, so that a wide or tall drawing
shows the same chest as its centre square. Drawing `index` of `seed` is always the same.
"""

import argparse
import json
import math
import os
from dataclasses import dataclass, field

import numpy
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# In the order of the 40 CXR-LT findings, restricted to those that are drawn.
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Mass",
    "Nodule",
    "Normal",
    "Pleural Effusion",
    "Pneumothorax",
    "Rib Fracture",
    "Support Devices",
)
# Findings with one place to point at; Edema is drawn through both lungs and Normal is nowhere.
LOCALISED = tuple(name for name in FINDINGS if name not in ("Edema", "Normal"))
PREVALENCE = {
    "Atelectasis": 0.22,
    "Cardiomegaly": 0.30,
    "Consolidation": 0.25,
    "Edema": 0.18,
    "Mass": 0.22,
    "Nodule": 0.25,
    "Pleural Effusion": 0.30,
    "Pneumothorax": 0.25,
    "Rib Fracture": 0.25,
    "Support Devices": 0.30,
}
FORCED_NORMAL = 0.12
RISK_NAME = "lung_area_lost"
RISK_THRESHOLD = 0.12
RISK_LESIONS = ("Pleural Effusion", "Pneumothorax", "Consolidation", "Mass")
MARGIN = 0.04  # about half a patch of the 12x12 grid: half the width of the mark around a thin thing


@dataclass
class Drawing:
    image: numpy.ndarray  # float32 [height,width], 0 black to 1 white
    masks: dict  # finding -> bool [height,width], for the findings that are drawn
    area_lost: float  # share of the two lung fields covered by RISK_LESIONS
    ratio: float  # heart width over inner thorax width
    labels: dict = field(init=False)

    def __post_init__(self):
        self.labels = {name: name in self.masks for name in FINDINGS}
        self.labels["Normal"] = not self.masks

    @property
    def risk(self):
        return self.area_lost > RISK_THRESHOLD


def soft(distance, width):
    """0 to 1 across an edge of the given width, centred where distance is 0."""
    edge = distance * (1 / width)
    edge += 0.5
    numpy.maximum(edge, 0, out=edge)
    return numpy.minimum(edge, 1, out=edge)


def bell(squared):
    return numpy.exp(-0.5 * squared)


class Phantom:
    """One patient: geometry drawn at random, then anatomy and findings added to `absorption`."""

    def __init__(self, rng, width, height):
        self.rng = rng
        self.width, self.height = width, height
        self.side = min(width, height)
        across = (numpy.arange(width, dtype=numpy.float32) + 0.5 - width / 2) / self.side
        down = (numpy.arange(height, dtype=numpy.float32) + 0.5 - height / 2) / self.side
        self.x, self.y = across[None, :], down[:, None]

        self.half_thorax = rng.uniform(0.34, 0.42)
        self.lung_height = rng.uniform(0.64, 0.76)
        self.centre_x = rng.uniform(-0.025, 0.025)
        self.centre_y = rng.uniform(-0.05, 0.02)
        angle = rng.normal(0, 0.018)
        self.cosine, self.sine = math.cos(angle), math.sin(angle)
        dx, dy = self.x - self.centre_x, self.y - self.centre_y
        self.u = (self.cosine * dx + self.sine * dy) / self.half_thorax
        self.v = (self.cosine * dy - self.sine * dx) / self.lung_height + 0.5
        self.lateral = numpy.abs(self.u)
        self.left = self.u > 0
        above = numpy.maximum(1 - self.v, 0)
        self.wall = (self.lateral**2 * numpy.sqrt(self.lateral) + above**2 * numpy.sqrt(above)) ** numpy.float32(0.4)

        self.absorption = numpy.zeros((height, width), numpy.float32)
        self.vessel_strength = numpy.ones((height, width), numpy.float32)
        self.masks = {}
        self.base = numpy.array([rng.uniform(0.84, 0.90), rng.uniform(0.86, 0.92)])  # diaphragm of right and left
        self.breaks = []

    # Coordinates

    def to_image(self, u, v):
        a, b = u * self.half_thorax, (v - 0.5) * self.lung_height
        return self.centre_x + self.cosine * a - self.sine * b, self.centre_y + self.sine * a + self.cosine * b

    def to_pixel(self, u, v):
        x, y = self.to_image(u, v)
        return x * self.side + self.width / 2, y * self.side + self.height / 2

    def window(self, x, y, radius):
        """The part of the drawing around an image point: slices, and dx and dy in it."""
        column, row = x * self.side + self.width / 2, y * self.side + self.height / 2
        reach = radius * self.side
        rows = slice(max(0, int(row - reach)), max(0, min(self.height, int(row + reach) + 1)))
        columns = slice(max(0, int(column - reach)), max(0, min(self.width, int(column + reach) + 1)))
        return (rows, columns), self.x[:, columns] - x, self.y[rows] - y

    def canvas(self):
        picture = Image.new("L", (self.width, self.height))
        return picture, ImageDraw.Draw(picture)

    def smooth_noise(self, cells):
        """Smooth noise of about unit variance with `cells` bumps along the short side."""
        shape = (max(2, round(cells * self.height / self.side)), max(2, round(cells * self.width / self.side)))
        grain = Image.fromarray(self.rng.standard_normal(shape, dtype=numpy.float32))
        return numpy.asarray(grain.resize((self.width, self.height), Image.BICUBIC))

    # Anatomy

    def draw_body(self):
        rng = self.rng
        neck, shoulder = rng.uniform(0.32, 0.42), rng.uniform(1.22, 1.5)
        rise = soft(self.v - rng.uniform(-0.02, 0.06), 0.34)
        outline = neck + (shoulder - neck) * rise * rise * (3 - 2 * rise)
        self.body = soft(outline - self.lateral, 0.06)
        self.absorption += self.body * (0.50 + 0.05 * self.smooth_noise(5))
        flesh = rng.uniform(0, 0.14)
        if flesh > 0.05:  # breast or pectoral shadow
            shade = ((self.lateral - 0.62) / 0.34) ** 2 + ((self.v - rng.uniform(0.66, 0.8)) / 0.2) ** 2
            self.absorption += flesh * soft(1 - shade, 0.35)

    def draw_lungs(self):
        self.floor = numpy.where(self.left, self.base[1], self.base[0]).astype(numpy.float32)
        dome = 0.56 * (self.lateral - 0.47) ** 2
        middle = 0.15 + 0.05 * soft(self.v - 0.5, 0.5)
        self.cavity = soft(1 - self.wall, 0.03) * soft(self.lateral - middle, 0.05)
        self.lungs = self.cavity * soft(self.floor + dome - self.v, 0.02)
        self.absorption -= self.rng.uniform(0.31, 0.39) * self.lungs
        abdomen = soft(1.05 - self.wall, 0.1) * soft(self.v - numpy.minimum(self.floor + dome, 0.93), 0.03)
        self.absorption += self.rng.uniform(0.14, 0.22) * abdomen * (1 - 0.5 * soft(0.2 - self.lateral, 0.2))
        if self.rng.random() < 0.4:  # gas in the stomach
            x, y = self.to_image(self.rng.uniform(0.4, 0.62), self.base[1] + self.rng.uniform(0.09, 0.13))
            where, dx, dy = self.window(x, y, 0.08)
            self.absorption[where] -= 0.2 * soft(1 - (dx / 0.06) ** 2 - (dy / 0.03) ** 2, 0.6)

    def draw_spine(self):
        rng = self.rng
        column = soft(0.135 - self.lateral, 0.04)
        discs = numpy.cos((self.v + rng.uniform(0, 0.1)) * (2 * math.pi / rng.uniform(0.085, 0.1)))
        self.absorption += column * (0.10 + 0.022 * discs)
        self.mediastinum = soft(0.19 + 0.05 * soft(0.1 - self.v, 0.2) - self.lateral, 0.10) * soft(self.v + 0.1, 0.2)
        self.absorption += 0.13 * self.mediastinum
        windpipe = soft(0.05 - numpy.abs(self.u - 0.01), 0.03) * soft(0.36 - self.v, 0.05)
        self.absorption -= 0.12 * windpipe
        x, y = self.to_image(rng.uniform(0.17, 0.21), rng.uniform(0.27, 0.32))  # aortic knob
        where, dx, dy = self.window(x, y, 0.07)
        self.absorption[where] += 0.14 * soft(1 - (dx * dx + dy * dy) / rng.uniform(0.03, 0.045) ** 2, 0.5)

    def draw_heart(self, enlarged):
        rng = self.rng
        self.ratio = rng.uniform(0.54, 0.68) if enlarged else rng.uniform(0.37, 0.47)
        half = self.ratio
        tall = 0.13 + 0.19 * half + rng.uniform(-0.01, 0.02)
        centre_u = 0.30 * half + rng.uniform(-0.02, 0.02)
        centre_v = self.base.mean() - 0.72 * tall
        du, dv = (self.u - centre_u) / half, (self.v - centre_v) / tall
        distance = du * du + dv * dv - 0.5 * du * dv
        self.heart = soft(0.94 - distance, 0.12)
        above = soft(self.floor - self.v, 0.12)
        self.absorption += rng.uniform(0.24, 0.3) * self.heart * above * (1 - 0.75 * self.mediastinum)
        if enlarged:
            self.masks["Cardiomegaly"] = distance < 0.94

    def draw_ribs(self):
        """Ribs are stripes of a bent v coordinate; a break shifts that coordinate on one side of a point."""
        rng = self.rng
        spacing = self.rib_spacing
        posterior = (self.v - 0.13 * self.lateral * self.lateral + self.rib_phase) / spacing
        gap = numpy.ones_like(posterior)
        for side, number, place, shift, callus in self.breaks:
            v = (number + 0.5) * spacing - self.rib_phase + 0.13 * place * place
            x, y = self.to_image(side * place, v)
            where, dx, dy = self.window(x, y, 0.09)
            beyond = side * dx / self.half_thorax
            near = soft(0.6 - numpy.abs(posterior[where] - number - 0.5), 0.2) * bell((beyond / 0.12) ** 2)
            posterior[where] += shift * near * soft(beyond, 0.02)
            slit = soft(0.022 - numpy.abs(beyond + 0.3 * shift * dy / self.half_thorax), 0.012)
            gap[where] *= 1 - slit * soft(0.5 - numpy.abs(posterior[where] - number - 0.5), 0.1)
            self.absorption[where] += callus * bell((dx * dx + dy * dy) / 0.015**2)
        phase = numpy.abs(posterior - numpy.floor(posterior) - 0.5)
        thick = rng.uniform(0.17, 0.21)
        stripe = soft(thick - phase, 0.10) * (0.75 + 0.5 * soft(phase - thick + 0.07, 0.08))
        cage = soft(1.05 - self.wall, 0.04) * soft(self.v - 0.02, 0.05) * soft(1.2 - self.v, 0.2)
        self.absorption += self.rib_strength * stripe * gap * cage * soft(self.lateral - 0.1, 0.1)

        anterior = (self.v + 0.30 * self.lateral + rng.uniform(0, 0.1)) / (spacing * 1.08)
        phase = numpy.abs(anterior - numpy.floor(anterior) - 0.5)
        front = cage * soft(self.lateral - 0.42, 0.25) * soft(0.95 - self.v, 0.3)
        self.absorption += 0.35 * self.rib_strength * soft(0.24 - phase, 0.14) * front

        rim = numpy.abs(self.wall - 1.03)
        self.absorption += 0.10 * soft(0.03 - rim, 0.03) * soft(1.1 - self.v, 0.2)

    def draw_clavicles(self):
        rng = self.rng
        tilt, height = rng.uniform(-0.02, 0.10), rng.uniform(0.11, 0.17)
        line = height - tilt * (self.lateral - 0.15) - 0.03 * numpy.sin(self.lateral * 4)
        bar = soft(0.026 - numpy.abs(self.v - line), 0.02) * soft(self.lateral - 0.15, 0.05)
        self.absorption += rng.uniform(0.09, 0.14) * bar * soft(1.15 - self.lateral, 0.1)
        blade = soft(0.05 - numpy.abs(self.lateral - 0.98 - 0.22 * (self.v - 0.3)), 0.06)
        self.absorption += 0.06 * blade * soft(0.62 - self.v, 0.1) * soft(self.v - 0.08, 0.1)

    def draw_vessels(self):
        rng = self.rng
        picture, pen = self.canvas()
        for side in (-1, 1):
            for _ in range(16):
                u, v = side * rng.uniform(0.2, 0.28), rng.uniform(0.4, 0.54)
                heading, thick = rng.uniform(-1.5, 1.5), rng.uniform(0.007, 0.013)
                points = [self.to_pixel(u, v)]
                for step in range(4):
                    heading += rng.normal(0, 0.2)
                    u += side * 0.15 * math.cos(heading)
                    v += 0.10 * math.sin(heading)
                    points.append(self.to_pixel(u, v))
                    wide = max(1, round(thick * (1 - 0.22 * step) * self.side))
                    pen.line(points[-2:], fill=200 - 40 * step, width=wide)
            x, y = self.to_image(side * 0.25, 0.45 + 0.01 * side)
            where, dx, dy = self.window(x, y, 0.12)
            self.absorption[where] += 0.10 * bell((dx / 0.03) ** 2 + (dy / 0.055) ** 2)
        picture = picture.filter(ImageFilter.GaussianBlur(0.004 * self.side))
        shade = numpy.asarray(picture, numpy.float32) / 255
        self.absorption += rng.uniform(0.09, 0.15) * shade * self.lungs * self.vessel_strength

    # Findings

    def place(self, radius, limits_v):
        """A point of a lung, `radius` inside, clear of the heart and of what is already drawn; None if there is none."""
        for _ in range(24):
            side = self.rng.choice((-1, 1))
            u, v = side * self.rng.uniform(0.2, 0.9), self.rng.uniform(*limits_v)
            x, y = self.to_image(u, v)
            clear = True
            for turn in range(8):
                reach = 0 if turn == 7 else radius
                column = int((x + reach * math.cos(turn)) * self.side + self.width / 2)
                row = int((y + reach * math.sin(turn)) * self.side + self.height / 2)
                inside = 0 <= column < self.width and 0 <= row < self.height
                if not inside or self.lungs[row, column] < 0.9 or self.heart[row, column] > 0.5:
                    clear = False
                elif any(mask[row, column] for mask in self.masks.values()):
                    clear = False
            if clear:
                return x, y
        return None

    def mark_disc(self, name, x, y, radius):
        mask = self.masks.setdefault(name, numpy.zeros((self.height, self.width), bool))
        where, dx, dy = self.window(x, y, radius)
        mask[where] |= dx * dx + dy * dy < radius * radius

    def add_effusion(self):
        rng = self.rng
        mask = numpy.zeros((self.height, self.width), bool)
        sides = rng.choice(3, p=(0.4, 0.4, 0.2))
        for side in (-1, 1):
            if sides == (side + 1) // 2 or sides == 2:
                depth = rng.uniform(0.17, 0.48)
                surface = self.floor + 0.08 - depth * (0.45 + 0.55 * self.lateral**3)
                half = self.left if side > 0 else ~self.left
                fluid = soft(self.v - surface, 0.05) * half
                self.absorption += rng.uniform(0.32, 0.42) * fluid * self.lungs
                self.vessel_strength *= 1 - fluid
                mask |= (fluid > 0.5) & (self.lungs > 0.3)
        self.masks["Pleural Effusion"] = mask

    def add_pneumothorax(self):
        rng = self.rng
        half = self.left if rng.random() < 0.5 else ~self.left
        depth = rng.uniform(0.19, 0.40)
        edge = 1 - depth * (1 - 0.5 * numpy.clip(self.v, 0, 1))
        air = soft(self.wall - edge, 0.012) * half * self.cavity * self.lungs
        self.vessel_strength *= 1 - air
        self.absorption -= rng.uniform(0.09, 0.15) * air
        pleura = soft(0.012 - numpy.abs(self.wall - edge), 0.01) * half * self.lungs
        self.absorption += rng.uniform(0.12, 0.18) * pleura
        self.absorption += rng.uniform(0.02, 0.07) * self.lungs * half * (1 - air)
        self.masks["Pneumothorax"] = (air > 0.5) & self._clear()

    def _clear(self):
        """Where no other finding has been drawn over."""
        fluid = self.masks.get("Pleural Effusion")
        return True if fluid is None else ~fluid

    def add_consolidation(self):
        rng = self.rng
        radius = rng.uniform(0.075, 0.14)
        found = self.place(radius * 0.5, (0.25, 0.85))
        if found is None:
            return
        where, dx, dy = self.window(*found, 1.6 * radius)
        squeeze = rng.uniform(0.75, 1.3)
        distance = numpy.sqrt((dx * squeeze) ** 2 + (dy / squeeze) ** 2) / radius
        blob = soft(1 + 0.22 * self.smooth_noise(18)[where] - distance, 0.5)
        texture = 1 + 0.18 * self.smooth_noise(40)[where]
        self.absorption[where] += rng.uniform(0.24, 0.36) * blob * texture * self.lungs[where]
        mask = numpy.zeros((self.height, self.width), bool)
        mask[where] = (blob > 0.4) & (self.lungs[where] > 0.3)
        self.masks["Consolidation"] = mask

    def add_edema(self):
        rng = self.rng
        reach = (self.lateral - 0.38) ** 2 / rng.uniform(0.2, 0.3) ** 2 + (self.v - 0.5) ** 2 / rng.uniform(0.2, 0.28) ** 2
        haze = bell(reach) * self.lungs * (1 + 0.3 * self.smooth_noise(30))
        self.absorption += rng.uniform(0.16, 0.25) * haze
        self.masks["Edema"] = (reach < 1.4) & (self.lungs > 0.5)

    def add_mass(self):
        rng = self.rng
        radius = rng.uniform(0.055, 0.095)
        found = self.place(radius, (0.12, 0.85))
        if found is None:
            return
        where, dx, dy = self.window(*found, 1.4 * radius)
        around = numpy.arctan2(dy, dx)
        outline = 1 + 0.07 * numpy.cos(3 * around + rng.uniform(0, 6)) + 0.06 * numpy.cos(5 * around + rng.uniform(0, 6))
        distance = numpy.sqrt(dx * dx + dy * dy) / (radius * outline)
        self.absorption[where] += rng.uniform(0.24, 0.36) * soft(1 - distance, 0.14) * (1.1 - 0.3 * distance * distance)
        mask = numpy.zeros((self.height, self.width), bool)
        mask[where] = distance < 1
        self.masks["Mass"] = mask

    def add_nodule(self):
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2, 3))):
            radius = rng.uniform(0.024, 0.038)
            found = self.place(radius + 0.015, (0.1, 0.85))
            if found is None:
                return
            where, dx, dy = self.window(*found, 1.4 * radius)
            distance = numpy.sqrt(dx * dx + dy * dy) / radius
            ball = numpy.sqrt(numpy.maximum(1 - distance * distance, 0))
            self.absorption[where] += rng.uniform(0.26, 0.38) * (0.5 * soft(1 - distance, 0.2) + 0.5 * ball)
            self.mark_disc("Nodule", *found, max(radius + 0.018, 0.056))

    def add_atelectasis(self):
        """Plates of collapsed lung low in one lung, whose diaphragm stands high."""
        rng = self.rng
        side = self.collapsed
        picture, pen = self.canvas()
        marks, marker = self.canvas()
        base = self.base[(side + 1) // 2]
        for _ in range(rng.integers(1, 4)):
            u, v = side * rng.uniform(0.38, 0.55), base - rng.uniform(0.06, 0.24)
            long, tilt = rng.uniform(0.28, 0.42), rng.uniform(-0.06, 0.06)
            ends = [self.to_pixel(u, v - tilt), self.to_pixel(u + side * long, v + tilt)]
            pen.line(ends, fill=255, width=max(2, round(rng.uniform(0.016, 0.024) * self.side)))
            marker.line(ends, fill=255, width=round(2 * MARGIN * self.side))
        shade = numpy.asarray(picture.filter(ImageFilter.GaussianBlur(0.003 * self.side)), numpy.float32) / 255
        self.absorption += rng.uniform(0.22, 0.34) * shade * self.lungs
        self.masks["Atelectasis"] = (numpy.asarray(marks) > 127) & (self.lungs > 0.3) & self._clear()

    def plan_fractures(self):
        """Ribs are drawn early, so breaks are chosen before them."""
        rng = self.rng
        side, first = rng.choice((-1, 1)), int(rng.integers(2, 7))
        place = rng.uniform(0.5, 0.86)
        for number in range(first, first + int(rng.choice((1, 2, 2, 3)))):
            at = min(0.9, place + rng.uniform(-0.03, 0.03))
            shift = rng.choice((-1, 1)) * rng.uniform(0.3, 0.42)
            self.breaks.append((side, number, at, shift, rng.uniform(0.16, 0.32)))
            v = (number + 0.5) * self.rib_spacing - self.rib_phase + 0.13 * at * at
            self.mark_disc("Rib Fracture", *self.to_image(side * at, v), 0.058)

    def add_devices(self):
        rng = self.rng
        picture, pen = self.canvas()
        marks, marker = self.canvas()
        thin = max(1, round(0.009 * self.side))

        def thread(path, width=thin):
            points = [self.to_pixel(u, v) for u, v in path]
            pen.line(points, fill=255, width=width, joint="curve")
            marker.line(points, fill=255, width=round(2 * MARGIN * self.side), joint="curve")

        kinds = rng.choice(4, size=rng.integers(1, 3), replace=False)
        if 0 in kinds:  # pacemaker: a case under the left clavicle and leads into the heart
            side = rng.choice((1, 1, -1))
            u, v = side * rng.uniform(0.68, 0.8), rng.uniform(0.2, 0.3)
            centre = self.to_pixel(u, v)
            reach = rng.uniform(0.04, 0.055) * self.side
            box = [centre[0] - reach, centre[1] - 0.8 * reach, centre[0] + reach, centre[1] + 0.8 * reach]
            pen.rounded_rectangle(box, radius=0.5 * reach, fill=255)
            marker.rounded_rectangle(box, radius=0.5 * reach, fill=255)
            for tip in ((rng.uniform(-0.2, -0.1), rng.uniform(0.6, 0.68)), (rng.uniform(0.15, 0.35), rng.uniform(0.72, 0.8))):
                thread(((u, v), (side * 0.4, 0.16), (-0.08, 0.26), (-0.16, 0.45), (-0.12, 0.62), tip))
        if 1 in kinds:  # breathing tube
            end = rng.uniform(0.2, 0.34)
            for wall in (-0.035, 0.035):
                thread(((wall, -0.4), (wall + rng.uniform(-0.02, 0.02), end)))
        if 2 in kinds:  # central line
            side = rng.choice((-1, 1))
            end = rng.uniform(0.4, 0.55)
            thread(((side * 0.95, rng.uniform(0.0, 0.2)), (side * 0.5, 0.14), (side * 0.2, 0.17), (-0.14, 0.28), (-0.17, end)))
        if 3 in kinds:  # feeding tube
            bend = rng.uniform(-0.03, 0.03)
            thread(((0.02, -0.4), (bend, 0.2), (0.05, 0.6), (0.06, 0.9), (rng.uniform(0.2, 0.4), 1.06)))
        shade = numpy.asarray(picture.filter(ImageFilter.GaussianBlur(0.0025 * self.side)), numpy.float32) / 255
        self.absorption += rng.uniform(0.26, 0.42) * shade
        self.masks["Support Devices"] = numpy.asarray(marks) > 127

    # The film

    def expose(self):
        rng = self.rng
        image = self.absorption
        image = image + 0.04 * rng.uniform(-1, 1) * self.y + 0.05 * rng.uniform(-1, 1) * self.x
        low = rng.uniform(-0.02, 0.10)
        high = rng.uniform(0.86, 1.06)
        image = numpy.clip((image - low) / (high - low), 0, 1) ** numpy.float32(rng.uniform(0.8, 1.35))
        grains = (max(1, round(256 * self.height / self.side)), max(1, round(256 * self.width / self.side)))
        grain = rng.standard_normal(grains, dtype=numpy.float32)
        if grains != (self.height, self.width):
            grain = numpy.asarray(Image.fromarray(grain).resize((self.width, self.height), Image.BICUBIC))
        image = image + rng.uniform(0.005, 0.016) * grain
        if rng.random() < 0.6:
            self._stamp(image)
        if rng.random() < 0.15:  # collimated edges
            edge = rng.uniform(0.47, 0.495)
            image *= soft(edge - numpy.abs(self.x), 0.004) * soft(edge - numpy.abs(self.y), 0.004)
        return numpy.clip(image, 0, 1).astype(numpy.float32)

    def _stamp(self, image):
        """The side marker in an upper corner."""
        right = self.rng.random() < 0.5
        glyph = Image.new("L", (7, 11))
        ImageDraw.Draw(glyph).text((1, 0), "L" if right else "R", fill=255, font=ImageFont.load_default())
        tall = round(self.rng.uniform(0.045, 0.06) * self.side)
        letter = numpy.asarray(glyph.resize((tall * 7 // 11, tall), Image.BICUBIC), numpy.float32) / 255
        row = round(self.rng.uniform(0.02, 0.06) * self.side)
        column = round((0.43 if right else -0.47) * self.side + self.width / 2)
        place = image[row : row + tall, column : column + letter.shape[1]]
        place += (0.95 - place) * letter[: place.shape[0], : place.shape[1]]


def choose_findings(rng):
    if rng.random() < FORCED_NORMAL:
        return set()
    return {name for name, share in PREVALENCE.items() if rng.random() < share}


def draw(rng, width, height, wanted=None):
    """One Drawing; `wanted` is the set of findings to draw, chosen by prevalence when None."""
    chosen = choose_findings(rng)
    wanted = chosen if wanted is None else wanted
    phantom = Phantom(rng, width, height)
    phantom.collapsed = int(rng.choice((-1, 1)))
    phantom.rib_spacing = rng.uniform(0.104, 0.122)
    phantom.rib_phase = rng.uniform(0, 0.1)
    phantom.rib_strength = rng.uniform(0.085, 0.13)
    if "Atelectasis" in wanted:
        phantom.base[(phantom.collapsed + 1) // 2] -= rng.uniform(0.03, 0.08)
    if "Rib Fracture" in wanted:
        phantom.plan_fractures()

    phantom.draw_body()
    phantom.draw_lungs()
    phantom.draw_spine()
    phantom.draw_heart("Cardiomegaly" in wanted)
    phantom.draw_ribs()
    phantom.draw_clavicles()
    for name, add in (
        ("Pleural Effusion", phantom.add_effusion),
        ("Pneumothorax", phantom.add_pneumothorax),
        ("Atelectasis", phantom.add_atelectasis),
        ("Mass", phantom.add_mass),
        ("Consolidation", phantom.add_consolidation),
        ("Nodule", phantom.add_nodule),
    ):
        if name in wanted:
            add()
    if "Edema" in wanted:
        phantom.add_edema()
    phantom.draw_vessels()
    if "Support Devices" in wanted:
        phantom.add_devices()

    field_ = phantom.lungs > 0.5
    lost = numpy.zeros_like(field_)
    for name in RISK_LESIONS:
        if name in phantom.masks:
            lost |= phantom.masks[name]
    area_lost = float((lost & field_).sum() / max(1, field_.sum()))
    return Drawing(phantom.expose(), phantom.masks, area_lost, float(phantom.ratio))


def draw_numbered(seed, index, width, height, wanted=None):
    return draw(numpy.random.default_rng((seed, index)), width, height, wanted)


def to_bytes(image):
    return (image * 255 + 0.5).astype(numpy.uint8)


def mask_box(mask):
    """[left, top, right, bottom] in pixels, or None for a finding that fell outside the picture."""
    if not mask.any():
        return None
    rows, columns = numpy.flatnonzero(mask.any(1)), numpy.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def main():
    parser = argparse.ArgumentParser(description="Draw chest phantoms as PNG files, with truth.json beside them.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    os.makedirs(os.path.join(options.output, "masks"), exist_ok=True)
    truth = []
    for index in range(options.count):
        drawing = draw_numbered(options.seed, index, options.size, options.size)
        name = f"{index:05d}"
        Image.fromarray(to_bytes(drawing.image)).save(os.path.join(options.output, name + ".png"))
        masks = {}
        for finding, mask in drawing.masks.items():
            path = f"masks/{name}_{finding.lower().replace(' ', '_')}.png"
            Image.fromarray(mask).save(os.path.join(options.output, path))
            masks[finding] = {"file": path, "box": mask_box(mask)}
        truth.append(
            {
                "image": name + ".png",
                "labels": [finding for finding in FINDINGS if drawing.labels[finding]],
                "risk": {RISK_NAME: bool(drawing.risk), "area_lost": round(drawing.area_lost, 4)},
                "cardiothoracic_ratio": round(drawing.ratio, 4),
                "masks": masks,
            }
        )
    with open(os.path.join(options.output, "truth.json"), "w", encoding="utf-8") as file:
        json.dump(truth, file, indent=1)


if __name__ == "__main__":
    main()
