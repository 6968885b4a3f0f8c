"""What the makers of published fixtures share: weights as trained networks have them, pictures, and files of answers."""
import pathlib
import re
import zlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
MASSIVE = (5, 40)  # channels of the residual stream that grow a thousand times as large as the others


def block_of(name):
    """The global index of the block that a tensor belongs to, None outside of the blocks."""
    found = re.search(r"(?:blocks|layer)\.((?:\d+\.)+)", name)
    return int(found[1].split(".")[-2]) if found else None


def values(name, shape, random):
    """One tensor's values. Which part of the network it is, its name tells in every layout that is made here."""
    normal, width = random.standard_normal(shape), shape[-1] if shape else 1
    channels = np.isin(np.arange(width), MASSIVE)
    if re.search(r"(lambda1|gamma|ls\d\.weight)$", name):  # LayerScale: half of it as it began, at 1e-5 and up
        small = 10 ** random.uniform(-5, 0, shape)
        gammas = np.where(random.random(shape) < 0.5, small, random.uniform(0.3, 1, shape))
        return np.where(channels, 1, gammas * random.choice([-1, 1], shape))
    if re.search(r"norm\d?\.weight$", name):
        gains = np.where(channels, 0.1, 2) if block_of(name) != 0 else 1
        return (1 + 0.2 * normal) * gains
    if name.endswith("bias"):
        return 0.1 * normal
    if len(shape) == 4:
        return normal * 0.5 / shape[-1]
    if len(shape) == 2 and name.endswith("weight"):
        gain = 1.5 if re.search(r"(qkv|query|key|value|[qkv]_proj)\.", name) else 1
        matrix = normal * gain / np.sqrt(width)
        if block_of(name) == 0 and re.search(r"mlp\.(fc2|w3|weights_out|down_proj)\.", name):
            matrix[list(MASSIVE)] *= 1000
        return matrix
    return 0.5 * normal  # positions, which are not smooth here, and the tokens that are parameters


def fill(model, seed, kind=torch.float16):
    """Sets every parameter to values that `kind` can hold, so that a file of that type says the same as the model."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            random = np.random.default_rng([seed, zlib.crc32(name.encode())])
            drawn = torch.from_numpy(np.asarray(values(name, tuple(tensor.shape), random), np.float32))
            tensor.copy_(drawn.to(kind).to(tensor.dtype))
    return model.eval()


def stored(model, kind=torch.float16):
    """The state dict in the type of the file."""
    return {name: tensor.to(kind).contiguous() for name, tensor in model.state_dict().items()}


def picture(stem, height, width, grey=False):
    """A drawn 8-bit picture, written once under images/ and returned as Pillow has it."""
    random = np.random.default_rng(zlib.crc32(stem.encode()))
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = []
    for _ in range(1 if grey else 3):
        a, b, phase = random.uniform(2, 9, 3)
        planes.append(120 + 70 * np.sin(a * x + phase) * np.cos(b * y) + random.normal(0, 20, (height, width)))
    pixels = np.stack(planes, -1).clip(0, 255).astype(np.uint8)
    path = HERE / "images" / f"{stem}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels[:, :, 0] if grey else pixels).save(path, optimize=True)
    return Image.open(path).convert("RGB")


def exact(height, width):
    """A picture that has the input's size: nothing is resized, whatever the profile says."""
    return picture(f"exact_{height}x{width}", height, width)


def film():
    """A wide grey picture. Three columns more than a multiple of four are cut off it, on whose halves makers of crops disagree."""
    return picture("film", 97, 121, grey=True)


def tall():
    return picture("tall", 139, 101)


def normalised(image, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225), min_max=False):
    """[1, 3, H, W] in float64 of a picture that has the input's size."""
    pixels = np.asarray(image, np.float64) / 255
    if min_max:
        low, high = pixels.min((0, 1)), pixels.max((0, 1))
        pixels = (pixels - low) / (high - low)
    return torch.from_numpy(((pixels - mean) / deviation).transpose(2, 0, 1)[None].copy())


class Answers:
    """What the original says, under "<picture>@<native or HxW>.<class, patch or logits.<head>>"."""

    def __init__(self, case):
        self.case, self.tensors = case, {}

    def add(self, stem, size, classes, patches, **logits):
        for name, tensor in {"class": classes, "patch": patches, **{f"logits.{k}": v for k, v in logits.items()}}.items():
            self.tensors[f"{stem}@{size}.{name}"] = tensor.detach().float().contiguous()

    def write(self):
        (HERE / "answers").mkdir(exist_ok=True)
        save_file(self.tensors, HERE / "answers" / f"{self.case}.safetensors")
