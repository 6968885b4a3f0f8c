#!/usr/bin/env python3
"""Makes the golden packages and what a float64 reference says of them.

Each case is a small seeded network in a model package, with images and the values at every tap in
expected.safetensors. The equations are written out in numpy, apart from the engine's: change either and the
golden test tells. Needs python3-numpy; run from any folder, writes beside itself.
"""
import hashlib
import json
import math
import pathlib
import struct

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TYPES = {np.dtype("float32"): "F32", np.dtype("float16"): "F16", np.dtype("uint8"): "U8"}

CASES = {
    # As published: registers, SwiGLU, LayerScale, biases; both GLoRI forms and both linear forms.
    "registers": dict(
        seed=1, width=128, depth=5, patch=16, side=64, registers=4, ffn="swiglu", hidden=344, layer_scale=True,
        bias=True, position_grid=4, offset=0.1, images=3,
        heads=[
            dict(name="findings", kind="findings", type="glori", classes=5, blocks=4, width=128, inner=192,
                 class_tokens=False),
            dict(name="risk", kind="risk", type="glori", classes=1, blocks=4, width=128, inner=128,
                 class_tokens=True),
            dict(name="tuberculosis", kind="risk", type="linear", classes=1, blocks=1, average_pool=False),
            dict(name="views", kind="findings", type="linear", classes=3, blocks=4, average_pool=True),
        ]),
    # The other ways to build one: no registers, GELU, no LayerScale, no biases, patch 14, another position grid.
    "plain": dict(
        seed=2, width=64, depth=2, patch=14, side=42, registers=0, ffn="gelu", hidden=256, layer_scale=False,
        bias=False, position_grid=5, offset=0.1, images=2,
        heads=[
            dict(name="findings", kind="findings", type="glori", classes=3, blocks=1, width=256, inner=128,
                 class_tokens=True),
            dict(name="nodule", kind="risk", type="linear", classes=1, blocks=2, average_pool=True),
        ]),
    # What trained networks of this kind do: from the first block on, a few channels of the residual stream are a
    # thousand times as large as the others, and the norms' gains bring both back to size. LayerScale is anything from
    # 1e-5, with which DINOv2 begins to train, to 1.
    "massive": dict(
        seed=3, width=64, depth=3, patch=16, side=64, registers=4, ffn="swiglu", hidden=176, layer_scale=True,
        bias=True, position_grid=4, offset=0.1, images=2, massive=[5, 40],
        heads=[
            dict(name="findings", kind="findings", type="glori", classes=2, blocks=2, width=128, inner=64,
                 class_tokens=False),
        ]),
    # What others than CheXFound have: a rectangle, positions resized with antialiasing, an epsilon of its own (so large
    # that DINOv2's in its place would tell), and a profile that stretches nothing.
    "rectangle": dict(
        seed=4, width=64, depth=2, patch=14, side=(42, 70), registers=4, ffn="gelu", hidden=256, layer_scale=True,
        bias=True, position_grid=4, offset=0.1, antialias=True, epsilon=1e-2, profile="dinov2", images=2,
        heads=[
            dict(name="findings", kind="findings", type="glori", classes=3, blocks=2, width=128, inner=128,
                 class_tokens=True),
            dict(name="nodule", kind="risk", type="linear", classes=1, blocks=1, average_pool=True),
        ]),
}
MASSIVE = 1000


def size_of(case):
    """Height and width of the input."""
    side = case["side"]
    return side if isinstance(side, tuple) else (side, side)


def write_safetensors(path, tensors, labels=None):
    """`labels`: of a head's outputs, to which model.json is held."""
    header, offset = {"__metadata__": {"labels": json.dumps(labels, separators=(",", ":"))}} if labels else {}, 0
    for name in sorted(tensors):
        array = tensors[name]
        header[name] = {"dtype": TYPES[array.dtype], "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    body = b"".join(np.ascontiguousarray(tensors[name]).tobytes() for name in sorted(tensors))
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_backbone(case, random):
    width, hidden = case["width"], case["hidden"]
    tensors = {}

    def normal(name, *shape, scale):
        tensors[name] = (random.standard_normal(shape) * scale).astype(np.float16)

    def linear(name, rows, columns, gain=1.0):
        normal(name + ".weight", rows, columns, scale=gain / math.sqrt(columns))
        if case["bias"]:
            normal(name + ".bias", rows, scale=0.1)

    def norm(name):
        tensors[name + ".weight"] = (1 + 0.2 * random.standard_normal(width)).astype(np.float16)
        normal(name + ".bias", width, scale=0.1)

    normal("cls_token", 1, 1, width, scale=0.5)
    normal("pos_embed", 1, 1 + case["position_grid"] ** 2, width, scale=0.5)
    if case["registers"]:
        normal("register_tokens", 1, case["registers"], width, scale=0.5)
    normal("patch_embed.proj.weight", width, 3, case["patch"], case["patch"], scale=0.5 / case["patch"])
    normal("patch_embed.proj.bias", width, scale=0.1)
    for i in range(case["depth"]):
        block = f"blocks.{i}."
        norm(block + "norm1")
        linear(block + "attn.qkv", 3 * width, width, gain=1.5)
        linear(block + "attn.proj", width, width)
        norm(block + "norm2")
        if case["layer_scale"]:
            normal(block + "ls1.gamma", width, scale=0.5)
            normal(block + "ls2.gamma", width, scale=0.5)
        if case["ffn"] == "swiglu":
            linear(block + "mlp.w12", 2 * hidden, width)
            linear(block + "mlp.w3", width, hidden)
        else:
            linear(block + "mlp.fc1", hidden, width)
            linear(block + "mlp.fc2", width, hidden)
    norm("norm")
    if "massive" in case:
        make_massive(tensors, case)
    return tensors


def make_massive(tensors, case):
    channels = np.isin(np.arange(case["width"]), case["massive"])
    random = np.random.default_rng(case["seed"])
    for i in range(case["depth"]):
        for name in ("ls1.gamma", "ls2.gamma"):
            gammas = 10 ** random.uniform(-5, 0, case["width"]) * random.choice([-1, 1], case["width"])
            tensors[f"blocks.{i}.{name}"] = np.where(channels, 1, gammas).astype(np.float16)
    tensors["blocks.0.mlp.w3.weight"][channels] *= MASSIVE
    for name, gains in tensors.items():
        if name.endswith(("norm1.weight", "norm2.weight", "norm.weight")) and not name.startswith("blocks.0."):
            gains *= np.where(channels, 0.1, 2).astype(np.float16)


def make_head(case, head, random):
    features = head["blocks"] * case["width"]
    tensors = {}

    def normal(name, *shape, scale):
        tensors[name] = (random.standard_normal(shape) * scale).astype(np.float16)

    if head["type"] == "linear":
        features += case["width"] if head["average_pool"] else 0
        normal("linear.weight", head["classes"], features, scale=1 / math.sqrt(features))
        normal("linear.bias", head["classes"], scale=0.5)
        return tensors
    width, inner, classes = head["width"], head["inner"], head["classes"]
    pooled = width + (features if head["class_tokens"] else 0)
    normal("embed_standart.weight", width, features, scale=1 / math.sqrt(features))
    normal("embed_standart.bias", width, scale=0.1)
    normal("query_embed", classes, width, scale=1)
    layer = "layers.0."
    normal(layer + "multihead_attn.in_proj_weight", 3 * width, width, scale=1.5 / math.sqrt(width))
    normal(layer + "multihead_attn.in_proj_bias", 3 * width, scale=0.1)
    normal(layer + "multihead_attn.out_proj.weight", width, width, scale=1 / math.sqrt(width))
    normal(layer + "multihead_attn.out_proj.bias", width, scale=0.1)
    for i in (1, 2, 3):
        tensors[layer + f"norm{i}.weight"] = (1 + 0.2 * random.standard_normal(width)).astype(np.float16)
        normal(layer + f"norm{i}.bias", width, scale=0.1)
    normal(layer + "linear1.weight", inner, width, scale=1 / math.sqrt(width))
    normal(layer + "linear1.bias", inner, scale=0.1)
    normal(layer + "linear2.weight", width, inner, scale=1 / math.sqrt(inner))
    normal(layer + "linear2.bias", width, scale=0.1)
    normal("duplicate_pooling", classes, pooled, 1, scale=1 / math.sqrt(pooled))
    normal("duplicate_pooling_bias", classes, scale=0.1)
    return tensors


def exact(tensors):
    return {name: array.astype(np.float64) for name, array in tensors.items()}


def layer_norm(x, t, name, epsilon):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * t[name + ".weight"] + t[name + ".bias"]


def linear(x, t, name):
    return x @ t[name + ".weight"].T + t.get(name + ".bias", 0)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def cubic(x, a):
    x = abs(x)
    if x <= 1:
        return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1
    return a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a if x < 2 else 0.0


def resize_matrix(source, target, offset, antialias):
    """As torch's upsample_bicubic2d, or _upsample_bicubic2d_aa, given the scale (target + offset) / source."""
    matrix, step = np.zeros((target, source)), source / (target + offset)
    for o in range(target):
        at = (o + 0.5) * step - 0.5
        if antialias:
            cells, stretch = np.arange(source), max(step, 1)
            near = abs(cells - at) < 2 * stretch
            matrix[o, near] = [cubic((cell - at) / stretch, -0.5) for cell in cells[near]]
            matrix[o] /= matrix[o].sum()
            continue
        base = math.floor(at)
        for tap in range(base - 1, base + 3):
            matrix[o, min(max(tap, 0), source - 1)] += cubic(at - tap, -0.75)
    return matrix


def normalise(case, pixels):
    image = pixels.astype(np.float64) / 255
    if case.get("profile", "chexfound") == "chexfound":
        low, high = image.min((0, 1)), image.max((0, 1))
        image = (image - low) / (high - low)
    return (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


def forward_backbone(case, t, pixels, taps):
    width, patch, epsilon = case["width"], case["patch"], case.get("epsilon", 1e-6)
    rows, columns = (side // patch for side in size_of(case))
    image = normalise(case, pixels)
    patches = image.reshape(rows, patch, columns, patch, 3).transpose(0, 2, 4, 1, 3).reshape(rows * columns, -1)
    x = patches @ t["patch_embed.proj.weight"].reshape(width, -1).T + t["patch_embed.proj.bias"]
    position = t["pos_embed"][0]
    grid = case["position_grid"]
    if (grid, grid) != (rows, columns):
        down, across = (resize_matrix(grid, side, case["offset"], case.get("antialias")) for side in (rows, columns))
        cells = position[1:].reshape(grid, grid, width)
        cells = np.einsum("ya,xb,abd->yxd", down, across, cells).reshape(rows * columns, width)
        position = np.concatenate([position[:1], cells])
    prefix = [t["cls_token"][0] + position[:1]]
    if case["registers"]:
        prefix.append(t["register_tokens"][0])
    x = np.concatenate(prefix + [x + position[1:]])
    taps["tokens"] = x
    features = []
    for i in range(case["depth"]):
        block = f"blocks.{i}."
        y = layer_norm(x, t, block + "norm1", epsilon)
        taps[f"block.{i:02}.norm1"] = y
        qkv = linear(y, t, block + "attn.qkv").reshape(len(x), 3, width // 64, 64).transpose(1, 2, 0, 3)
        attention = softmax(qkv[0] @ qkv[1].transpose(0, 2, 1) / 8) @ qkv[2]
        y = attention.transpose(1, 0, 2).reshape(len(x), width)
        taps[f"block.{i:02}.attention"] = y
        x = x + t.get(block + "ls1.gamma", 1) * linear(y, t, block + "attn.proj")
        y = layer_norm(x, t, block + "norm2", epsilon)
        taps[f"block.{i:02}.norm2"] = y
        if case["ffn"] == "swiglu":
            gate, up = np.split(linear(y, t, block + "mlp.w12"), 2, -1)
            y = linear(gate / (1 + np.exp(-gate)) * up, t, block + "mlp.w3")
        else:
            y = linear(y, t, block + "mlp.fc1")
            y = linear(y * 0.5 * (1 + np.vectorize(math.erf)(y / math.sqrt(2))), t, block + "mlp.fc2")
        x = x + t.get(block + "ls2.gamma", 1) * y
        taps[f"block.{i:02}"] = x
        features.append(layer_norm(x, t, "norm", epsilon))
    return features


def forward_head(case, head, t, features, taps):
    prefix = 1 + case["registers"]
    features = features[-head["blocks"]:]
    classes = np.concatenate([f[0] for f in features])
    if head["type"] == "linear":
        if head["average_pool"]:
            classes = np.concatenate([classes, features[-1][prefix:].mean(0)])
        return linear(classes, t, "linear"), None
    memory = np.concatenate([f[prefix:] for f in features], 1)
    m = np.maximum(linear(memory, t, "embed_standart"), 0)
    layer, width, count = "layers.0.", head["width"], head["classes"]
    x = layer_norm(2 * t["query_embed"], t, layer + "norm1", 1e-5)
    w = np.split(t[layer + "multihead_attn.in_proj_weight"], 3)
    b = np.split(t[layer + "multihead_attn.in_proj_bias"], 3)

    def split(rows, i):
        return (rows @ w[i].T + b[i]).reshape(len(rows), 8, width // 8).transpose(1, 0, 2)

    weights = softmax(split(x, 0) @ split(m, 1).transpose(0, 2, 1) / math.sqrt(width // 8))
    taps[head["name"] + ".attention"] = weights  # [8][classes][patches]
    out = (weights @ split(m, 2)).transpose(1, 0, 2).reshape(count, width)
    x = layer_norm(x + linear(out, t, layer + "multihead_attn.out_proj"), t, layer + "norm2", 1e-5)
    x = x + linear(np.maximum(linear(x, t, layer + "linear1"), 0), t, layer + "linear2")
    x = layer_norm(x, t, layer + "norm3", 1e-5)
    if head["class_tokens"]:
        x = np.concatenate([np.tile(classes, (count, 1)), x], 1)
    return (x * t["duplicate_pooling"][:, :, 0]).sum(1) + t["duplicate_pooling_bias"], weights.mean(0)


def make_package(folder, name, case, random):
    folder.mkdir(exist_ok=True)
    hashes, tensors = {}, {"backbone": make_backbone(case, random)}
    hashes["backbone.safetensors"] = write_safetensors(folder / "backbone.safetensors", tensors["backbone"])
    heads = []
    for head in case["heads"]:
        file = f"head.{head['name']}.safetensors"
        tensors[head["name"]] = make_head(case, head, random)
        labels = [f"Label {i}" for i in range(head["classes"])]
        hashes[file] = write_safetensors(folder / file, tensors[head["name"]], labels)
        entry = {"name": head["name"], "kind": head["kind"], "type": head["type"], "weights": file,
                 "blocks": head["blocks"], "average_pool": head.get("average_pool", False),
                 "labels": [{"name": label, "threshold": 0.5, "threshold_source": "default"} for label in labels]}
        if head["kind"] == "risk":
            entry["definition"] = "A random number."
        heads.append(entry)
    card = {
        "format": 1, "name": f"golden-{name}", "version": "1", "intended_use": "Tests only.",
        "backbone": {"weights": "backbone.safetensors", "width": case["width"], "depth": case["depth"],
                     "heads": case["width"] // 64, "patch_size": case["patch"], "image_size": case["side"],
                     "registers": case["registers"], "ffn": case["ffn"], "ffn_hidden": case["hidden"],
                     "position_grid": case["position_grid"],
                     "interpolate_offset": case["offset"]},
        "preprocessing": {"profile": case.get("profile", "chexfound")}, "heads": heads, "weights_sha256": hashes}
    if "antialias" in case:
        card["backbone"]["interpolate_antialias"] = case["antialias"]
    if "epsilon" in case:
        card["backbone"]["layer_norm_epsilon"] = case["epsilon"]
    text = json.dumps(card, indent=2) + "\n"
    (folder / "model.json").write_text(text)
    sums = hashes | {"model.json": hashlib.sha256(text.encode()).hexdigest()}
    (folder / "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))
    return tensors


def draw(height, width, random):
    y, x = np.mgrid[0:height, 0:width] / height
    image = np.zeros((height, width, 3))
    for c in range(3):
        a, b, phase = random.uniform(2, 9, 3)
        image[:, :, c] = 120 + 60 * np.sin(a * x + phase) * np.cos(b * y) + random.normal(0, 20, (height, width))
    return image.clip(0, 255).astype(np.uint8)


def main():
    for name, case in CASES.items():
        random = np.random.default_rng(case["seed"])
        tensors = make_package(HERE / name, name, case, random)
        expected = {}
        for i in range(case["images"]):
            pixels, taps = draw(*size_of(case), random), {}
            features = forward_backbone(case, exact(tensors["backbone"]), pixels, taps)
            kept = features[-max(head["blocks"] for head in case["heads"]):]
            taps["class"] = np.concatenate([f[0] for f in kept])
            taps["patches"] = np.concatenate([f[1 + case["registers"]:] for f in kept], 1)
            patches = features[-1][1 + case["registers"]:]
            embeddings = {"class": features[-1][0], "mean": patches.mean(0), "patch": patches}
            taps |= {"embedding." + name: value for name, value in embeddings.items()}
            for head in case["heads"]:
                logits, mean = forward_head(case, head, exact(tensors[head["name"]]), features, taps)
                taps[head["name"] + ".logits"] = logits
                if mean is not None:
                    taps[head["name"] + ".map"] = mean
            expected[f"{i}.pixels"] = pixels
            for tap, value in taps.items():
                expected[f"{i}.{tap}"] = value.astype(np.float32)
        write_safetensors(HERE / name / "expected.safetensors", expected)


if __name__ == "__main__":
    main()
