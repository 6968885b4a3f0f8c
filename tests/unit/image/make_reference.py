#!/usr/bin/env python3
"""Makes what the tests of engine/image compare with: Pillow's answers.

Needs NumPy and Pillow before 12.2, from which on some images are passed over in another order; the tests need neither. Writes
*_reference.inc and the folder files/ beside itself. Run again only when a case is added: every value is seeded.
"""
import io
import math
import random
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def picture(seed, width, height, kind):
    """The picture picture_draw() of support.h draws: kinds noise, black-and-white, ramps."""
    index = np.arange(width * height * 3, dtype=np.uint64)
    x = (index * 2654435761 + seed * 40503 + 12345) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x2C1B3C6D) & 0xFFFFFFFF
    x ^= x >> 12
    x = (x * 0x297A2D39) & 0xFFFFFFFF
    x ^= x >> 15
    noise = (x >> 24).astype(np.uint32)
    if kind == 1:
        noise = np.where(noise >= 128, 255, 0)
    if kind == 2:
        pixel = (index // 3).astype(np.uint32)
        noise = (pixel % width * 7 + pixel // width * 3 + noise // 16) % 256
    return noise.astype(np.uint8).reshape(height, width, 3)


def write_rows(name, lines):
    """Initialisers of the array in the test that includes them, whose struct names the columns."""
    (HERE / name).write_text("/* Made by make_reference.py. */\n" + "\n".join(lines) + "\n")


def resize_cases():
    rng = random.Random(2024)
    cases = [(16, 300, 512, 512), (300, 16, 8, 300), (1, 1, 7, 5), (1, 90, 40, 3), (500, 17, 11, 230),
             (640, 480, 640, 100), (640, 480, 100, 480), (37, 41, 37, 41), (997, 3, 2, 3), (2, 2, 255, 254)]
    while len(cases) < 240:
        size = lambda: int(2 ** rng.uniform(0, 8.7))
        cases.append((size(), size(), size(), size()))
    return cases


def write_resize():
    lines = []
    for seed, (width, height, to_width, to_height) in enumerate(resize_cases()):
        image = Image.fromarray(picture(seed, width, height, seed % 3))
        out = np.asarray(image.resize((to_width, to_height), Image.BICUBIC)).tobytes()
        first = ", ".join(str(b) for b in out[:3])
        lines.append(f"{{{seed}, {width}, {height}, {to_width}, {to_height}, 0x{zlib.crc32(out):08x}, "
                     f"{{{first}}}}},")
    write_rows("resize_reference.inc", lines)


def prepare(image, side):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    resized = int(side * long / short)
    size = (resized, side) if width > height else (side, resized)
    if image.size != size:
        image = image.resize(size, Image.BICUBIC)
    left, top = int(round((size[0] - side) / 2.0)), int(round((size[1] - side) / 2.0))
    crop = np.asarray(image.crop((left, top, left + side, top + side)))
    scale_x, scale_y = width / size[0], height / size[1]
    return crop, (left * scale_x, top * scale_y, side * scale_x, side * scale_y)


def write_prepare():
    rng = random.Random(7)
    cases = [(512, 512, 512), (700, 512, 512), (512, 701, 512), (1000, 800, 512), (16, 900, 32), (900, 16, 32),
             (128, 131, 128), (133, 128, 128), (129, 128, 128), (128, 130, 128), (401, 399, 224)]
    while len(cases) < 60:
        cases.append((rng.randint(16, 600), rng.randint(16, 600), rng.choice([32, 64, 112, 128, 224])))
    lines = []
    for seed, (width, height, side) in enumerate(cases):
        crop, region = prepare(Image.fromarray(picture(seed, width, height, seed % 3)), side)
        low, high = crop.min(axis=(0, 1)), crop.max(axis=(0, 1))
        lines.append(f"{{{seed}, {width}, {height}, {side}, 0x{zlib.crc32(crop.tobytes()):08x}, "
                     f"{{{low[0]}, {low[1]}, {low[2]}}}, {{{high[0]}, {high[1]}, {high[2]}}}, "
                     f"{{{', '.join(repr(v) for v in region)}}}}},")
    write_rows("prepare_reference.inc", lines)


def crop_offset(rest, centre):
    return int(round(rest / 2.0)) if centre == "EVEN" else rest // 2


def prepare_as(image, resize, edge, image_filter, centre, height, width):
    """As torchvision's and transformers' processors of PIL images do; edge 0 is what just covers the input."""
    across, down = image.size
    if resize == "EXACT":
        size = (width, height)
    elif edge:
        size = (int(edge * across / down), edge) if across > down else (edge, int(edge * down / across))
    else:
        scale = max(Fraction(width, across), Fraction(height, down))
        size = (math.floor(across * scale), math.floor(down * scale))
    if image.size != size:
        image = image.resize(size, getattr(Image, image_filter))
    left, top = crop_offset(size[0] - width, centre), crop_offset(size[1] - height, centre)
    crop = np.asarray(image.crop((left, top, left + width, top + height)))
    scale_x, scale_y = across / size[0], down / size[1]
    return crop, (left * scale_x, top * scale_y, width * scale_x, height * scale_y)


def write_profiles():
    rng = random.Random(11)
    ways = [(resize, edge, image_filter, centre)
            for resize, edge in [("SHORTEST_EDGE", False), ("SHORTEST_EDGE", True), ("EXACT", False)]
            for image_filter in ("BICUBIC", "BILINEAR") for centre in ("EVEN", "DOWN")]
    lines = []
    for seed in range(72):
        resize, edge, image_filter, centre = ways[seed % len(ways)]
        width, height = rng.randint(16, 600), rng.randint(16, 600)
        to_height, to_width = rng.choice([(32, 32), (56, 112), (112, 56), (133, 112), (64, 224), (7, 9)])
        edge = max(to_height, to_width) + rng.randint(0, 40) if edge else 0
        image = Image.fromarray(picture(seed, width, height, seed % 3))
        crop, region = prepare_as(image, resize, edge, image_filter, centre, to_height, to_width)
        lines.append(f"{{{seed}, {width}, {height}, {to_height}, {to_width}, "
                     f"{{PROFILE_{resize}, {edge}, PROFILE_{image_filter}, PROFILE_CENTRE_{centre}}}, "
                     f"0x{zlib.crc32(crop.tobytes()):08x}, {{{', '.join(repr(v) for v in region)}}}}},")
    write_rows("profile_reference.inc", lines)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_row(samples, depth):
    if depth == 16:
        return samples.astype(">u2").tobytes()
    if depth == 8:
        return samples.astype(np.uint8).tobytes()
    bits = ((samples[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits.ravel()).tobytes()


def filter_row(kind, row, above, step):
    """PNG filtering (section 9 of the standard) of one packed row."""
    out = bytearray()
    for i, value in enumerate(row):
        left = row[i - step] if i >= step else 0
        up = above[i] if above else 0
        corner = above[i - step] if above and i >= step else 0
        if kind == 4:
            near = left + up - corner
            distances = [abs(near - left), abs(near - up), abs(near - corner)]
            guess = [left, up, corner][distances.index(min(distances))]
        else:
            guess = [0, left, up, (left + up) // 2][kind]
        out.append((value - guess) % 256)
    return bytes([kind]) + bytes(out)


def encode_png(samples, colour, depth, interlaced=False, palette=None, transparency=None, extra=()):
    """A PNG of samples [height][width][channels]; every row takes another of the five filters."""
    height, width, channels = samples.shape
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, step_x, step_y in passes if interlaced else [(0, 0, 1, 1)]:
        above = None
        for n, line in enumerate(samples[y::step_y, x::step_x]):
            if line.size == 0:
                continue
            row = pack_row(line.ravel(), depth)
            raw += filter_row(n % 5, row, above, max(1, channels * depth // 8))
            above = row
    out = b"\x89PNG\r\n\x1a\n"
    out += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    for name, data in extra:
        out += chunk(name, data)
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    packed = zlib.compress(raw, 9)
    half = len(packed) // 2
    return out + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) + chunk(b"IEND", b"")


def expected_rgb(data, samples, colour, depth):
    if depth < 16:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    colours = samples[:, :, :3] if colour & 2 else np.repeat(samples[:, :, :1], 3, axis=2)
    colours = colours.astype(np.float64)
    return ((colours - colours.min()) / (colours.max() - colours.min()) * 255).astype(np.uint8)


def exif(orientation):
    image_exif = Image.Exif()
    image_exif[0x0112] = orientation
    return image_exif.tobytes()


def write_pngs():
    rng = np.random.default_rng(5)
    lines = []

    def add(name, colour, depth, warnings, interlaced=False, **more):
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        samples = rng.integers(0, 2 ** depth, (19, 21, channels))
        if depth == 16:  # as radiographs: 12 of the 16 bits, never zero
            samples = samples // 20 + 300
        data = encode_png(samples, colour, depth, interlaced, **more)
        (HERE / "files" / name).write_bytes(data)
        shown = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[colour] + ("transparency" in more)
        rgb = expected_rgb(data, samples, colour, depth)
        lines.append(f"{{\"{name}\", {depth}, {shown}, {warnings}, 0x{zlib.crc32(rgb.tobytes()):08x}}},")

    rescaled, alpha, rotation, animation = 1, 2, 4, 8
    for interlaced in (False, True):
        way = "_interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8, 16):
            add(f"grey{depth}{way}.png", 0, depth, rescaled * (depth == 16), interlaced)
        for depth in (1, 2, 4, 8):
            palette = rng.integers(0, 256, (2 ** depth, 3))
            add(f"palette{depth}{way}.png", 3, depth, 0, interlaced, palette=palette)
        for depth in (8, 16):
            wide = rescaled * (depth == 16)
            add(f"rgb{depth}{way}.png", 2, depth, wide, interlaced)
            add(f"grey_alpha{depth}{way}.png", 4, depth, wide | alpha, interlaced)
            add(f"rgb_alpha{depth}{way}.png", 6, depth, wide | alpha, interlaced)
    add("palette_transparent.png", 3, 4, alpha, palette=rng.integers(0, 256, (16, 3)),
        transparency=bytes(range(16)))
    add("grey_transparent.png", 0, 8, alpha, transparency=b"\0\7")
    add("rgb_transparent.png", 2, 8, alpha, transparency=b"\0\7\0\7\0\7")
    add("grey16_transparent.png", 0, 16, alpha | rescaled, transparency=b"\2\0")
    add("rotated.png", 0, 8, rotation, extra=[(b"eXIf", exif(6)[6:])])
    add("upright.png", 0, 8, 0, extra=[(b"eXIf", exif(1)[6:])])
    add("animated.png", 0, 8, animation, extra=[(b"acTL", struct.pack(">II", 1, 0))])
    write_rows("decode_reference.inc", lines)


def write_jpegs():
    """Smooth pictures with some noise; the expected pixels lie beside each as a PNG that is decoded exactly."""
    y, x = np.mgrid[0:75, 0:90]
    rng = np.random.default_rng(9)
    planes = [120 + 80 * np.sin(x / a) * np.cos(y / b) + rng.normal(0, 6, x.shape)
              for a, b in ((9.0, 11.0), (17.0, 8.0), (30.0, 23.0))]
    rgb = Image.fromarray(np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8))
    grey = rgb.convert("L")
    variants = {
        "grey_baseline": (grey, {}),
        "grey_progressive": (grey, {"progressive": True}),
        "grey_rotated": (grey, {"exif": exif(3)}),
        "grey_restarts": (grey, {"restart_marker_blocks": 5}),
        "colour_444": (rgb, {"subsampling": 0}),
        "colour_422": (rgb, {"subsampling": 1}),
        "colour_420": (rgb, {"subsampling": 2}),
        "colour_420_progressive": (rgb, {"subsampling": 2, "progressive": True}),
        "colour_422_progressive": (rgb, {"subsampling": 1, "progressive": True}),
        "colour_444_progressive": (rgb, {"subsampling": 0, "progressive": True}),
        "colour_420_odd": (rgb.crop((0, 0, 77, 61)), {"subsampling": 2}),
        "cmyk": (rgb.convert("CMYK"), {}),
    }
    for name, (image, options) in variants.items():
        path = HERE / "files" / f"{name}.jpg"
        image.save(path, quality=88, optimize=True, **options)
        if name != "cmyk":
            Image.open(path).convert("RGB").save(HERE / "files" / f"{name}.expected.png", optimize=True)


if __name__ == "__main__":
    (HERE / "files").mkdir(exist_ok=True)
    write_resize()
    write_prepare()
    write_profiles()
    write_pngs()
    write_jpegs()
