"""A model package of ViT-L/16 at 512 x 512 with a GLoRI head of 40 findings: random float32 weights, 1.2 GB."""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import make_reference

CASE = dict(width=1024, depth=24, patch=16, side=512, registers=4, ffn="swiglu", hidden=2736, layer_scale=True, bias=True,
            position_grid=32, offset=0.1,
            heads=[dict(name="findings", kind="findings", type="glori", classes=40, blocks=4, width=768, inner=2048,
                        class_tokens=False)])
MASSIVE_CHANNELS = [5, 40, 700]


class Normal:
    """Single precision, which is quicker to draw."""

    def __init__(self):
        self.generator = np.random.default_rng(1)

    def standard_normal(self, shape):
        return self.generator.standard_normal(shape, dtype=np.float32)


def initialise(tensors):
    """Gives a backbone the weights that DINOv2 begins to train with, LayerScale log-uniform from 1e-5, with which DINOv2 begins,
    to 1, and massive activations (Sun et al., 2024): from the first block on, a few channels of the residual stream are a
    thousand times the others."""
    generator = np.random.default_rng(2)
    for name, array in tensors.items():
        if name.endswith("gamma"):
            array[:] = 10 ** generator.uniform(-5, 0, array.shape)
        elif "norm" in name and name.endswith("weight"):
            array[:] = 1
        elif name.endswith("bias"):
            array[:] = 0
        elif name.startswith("blocks."):
            array *= 0.02 / array.std()
    tensors["blocks.0.mlp.w3.weight"][MASSIVE_CHANNELS] *= 1000
    tensors["blocks.0.ls2.gamma"][MASSIVE_CHANNELS] = 1


def write_package(folder, massive=False):
    """The weights of the golden networks, or those of `initialise`."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = make_reference.write_safetensors

    def write(path, tensors, labels=None):
        tensors = {name: array.astype(np.float32) for name, array in tensors.items()}
        if massive and path.name == "backbone.safetensors":
            initialise(tensors)
        return plain(path, tensors, labels)

    make_reference.write_safetensors = write
    make_reference.make_package(folder, "vitl16-512", CASE, Normal())
    make_reference.write_safetensors = plain
